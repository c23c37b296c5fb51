// Package gamestest has a game that is not released. Tests play it to show that the house needs no code for a new game:
// the descriptor is all that the house knows about dice.
package gamestest

import (
	"fmt"
	"slices"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/odds"
)

// Number is the number of dice.
const Number = 900

// The actions of dice.
const (
	Keep  = "keep"  // ends the round with the first die
	Again = "again" // stakes as much again for a second die
)

// Catalogue has all released games and dice.
func Catalogue() *games.Catalogue {
	var all []games.Descriptor
	for _, d := range catalogue.Released().Games() {
		all = append(all, *d)
	}
	c, err := games.NewCatalogue(append(all, Dice())...)
	if err != nil {
		panic(err) // a constant of this file is wrong
	}
	return c
}

// Dice is a game whose rounds may settle at once or stay open. A six pays three times the stake. With any other number,
// the player keeps the die, and a five returns the stake; or the player doubles the stake for a second die, and a sum of
// eight or more pays twice the doubled stake.
func Dice() games.Descriptor {
	return games.Descriptor{
		Number: Number, Name: "dice", Title: "Lucky Dice", Default: "dice/1", MinStake: 1,
		Actions: []string{Keep, Again},
		Cost: func(action string, stake games.Coins) games.Coins {
			if action == Again {
				return stake
			}
			return 0
		},
		Versions: []*games.Version{{
			Game: dice{}, Sheet: sheet,
			Abandoned: &games.Abandonment{Actions: abandoned},
		}},
	}
}

func sheet() games.Sheet {
	d := new(odds.Distribution)
	for die := range int64(sides) {
		d.Add([sides]int64{0, 0, 0, 0, 1, 3}[die], 1)
	}
	return games.Sheet{
		Text: []games.Rule{
			{ID: "dice/roll", Words: games.Words{EN: "One die is rolled.", ES: "Se tira un dado.", DE: "Ein Würfel wird geworfen."}},
			{ID: "dice/abandoned", Words: games.Words{EN: "After {time} the die is kept.", ES: "Tras {time} se guarda el dado.", DE: "Nach {time} wird der Würfel behalten."}},
		},
		Pays: []games.Line{
			{Name: "six", Pays: "3 times the stake", Multiplier: 3, Condition: "the first die is a six", Probability: "1/6", ProbabilityDecimal: 1.0 / 6},
			{Name: "five", Pays: "the stake back", Multiplier: 1, Condition: "the first die is a five, and kept", Probability: "1/6", ProbabilityDecimal: 1.0 / 6},
		},
		Figures: d.Figures("exact, for a player who keeps every die"),
	}
}

const sides = 6

// dice is dice/1.
type dice struct{}

// Rules implements games.Game.
func (dice) Rules() string { return "dice/1" }

// Play implements games.Game.
func (dice) Play(s games.Stream, w games.Wager) (games.Position, error) {
	first := 1 + uint16(s.Uniform(sides))
	draws := []uint16{first}
	if again, err := check(draws, w); err != nil {
		return games.Position{}, err
	} else if again {
		draws = append(draws, 1+uint16(s.Uniform(sides)))
	}
	p := games.Position{Draws: draws, Staked: w.Stake, Settled: first == sides || len(w.Actions) > 0}
	switch {
	case first == sides:
		p.Payout = 3 * w.Stake
	case !p.Settled:
		p.Allowed = []string{Keep, Again}
	case len(draws) == 2:
		p.Staked = 2 * w.Stake
		if first+draws[1] >= 8 {
			p.Payout = 2 * p.Staked
		}
	case first == 5:
		p.Payout = w.Stake
	}
	return p, nil
}

// check refuses what the rules don't allow. It reports whether a second die is rolled.
func check(draws []uint16, w games.Wager) (again bool, err error) {
	switch {
	case w.Stake < 1 || w.Stake > games.MaxCoins/4:
		return false, games.Refusef("stake_out_of_range", "The stake is %s.", w.Stake.Words())
	case len(w.Bets) > 0:
		return false, games.Refusef("invalid_bet", "Dice takes no bets.")
	case len(w.Actions) > 0 && !slices.Contains([]string{Keep, Again}, w.Actions[0]):
		return false, games.Refusef("unknown_action", "The actions are keep and again.")
	case len(w.Actions) > 1 || len(w.Actions) == 1 && draws[0] == sides:
		return false, games.Refusef("round_settled", "The round is settled.")
	}
	return len(w.Actions) == 1 && w.Actions[0] == Again, nil
}

// Outcome is what a player sees of a round.
type Outcome struct {
	Dice    []int    `json:"dice"`
	Allowed []string `json:"allowed_actions"`
}

// Within implements games.Choosing.
func (o Outcome) Within(affordable func(string) bool) any {
	o.Allowed = slices.DeleteFunc(slices.Clone(o.Allowed), func(a string) bool { return !affordable(a) })
	return o
}

// Describe implements games.Game.
func (dice) Describe(draws []uint16, w games.Wager) (any, error) {
	if len(draws) == 0 {
		return nil, games.Refusef("invalid_draws", "A round of dice has a die.")
	}
	again, err := check(draws, w)
	if err != nil {
		return nil, err
	}
	if again != (len(draws) == 2) {
		return nil, games.Refusef("invalid_draws", "There are %d dice.", len(draws))
	}
	o := Outcome{Allowed: []string{}}
	for _, d := range draws {
		o.Dice = append(o.Dice, int(d))
	}
	if len(w.Actions) == 0 && draws[0] != sides {
		o.Allowed = []string{Keep, Again}
	}
	return o, nil
}

// Tell implements games.Game.
func (d dice) Tell(p games.Played) (games.Story, error) {
	if _, err := d.Describe(p.Draws, p.Wager); err != nil {
		return games.Story{}, err
	}
	var s games.Story
	sum := uint16(0)
	for i, n := range p.Draws {
		sum += n
		s.Outcome = append(s.Outcome, fmt.Sprintf("die %d: 1 + %d = %d", i+1, p.Values[i], n))
	}
	s.Pay = []string{fmt.Sprintf("the dice show %d", sum)}
	return s, nil
}

// abandoned keeps the die of an abandoned round.
func abandoned(draws []uint16, w games.Wager) ([]string, error) {
	if len(w.Actions) > 0 || len(draws) > 0 && draws[0] == sides {
		return nil, nil
	}
	return []string{Keep}, nil
}
