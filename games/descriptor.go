package games

import (
	"fmt"
	"slices"
	"strings"
)

// Descriptor is everything the house knows about one game. To add a game to the house, add its descriptor to the list
// in games/catalogue.
type Descriptor struct {
	// Number identifies the game in stored data: it numbers the game's house account in the ledger, and is the key of the
	// game's sums. It never changes, and is never reused for another game.
	Number uint16
	// Name identifies the game in rules ("slots" of "slots/2"), addresses, answers and metrics. It never changes.
	Name  string
	Title string // as players know it, e.g. "Cherry Charm"
	// Versions are all released rules, oldest first. A released version is never removed: a round is judged by the rules
	// it was opened with.
	Versions []*Version
	Default  string // the rules of new rounds unless the operator chooses others
	// MinStake is the smallest stake of a round, or the smallest bet, that the rules allow.
	MinStake Coins
	// Bets says that a wager consists of bets whose sum is the stake.
	Bets bool
	// Actions are all decisions that a player can ever take in an open round. A game without actions settles each round
	// when it is opened.
	Actions []string
	// Cost is what an action costs in a round with the given opening stake. It is nil if there are no actions.
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
	// Sheet computes the text, the pays and the figures of the sheet. In the text, {time} stands for how long an open round
	// waits for its player; see SheetFor.
	Sheet func() Sheet
	// Abandoned is the rule for abandoned rounds. It is nil if rounds never stay open.
	Abandoned *Abandonment

	of    *Descriptor
	sheet func() Sheet // Sheet, computed once and complete
}

// Of is the game of the version. Only versions of a Catalogue have one.
func (v *Version) Of() *Descriptor { return v.of }

// Abandonment is the rule for rounds that their players left open.
type Abandonment struct {
	// Actions returns the actions that settle the round, to be appended to the wager's. draws must be what Play returned
	// for the wager.
	Actions func(draws []uint16, w Wager) ([]string, error)
}

// NameOf is the name of the game that rules belong to: "slots" for "slots/2". It alone defines the form of rules.
func NameOf(rules string) string {
	name, _, _ := strings.Cut(rules, "/")
	return name
}

// The numbers of games. Lower numbers are the ledger's other accounts, higher numbers are players' accounts.
const (
	MinNumber = 3
	MaxNumber = 999
)

// check says what is wrong with a descriptor on its own.
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
			return fmt.Errorf("the rules %s need a rule for abandoned rounds if rounds stay open, and must have none otherwise", rules)
		}
	}
	return nil
}
