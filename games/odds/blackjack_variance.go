package odds

// The variance of a round, without a simulation: the average of its squared net result, by the same enumeration as the average of
// the net result itself.

// squares computes the average squared net result of hands, for the choices of an evaluator.
type squares struct {
	e     *evaluator
	known map[cardsOf]float64
}

func newSquares(e *evaluator) *squares { return &squares{e, make(map[cardsOf]float64)} }

// play is the average square if the hand is played so: stand, hit or double.
func (s *squares) play(h cardsOf, p play) float64 {
	if p == stand {
		return s.stand(h)
	}
	unseen := s.e.unseen(h)
	sum := 0.0
	for rank, chance := range next(s.e.dealer.up, &unseen) {
		if chance == 0 {
			continue
		}
		square := 1.0 // a bust loses the stake
		if int(h.hard)+rank <= 21 {
			if drawn := h.with(rank); p == double {
				square = s.stand(drawn)
			} else {
				square = s.hand(drawn)
			}
		}
		sum += chance * square
	}
	if p == double {
		sum *= 4 // twice the stake
	}
	return sum
}

// stand is the chance that the hand wins or loses, and does not push.
func (s *squares) stand(h cardsOf) float64 {
	total, _ := h.total()
	if total < 17 {
		return 1
	}
	unseen := s.e.unseen(h)
	return 1 - s.e.dealer.outcomes(&unseen)[total-17]
}

func (s *squares) hand(h cardsOf) float64 {
	v, ok := s.known[h]
	if !ok {
		v = s.play(h, s.e.hand(h).taken)
		s.known[h] = v
	}
	return v
}

// fate is what becomes of a hand, by the dealer's results: the chance of each result times the average net result of the hand. square
// is the average squared net result.
type fate struct {
	net    [dealerResults]float64
	square float64
}

func (f *fate) add(o fate, chance float64) {
	for i, v := range o.net {
		f.net[i] += chance * v
	}
	f.square += chance * o.square
}

// fates computes fates of hands for the choices of an evaluator.
type fates struct {
	e     *evaluator
	known map[cardsOf]fate
}

// ended is the fate of a hand of a stake that stands.
func (f *fates) ended(h cardsOf, stake float64) (v fate) {
	unseen := f.e.unseen(h)
	total, _ := h.total()
	for result, chance := range f.e.dealer.outcomes(&unseen) {
		net := stake
		switch dealer := result + 17; {
		case result != dealerBust && total < dealer:
			net = -stake
		case result != dealerBust && total == dealer:
			net = 0
		}
		v.net[result] = chance * net
		v.square += chance * net * net
	}
	return v
}

// bust is the fate of a hand that loses its stake with its next card. The dealer's results have the chances before that card, which are
// known already.
func (f *fates) bust(h cardsOf, stake float64) fate {
	unseen := f.e.unseen(h)
	v := fate{square: stake * stake}
	for result, chance := range f.e.dealer.outcomes(&unseen) {
		v.net[result] = -stake * chance
	}
	return v
}

func (f *fates) hand(h cardsOf) fate {
	if v, ok := f.known[h]; ok {
		return v
	}
	var v fate
	switch taken := f.e.hand(h).taken; taken {
	case stand:
		v = f.ended(h, 1)
	default:
		unseen := f.e.unseen(h)
		for rank, chance := range next(f.e.dealer.up, &unseen) {
			stake := 1.0
			if taken == double {
				stake = 2
			}
			switch drawn := h.with(rank); {
			case chance == 0:
			case drawn.hard > 21:
				v.add(f.bust(h, stake), chance)
			case taken == double:
				v.add(f.ended(drawn, stake), chance)
			default:
				v.add(f.hand(drawn), chance)
			}
		}
	}
	f.known[h] = v
	return v
}

// splitSquare is the average squared net result of a split. Each hand's own part is exact. Two hands share the dealer and the shoe. What
// they have in common by the dealer's result counts. What they have in common by the shoe alone does not: that changes the variance of a
// round by less than 0.0002.
func splitSquare(dealer *dealerTable, pair int, full shoeOf, choose chooser) float64 {
	s := &splitter{dealer: dealer, pair: pair, shoe: full, choose: choose}
	s.shoe.remove(pair, 2)
	if pair == 1 {
		hand, _, chances := s.fates(0)
		return together(chances, hand, hand)
	}
	p := s.chance
	_, other0, chances0 := s.fates(0)
	_, other1, chances1 := s.fates(1)
	any2, other2, chances2 := s.fates(2)
	// As in splitExpectation.
	oneMore := p(0, 0) * (1 - p(1, 0)) * (1 - p(1, 1))
	return (1-p(0, 0))*(1-p(0, 1))*together(chances0, other0, other0) +
		2*oneMore*(1-p(1, 2))*together(chances1, other1, other1, other1) +
		p(0, 0)*p(1, 0)*together(chances2, any2, any2, any2, any2) +
		2*p(0, 0)*(1-p(1, 0))*p(1, 1)*together(chances2, other2, any2, any2, any2) +
		2*oneMore*p(1, 2)*together(chances2, other2, other2, any2, any2)
}

// together is the average square of the sum of hands, if they share nothing but the dealer's result, which has the given chances.
func together(chances [dealerResults]float64, hands ...fate) float64 {
	var square float64
	var sum, own [dealerResults]float64 // of the hands' parts of each result, and of the squares of these
	for _, h := range hands {
		square += h.square
		for i, v := range h.net {
			sum[i] += v
			own[i] += v * v
		}
	}
	for i, chance := range chances {
		if chance > 0 {
			square += (sum[i]*sum[i] - own[i]) / chance
		}
	}
	return square
}

// fates returns the fate of a hand that begins with the pair's rank, if k more cards of that rank are gone: whatever its second card is,
// and if that is not of the rank. chances are those of the dealer's results.
func (s *splitter) fates(k int) (whatever, other fate, chances [dealerResults]float64) {
	shoe := s.shoe
	shoe.remove(s.pair, k)
	chances = s.dealer.outcomes(&shoe)
	shoe.remove(s.pair, -1) // the evaluator removes the hand's own cards itself
	f := &fates{newEvaluator(s.dealer, shoe, s.choose), make(map[cardsOf]fate)}
	start := cardsOf{}.with(s.pair)
	unseen := f.e.unseen(start)
	second := next(s.dealer.up, &unseen)
	for rank := 1; rank <= 10; rank++ {
		if second[rank] == 0 {
			continue
		}
		h := start.with(rank)
		v := fate{}
		if s.pair == 1 {
			v = f.ended(h, 1) // split aces take one card and stand
		} else {
			v = f.hand(h)
		}
		whatever.add(v, second[rank])
		if rank != s.pair {
			other.add(v, second[rank]/(1-second[s.pair]))
		}
	}
	return whatever, other, chances
}
