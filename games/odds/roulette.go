package odds

import (
	"imperio/games"
	"imperio/games/roulette"
)

// pocket is a stream that yields one given pocket.
type pocket uint64

func (p pocket) Uniform(uint64) uint64 { return uint64(p) }

// Roulette enumerates the 37 pockets for one valid bet, by playing it. The amount is taken as two coins, the smallest
// that La Partage can halve: half of an odd amount is rounded down, so the return of an odd bet is less by up to half a
// coin in 37. A bet that is not valid gives a *games.Refusal.
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
