package blackjack

import (
	"fmt"
	"strings"

	"imperio/games"
)

// Tell explains a round: how each card was drawn, every step, and what each hand pays. It reveals the hole card.
func (t *Table) Tell(p games.Played) (games.Story, error) {
	described, err := t.Describe(p.Draws, p.Wager)
	if err != nil {
		return games.Story{}, err
	}
	o := described.(Outcome)
	if len(p.Values) != len(p.Draws) {
		return games.Story{}, games.Refusef("invalid_draws", "Each card takes one random number; %d were given for %d cards.", len(p.Values), len(p.Draws))
	}
	steps, err := t.Steps(p.Draws, p.Wager)
	if err != nil {
		return games.Story{}, err
	}
	s := games.Story{Steps: steps, Pay: o.tellPay()}
	say := func(format string, args ...any) { s.Outcome = append(s.Outcome, fmt.Sprintf(format, args...)) }
	say("card i swaps places with the card at i + uniform(%d - i), and is dealt:", Cards)
	for i, c := range p.Draws {
		say("card %2d: the one at %d + %d = %d, which is number %d, %s", i, i, p.Values[i], uint64(i)+p.Values[i], c, Card(c))
	}
	say("Step by step:")
	for i := range steps {
		say("  %s", steps[i].tell())
	}
	s.Outcome = append(s.Outcome, o.tellTable()...)
	return s, nil
}

// tell is a step in words: which hand got which card, and the hand's total after it.
func (s *Step) tell() string {
	hand := fmt.Sprintf("hand %d", s.Hand)
	if s.Hand == 0 {
		hand = "the dealer"
	}
	event := hand + " has"
	if s.Card != nil {
		event = fmt.Sprintf("%s gets the %s, and has", hand, s.Card)
	}
	total := fmt.Sprint(s.Total)
	if s.Soft {
		total = "soft " + total
	}
	switch {
	case s.Total > 21:
		total += ", a bust"
	case s.What == Insurance:
		total += fmt.Sprintf("; insured for %s", s.Stake.Words())
	case s.What == Look && s.Total == 21:
		total += ", a blackjack"
	case s.What == Look:
		total += ", no blackjack"
	}
	if s.Stake > 0 && s.What != Insurance {
		total += fmt.Sprintf("; its stake is %s", s.Stake.Words())
	}
	return fmt.Sprintf("%s: %s %s", strings.ReplaceAll(s.What, "_", " "), event, total)
}

// tellTable shows the hands.
func (o *Outcome) tellTable() []string {
	hole := ""
	if o.Dealer.Hidden > 0 {
		hole = ", and the hole card"
	}
	lines := []string{fmt.Sprintf("dealer: %s%s; total %d", names(o.Dealer.Cards), hole, o.Dealer.Total)}
	for i, h := range o.Hands {
		lines = append(lines, fmt.Sprintf("hand %d: %s; total %d", i+1, names(h.Cards), h.Total))
	}
	return lines
}

// tellPay says what each hand and the insurance pay.
func (o *Outcome) tellPay() []string {
	var lines []string
	for i, h := range o.Hands {
		result := "open"
		if h.Result != nil {
			result = *h.Result
		}
		lines = append(lines, fmt.Sprintf("hand %d: %s staked, %s, pays %s", i+1, h.Stake.Words(), result, h.Payout.Words()))
	}
	if o.Insurance != nil {
		lines = append(lines, fmt.Sprintf("insurance: %s staked, pays %s", o.Insurance.Stake.Words(), o.Insurance.Payout.Words()))
	}
	return lines
}

func names(cards []CardFace) string {
	list := make([]string, len(cards))
	for i := range cards {
		list[i] = cards[i].String()
	}
	return strings.Join(list, ", ")
}
