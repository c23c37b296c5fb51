package roulette

import (
	_ "embed"

	"imperio/games"
	"imperio/games/rulebook"
)

//go:embed rules.json
var rulesFile []byte

var book = rulebook.Read("roulette", rulesFile)

// The chips of the call bets in the pages. A test compares them with the pages.
const (
	voisinsChips   = 9
	tiersChips     = 6
	orphelinsChips = 5
	zeroChips      = 4
	mostNeighbours = 5 // of a number, on each side of the wheel
)

// Words states the rules.
func (w *Wheel) Words() []games.Rule {
	n := rulebook.Number[int64]
	return book.Rules(w.rules, rulebook.Figures{
		"pockets": n(Pockets), "first": n(0), "last": n(Pockets - 1), "fewest": n(1), "most": n(MaxBets),
		"voisins": n(voisinsChips), "tiers": n(tiersChips), "orphelins": n(orphelinsChips),
		"zero": n(zeroChips), "each_least": n(1), "each_most": n(mostNeighbours),
	})
}
