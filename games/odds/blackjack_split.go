package odds

// Splitting, exactly.
//
// The hands of a split are played from one shoe, so each hand's result depends on the others' cards. But the expectation
// of a sum is the sum of expectations, and unseen cards are exchangeable: to a player who doesn't look, the cards of the
// other hands might as well be in the shoe. So if each hand is played by its own cards alone, its expectation is that of
// a hand from a shoe without the cards that the rules of splitting reveal: the split cards (rank P), and the second cards
// that are known not to be P, because they were not split.
//
// E(k, j) is the expectation of one hand that starts with P, if k more cards of rank P are gone and j other unseen cards
// are known not to be P. Enumeration gives E(k, 0). Looking at one more unseen card, which is P with probability p, gives
//
//	E(k, j−1) = p·E(k+1, j−1) + (1−p)·E(k, j)
//
// and so E(k, j). Eric Farmer and others have published this method for exact split expectations.

// splitter evaluates the split of a pair.
type splitter struct {
	dealer *dealerTable
	pair   int
	shoe   shoeOf // unseen, without the two cards of the pair
	choose chooser
	any    []float64 // any[k]: E(k, 0) of a hand whose second card may be anything
	other  []float64 // other[k]: E(k, 0) of a hand whose second card is not P
}

// mostMore is how many more cards of the pair's rank the recursion looks at.
const mostMore = 4

// splitExpectation is the average net result of a split, in stakes of one hand, if choose plays all hands and every pair is
// split again as far as the rules allow. Aces are split once and take one card each.
func splitExpectation(dealer *dealerTable, pair int, full shoeOf, choose chooser) float64 {
	s := &splitter{dealer: dealer, pair: pair, shoe: full, choose: choose}
	s.shoe.remove(pair, 2)
	if pair == 1 {
		s.hands(1)
		return 2 * s.any[0]
	}
	s.hands(mostMore + 1)
	p := s.chance
	anyHand := func(k, j int) float64 { return s.given(s.any, k, j, 0) }
	otherHand := func(k, j int) float64 { return s.given(s.other, k, j, 1) }

	// By the second cards in the order in which they are dealt: P for the pair's rank, N for another.
	two := (1 - p(0, 0)) * (1 - p(0, 1)) * // N N
		2 * otherHand(0, 1)
	oneMore := p(0, 0) * (1 - p(1, 0)) * (1 - p(1, 1)) // the probability of a P and two Ns in a given order
	three := 2 * oneMore * (1 - p(1, 2)) *             // P N N N and N P N N
		3 * otherHand(1, 2)
	four := p(0, 0) * p(1, 0) * // P P, then four cards of any rank
		4 * anyHand(2, 0)
	four += 2 * p(0, 0) * (1 - p(1, 0)) * p(1, 1) * // P N P and N P P, then three
		(otherHand(2, 0) + 3*anyHand(2, 1))
	four += 2 * oneMore * p(1, 2) * // P N N P and N P N P, then two
		(2*otherHand(2, 1) + 2*anyHand(2, 2))
	return two + three + four
}

// splitOnce is the average net result of a split if no pair is split again.
func splitOnce(dealer *dealerTable, pair int, full shoeOf, choose chooser) float64 {
	s := &splitter{dealer: dealer, pair: pair, shoe: full, choose: choose}
	s.shoe.remove(pair, 2)
	s.hands(1)
	return 2 * s.any[0]
}

// hands enumerates E(k, 0) for k below n.
func (s *splitter) hands(n int) {
	start := cardsOf{}.with(s.pair)
	for k := range n {
		shoe := s.shoe
		shoe.remove(s.pair, k)
		shoe.remove(s.pair, -1) // the evaluator removes the hand's own cards itself
		e := newEvaluator(s.dealer, shoe, s.choose)
		unseen := e.unseen(start)
		var all, others float64
		chances := next(s.dealer.up, &unseen)
		for rank := 1; rank <= 10; rank++ {
			h := start.with(rank)
			var v float64
			if s.pair == 1 {
				v = e.stand(h) // split aces take one card and stand
			} else {
				v = e.hand(h).value()
			}
			all += chances[rank] * v
			if rank != s.pair {
				others += chances[rank] * v
			}
		}
		s.any = append(s.any, all)
		s.other = append(s.other, others/(1-chances[s.pair]))
	}
}

// given is E(k, j), from the values of E(·, 0). own is 1 if the hand's own second card is known not to be P, else 0.
func (s *splitter) given(first []float64, k, j, own int) float64 {
	if j == 0 {
		return first[k]
	}
	p := s.chance(k, own+j-1)
	return (s.given(first, k, j-1, own) - p*s.given(first, k+1, j-1, own)) / (1 - p)
}

// chance is the probability that another unseen card is P, if k more of rank P are gone and j unseen cards are known not
// to be P. None of these is the hole card, and the hole card makes no blackjack.
func (s *splitter) chance(k, j int) float64 {
	n, c := float64(s.shoe[0]), float64(s.shoe[s.pair])
	f := forbiddenHole(s.dealer.up)
	holeIsP := c / n
	if f == s.pair {
		holeIsP = 0
	} else if f > 0 {
		holeIsP = c / (n - float64(s.shoe[f]))
	}
	// The probability of k cards of rank P and j others in a given order, if pairs of the n−1 cards are P.
	sequence := func(pairs float64) float64 {
		v := 1.0
		for i := range k {
			v *= pairs - float64(i)
		}
		for i := range j {
			v *= n - 1 - pairs - float64(i)
		}
		return v
	}
	with, without := holeIsP*sequence(c-1), (1-holeIsP)*sequence(c)
	return (with*(c-1-float64(k)) + without*(c-float64(k))) / ((with + without) * (n - 1 - float64(k) - float64(j)))
}
