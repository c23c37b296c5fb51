package blackjack

import (
	"strings"
	"testing"
)

// stacked is a stream that makes the shuffle deal the given cards.
type stacked struct {
	t     testing.TB
	shoe  [Cards]Card // as the shuffle has it
	cards []Card      // to be dealt
	dealt int
}

// stack takes ranks (A 2 … 9 T J Q K) in the order of dealing: player, up card, player, hole card, then as drawn. When a
// rank repeats, its next card has another suit or deck.
func stack(t testing.TB, ranks string) *stacked {
	t.Helper()
	s := &stacked{t: t}
	for i := range s.shoe {
		s.shoe[i] = Card(i)
	}
	used := map[int]int{}
	for _, name := range strings.Fields(ranks) {
		rank := strings.Index("A23456789TJQK", name)
		if rank < 0 || len(name) != 1 {
			t.Fatalf("no rank %q", name)
		}
		s.cards = append(s.cards, Card(rank+13*used[rank]))
		used[rank]++
	}
	return s
}

func (s *stacked) Uniform(n uint64) uint64 {
	s.t.Helper()
	i := s.dealt
	if n != uint64(Cards-i) {
		s.t.Fatalf("card %d asks for a number of %d, want %d", i, n, Cards-i)
	}
	if i == len(s.cards) {
		s.t.Fatal("one card too many is drawn")
	}
	for j := i; j < Cards; j++ {
		if s.shoe[j] == s.cards[i] {
			s.shoe[i], s.shoe[j] = s.shoe[j], s.shoe[i]
			s.dealt++
			return uint64(j - i)
		}
	}
	s.t.Fatalf("card %v was dealt before", s.cards[i])
	return 0
}

// rest is how many of the stacked cards were not dealt.
func (s *stacked) rest() int { return len(s.cards) - s.dealt }
