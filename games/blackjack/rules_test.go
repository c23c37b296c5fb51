package blackjack

import (
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/rulebook"
	"imperio/games/rulebook/rulebooktest"
)

// played is a round of stacked cards after some actions.
type played struct {
	games.Position
	Outcome
	left int // cards that were not dealt
}

// results are those of the hands, in order; "open" before the round is settled.
func (p *played) results() string {
	var list []string
	for _, h := range p.Hands {
		if h.Result == nil {
			list = append(list, "open")
		} else {
			list = append(list, *h.Result)
		}
	}
	return strings.Join(list, " ")
}

// can says whether all actions are allowed now.
func (p *played) can(actions ...string) bool {
	for _, a := range actions {
		if !slices.Contains(p.Position.Allowed, a) {
			return false
		}
	}
	return true
}

// stackedRound deals the cards of stack with a stake, and takes the actions.
func stackedRound(t *testing.T, stake games.Coins, cards string, actions ...string) *played {
	t.Helper()
	table := Versions()[0]
	w := games.Wager{Stake: stake, Actions: actions}
	s := stack(t, cards)
	p, err := table.Play(s, w)
	if err != nil {
		t.Fatalf("%s, %v: %v", cards, actions, err)
	}
	o, err := table.Describe(p.Draws, w)
	if err != nil {
		t.Fatal(err)
	}
	return &played{p, o.(Outcome), s.rest()}
}

func TestRules_AreWhatTheTablePlays(t *testing.T) {
	table := Versions()[0]
	rulebooktest.Play(t, book.Templates(table.Rules()), table.Words(), map[string]func(*testing.T, *rulebooktest.Said){
		"blackjack/cards":                playCards,
		"blackjack/deal":                 playDeal,
		"blackjack/insurance":            playInsurance,
		"blackjack/look":                 playLook,
		"blackjack/blackjack":            playBlackjack,
		"blackjack/hit_stand":            playHitStand,
		"blackjack/double":               playDouble,
		"blackjack/split":                playSplit,
		"blackjack/split_aces":           playSplitAces,
		"blackjack/after_split":          playAfterSplit,
		"blackjack/surrender":            playSurrender,
		"blackjack/dealer":               playDealer,
		"blackjack/dealer_does_not_draw": playDealerDoesNotDraw,
		"blackjack/win":                  playWin,
		"blackjack/push":                 playPush,
		"blackjack/halves":               playHalves,
		"blackjack/abandoned":            playAbandoned,
	})
}

// expect fails unless a round is settled with these results, what it costs, and what it pays.
func (p *played) expect(t *testing.T, results string, staked, payout games.Coins) {
	t.Helper()
	if got := p.results(); got != results || p.Staked != staked || p.Position.Payout != payout || !p.Position.Settled {
		t.Errorf("%s for %d pays %d (settled: %v), want %s for %d, paid %d", got, p.Staked, p.Position.Payout, p.Position.Settled, results, staked, payout)
	}
}

func playCards(t *testing.T, said *rulebooktest.Said) {
	if Cards != 52*said.Number("decks") { // each round's shuffle is one of all cards: the stacked stream refuses another number
		t.Errorf("%d cards", Cards)
	}
	for _, face := range strings.Fields("T J Q K") {
		if p := stackedRound(t, 10, face+" 6 2 6"); p.Hands[0].Total != 2+said.Number("ten") {
			t.Errorf("%s counts %d", face, p.Hands[0].Total-2)
		}
	}
	if p := stackedRound(t, 10, "A 6 2 6"); p.Hands[0].Total != 2+said.Number("ace_high") {
		t.Errorf("an ace and a two are %d", p.Hands[0].Total)
	}
	if p := stackedRound(t, 10, "A 6 2 6 9", Hit); p.Hands[0].Total != 11+said.Number("ace_low") {
		t.Errorf("an ace, a two and a nine are %d", p.Hands[0].Total)
	}
}

