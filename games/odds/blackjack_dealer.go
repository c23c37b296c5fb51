package odds

import (
	"maps"
	"slices"
)

// shoeOf counts cards by rank: [1] … [10], and all of them in [0].
type shoeOf [11]int

// fullShoe holds so many decks of 52 cards.
func fullShoe(decks int) shoeOf {
	s := shoeOf{52 * decks}
	for rank := 1; rank < 10; rank++ {
		s[rank] = 4 * decks
	}
	s[10] = 16 * decks
	return s
}

func (s *shoeOf) remove(rank, n int) {
	s[rank] -= n
	s[0] -= n
}

// mostDealt is a bound on the cards that a dealer draws after the up card.
const mostDealt = 12

// The dealer's results: totals 17 to 21 by their last digit less 7, and a bust.
const (
	dealerBust    = 5
	dealerResults = 6
)

// dealerHand is a way in which the dealer can finish, as a multiset of the cards after the up card.
type dealerHand struct {
	ranks  []rankCount
	cards  int     // how many
	orders float64 // in how many orders these cards can come so that the dealer draws all of them
	result int
}

type rankCount struct{ rank, n int }

// dealerTable lists all finished hands for one up card, without the dealer's blackjacks: it is used where the dealer has
// looked. The many hands of the player leave far fewer different shoes, so it remembers the chances for each.
type dealerTable struct {
	up    int
	hands []dealerHand
	known map[shoeOf][dealerResults]float64
}

func newDealerTable(up int) *dealerTable {
	t := &dealerTable{up: up, known: make(map[shoeOf][dealerResults]float64)}
	found := map[[11]int8]*dealerHand{}
	enumerateDealer(up, up, up == 1, [11]int8{}, 0, func(drawn [11]int8, result int) {
		h := found[drawn]
		if h == nil {
			h = &dealerHand{result: result}
			for rank := 1; rank <= 10; rank++ {
				if n := int(drawn[rank]); n > 0 {
					h.ranks = append(h.ranks, rankCount{rank, n})
					h.cards += n
				}
			}
			found[drawn] = h
		}
		h.orders++
	})
	// The order of a map must not decide the order of additions, or the last digits would differ between runs.
	for _, drawn := range slices.SortedFunc(maps.Keys(found), func(a, b [11]int8) int { return slices.Compare(a[:], b[:]) }) {
		t.hands = append(t.hands, *found[drawn])
	}
	return t
}

// enumerateDealer draws every sequence of cards until the dealer stands. hard counts aces as 1.
func enumerateDealer(up, hard int, ace bool, drawn [11]int8, cards int, finished func([11]int8, int)) {
	total := hard
	if ace && hard <= 11 {
		total += 10
	}
	switch {
	case total > 21:
		finished(drawn, dealerBust)
		return
	case total >= 17:
		finished(drawn, total-17)
		return
	}
	for rank := 1; rank <= 10; rank++ {
		if cards == 0 && rank == forbiddenHole(up) {
			continue
		}
		next := drawn
		next[rank]++
		enumerateDealer(up, hard+rank, ace || rank == 1, next, cards+1, finished)
	}
}

// forbiddenHole is the rank that the hole card can't have once the dealer has looked, or 0.
func forbiddenHole(up int) int {
	switch up {
	case 1:
		return 10
	case 10:
		return 1
	}
	return 0
}

// outcomes gives the probabilities of the dealer's results when the cards of s are unseen and the
// dealer has no blackjack. It is exact but for the rounding of float64.
//
// A table remembers what it computed, so it is not safe for concurrent use.
func (t *dealerTable) outcomes(s *shoeOf) [dealerResults]float64 {
	if p, ok := t.known[*s]; ok {
		return p
	}
	var falling [11][mostDealt + 1]float64 // c·(c−1)·…, the orders of n cards of a rank
	for rank := range falling {
		falling[rank][0] = 1
		for n := 1; n <= mostDealt; n++ {
			falling[rank][n] = falling[rank][n-1] * float64(s[rank]-n+1)
		}
	}
	var p [dealerResults]float64
	for i := range t.hands {
		h := &t.hands[i]
		ways := h.orders
		for _, r := range h.ranks {
			ways *= falling[r.rank][r.n]
		}
		p[h.result] += ways / falling[0][h.cards]
	}
	if f := forbiddenHole(t.up); f > 0 {
		looked := 1 - float64(s[f])/float64(s[0])
		for i := range p {
			p[i] /= looked
		}
	}
	t.known[*s] = p
	return p
}
