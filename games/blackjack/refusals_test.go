package blackjack

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"imperio/games"
)

func TestPlay_RefusesWhatIsNotAllowed(t *testing.T) {
	cases := []struct {
		name, cards, actions, code string
	}{
		{"an unknown action", "5 9 6 7", "dance", "unknown_action"},
		{"an action in another case", "5 9 6 7", "Hit", "unknown_action"},
		{"an unknown action in a settled round", "A 6 K 9", "dance", "unknown_action"},
		{"an action after a natural", "A 6 K 9", "stand", "round_settled"},
		{"an action after the dealer's natural", "9 T 9 A", "hit", "round_settled"},
		{"an action after the last hand stands", "T 9 9 9", "stand stand", "round_settled"},
		{"an action after surrender", "T 9 6 7", "surrender hit", "round_settled"},
		{"an action after a bust", "T 6 6 T K", "hit hit", "round_settled"},
		{"insurance without an ace", "T 9 6 7", "insurance", "action_not_allowed"},
		{"declining insurance without an ace", "T T 6 7", "decline_insurance", "action_not_allowed"},
		{"hit before the decision on insurance", "T A 6 7", "hit", "action_not_allowed"},
		{"surrender before the dealer has looked", "T A 6 7", "surrender", "action_not_allowed"},
		{"insurance twice", "T A 6 7", "insurance insurance", "action_not_allowed"},
		{"insurance after declining", "T A 6 7", "decline_insurance insurance", "action_not_allowed"},
		{"double on three cards", "2 9 3 7 2", "hit double", "action_not_allowed"},
		{"surrender on three cards", "2 9 3 7 2", "hit surrender", "action_not_allowed"},
		{"split on three cards", "2 9 2 7 2", "hit split", "action_not_allowed"},
		{"split of unequal cards", "T 9 9 7", "split", "action_not_allowed"},
		{"surrender after a split", "8 9 8 7 2 3", "split surrender", "action_not_allowed"},
		{"a fifth hand", "8 6 8 T 8 8 8 8 8 8", "split split split split", "action_not_allowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Versions()[0].Play(stack(t, c.cards), games.Wager{Stake: 10, Actions: strings.Fields(c.actions)})
			wantRefusal(t, err, c.code)
		})
	}
}

func TestPlay_RefusalSaysWhatIsAllowed(t *testing.T) {
	_, err := Versions()[0].Play(stack(t, "T A 6 7"), games.Wager{Stake: 10, Actions: []string{"hit"}})
	var refusal *games.Refusal
	if !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	const want = "The action hit is not allowed now; the rules allow insurance, decline_insurance."
	if refusal.Message != want {
		t.Errorf("got %q", refusal.Message)
	}
}

func TestPlay_RefusesStakesAndBets(t *testing.T) {
	for _, stake := range []games.Coins{-10, 0, 1, MaxStake + 1, 1<<63 - 1} {
		_, err := Versions()[0].Play(stack(t, ""), games.Wager{Stake: stake})
		wantRefusal(t, err, "stake_out_of_range")
	}
	_, err := Versions()[0].Play(stack(t, ""), games.Wager{Stake: 2, Bets: []games.Bet{{Type: "red", Amount: 2}}})
	wantRefusal(t, err, "invalid_bet")
}

func TestPlay_LargestStakeIsPaidExactly(t *testing.T) {
	w := games.Wager{Stake: MaxStake, Actions: strings.Fields("split split double double split double double")}
	p, err := Versions()[0].Play(stack(t, "8 6 8 T 8 8 3 3 K K 3 2 K K 9"), w)
	if err != nil {
		t.Fatal(err)
	}
	if p.Payout != 16*MaxStake || p.Payout > games.MaxCoins || p.Staked != 8*MaxStake {
		t.Errorf("staked %d, payout %d", p.Staked, p.Payout)
	}
}

func TestDescribe_HidesTheHoleCardUntilTheRoundIsSettled(t *testing.T) {
	w := games.Wager{Stake: 10, Actions: []string{"decline_insurance"}}
	p, err := Versions()[0].Play(stack(t, "8 A 8 9"), w)
	if err != nil {
		t.Fatal(err)
	}
	open, err := json.Marshal(describe(t, p.Draws, w))
	if err != nil {
		t.Fatal(err)
	}
	const wantOpen = `{"dealer":{"cards":[{"rank":"ace","suit":"clubs"}],"hidden":1,"total":11,"soft":true,"blackjack":false},` +
		`"hands":[{"cards":[{"rank":"8","suit":"clubs"},{"rank":"8","suit":"diamonds"}],"total":16,"soft":false,"stake":10,` +
		`"doubled":false,"active":true,"result":null,"payout":0}],"insurance":null,` +
		`"allowed_actions":["hit","stand","double","split","surrender"],"settled":false}`
	if string(open) != wantOpen {
		t.Errorf("got  %s\nwant %s", open, wantOpen)
	}
	w.Actions = append(w.Actions, "surrender")
	settled, err := json.Marshal(describe(t, p.Draws, w))
	if err != nil {
		t.Fatal(err)
	}
	const wantSettled = `{"dealer":{"cards":[{"rank":"ace","suit":"clubs"},{"rank":"9","suit":"clubs"}],"hidden":0,"total":20,` +
		`"soft":true,"blackjack":false},"hands":[{"cards":[{"rank":"8","suit":"clubs"},{"rank":"8","suit":"diamonds"}],` +
		`"total":16,"soft":false,"stake":10,"doubled":false,"active":false,"result":"surrender","payout":5}],` +
		`"insurance":null,"allowed_actions":[],"settled":true}`
	if string(settled) != wantSettled {
		t.Errorf("got  %s\nwant %s", settled, wantSettled)
	}
}

