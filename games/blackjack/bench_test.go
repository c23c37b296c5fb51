package blackjack

import (
	"testing"

	"imperio/games"
	"imperio/games/fair"
)

// One round as the machine plays it: each command plays it again from the first card.
func BenchmarkDealAndStand(b *testing.B) {
	b.ReportAllocs()
	table := Versions()[0]
	for n := range uint64(b.N) {
		for _, w := range []games.Wager{{Stake: 10}, {Stake: 10, Actions: []string{Stand}}} {
			// A round that is settled at the deal, or waits for insurance, refuses to stand: that is no matter here.
			p, err := table.Play(fair.NewStream([32]byte{}, "blackjack/1", "a", n), w)
			if err == nil && p.Settled {
				break
			}
		}
	}
}
