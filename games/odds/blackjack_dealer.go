package odds

import (
	"maps"
	"slices"
)

// shoeOf counts cards by rank: [1] … [10], and all of them in [0].
type shoeOf [11]int

// fullShoe is a shoe of the given number of decks.
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

// mostDealt bounds the number of cards that a dealer draws after the up card.
const mostDealt = 12

// The dealer's results: total − 17 for the totals 17 to 21, and a bust.
const (
	dealerBust    = 5
	dealerResults = 6
)

// dealerTable holds all ways in which the dealer can finish with one up card, except blackjacks: it applies after the
// dealer has peeked. The player's many hands leave far fewer different shoes, so it caches the result for each shoe.
type dealerTable struct {
	up    int
	sets  []cardSet // the empty set first; any other set comes after the set that it adds a card to
	ways  []float64 // scratch space for outcomes
	known map[shoeOf][dealerResults]float64
}

// cardSet is a multiset of cards that follow the up card. Sets with which the dealer finishes have orders; the others lead
// to them.
type cardSet struct {
	parent int32   // the set without one card of its highest rank
	rank   uint8   // that rank
	nth    uint8   // how many cards of that rank the set has
	cards  uint8   // the number of cards
	result uint8   // the dealer's result
	orders float64 // the number of orders in which the dealer draws exactly these cards; 0 if the dealer does not finish
}

func newDealerTable(up int) *dealerTable {
	type finish struct {
		orders float64
		result int
	}
	found := map[[11]int8]finish{}
	enumerateDealer(up, up, up == 1, [11]int8{}, 0, func(drawn [11]int8, result int) {
		found[drawn] = finish{found[drawn].orders + 1, result}
	})
	t := &dealerTable{up: up, sets: make([]cardSet, 1), known: make(map[shoeOf][dealerResults]float64)}
	index := map[[11]int8]int32{{}: 0}
	var add func(drawn [11]int8) int32
	add = func(drawn [11]int8) int32 {
		if i, ok := index[drawn]; ok {
			return i
		}
		highest := 10
		for drawn[highest] == 0 {
			highest--
		}
		less := drawn
		less[highest]--
		parent := add(less)
		index[drawn] = int32(len(t.sets))
		t.sets = append(t.sets, cardSet{
			parent: parent, rank: uint8(highest), nth: uint8(drawn[highest]), cards: t.sets[parent].cards + 1,
		})
		return index[drawn]
	}
	// Sort: in map order, floating-point sums would differ between runs in their last digits.
	for _, drawn := range slices.SortedFunc(maps.Keys(found), func(a, b [11]int8) int { return slices.Compare(a[:], b[:]) }) {
		set := &t.sets[add(drawn)]
		set.orders, set.result = found[drawn].orders, uint8(found[drawn].result)
	}
	t.ways = make([]float64, len(t.sets))
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

// forbiddenHole is the rank that the hole card can't have once the dealer has peeked, or 0.
func forbiddenHole(up int) int {
	switch up {
	case 1:
		return 10
	case 10:
		return 1
	}
	return 0
}

// outcomes returns the probabilities of the dealer's results if s holds all unseen cards and the dealer has no blackjack.
// Only float64 rounding is inexact. It caches results, so a table is not safe for concurrent use.
func (t *dealerTable) outcomes(s *shoeOf) [dealerResults]float64 {
	if p, ok := t.known[*s]; ok {
		return p
	}
	var left [11][mostDealt + 1]float64 // cards of a rank left before the n-th of them is drawn
	for rank := range left {
		for n := range mostDealt {
			left[rank][n+1] = float64(s[rank] - n)
		}
	}
	var chance [mostDealt + 1]float64 // the probability of n given cards in a given order
	chance[0] = 1
	for n := range mostDealt {
		chance[n+1] = chance[n] / left[0][n+1]
	}
	var p [dealerResults]float64
	ways := t.ways // ways to take each set's cards from the shoe, in one order
	ways[0] = 1
	for i, set := range t.sets[1:] {
		w := ways[set.parent] * left[set.rank][set.nth]
		ways[i+1] = w
		if set.orders > 0 {
			p[set.result] += set.orders * w * chance[set.cards]
		}
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
