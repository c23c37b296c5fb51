package catalogue

import (
	"fmt"
	"math/big"

	"imperio/games"
	"imperio/games/odds"
	"imperio/games/roulette"
)

func rouletteWheel() games.Descriptor {
	d := games.Descriptor{Number: 4, Name: "roulette", Title: "European Roulette", MinStake: 1, Default: "roulette/1", Bets: true}
	for _, w := range roulette.Versions() {
		d.Versions = append(d.Versions, &games.Version{Game: w, Sheet: func() games.Sheet { return rouletteSheet(w) }})
	}
	return d
}

func rouletteSheet(w *roulette.Wheel) games.Sheet {
	s := games.Sheet{Text: w.Words()}
	// Enumerate every bet. Bets of one type have the same figures; if they had not, the sheet would show the worst.
	byType := map[string]*odds.Distribution{}
	count := map[string]int{}
	var worst *odds.Distribution
	for _, b := range roulette.All() {
		d, err := odds.Roulette(w, b)
		if err != nil {
			panic(fmt.Sprintf("catalogue: a bet of the table is refused: %v", err)) // a bug: All lists only valid bets
		}
		count[b.Type]++
		if known := byType[b.Type]; known == nil || d.Return().Cmp(known.Return()) < 0 {
			byType[b.Type] = d
		}
		if worst == nil || d.Return().Cmp(worst.Return()) < 0 {
			worst = d
		}
	}
	const method = "exact, by enumeration of all 37 pockets for every bet"
	s.Figures = worst.Figures(method + "; for the bet with the lowest return")
	for _, t := range roulette.Types() {
		s.Pays = append(s.Pays, rouletteLine(t, count[t.Name], byType[t.Name], method))
	}
	return s
}

// rouletteLine describes the bets of one type.
func rouletteLine(t roulette.Type, bets int, d *odds.Distribution, method string) games.Line {
	var wins int64
	for _, p := range d.Pays() {
		if p.Times.Cmp(big.NewRat(1, 1)) > 0 { // what La Partage returns is not a win
			wins += p.Outcomes
		}
	}
	p := big.NewRat(wins, d.Outcomes())
	figures := d.Figures(method)
	return games.Line{
		Name: t.Name, Pays: fmt.Sprintf("%d to 1", t.Pays), Multiplier: float64(t.Pays + 1), Condition: "needs " + t.Needs, Bets: bets,
		Probability: p.RatString(), ProbabilityDecimal: odds.Decimal(p), Figures: &figures,
	}
}
