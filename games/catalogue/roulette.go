package catalogue

import (
	"fmt"
	"math/big"

	"imperio/games/odds"
	"imperio/games/roulette"
)

func rouletteSheet(w *roulette.Wheel) Sheet {
	s := Sheet{
		Text: []string{
			"The wheel has 37 equally likely pockets, numbered 0 to 36, with a single zero.",
			fmt.Sprintf("One spin takes 1 to %d bets, all or none, and settles at once.", roulette.MaxBets),
			"A winning bet comes back together with what it pays. What a bet pays follows from its type alone.",
			"The numbers of a bet must lie together on the table: rows of three from 1, 2, 3 to 34, 35, 36, with the zero at the head of all three columns.",
			"Low, high, red, black, odd and even lose at zero, and so do dozens and columns.",
		},
	}
	if w.LaPartage() {
		s.Text[4] = "At zero, half of each bet on low, high, red, black, odd or even comes back (La Partage). Half of an odd amount is rounded down. Dozens and columns lose."
	}
	var worst *big.Rat
	worstName := ""
	seen := map[string]bool{}
	for _, b := range roulette.All() {
		if seen[b.Type] {
			continue
		}
		seen[b.Type] = true
		d, err := odds.Roulette(w, b)
		if err != nil {
			panic(fmt.Sprintf("catalogue: a bet of the table is refused: %v", err)) // a bug: All lists valid bets
		}
		figures := exactFigures(d, "exact, by enumeration of all 37 pockets")
		if worst == nil || d.HouseEdge().Cmp(worst) > 0 {
			worst, worstName, s.Figures = d.HouseEdge(), b.Type, figures
		}
		s.Pays = append(s.Pays, rouletteLine(b.Type, d, figures))
	}
	s.Figures.Method += ", for the type of bet with the lowest return: " + worstName
	return s
}

// rouletteLine describes the bets of one type, which all have the same figures.
func rouletteLine(name string, d *odds.Distribution, figures Figures) Line {
	for _, t := range roulette.Types() {
		if t.Name != name {
			continue
		}
		var wins int64
		for _, p := range d.Pays() {
			if p.Times.Cmp(big.NewRat(1, 1)) > 0 {
				wins += p.Outcomes
			}
		}
		p := big.NewRat(wins, d.Outcomes())
		return Line{
			Name: name, Pays: fmt.Sprintf("%d to 1", t.Pays), Multiplier: float64(t.Pays + 1), Condition: "needs " + t.Needs,
			Probability: p.RatString(), ProbabilityDecimal: decimal(p), Figures: &figures,
		}
	}
	panic("catalogue: no bet of type " + name) // a bug: the names come from the table itself
}
