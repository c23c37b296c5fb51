package games

import (
	"fmt"
	"slices"
	"strings"
)

// Descriptor is all that the house knows of one game. Adding a game to the house is adding its descriptor to the list in
// games/catalogue.
type Descriptor struct {
	// Number identifies the game in stored data: it is the number of the game's house account in the ledger, and the key
	// of the game's sums. It never changes, and no other game ever gets it.
	Number uint16
	// Name identifies the game in rules ("slots" of "slots/2"), addresses, answers and metrics. It never changes.
	Name  string
	Title string // as players know it, e.g. "Cherry Charm"
	// Versions are all released rules, oldest first. A released version stays for ever: a round is judged by the rules it
	// was opened with.
	Versions []*Version
	Default  string // the rules of new rounds where the operator chose none
	// MinStake is the smallest stake of a round, or the smallest bet, that the rules can take.
	MinStake Coins
	// Bets says that a wager consists of bets whose sum is the stake.
	Bets bool
	// Actions are the decisions that a player can take in an open round, whatever the rules allow at the moment. Without
	// any, a round settles when it is opened.
	Actions []string
	// Cost is what an action costs in a round that was opened for a stake. It is nil if there are no actions.
	Cost func(action string, stake Coins) Coins
}

// StaysOpen says whether a round waits for its player's decisions.
func (d *Descriptor) StaysOpen() bool { return len(d.Actions) > 0 }

// Rules lists the names of all versions, oldest first.
func (d *Descriptor) Rules() []string {
	names := make([]string, len(d.Versions))
	for i, v := range d.Versions {
		names[i] = v.Rules()
	}
	return names
}

// Version is one released version of a game's rules.
type Version struct {
	Game
	// Sheet computes what a player may know before playing. It fills in the text, the pays and the figures.
	Sheet func() Sheet
	// Abandoned is what becomes of a round that its player left open. It is nil if rounds never stay open.
	Abandoned *Abandonment

	of    *Descriptor
	sheet func() Sheet // Sheet, computed once and complete
}

// Of is the game of the version. Only versions of a Catalogue have one.
func (v *Version) Of() *Descriptor { return v.of }

// Abandonment is the rule for rounds that were left open.
type Abandonment struct {
	// Words states the rule for a player who does nothing for a time, such as "24 hours".
	Words func(time string) string
	// Actions settle the round: they are appended to those of the wager. draws must be those of Play for the wager.
	Actions func(draws []uint16, w Wager) ([]string, error)
}

// NameOf is the name of the game that rules belong to: "slots" of "slots/2". This is where the form of rules is decided.
func NameOf(rules string) string {
	name, _, _ := strings.Cut(rules, "/")
	return name
}

// Numbers of games. Those below are the ledger's accounts for other purposes, those above are accounts of players.
const (
	MinNumber = 3
	MaxNumber = 999
)

// check says what is wrong with a descriptor by itself.
func (d *Descriptor) check() error {
	switch {
	case d.Number < MinNumber || d.Number > MaxNumber:
		return fmt.Errorf("the game %q has the number %d; it must be from %d to %d", d.Name, d.Number, MinNumber, MaxNumber)
	case d.Name == "" || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("game %d has the name %q; it must consist of lowercase letters, digits and hyphens", d.Number, d.Name)
	case d.Title == "":
		return fmt.Errorf("the game %s has no title", d.Name)
	case d.MinStake < 1:
		return fmt.Errorf("the game %s has the smallest stake %d; it must be at least 1", d.Name, d.MinStake)
	case !slices.Contains(d.Rules(), d.Default):
		return fmt.Errorf("the game %s has no version %q, which is its default", d.Name, d.Default)
	case d.StaysOpen() != (d.Cost != nil):
		return fmt.Errorf("the game %s needs both actions and their cost, or neither", d.Name)
	}
	for _, v := range d.Versions {
		switch rules := v.Rules(); {
		case NameOf(rules) != d.Name || len(rules) <= len(d.Name)+1:
			return fmt.Errorf("the rules %q can't be a version of %s", rules, d.Name)
		case v.Sheet == nil:
			return fmt.Errorf("the rules %s have no sheet", rules)
		case d.StaysOpen() != (v.Abandoned != nil):
			return fmt.Errorf("the rules %s need a rule for abandoned rounds exactly if rounds stay open", rules)
		}
	}
	return nil
}
