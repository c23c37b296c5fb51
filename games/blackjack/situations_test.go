package blackjack

import (
	"strings"
	"testing"

	"imperio/games"
)

// Cards are in stack's order: player, up card, player, hole card, then as drawn. All of them must be dealt.
var situations = []struct {
	name    string
	cards   string
	stake   games.Coins
	actions string
	staked  games.Coins
	payout  games.Coins
	results string // of the hands; empty while the round is open
	allowed string // empty when the round is settled
}{
	// The deal.
	{"a deal", "5 9 6 7", 10, "", 10, 0, "", "hit stand double surrender"},
	{"a natural is paid 3 to 2, and the dealer does not draw", "A 6 K 9", 10, "", 10, 25, "blackjack", ""},
	{"half of an odd stake is rounded down", "A 6 K 9", 5, "", 5, 12, "blackjack", ""},
	{"a natural under a ten is paid at once", "A T K 9", 10, "", 10, 25, "blackjack", ""},
	{"a dealer's natural under a ten ends the round", "9 T 9 A", 10, "", 10, 0, "lose", ""},
	{"naturals on both sides under a ten", "A T K A", 10, "", 10, 10, "push", ""},
	{"a ten in the hole under no ace or ten is no natural", "9 5 9 A", 10, "", 10, 0, "", "hit stand double split surrender"},
	{"jack, queen and king count ten", "J Q K A", 10, "", 10, 0, "lose", ""},

	// Insurance.
	{"an ace offers insurance and nothing else", "5 A 6 9", 10, "", 10, 0, "", "insurance decline_insurance"},
	{"also to a natural", "A A K 9", 10, "", 10, 0, "", "insurance decline_insurance"},
	{"also when the dealer has a natural", "5 A 6 K", 10, "", 10, 0, "", "insurance decline_insurance"},
	{"insurance won", "9 A 9 K", 10, "insurance", 15, 15, "lose", ""},
	{"insurance won on an odd stake", "9 A 9 K", 7, "insurance", 10, 9, "lose", ""},
	{"insurance won with a natural is even money", "A A K Q", 10, "insurance", 15, 25, "push", ""},
	{"insurance declined, dealer's natural", "9 A 9 K", 10, "decline_insurance", 10, 0, "lose", ""},
	{"insurance declined, naturals on both sides", "A A K Q", 10, "decline_insurance", 10, 10, "push", ""},
	{"insurance lost, the round goes on", "9 A 9 8", 10, "insurance", 15, 0, "", "hit stand double split surrender"},
	{"insurance lost, the hand lost", "9 A 9 8", 10, "insurance stand", 15, 0, "lose", ""},
	{"insurance lost with a natural", "A A K 9", 10, "insurance", 15, 25, "blackjack", ""},
	{"insurance declined with a natural", "A A K 9", 10, "decline_insurance", 10, 25, "blackjack", ""},
	{"insurance declined, the round goes on", "T A 6 8", 10, "decline_insurance", 10, 0, "", "hit stand double surrender"},

	// Hit and stand.
	{"stand and win", "T 9 9 9", 10, "stand", 10, 20, "win", ""},
	{"stand and lose", "T 9 8 T", 10, "stand", 10, 0, "lose", ""},
	{"stand and push", "T 9 9 T", 10, "stand", 10, 10, "push", ""},
	{"hit goes on", "5 9 6 7 2", 10, "hit", 10, 0, "", "hit stand"},
	{"a soft hand that passes 21 goes on hard", "A 9 6 7 9", 10, "hit", 10, 0, "", "hit stand"},
	{"a hand of 21 stands by itself", "5 9 6 7 K 2", 10, "hit", 10, 20, "win", ""},
	{"three cards of 21 are no natural", "7 T 7 T 7", 10, "hit", 10, 20, "win", ""},
	{"21 against 21 of the dealer pushes", "5 9 6 7 K 5", 10, "hit", 10, 10, "push", ""},
	{"a bust loses, and the dealer does not draw", "T 6 6 T K", 10, "hit", 10, 0, "bust", ""},
	{"bust on the second card drawn", "5 6 6 T 2 9", 10, "hit hit", 10, 0, "bust", ""},

	// The dealer.
	{"the dealer draws to 17", "T 2 8 2 2 5 6", 10, "stand", 10, 20, "win", ""},
	{"the dealer stands on a soft 17", "T 6 8 A", 10, "stand", 10, 20, "win", ""},
	{"the dealer stands on a soft 17 of three cards", "T 3 8 A 3", 10, "stand", 10, 20, "win", ""},
	{"the dealer draws on a soft 16", "T 5 8 A 5", 10, "stand", 10, 0, "lose", ""},
	{"the dealer's ace turns hard", "T 3 8 2 A T 5", 10, "stand", 10, 0, "lose", ""},
	{"the dealer busts", "T 6 2 T T", 10, "stand", 10, 20, "win", ""},
	{"an ace under the dealer's six counts after the draw", "T A 7 2 3 T T", 10, "decline_insurance stand", 10, 20, "win", ""},

	// Double.
	{"double and lose", "5 6 6 T 9 5", 10, "double", 20, 0, "lose", ""},
	{"double and win", "5 6 6 T 9 T", 10, "double", 20, 40, "win", ""},
	{"double and push", "5 6 6 T 9 4", 10, "double", 20, 20, "push", ""},
	{"double and bust", "T 6 6 T 9", 10, "double", 20, 0, "bust", ""},
	{"double takes one card only", "2 6 3 T 2 2", 10, "double", 20, 0, "lose", ""},
	{"double on a soft hand", "A 6 6 T A T", 10, "double", 20, 40, "win", ""},
	{"double after insurance", "5 A 6 8 9", 10, "insurance double", 25, 40, "win", ""},

	// Surrender.
	{"surrender returns half", "T 9 6 7", 10, "surrender", 10, 5, "surrender", ""},
	{"half of an odd stake is rounded down on surrender", "T 9 6 7", 7, "surrender", 7, 3, "surrender", ""},
	{"surrender after the dealer has looked under a ten", "T T 6 7", 10, "surrender", 10, 5, "surrender", ""},
	{"surrender after the dealer has looked under an ace", "T A 6 7", 10, "decline_insurance surrender", 10, 5, "surrender", ""},
	{"surrender after insurance", "T A 6 7", 10, "insurance surrender", 15, 5, "surrender", ""},
	{"no surrender against a natural", "T A 6 K", 10, "decline_insurance", 10, 0, "lose", ""},

	// Split.
	{"a split gives each hand a card", "8 6 8 T 3 2", 10, "split", 20, 0, "", "hit stand double"},
	{"a split is not for unequal cards", "8 6 9 T", 10, "", 10, 0, "", "hit stand double surrender"},
	{"tens of different ranks are of equal value", "J 6 K T", 10, "", 10, 0, "", "hit stand double split surrender"},
	{"both hands stand and are settled apart", "8 6 8 T T 2 4", 10, "split stand stand", 20, 0, "lose lose", ""},
	{"one wins and one loses", "8 T 8 9 T 4 5", 10, "split stand hit stand", 20, 0, "lose lose", ""},
	{"one pushes and one wins", "9 T 9 8 9 T", 10, "split stand stand", 20, 30, "push win", ""},
	{"win and lose", "9 T 9 8 T 6", 10, "split stand stand", 20, 20, "win lose", ""},
	{"win and push", "9 T 9 9 T 9 2", 10, "split stand hit stand", 20, 30, "push win", ""},
	{"21 after a split is no blackjack", "T 6 T T A 9 T", 10, "split stand", 20, 40, "win win", ""},
	{"double after a split", "8 6 8 T 3 T K T", 10, "split double stand", 30, 60, "win win", ""},
	{"double the second hand", "8 6 8 T T 3 K T", 10, "split stand double", 30, 60, "win win", ""},
	{"double both", "8 6 8 T 3 3 K 9 T", 10, "split double double", 40, 80, "win win", ""},
	{"all hands bust, and the dealer does not draw", "8 6 8 T 7 6 K K", 10, "split hit hit", 20, 0, "bust bust", ""},
	{"the first busts, the second is settled", "8 6 8 T 7 T K T", 10, "split hit stand", 20, 20, "bust win", ""},
	{"the second busts, the first is settled", "8 6 8 T T 7 K T", 10, "split stand hit", 20, 20, "win bust", ""},
	{"split again", "8 6 8 T 8 T", 10, "split", 20, 0, "", "hit stand double split"},
	{"split to three", "8 6 8 T 8 T T T T", 10, "split split stand stand stand", 30, 60, "win win win", ""},
	{"split the second hand again", "8 6 8 T T 8 T T T", 10, "split stand split stand stand", 30, 60, "win win win", ""},
	{"split to four, not to five", "8 6 8 T 8 8 8 T 8 2", 10, "split split split", 40, 0, "", "hit stand double"},
	{"the fourth hand of eights is not split", "8 6 8 T 8 8 T T 8 T", 10, "split split stand stand split", 40, 0, "", "hit stand double"},
	{"split to four, all win", "8 6 8 T 8 8 T T T T T", 10, "split split stand stand split stand stand", 40, 80, "win win win win", ""},
	{"split to four, all doubled", "8 6 8 T 8 8 3 3 K K 3 2 K K 9", 10, "split split double double split double double", 80, 160, "win win win win", ""},
	{"no surrender after a split", "8 6 8 T T 3", 10, "split stand", 20, 0, "", "hit stand double"},
	{"split aces take one card each", "A 6 A T 5 9 5", 10, "split", 20, 0, "lose lose", ""},
	{"split aces are not split again", "A 6 A T A 9 T", 10, "split", 20, 40, "win win", ""},
	{"a ten on a split ace is no blackjack", "A 6 A T K 9 T", 10, "split", 20, 40, "win win", ""},
	{"a ten on a split ace pushes with 21", "A 6 A T K 9 5", 10, "split", 20, 10, "push lose", ""},
	{"split under an ace", "8 A 8 9 T T", 10, "decline_insurance split stand stand", 20, 0, "lose lose", ""},
	{"a split hand of 21 in three cards stands by itself", "8 6 8 T 3 T K T", 10, "split hit stand", 20, 40, "win win", ""},
}

func TestPlay_EverySituation(t *testing.T) {
	table := Versions()[0]
	for _, c := range situations {
		t.Run(c.name, func(t *testing.T) {
			s := stack(t, c.cards)
			w := games.Wager{Stake: c.stake, Actions: strings.Fields(c.actions)}
			p, err := table.Play(s, w)
			if err != nil {
				t.Fatal(err)
			}
			if s.rest() > 0 {
				t.Errorf("%d cards were not dealt", s.rest())
			}
			if p.Settled != (c.results != "") || p.Staked != c.staked || p.Payout != c.payout || strings.Join(p.Allowed, " ") != c.allowed {
				t.Errorf("position %+v", p)
			}
			o := describe(t, p.Draws, w)
			var results []string
			for _, h := range o.Hands {
				if h.Result != nil {
					results = append(results, *h.Result)
				}
			}
			if o.Settled && strings.Join(results, " ") != c.results {
				t.Errorf("results %v, want %s", results, c.results)
			}
		})
	}
}

func describe(t testing.TB, draws []uint16, w games.Wager) Outcome {
	t.Helper()
	o, err := Versions()[0].Describe(draws, w)
	if err != nil {
		t.Fatal(err)
	}
	return o.(Outcome)
}
