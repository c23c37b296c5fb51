package blackjack

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"imperio/games"
)

// told returns the steps of a round in short form: what, hand, rank, total.
func told(t *testing.T, cards string, stake games.Coins, actions string) []string {
	t.Helper()
	w := games.Wager{Stake: stake, Actions: strings.Fields(actions)}
	p, err := Versions()[0].Play(stack(t, cards), w)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := Versions()[0].Steps(p.Draws, w)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range steps {
		line := fmt.Sprintf("%s %d", s.What, s.Hand)
		if s.Card != nil {
			line += " " + s.Card.Rank
		}
		line += fmt.Sprintf(" =%d", s.Total)
		if s.Soft {
			line += " soft"
		}
		if s.Stake > 0 {
			line += fmt.Sprintf(" for %d", s.Stake)
		}
		list = append(list, line)
	}
	return list
}

func TestSteps_TellWhoGotEachCard(t *testing.T) {
	for _, c := range []struct {
		name, cards string
		actions     string
		want        []string // after the deal
	}{
		{"hit, stand and the dealer's turn", "5 9 6 7 2 3", "hit stand",
			[]string{"hit 1 2 =13", "stand 1 =13", "dealer_turn 0 =16", "dealer_turn 0 3 =19"}},
		{"no turn of the dealer after a bust", "T 9 6 7 K", "hit", []string{"hit 1 king =26"}},
		{"no turn of the dealer after a surrender", "T T 6 7", "surrender", []string{"look 0 =17", "surrender 1 =16"}},
		{"insurance, then the look", "T A 8 5 2", "insurance stand",
			[]string{"insurance 1 =18 for 5", "look 0 =16 soft", "stand 1 =18", "dealer_turn 0 =16 soft", "dealer_turn 0 2 =18 soft"}},
		{"no insurance, and a blackjack", "T A 8 K", "decline_insurance", []string{"decline_insurance 1 =18", "look 0 =21 soft"}},
		{"a double", "5 6 6 T 9 5", "double", []string{"double 1 9 =20 for 20", "dealer_turn 0 =16", "dealer_turn 0 5 =21"}},
		{"a split of the second hand", "8 6 8 T 3 8 T 2 4 5", "split stand split stand stand",
			[]string{"split 1 3 =11 for 10", "split 2 8 =16 for 10", "stand 1 =11", "split 2 10 =18 for 10", "split 3 2 =10 for 10",
				"stand 2 =18", "stand 3 =10", "dealer_turn 0 =16", "dealer_turn 0 4 =20"}},
		{"an open round", "5 9 6 7 2", "hit", []string{"hit 1 2 =13"}},
	} {
		got := told(t, c.cards, 10, c.actions)
		if !slices.Equal(got[4:], c.want) {
			t.Errorf("%s: told %q, want %q", c.name, got[4:], c.want)
		}
	}
	if got, want := told(t, "5 A 6 7", 10, ""), []string{"deal 1 5 =5", "deal 0 ace =11 soft", "deal 1 6 =11", "deal 0 7 =18 soft"}; !slices.Equal(got, want) {
		t.Errorf("the deal is told as %q, want %q", got, want)
	}
}