func playDeal(t *testing.T, _ *rulebooktest.Said) {
	p := stackedRound(t, 10, "2 3 4 5")
	if p.Hands[0].Cards[0].Rank != "2" || p.Hands[0].Cards[1].Rank != "4" || len(p.Dealer.Cards) != 1 || p.Dealer.Cards[0].Rank != "3" || p.Dealer.Hidden != 1 {
		t.Errorf("dealt are %+v", p.Outcome)
	}
	if p := stackedRound(t, 10, "2 3 4 5 T T", Surrender); len(p.Dealer.Cards) != 2 || p.Dealer.Cards[1].Rank != "5" || p.Dealer.Hidden != 0 {
		t.Errorf("in the end the dealer has %+v", p.Dealer)
	}
}

func playInsurance(t *testing.T, said *rulebooktest.Said) {
	if p := stackedRound(t, 10, "9 A 9 K"); !slices.Equal(p.Position.Allowed, []string{Insurance, DeclineInsurance}) {
		t.Errorf("under an ace, %v are allowed", p.Position.Allowed)
	}
	for _, up := range strings.Fields("2 3 4 5 6 7 8 9 T J Q K") {
		if p := stackedRound(t, 10, "9 "+up+" 8 5"); p.can(Insurance) {
			t.Errorf("insurance is offered under a %s", up)
		}
	}
	pays := 5 * games.Coins(said.Number("one")+said.Number("insurance")) / games.Coins(said.Number("one"))
	stackedRound(t, 10, "9 A 9 K", Insurance).expect(t, Lose, 15, pays)
	stackedRound(t, 10, "9 A 9 K", DeclineInsurance).expect(t, Lose, 10, 0)
	stackedRound(t, 10, "9 A 9 9", Insurance, Stand).expect(t, Lose, 15, 0) // 20 of the dealer, and the insurance is lost
}

func playLook(t *testing.T, _ *rulebooktest.Said) {
	for _, up := range strings.Fields("T J Q K") {
		stackedRound(t, 10, "9 "+up+" 9 A").expect(t, Lose, 10, 0)
		if p := stackedRound(t, 10, "9 "+up+" 9 9"); p.Position.Settled {
			t.Errorf("a %s without a blackjack ends the round", up)
		}
	}
	stackedRound(t, 10, "9 A 9 K", DeclineInsurance).expect(t, Lose, 10, 0)
	if p := stackedRound(t, 10, "9 A 9 9", DeclineInsurance); p.Position.Settled {
		t.Error("an ace without a blackjack ends the round")
	}
}

func playBlackjack(t *testing.T, said *rulebooktest.Said) {
	pays := 10 + 10*games.Coins(said.Number("natural"))/games.Coins(said.Number("natural_per"))
	for _, ten := range strings.Fields("T J Q K") {
		p := stackedRound(t, 10, "A 6 "+ten+" 5 T T")
		p.expect(t, Blackjack, 10, pays)
		if p.left != 2 {
			t.Error("the dealer drew against a blackjack")
		}
	}
	stackedRound(t, 10, "A K K A").expect(t, Push, 10, 10)
	stackedRound(t, 10, "A A K K", DeclineInsurance).expect(t, Push, 10, 10)
	stackedRound(t, 10, "5 6 6 T T T", Hit).expect(t, Win, 10, 20) // 21 in three cards
}

func playHitStand(t *testing.T, said *rulebooktest.Said) {
	best := said.Number("best")
	if p := stackedRound(t, 10, "5 6 6 T 2", Hit); p.Position.Settled || p.Hands[0].Total != 13 {
		t.Errorf("after a hit: %+v", p.Hands)
	}
	if p := stackedRound(t, 10, "T 6 6 T 5 T", Hit); p.Hands[0].Total != best || p.results() != Win {
		t.Errorf("%d does not stand by itself: %s", best, p.results())
	}
	if p := stackedRound(t, 10, "T 6 6 T 4", Hit); p.Hands[0].Total != best-1 || p.Position.Settled {
		t.Errorf("%d stands by itself", best-1)
	}
	p := stackedRound(t, 10, "T 6 6 T 6 T", Hit)
	p.expect(t, Bust, 10, 0)
	if p.Hands[0].Total != best+1 || p.left != 1 {
		t.Errorf("a hand of %d, %d cards left", p.Hands[0].Total, p.left)
	}
	stackedRound(t, 10, "T 6 6 T T", Stand).expect(t, Win, 10, 20) // the dealer busts
}

