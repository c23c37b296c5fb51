package roulette

import (
	"fmt"
	"strings"

	"imperio/games"
)

// Tell explains a spin: the pocket, and each bet.
func (w *Wheel) Tell(p games.Played) (games.Story, error) {
	described, err := w.Describe(p.Draws, p.Wager)
	if err != nil {
		return games.Story{}, err
	}
	o := described.(Outcome)
	s := games.Story{Outcome: []string{fmt.Sprintf("the pocket is %d, %s", o.Pocket, o.Color)}}
	for _, b := range o.Bets {
		s.Pay = append(s.Pay, fmt.Sprintf("%s: %s staked, pays %s", b.name(), b.Amount.Words(), b.Payout.Words()))
	}
	return s, nil
}

// name is the bet in words: "split 8, 11", "dozen 2", "red".
func (b *BetOutcome) name() string {
	switch {
	case len(b.Numbers) > 0:
		return fmt.Sprintf("%s %s", b.Type, strings.Trim(strings.ReplaceAll(fmt.Sprint(b.Numbers), " ", ", "), "[]"))
	case b.Selection > 0:
		return fmt.Sprintf("%s %d", b.Type, b.Selection)
	}
	return b.Type
}
