package blackjack

import (
	"imperio/games"
)

// The shoe.
const (
	Decks = 6
	Cards = Decks * 52 // 312
)

// Card is one card of the shoe, 0 … 311: rank c mod 13, suit (c div 13) mod 4, deck c div 52.
type Card uint16

var rankNames = [13]string{"ace", "2", "3", "4", "5", "6", "7", "8", "9", "10", "jack", "queen", "king"}

var suitNames = [4]string{"clubs", "diamonds", "hearts", "spades"}

// Rank is "ace", "2" … "10", "jack", "queen" or "king".
func (c Card) Rank() string { return rankNames[c%13] }

// Suit is "clubs", "diamonds", "hearts" or "spades".
func (c Card) Suit() string { return suitNames[c/13%4] }

// Value is what the card counts: 1 for an ace (a hand may count it as 11), 10 for ten, jack, queen and king.
func (c Card) Value() int { return min(int(c%13)+1, 10) }

// String names the card, e.g. "queen of hearts".
func (c Card) String() string { return c.Rank() + " of " + c.Suit() }

// Total is the total of the cards; soft says that an ace counts 11 in it.
func Total(cards []Card) (total int, soft bool) {
	ace := false
	for _, c := range cards {
		total += c.Value()
		ace = ace || c.Value() == 1
	}
	if ace && total <= 11 {
		return total + 10, true
	}
	return total, false
}

// isNatural says whether two cards are an ace and a card that counts ten.
func isNatural(cards []Card) bool {
	total, _ := Total(cards)
	return len(cards) == 2 && total == 21
}

// source yields the cards of a round in the order of dealing.
type source interface {
	next() (Card, error)
}

// shoe shuffles as it deals: for i = 0, 1, 2 …, card i swaps places with card i + uniform(312 − i).
type shoe struct {
	stream games.Stream
	cards  [Cards]Card
	dealt  int
}

func newShoe(s games.Stream) *shoe {
	sh := &shoe{stream: s}
	for i := range sh.cards {
		sh.cards[i] = Card(i)
	}
	return sh
}

// next can't run out of cards: a round of four hands takes fewer than a hundred.
func (s *shoe) next() (Card, error) {
	i := s.dealt
	j := i + int(s.stream.Uniform(uint64(Cards-i)))
	s.cards[i], s.cards[j] = s.cards[j], s.cards[i]
	s.dealt++
	return s.cards[i], nil
}

// record deals cards that were drawn before.
type record struct {
	draws []uint16
	dealt int
}

func (r *record) next() (Card, error) {
	if r.dealt == len(r.draws) {
		return 0, games.Refusef("invalid_draws", "The round needs more than the %d cards given.", len(r.draws))
	}
	c := r.draws[r.dealt]
	if c >= Cards {
		return 0, games.Refusef("invalid_draws", "A card has a number from 0 to %d; %d was given.", Cards-1, c)
	}
	r.dealt++
	return Card(c), nil
}
