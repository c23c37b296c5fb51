// Package odds is the mathematics of the games: exact returns by enumeration of all outcomes, and for blackjack an exact
// evaluation of strategies and a fast simulation. docs/GAMES.md says how each figure was computed and what it was compared
// with.
//
// The package is pure. Long work takes a context and reports its progress to a callback.
package odds

import (
	"math"
	"math/big"
	"slices"

	"imperio/games"
)

// Distribution is the exact distribution of a wager's payout per coin staked, over equally likely outcomes. The zero value
// is empty. It is not safe for concurrent use while outcomes are added.
type Distribution struct {
	outcomes int64
	counts   map[string]int64 // by the exact pay per coin staked, as big.Rat prints it
}

// Add counts one outcome that pays payout coins for stake coins.
func (d *Distribution) Add(payout, stake int64) {
	if d.counts == nil {
		d.counts = make(map[string]int64)
	}
	d.counts[big.NewRat(payout, stake).RatString()]++
	d.outcomes++
}

// Outcomes is the number of equally likely outcomes.
func (d *Distribution) Outcomes() int64 { return d.outcomes }

// Pay is one value of a distribution.
type Pay struct {
	Times    *big.Rat // payout per coin staked, stake included
	Outcomes int64    // the number of equally likely outcomes with this pay
}

// Pays lists the values from the lowest to the highest.
func (d *Distribution) Pays() []Pay {
	pays := make([]Pay, 0, len(d.counts))
	for text, n := range d.counts {
		times, _ := new(big.Rat).SetString(text) // the text is big.Rat's own
		pays = append(pays, Pay{Times: times, Outcomes: n})
	}
	slices.SortFunc(pays, func(a, b Pay) int { return a.Times.Cmp(b.Times) })
	return pays
}

// Return is the expected payout per coin staked: the return to player.
func (d *Distribution) Return() *big.Rat { return d.moment(1) }

// HouseEdge is 1 − Return.
func (d *Distribution) HouseEdge() *big.Rat { return new(big.Rat).Sub(big.NewRat(1, 1), d.Return()) }

// HitFrequency is the probability that the wager pays anything.
func (d *Distribution) HitFrequency() *big.Rat {
	var hits int64
	for _, p := range d.Pays() {
		if p.Times.Sign() > 0 {
			hits += p.Outcomes
		}
	}
	return big.NewRat(hits, d.outcomes)
}

// Variance is the variance of the payout per coin staked.
func (d *Distribution) Variance() *big.Rat {
	mean := d.Return()
	return new(big.Rat).Sub(d.moment(2), mean.Mul(mean, mean))
}

// Volatility is the standard deviation of the payout per coin staked. It is the one figure that is not exact.
func (d *Distribution) Volatility() float64 {
	v, _ := d.Variance().Float64()
	return math.Sqrt(v)
}

// Figures returns the exact figures of the wager. method says how the outcomes were enumerated.
func (d *Distribution) Figures(method string) games.Figures {
	return games.Figures{
		Return: d.Return().RatString(), ReturnDecimal: Decimal(d.Return()),
		HouseEdge: d.HouseEdge().RatString(), HouseEdgeDecimal: Decimal(d.HouseEdge()),
		HitFrequency: d.HitFrequency().RatString(), HitFrequencyDecimal: Decimal(d.HitFrequency()),
		Variance: d.Variance().RatString(), VarianceDecimal: Decimal(d.Variance()), Volatility: d.Volatility(),
		Method: method,
	}
}

// Decimal is the float64 nearest to a fraction.
func Decimal(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

func (d *Distribution) moment(power int) *big.Rat {
	sum := new(big.Rat)
	for _, p := range d.Pays() {
		term := new(big.Rat).SetInt64(p.Outcomes)
		for range power {
			term.Mul(term, p.Times)
		}
		sum.Add(sum, term)
	}
	return sum.Quo(sum, new(big.Rat).SetInt64(d.outcomes))
}
