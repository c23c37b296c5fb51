package blackjack

import (
	"testing"

	"imperio/games"
	"imperio/games/fair"
)

// One round as the machine plays it: each command replays the round from its first card.
func BenchmarkDealAndStand(b *testing.B) {
	b.ReportAllocs()
	table := Versions()[0]
	for n := range uint64(b.N) {
		for _, w := range []games.Wager{{Stake: 10}, {Stake: 10, Actions: []string{Stand}}} {
			// A round that settled at the deal, or that waits for insurance, refuses "stand". The benchmark ignores that.
			p, err := table.Play(fair.NewStream([32]byte{}, "blackjack/1", "a", n), w)
			if err == nil && p.Settled {
				break
			}
		}
	}
}
