package odds

import (
	"context"
	"math"
	"runtime"
	"sync"

	"imperio/games/blackjack"
)

// Deal is one initial hand of the player against one up card. Stand to Surrender are the average net results of each
// play, in stakes, after the dealer has peeked and has no blackjack. A play that the rules don't allow is NaN.
type Deal struct {
	Player [2]int // values of the cards, 1 for an ace … 10, the lower first
	Up     int    // the dealer's up card, likewise
	Chance float64
	// DealerBlackjack is the probability that the dealer has a blackjack, given these cards.
	DealerBlackjack                      float64
	Stand, Hit, Double, Split, Surrender float64
	Best                                 string  // the play with the highest expectation; "blackjack" for a natural
	BestNet, BasicNet                    float64 // average net results by best play and by the chart, including the dealer's blackjacks
	Basic                                string  // the play of the chart
	// The same as BestNet and BasicNet if surrender were not allowed.
	BestNetUnsurrendered, BasicNetUnsurrendered float64
	// BasicSquare is the average square of the net result by the chart, dealer's blackjacks included; see splitSquare.
	BasicSquare float64
	Insurance   float64 // average net result of insurance for half a stake, in stakes; NaN unless the up card is an ace
}

// BlackjackResult is the exact evaluation of blackjack/1.
type BlackjackResult struct {
	Deals []Deal // all 550, by up card, then by the player's cards
	// BestNet is a round's average net result by best play, in stakes. Best play depends on the composition of the hand,
	// and plays each hand of a split by its own cards alone. BasicNet is the same by the chart.
	BestNet, BasicNet float64
	// The same if surrender were not allowed.
	BestNetUnsurrendered, BasicNetUnsurrendered float64
	// BasicVariance is the variance of a round's net result by the chart, in squares of a stake. It is exact but for what split
	// hands have in common by the shoe; see splitSquare.
	BasicVariance float64
}

// BestEdge is the house edge against best play, per initial stake.
func (r *BlackjackResult) BestEdge() float64 { return -r.BestNet }

// BasicEdge is the house edge against the chart, per initial stake.
func (r *BlackjackResult) BasicEdge() float64 { return -r.BasicNet }

// rules are the rules that can differ from blackjack/1, for comparison with published values.
type rules struct {
	decks     int
	surrender bool
}

// blackjack1 are the rules of blackjack/1.
func blackjack1() rules { return rules{decks: blackjack.Decks, surrender: true} }

// EvaluateBlackjack enumerates every deal of blackjack/1 and every sequence of cards, by best play and by the given chart.
// It takes some seconds. progress, which may be nil, is called after each of the ten up cards, from one goroutine at a
// time. workers at or below 0 means one per processor.
func EvaluateBlackjack(ctx context.Context, chart *Chart, workers int, progress func(done, of int)) (*BlackjackResult, error) {
	return evaluate(ctx, blackjack1(), chart, workers, progress)
}

