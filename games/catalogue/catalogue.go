// Package catalogue says which games and which versions of their rules exist, and holds the sheet of each: rules in
// words, pays, return and edge. A released version stays in the catalogue for ever, since a round is judged by the
// version it was opened with.
package catalogue

import (
	"slices"
	"sync"

	"imperio/games"
	"imperio/games/blackjack"
	"imperio/games/roulette"
	"imperio/games/slots"
)

// Entry is one game with its versions.
type Entry struct {
	Game     string   // "slots", "roulette" or "blackjack"
	Name     string   // as players know it
	Versions []string // all released rules, oldest first, e.g. "slots/1"
	Default  string   // the rules of new rounds where the operator chose none
}

// version is one set of rules: how it is played, and how its sheet is computed.
type version struct {
	entry int // index in table.entries
	game  games.Game
	sheet func() Sheet
}

// table is the whole catalogue. It is made once and never changes.
type table struct {
	entries  []Entry
	versions map[string]version
}

// catalogue is constant; it is made at first use because enumerating pays at every start would be waste.
var catalogue = sync.OnceValue(func() *table {
	t := &table{versions: make(map[string]version)}
	t.addSlots()
	t.addRoulette()
	t.addBlackjack()
	return t
})

// add makes a game known; its versions follow with addVersion.
func (t *table) add(game, name, defaultRules string) {
	t.entries = append(t.entries, Entry{Game: game, Name: name, Default: defaultRules})
}

// addVersion adds rules to the game that was added last. The sheet is computed when it is first asked for.
func (t *table) addVersion(g games.Game, sheet func() Sheet) {
	last := len(t.entries) - 1
	e := &t.entries[last]
	e.Versions = append(e.Versions, g.Rules())
	game, name, isDefault := e.Game, e.Name, g.Rules() == e.Default
	t.versions[g.Rules()] = version{entry: last, game: g, sheet: sync.OnceValue(func() Sheet {
		s := sheet()
		s.Game, s.Name, s.Rules, s.Default = game, name, g.Rules(), isDefault
		return s
	})}
}

func (t *table) addSlots() {
	t.add("slots", "Cherry Charm", "slots/2")
	for _, m := range slots.Versions() {
		t.addVersion(m, func() Sheet { return slotsSheet(m) })
	}
}

func (t *table) addRoulette() {
	t.add("roulette", "European Roulette", "roulette/1")
	for _, w := range roulette.Versions() {
		t.addVersion(w, func() Sheet { return rouletteSheet(w) })
	}
}

func (t *table) addBlackjack() {
	t.add("blackjack", "Blackjack", "blackjack/1")
	for _, b := range blackjack.Versions() {
		t.addVersion(b, blackjackSheet)
	}
}

// Games lists all games, in the order slots, roulette, blackjack.
func Games() []Entry {
	entries := slices.Clone(catalogue().entries)
	for i := range entries {
		entries[i].Versions = slices.Clone(entries[i].Versions)
	}
	return entries
}

// Lookup finds the game that is played under the given rules, e.g. "slots/2".
func Lookup(rules string) (games.Game, bool) {
	v, ok := catalogue().versions[rules]
	return v.game, ok
}

// GameOf names the game ("slots") of the given rules ("slots/2").
func GameOf(rules string) (string, bool) {
	t := catalogue()
	v, ok := t.versions[rules]
	if !ok {
		return "", false
	}
	return t.entries[v.entry].Game, true
}

// SheetOf gives the sheet of the given rules. The slices in it are shared: read them only.
func SheetOf(rules string) (Sheet, bool) {
	v, ok := catalogue().versions[rules]
	if !ok {
		return Sheet{}, false
	}
	return v.sheet(), true
}
