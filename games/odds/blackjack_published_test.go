package odds

import (
	"context"
	"math"
	"testing"
)

// Values of Michael Shackleford's "Blackjack Appendix 9" (The Wizard of Odds, 2019): expectations by a recursive
// combinatorial program, after the dealer has peeked. The dealer stands on soft 17, there is no surrender, and the player may
// double after a split and split to four hands, but aces once.

func TestEvaluator_MatchesPublishedHands(t *testing.T) {
	const ace = 1
	published := []struct {
		decks, a, b, up    int
		stand, hit, double float64
	}{
		{1, 2, ace, ace, -0.661732, -0.067808, -0.593281},
		{1, 3, ace, ace, -0.661047, -0.100568, -0.595803},
		{1, 3, 2, ace, -0.659375, -0.291565, -1.318751},
		{1, 4, 2, ace, -0.658712, -0.334901, -1.295655},
		{1, 4, 3, ace, -0.657967, -0.345048, -1.126423},
		{1, 5, 4, ace, -0.654533, -0.070215, -0.395771},
		{1, 6, ace, ace, -0.482815, -0.199899, -0.527213},
		{1, 6, 4, ace, -0.636118, 0.081506, 0.048615},
		{1, 6, 5, ace, -0.634013, 0.172946, 0.240259},
		{1, 7, ace, ace, -0.101015, -0.108386, -0.357778},
		{5, 2, ace, ace, -0.666073, -0.059817, -0.618525},
		{5, 3, 2, ace, -0.665509, -0.281526, -1.331019},
		{5, 4, 2, ace, -0.665203, -0.310164, -1.302806},
		{5, 5, ace, ace, -0.665147, -0.173598, -0.630252},
		{5, 6, 2, ace, -0.661865, -0.202601, -0.808633},
		{5, 6, 4, ace, -0.661223, 0.081318, -0.002174},
		{5, 6, 5, ace, -0.660850, 0.148532, 0.133896},
	}
	for _, p := range published {
		shoe := fullShoe(p.decks)
		shoe.remove(p.up, 1)
		x := newEvaluator(newDealerTable(p.up), shoe, best).hand(cardsOf{}.with(p.a).with(p.b))
		for play, want := range []float64{p.stand, p.hit, p.double} {
			if math.Abs(x.plays[play]-want) > 0.5e-6+1e-9 {
				t.Errorf("%d decks, %d,%d against %d, %s: %.6f, published %.6f", p.decks, p.a, p.b, p.up, playNames[play], x.plays[play], want)
			}
		}
	}
}

// The published return of the whole game with five decks is −0.003804. There, the player of a split also knows how many
// hands were split before, which is worth some millionths.
func TestEvaluate_MatchesThePublishedGameOfFiveDecks(t *testing.T) {
	if testing.Short() {
		t.Skip("it evaluates every deal of five decks")
	}
	r, err := evaluate(context.Background(), rules{decks: 5, surrender: false}, nil, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	const published = -0.003804
	if r.BestNet > published+0.5e-6 || r.BestNet < published-5e-6 {
		t.Errorf("best play with five decks returns %.6f, published is %.6f", r.BestNet, published)
	}
}