// evaluate leaves the chart's fields empty if chart is nil.
func evaluate(ctx context.Context, with rules, chart *Chart, workers int, progress func(done, of int)) (*BlackjackResult, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	byUp := make([][]Deal, 11)
	ups := make(chan int, 10)
	for up := 1; up <= 10; up++ {
		ups <- up
	}
	close(ups)
	var (
		wait sync.WaitGroup
		lock sync.Mutex
		done int
	)
	for range min(workers, 10) {
		wait.Go(func() {
			for up := range ups {
				deals := evaluateUp(ctx, with, chart, up)
				lock.Lock()
				byUp[up] = deals
				done++
				if progress != nil && ctx.Err() == nil {
					progress(done, 10)
				}
				lock.Unlock()
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := new(BlackjackResult)
	for _, deals := range byUp {
		for _, d := range deals {
			r.BestNet += d.Chance * d.BestNet
			r.BasicNet += d.Chance * d.BasicNet
			r.BestNetUnsurrendered += d.Chance * d.BestNetUnsurrendered
			r.BasicNetUnsurrendered += d.Chance * d.BasicNetUnsurrendered
			r.BasicVariance += d.Chance * d.BasicSquare
		}
		r.Deals = append(r.Deals, deals...)
	}
	r.BasicVariance -= r.BasicNet * r.BasicNet
	return r, nil
}

// evaluateUp evaluates the 55 initial hands against one up card.
func evaluateUp(ctx context.Context, with rules, chart *Chart, up int) []Deal {
	full := fullShoe(with.decks)
	chanceUp := float64(full[up]) / float64(full[0])
	full.remove(up, 1)
	dealer := newDealerTable(up)
	optimal := newEvaluator(dealer, full, best)
	charted := newEvaluator(dealer, full, byChart(chart, up))
	squares := newSquares(charted)
	var deals []Deal
	for a := 1; a <= 10; a++ {
		for b := a; b <= 10 && ctx.Err() == nil; b++ {
			d := Deal{Player: [2]int{a, b}, Up: up, Chance: chanceUp * pairChance(&full, a, b)}
			evaluateDeal(&d, with, optimal, squares, chart)
			deals = append(deals, d)
		}
	}
	return deals
}

// pairChance is the probability that two cards from s are a and b, in either order.
func pairChance(s *shoeOf, a, b int) float64 {
	first := float64(s[a]) / float64(s[0])
	if a == b {
		return first * float64(s[b]-1) / float64(s[0]-1)
	}
	return 2 * first * float64(s[b]) / float64(s[0]-1)
}

func evaluateDeal(d *Deal, with rules, optimal *evaluator, charted *squares, chart *Chart) {
	a, b, up := d.Player[0], d.Player[1], d.Up
	h := cardsOf{}.with(a).with(b)
	unseen := optimal.unseen(h)
	d.Insurance = math.NaN()
	if f := forbiddenHole(up); f > 0 {
		d.DealerBlackjack = float64(unseen[f]) / float64(unseen[0])
		if up == 1 {
			d.Insurance = d.DealerBlackjack*1 - (1-d.DealerBlackjack)*0.5
		}
	}
	if a == 1 && b == 10 {
		d.Best, d.Basic = "blackjack", "blackjack"
		d.Stand, d.Hit, d.Double, d.Split, d.Surrender = 1.5, math.NaN(), math.NaN(), math.NaN(), math.NaN()
		d.BestNet = (1 - d.DealerBlackjack) * 1.5 // two naturals push
		d.BasicNet, d.BestNetUnsurrendered, d.BasicNetUnsurrendered = d.BestNet, d.BestNet, d.BestNet
		d.BasicSquare = (1 - d.DealerBlackjack) * 1.5 * 1.5
		return
	}
	x := optimal.hand(h)
	d.Stand, d.Hit, d.Double, d.Split, d.Surrender = x.plays[stand], x.plays[hit], x.plays[double], math.NaN(), math.NaN()
	if with.surrender {
		d.Surrender = -0.5
	}
	if a == b {
		// Hands after a split are played like the same cards without a split: by the optimal evaluator's decisions, which
		// only know the hand's own cards and the up card.
		same := func(h cardsOf, _ *expectation) play { return optimal.hand(h).taken }
		d.Split = splitExpectation(optimal.dealer, a, optimal.shoe, same)
		if a != 1 {
			d.Split = max(d.Split, splitOnce(optimal.dealer, a, optimal.shoe, same))
		}
	}
	net, taken := math.Inf(-1), stand
	for p, v := range []float64{d.Stand, d.Hit, d.Double, d.Split, d.Surrender} {
		if play(p) == surrender {
			d.BestNetUnsurrendered = d.peeked(net)
		}
		if v > net {
			net, taken = v, play(p)
		}
	}
	d.Best, d.BestNet = taken.String(), d.peeked(net)
	if chart != nil {
		followChart(d, with, charted, chart)
	}
}

// peeked is the average net result, dealer's blackjacks included, of a play with this net result after the dealer has peeked.
func (d *Deal) peeked(net float64) float64 { return (1-d.DealerBlackjack)*net - d.DealerBlackjack }

// followChart fills in what the chart does and gets.
func followChart(d *Deal, with rules, squares *squares, chart *Chart) {
	charted := squares.e
	a, b, up := d.Player[0], d.Player[1], d.Up
	h, pair := cardsOf{}.with(a).with(b), 0
	if a == b {
		pair = a
	}
	total, soft := h.total()
	// follow returns the average net result of a play, and that of its square.
	follow := func(p play) (net, square float64) {
		switch p {
		case split:
			return splitExpectation(charted.dealer, a, charted.shoe, charted.choose), splitSquare(charted.dealer, a, charted.shoe, charted.choose)
		case surrender:
			return -0.5, 0.25
		}
		return charted.hand(h).plays[p], squares.play(h, p)
	}
	basic := chart.choose(total, soft, pair, up, true, with.surrender)
	d.Basic = basic.String()
	net, square := follow(basic)
	d.BasicNet = d.peeked(net)
	d.BasicSquare = (1-d.DealerBlackjack)*square + d.DealerBlackjack
	if basic == surrender {
		net, _ = follow(chart.choose(total, soft, pair, up, true, false))
	}
	d.BasicNetUnsurrendered = d.peeked(net)
}
