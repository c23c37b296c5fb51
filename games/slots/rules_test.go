package slots

import (
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/rulebook/rulebooktest"
)

// stops is a stream that makes the reels stop where they should.
type stops struct {
	t    *testing.T
	left []uint64
}

func (s *stops) Uniform(n uint64) uint64 {
	if n != Stops || len(s.left) == 0 {
		s.t.Fatalf("a number of %d is asked for, %d stops are left", n, len(s.left))
	}
	next := s.left[0]
	s.left = s.left[1:]
	return next
}

// spin plays one spin with the given stops, from 0.
func spin(t *testing.T, m *Machine, stake games.Coins, a, b, c int) (games.Position, Outcome) {
	t.Helper()
	w := games.Wager{Stake: stake}
	s := &stops{t, []uint64{uint64(a), uint64(b), uint64(c)}}
	p, err := m.Play(s, w)
	if err != nil || len(s.left) != 0 {
		t.Fatalf("%v, %d stops are left", err, len(s.left))
	}
	o, err := m.Describe(p.Draws, w)
	if err != nil {
		t.Fatal(err)
	}
	return p, o.(Outcome)
}

func TestRules_AreWhatTheMachinePlays(t *testing.T) {
	for _, m := range Versions() {
		t.Run(m.Rules(), func(t *testing.T) {
			rulebooktest.Play(t, book.Templates(m.Rules()), m.Words(), slotsRules(m))
		})
	}
}

func slotsRules(m *Machine) map[string]func(*testing.T, *rulebooktest.Said) {
	// each plays every spin.
	each := func(t *testing.T, fn func(a, b, c int, p games.Position, o Outcome)) {
		for a := range Stops {
			for b := range Stops {
				for c := range Stops {
					p, o := spin(t, m, 10, a, b, c)
					fn(a, b, c, p, o)
				}
			}
		}
	}
	pays := func(symbol Symbol, count int) games.Coins {
		for _, l := range m.Lines() {
			if l.Symbol == symbol && l.Count == count {
				return games.Coins(l.Pays)
			}
		}
		return 0
	}
	strip := func(name string, reel int) func(*testing.T, *rulebooktest.Said) {
		return func(t *testing.T, said *rulebooktest.Said) {
			for i, symbol := range strings.Split(said.Text(name), ", ") {
				at := []int{0, 0, 0}
				at[reel] = 2 * i
				if _, o := spin(t, m, 1, at[0], at[1], at[2]); string(o.Symbols[reel]) != symbol {
					t.Errorf("place %d of reel %d shows %s, the rule says %s", i, reel, o.Symbols[reel], symbol)
				}
			}
		}
	}
	return map[string]func(*testing.T, *rulebooktest.Said){
		"slots/reels": func(t *testing.T, said *rulebooktest.Said) {
			first, last := said.Number("first"), said.Number("last")
			if said.Number("stops") != last-first+1 {
				t.Error("the stops are not as many as their numbers")
			}
			// The stream above refuses a draw that is not one of 16, each reel has its own, and all stops occur.
			seen := map[[2]int]bool{}
			each(t, func(a, b, c int, _ games.Position, o Outcome) {
				if len(o.Stops) != said.Number("reels") || o.Stops != [3]int{first + a, first + b, first + c} {
					t.Fatalf("draws %d, %d, %d stop at %v", a, b, c, o.Stops)
				}
				for reel, s := range o.Stops {
					seen[[2]int{reel, s}] = true
				}
			})
			if len(seen) != said.Number("reels")*said.Number("stops") || !seen[[2]int{2, last}] {
				t.Errorf("%d stops occur", len(seen))
			}
		},
		"slots/strips": func(t *testing.T, said *rulebooktest.Said) {
			if said.Number("first")+1 != said.Number("second") {
				t.Error("the example's stops are no neighbours")
			}
			each(t, func(a, b, c int, _ games.Position, o Outcome) {
				if _, pair := spin(t, m, 10, a/2*2, b/2*2+1, c/2*2); pair.Symbols != o.Symbols {
					t.Fatalf("%d, %d, %d show %v, and their neighbours %v", a, b, c, o.Symbols, pair.Symbols)
				}
			})
		},
		"slots/strip_1": strip("strip_1", 0), "slots/strip_2": strip("strip_2", 1), "slots/strip_3": strip("strip_3", 2),
		"slots/three": func(t *testing.T, _ *rulebooktest.Said) {
			each(t, func(_, _, _ int, p games.Position, o Outcome) {
				if s := o.Symbols; s[0] == s[1] && s[1] == s[2] && p.Payout != 10*pays(s[0], 3) {
					t.Fatalf("%v pays %d", s, p.Payout)
				}
			})
		},
		"slots/two": func(t *testing.T, _ *rulebooktest.Said) {
			each(t, func(_, _, _ int, p games.Position, o Outcome) {
				switch s := o.Symbols; {
				case s[0] == s[1] && s[1] == s[2]:
				case s[0] == s[1] && p.Payout != 10*pays(s[0], 2), s[0] != s[1] && p.Payout != 0:
					t.Fatalf("%v pays %d", s, p.Payout)
				}
			})
		},
		"slots/payout": func(t *testing.T, _ *rulebooktest.Said) {
			each(t, func(_, _, _ int, p games.Position, o Outcome) {
				if p.Payout != 10*games.Coins(o.Multiplier) || p.Staked != 10 || !p.Settled {
					t.Fatalf("%v: %+v", o.Symbols, p)
				}
			})
			if !slices.ContainsFunc(m.Lines(), func(l Line) bool { return l.Pays > 1 }) {
				t.Error("no line pays more than the stake")
			}
		},
	}
}