func playDouble(t *testing.T, _ *rulebooktest.Said) {
	p := stackedRound(t, 10, "5 6 6 T T T", Double)
	p.expect(t, Win, 20, 40)
	if len(p.Hands[0].Cards) != 3 {
		t.Errorf("a double takes %d cards", len(p.Hands[0].Cards)-2)
	}
	if p := stackedRound(t, 10, "2 6 3 T 2", Hit); p.can(Double) {
		t.Error("three cards can be doubled")
	}
	for _, first := range []string{"2 6 3 T", "9 6 9 T", "A 6 2 T", "T 6 7 T"} {
		if p := stackedRound(t, 10, first); !p.can(Double) {
			t.Errorf("%s can't be doubled", first)
		}
	}
	// After a split: 8,3 doubled to 21 and 8,T against 16 and a ten, a bust.
	stackedRound(t, 10, "8 6 8 T 3 T T T", Split, Double, Stand).expect(t, "win win", 30, 60)
}

func playSplit(t *testing.T, said *rulebooktest.Said) {
	if p := stackedRound(t, 10, "T 6 K T"); !p.can(Split) {
		t.Error("a ten and a king can't be split")
	}
	if p := stackedRound(t, 10, "9 6 T T"); p.can(Split) {
		t.Error("a nine and a ten can be split")
	}
	p := stackedRound(t, 10, "8 6 8 T 2 3", Split)
	if len(p.Hands) != 2 || p.Staked != 20 || p.Hands[0].Cards[1].Rank != "2" || p.Hands[1].Cards[1].Rank != "3" || !p.Hands[0].Active {
		t.Errorf("after a split: %+v for %d", p.Hands, p.Staked)
	}
	// Eights without end: split until there are as many hands as allowed.
	cards, actions := "8 6 8 T", []string(nil)
	for n := 2; n <= said.Number("hands"); n++ {
		cards, actions = cards+" 8 8", append(actions, Split)
		p := stackedRound(t, 10, cards, actions...)
		if len(p.Hands) != n || p.Staked != 10*games.Coins(n) || p.can(Split) != (n < said.Number("hands")) {
			t.Errorf("%d hands for %d, split again: %v", len(p.Hands), p.Staked, p.can(Split))
		}
	}
}

func playSplitAces(t *testing.T, _ *rulebooktest.Said) {
	p := stackedRound(t, 10, "A 6 A T 5 A T", Split) // 16 and a soft 12, though it is another pair of aces
	p.expect(t, "win win", 20, 40)
	if len(p.Hands[0].Cards) != 2 || len(p.Hands[1].Cards) != 2 {
		t.Errorf("split aces have %+v", p.Hands)
	}
}

func playAfterSplit(t *testing.T, said *rulebooktest.Said) {
	p := stackedRound(t, 10, "A 6 A T K 5 5", Split)
	p.expect(t, "push lose", 20, 10) // 21 against the dealer's 21: no blackjack, which would win
	if p.Hands[0].Total != said.Number("best") || p.Dealer.Total != said.Number("best") {
		t.Errorf("the hand has %d, the dealer %d", p.Hands[0].Total, p.Dealer.Total)
	}
	stackedRound(t, 10, "A 6 A T K Q T", Split).expect(t, "win win", 20, 40)
}

func playSurrender(t *testing.T, _ *rulebooktest.Said) {
	stackedRound(t, 10, "T 9 6 T", Surrender).expect(t, Surrendered, 10, 5)
	stackedRound(t, 10, "T A 6 9", DeclineInsurance, Surrender).expect(t, Surrendered, 10, 5)
	stackedRound(t, 10, "T T 6 A").expect(t, Lose, 10, 0) // the dealer's blackjack comes first
	if p := stackedRound(t, 10, "2 9 2 T 3", Hit); p.can(Surrender) {
		t.Error("surrender is possible after a hit")
	}
	if p := stackedRound(t, 10, "8 9 8 T 2 3", Split); p.can(Surrender) {
		t.Error("surrender is possible after a split")
	}
}

