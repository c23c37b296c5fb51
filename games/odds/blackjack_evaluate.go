package odds

import "math"

// cardsOf is a player's hand as a multiset: how many cards of each rank.
type cardsOf struct {
	n     [11]uint8
	cards uint8
	hard  uint8 // the total with aces as 1
}

func (h cardsOf) with(rank int) cardsOf {
	h.n[rank]++
	h.cards++
	h.hard += uint8(rank)
	return h
}

// total counts an ace as 11 if that keeps the hand at 21 or below.
func (h cardsOf) total() (total int, soft bool) {
	if h.n[1] > 0 && h.hard <= 11 {
		return int(h.hard) + 10, true
	}
	return int(h.hard), false
}

// expectation is the average net result of each play of a hand, in stakes, after the dealer has peeked and has no
// blackjack. A play that is not allowed is NaN. Splits and surrender are not among these plays.
type expectation struct {
	plays [3]float64 // stand, hit, double
	taken play
}

func (e expectation) value() float64 { return e.plays[e.taken] }

// chooser decides how to play a hand without splitting it.
type chooser func(h cardsOf, e *expectation) play

// best takes the play with the highest expectation.
func best(_ cardsOf, e *expectation) play {
	taken := stand
	for p, v := range e.plays {
		if v > e.plays[taken] {
			taken = play(p)
		}
	}
	return taken
}

// byChart plays by a chart, without surrender.
func byChart(c *Chart, up int) chooser {
	return func(h cardsOf, _ *expectation) play {
		total, soft := h.total()
		return c.choose(total, soft, 0, up, h.cards == 2, false)
	}
}

// evaluator computes expectations of hands against one up card, from one shoe, for one chooser. It follows every sequence
// of cards and removes each card from the shoe: nothing is approximated.
type evaluator struct {
	dealer *dealerTable
	shoe   shoeOf // all unseen cards, the hole card and the player's hand included
	choose chooser
	known  map[cardsOf]expectation
	stands map[cardsOf]float64
}

func newEvaluator(dealer *dealerTable, shoe shoeOf, choose chooser) *evaluator {
	return &evaluator{dealer, shoe, choose, make(map[cardsOf]expectation), make(map[cardsOf]float64)}
}

// unseen is the shoe without the player's hand.
func (e *evaluator) unseen(h cardsOf) shoeOf {
	s := e.shoe
	for rank := 1; rank <= 10; rank++ {
		s.remove(rank, int(h.n[rank]))
	}
	return s
}

// next returns the probabilities of the next card's rank. The hole card is known not to make a blackjack, so the rank
// that would have made one is slightly more likely to come, and the others slightly less.
func next(up int, s *shoeOf) [11]float64 {
	var p [11]float64
	n := float64(s[0])
	f := forbiddenHole(up)
	for rank := 1; rank <= 10; rank++ {
		c := float64(s[rank])
		switch {
		case f == 0:
			p[rank] = c / n
		case rank == f:
			p[rank] = c / (n - 1)
		default:
			barred := float64(s[f])
			p[rank] = c * (n - 1 - barred) / ((n - 1) * (n - barred))
		}
	}
	return p
}

// stand is the expectation of standing on a hand.
func (e *evaluator) stand(h cardsOf) float64 {
	if v, ok := e.stands[h]; ok {
		return v
	}
	s := e.unseen(h)
	p := e.dealer.outcomes(&s)
	total, _ := h.total()
	v := p[dealerBust]
	for result, chance := range p[:dealerBust] {
		switch dealer := result + 17; {
		case total > dealer:
			v += chance
		case total < dealer:
			v -= chance
		}
	}
	e.stands[h] = v
	return v
}

// hand is the expectation of a hand of two or more cards that is not bust. A hand of 21 stands automatically.
func (e *evaluator) hand(h cardsOf) expectation {
	if x, ok := e.known[h]; ok {
		return x
	}
	x := expectation{plays: [3]float64{e.stand(h), math.NaN(), math.NaN()}}
	if total, _ := h.total(); total < 21 {
		s := e.unseen(h)
		var hits, doubles float64
		for rank, p := range next(e.dealer.up, &s) {
			if p == 0 {
				continue
			}
			if int(h.hard)+rank > 21 {
				hits -= p
				doubles -= 2 * p
				continue
			}
			drawn := h.with(rank)
			hits += p * e.hand(drawn).value()
			if h.cards == 2 {
				doubles += 2 * p * e.stand(drawn)
			}
		}
		x.plays[hit] = hits
		if h.cards == 2 {
			x.plays[double] = doubles
		}
		x.taken = e.choose(h, &x)
	}
	e.known[h] = x
	return x
}