// An open round looks the same whatever the hole card is. The test compares the outcomes for all ranks of the hole card
// that leave the round open.
func TestDescribe_OpenRoundDoesNotDependOnTheHoleCard(t *testing.T) {
	for _, c := range []struct{ before, holes, after, actions string }{
		{"T A 6", "A 2 3 4 5 6 7 8 9 T J Q K", "", ""},                   // the decision on insurance
		{"T A A", "A 2 3 4 5 6 7 8 9 T J Q K", "", ""},                   // also with a natural
		{"T A 6", "A 2 3 4 5 6 7 8 9", "", "insurance"},                  // the dealer has looked
		{"5 T 6", "2 3 4 5 6 7 8 9 T J Q K", "2", "hit"},                 // also under a ten
		{"8 6 8", "A 2 3 4 5 6 7 8 9 T J Q K", "3 2 K", "split double"},  // one hand is finished
		{"8 6 8", "A 2 3 4 5 6 7 8 9 T J Q K", "7 2 K", "split hit"},     // one hand is lost
		{"8 6 8", "A 2 3 4 5 6 7 8 9 T J Q K", "8 2 T T", "split split"}, // four cards later
	} {
		seen := ""
		for _, hole := range strings.Fields(c.holes) {
			w := games.Wager{Stake: 10, Actions: strings.Fields(c.actions)}
			// A card's suit depends on how often its rank was dealt before, so take the hole card from the last deck instead.
			s := stack(t, c.before+" "+c.after)
			holeCard := Card(strings.Index("A23456789TJQK", hole) + 13*(4*Decks-1))
			s.cards = append(s.cards[:3:3], append([]Card{holeCard}, s.cards[3:]...)...)
			p, err := Versions()[0].Play(s, w)
			if err != nil {
				t.Fatal(err)
			}
			if p.Settled {
				t.Fatalf("%v with a hole card %s is settled", c, hole)
			}
			b, err := json.Marshal(describe(t, p.Draws, w))
			if err != nil {
				t.Fatal(err)
			}
			if seen == "" {
				seen = string(b)
			} else if string(b) != seen {
				t.Errorf("%v: the hole card %s changes what is seen:\n%s\n%s", c, hole, b, seen)
			}
		}
	}
}

func TestDescribe_RefusesCardsThatAreNotTheRounds(t *testing.T) {
	w := games.Wager{Stake: 10, Actions: []string{"stand"}}
	for _, draws := range [][]uint16{nil, {8, 9, 21}, {8, 9, 21, 312}, {8, 4, 21, 7}, {8, 9, 21, 7, 10}} {
		_, err := Versions()[0].Describe(draws, w)
		wantRefusal(t, err, "invalid_draws")
	}
}

func TestAbandoned_StandsOnAllHandsAndDeclinesInsurance(t *testing.T) {
	cases := []struct {
		name, cards, actions, more string
		payout                     games.Coins
	}{
		{"a fresh deal", "T 9 9 9", "", "stand", 20},
		{"the dealer draws", "T 6 8 T 9", "", "stand", 20},
		{"a decision on insurance", "T A 9 9", "", "decline_insurance stand", 0},
		{"insurance, and the dealer has a natural", "T A 9 K", "", "decline_insurance", 0},
		{"insurance, and the player has a natural", "T A A 9", "", "decline_insurance", 25},
		{"insurance taken", "T A 9 9", "insurance", "stand", 0},
		{"four hands", "8 6 8 T 8 8 T T T T T", "split split stand stand split", "stand stand", 80},
		{"a hand of 21 between", "8 6 8 T 8 3 T T K T", "split split stand stand hit", "", 60},
		{"the second hand stands by itself", "T 6 T T 9 A T", "split", "stand", 40},
		{"the first hand is bust", "8 6 8 T 7 T K T", "split hit", "stand", 20},
		{"a settled round", "A 6 K 9", "", "", 25},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			table := Versions()[0]
			w := games.Wager{Stake: 10, Actions: strings.Fields(c.actions)}
			p, err := table.Play(stack(t, c.cards), w)
			if err != nil {
				t.Fatal(err)
			}
			more, err := table.Abandoned(p.Draws, w)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(more, " ") != c.more {
				t.Fatalf("actions %v, want %s", more, c.more)
			}
			w.Actions = append(w.Actions, more...)
			p, err = table.Play(stack(t, c.cards), w)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Settled || p.Payout != c.payout {
				t.Errorf("position %+v, want a payout of %d", p, c.payout)
			}
		})
	}
}

func wantRefusal(t testing.TB, err error, code string) {
	t.Helper()
	var refusal *games.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal with %s", err, code)
	} else if refusal.Code != code {
		t.Errorf("refused with %v, want %s", refusal, code)
	}
}
