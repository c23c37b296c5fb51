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
	neighbours     = 2 // of a number, on each side
)

// Words states the rules.
func (w *Wheel) Words() []games.Rule {
	n := rulebook.Number[int64]
	return book.Rules(w.rules, rulebook.Figures{
		"pockets": n(Pockets), "first": n(0), "last": n(Pockets - 1), "fewest": n(1), "most": n(MaxBets),
		"voisins": n(voisinsChips), "tiers": n(tiersChips), "orphelins": n(orphelinsChips),
		"each_side": n(neighbours), "neighbours": n(2*neighbours + 1),
	})
}