func playDealer(t *testing.T, said *rulebooktest.Said) {
	stands, draws := said.Number("stands"), said.Number("draws")
	if p := stackedRound(t, 10, "T T 9 6 2", Stand); len(p.Dealer.Cards) != 3 || p.Dealer.Total != draws+2 {
		t.Errorf("with %d, the dealer ends with %d", draws, p.Dealer.Total)
	}
	for _, cards := range []string{"T T 9 7 2", "T 6 9 A 2"} { // hard and soft
		p := stackedRound(t, 10, cards, Stand)
		if len(p.Dealer.Cards) != 2 || p.Dealer.Total != stands {
			t.Errorf("%s: the dealer ends with %d", cards, p.Dealer.Total)
		}
	}
}

func playDealerDoesNotDraw(t *testing.T, _ *rulebooktest.Said) {
	for _, p := range []*played{
		stackedRound(t, 10, "T 6 6 T T 5", Hit),                         // bust
		stackedRound(t, 10, "T 6 6 T 5", Surrender),                     // surrendered
		stackedRound(t, 10, "8 6 8 T 7 6 T T 5", Split, Hit, Hit),       // two busts
		stackedRound(t, 10, "8 6 8 T 7 6 T T 5", Split, Double, Double), // two doubled busts
	} {
		if !p.Position.Settled || len(p.Dealer.Cards) != 2 || p.left != 1 {
			t.Errorf("%s: the dealer has %d cards", p.results(), len(p.Dealer.Cards))
		}
	}
	// One hand that stands is enough.
	if p := stackedRound(t, 10, "8 6 8 T 7 6 T 5", Split, Hit, Stand); len(p.Dealer.Cards) != 3 {
		t.Errorf("%s: the dealer has %d cards", p.results(), len(p.Dealer.Cards))
	}
}

func playWin(t *testing.T, said *rulebooktest.Said) {
	one := games.Coins(said.Number("one"))
	stackedRound(t, 10, "T T 9 8", Stand).expect(t, Win, 10, 10+10*one/one)
	stackedRound(t, 10, "T T 2 6 T", Stand).expect(t, Win, 10, 20) // the dealer busts
	stackedRound(t, 10, "T T 8 9", Stand).expect(t, Lose, 10, 0)
}

func playPush(t *testing.T, _ *rulebooktest.Said) {
	stackedRound(t, 10, "T T 8 8", Stand).expect(t, Push, 10, 10)
	stackedRound(t, 10, "5 T 6 T 9", Double).expect(t, Push, 20, 20)
}

func playHalves(t *testing.T, _ *rulebooktest.Said) {
	stackedRound(t, 11, "A 6 K 5").expect(t, Blackjack, 11, 11+16)
	stackedRound(t, 11, "T 9 6 T", Surrender).expect(t, Surrendered, 11, 5)
	stackedRound(t, 11, "9 A 9 K", Insurance).expect(t, Lose, 11+5, 15)
	stackedRound(t, 10, "A 6 K 5").expect(t, Blackjack, 10, 25)
}

func playAbandoned(t *testing.T, said *rulebooktest.Said) {
	if said.Text("time") != "{time}" {
		t.Error("the time is that of the table, not of the rules")
	}
	if words := rulebook.Time(86400); words.EN != "24 hours" || words.ES != "24 horas" || words.DE != "24 Stunden" {
		t.Errorf("a day is %+v", words)
	}
	for cards, want := range map[string]string{"9 A 9 9": "decline_insurance stand", "8 6 8 T": "stand", "8 6 8 T 2 3": "stand stand"} {
		w := games.Wager{Stake: 10}
		if strings.Count(cards, " ") == 5 {
			w.Actions = []string{Split}
		}
		p := stackedRound(t, 10, cards, w.Actions...)
		if got, err := Versions()[0].Abandoned(p.Draws, w); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s is settled by %v (%v), want %s", cards, got, err, want)
		}
	}
}
