package odds

import (
	"imperio/games"
	"imperio/games/roulette"
)

// pocket is a stream that yields one given pocket.
type pocket uint64

func (p pocket) Uniform(uint64) uint64 { return uint64(p) }

// Roulette enumerates the 37 pockets for one bet by playing it with two coins, the smallest amount that La Partage can
// halve. Half of an odd amount is rounded down, so an odd bet returns less: half a coin once in 37 spins. An invalid bet
// gives a *games.Refusal.
func Roulette(w *roulette.Wheel, b games.Bet) (*Distribution, error) {
	const stake = 2
	b.Amount = stake
	wager := games.Wager{Stake: stake, Bets: []games.Bet{b}}
	d := new(Distribution)
	for n := range roulette.Pockets {
		p, err := w.Play(pocket(n), wager)
		if err != nil {
			return nil, err
		}
		d.Add(int64(p.Payout), stake)
	}
	return d, nil
}
