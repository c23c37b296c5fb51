package blackjack

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"imperio/games"
)

// seeded is a stream from a seeded generator.
type seeded struct{ *rand.Rand }

func (s seeded) Uniform(n uint64) uint64 { return s.Uint64N(n) }

func fromSeed(seed uint64) seeded { return seeded{rand.New(rand.NewPCG(seed, 0))} }

// checkPosition checks what is true of every position of every round.
func checkPosition(t testing.TB, p games.Position, w games.Wager, before games.Position) {
	t.Helper()
	switch {
	case p.Payout < 0 || p.Staked < w.Stake || p.Staked > 8*w.Stake+w.Stake/2:
		t.Fatalf("%v: impossible amounts %+v", w.Actions, p)
	case p.Payout > 2*p.Staked+w.Stake:
		t.Fatalf("%v: paid %d for %d", w.Actions, p.Payout, p.Staked)
	case !p.Settled && p.Payout != 0:
		t.Fatalf("%v: an open round has paid %d", w.Actions, p.Payout)
	case p.Settled != (len(p.Allowed) == 0):
		t.Fatalf("%v: settled %v with %v allowed", w.Actions, p.Settled, p.Allowed)
	case !slices.Equal(before.Draws, p.Draws[:len(before.Draws)]):
		t.Fatalf("%v: the cards %v became %v", w.Actions, before.Draws, p.Draws)
	case p.Staked < before.Staked:
		t.Fatalf("%v: the stake went from %d to %d", w.Actions, before.Staked, p.Staked)
	}
	seen := map[uint16]bool{}
	for _, c := range p.Draws {
		if c >= Cards || seen[c] {
			t.Fatalf("%v: card %d is dealt twice or no card", w.Actions, c)
		}
		seen[c] = true
	}
	o := describe(t, p.Draws, w)
	staked, paid := games.Coins(0), games.Coins(0)
	for _, h := range o.Hands {
		staked, paid = staked+h.Stake, paid+h.Payout
	}
	if o.Insurance != nil {
		staked, paid = staked+o.Insurance.Stake, paid+o.Insurance.Payout
	}
	if staked != p.Staked || paid != p.Payout || !slices.Equal(o.Allowed, p.Allowed) || o.Settled != p.Settled {
		t.Fatalf("%v: %+v is described as %+v", w.Actions, p, o)
	}
	shown := len(p.Draws) - o.Dealer.Hidden
	for _, h := range o.Hands {
		shown -= len(h.Cards)
	}
	if shown != len(o.Dealer.Cards) {
		t.Fatalf("%v: %d cards were drawn, %+v shows another number", w.Actions, len(p.Draws), o)
	}
	steps, err := Versions()[0].Steps(p.Draws, w)
	if err != nil {
		t.Fatal(err)
	}
	var told []CardFace
	for _, s := range steps {
		if s.Card != nil {
			told = append(told, *s.Card)
		}
	}
	drawn := make([]Card, len(p.Draws))
	for i, c := range p.Draws {
		drawn[i] = Card(c)
	}
	if !slices.Equal(told, faces(drawn)) {
		t.Fatalf("%v: the cards %v are told as %v", w.Actions, drawn, told)
	}
}

func TestPlay_AnyAllowedSequenceKeepsTheBooks(t *testing.T) {
	table := Versions()[0]
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := games.Wager{Stake: games.Coins(rapid.Int64Range(int64(MinStake), int64(MaxStake)).Draw(rt, "stake"))}
		var before games.Position
		for {
			p, err := table.Play(fromSeed(seed), w)
			if err != nil {
				rt.Fatal(err)
			}
			checkPosition(t, p, w, before)
			again, err := table.Play(fromSeed(seed), w)
			if err != nil || !reflect.DeepEqual(p, again) {
				rt.Fatalf("played again: %+v, %v; before %+v", again, err, p)
			}
			if p.Settled {
				return
			}
			more, err := table.Abandoned(p.Draws, w)
			if err != nil {
				rt.Fatal(err)
			}
			left, err := table.Play(fromSeed(seed), games.Wager{Stake: w.Stake, Actions: slices.Concat(w.Actions, more)})
			if err != nil || !left.Settled {
				rt.Fatalf("abandoned after %v with %v: %+v, %v", w.Actions, more, left, err)
			}
			w.Actions = append(w.Actions, rapid.SampledFrom(p.Allowed).Draw(rt, "action"))
			before = p
		}
	})
}

// Any sequence of actions is either played or refused with a code, and a refused action was not among the allowed ones.
func FuzzActions(f *testing.F) {
	f.Add(uint64(1), []byte{1})
	f.Add(uint64(2), []byte{0, 0, 0, 0, 0})
	f.Add(uint64(3), []byte{6, 3, 2, 2})
	f.Add(uint64(4), []byte{3, 3, 3, 3, 1, 1, 1, 1})
	f.Add(uint64(5), []byte{5, 4})
	f.Add(uint64(6), []byte{9, 255})
	f.Fuzz(func(t *testing.T, seed uint64, codes []byte) {
		table := Versions()[0]
		w := games.Wager{Stake: 2 + games.Coins(binary.LittleEndian.Uint16(append(codes, 0, 0)))}
		before, err := table.Play(fromSeed(seed), w)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range codes {
			action := "action " + string(rune('a'+code%26))
			if int(code) < len(actions) {
				action = actions[code]
			}
			next := games.Wager{Stake: w.Stake, Actions: append(slices.Clone(w.Actions), action)}
			p, err := table.Play(fromSeed(seed), next)
			if slices.Contains(before.Allowed, action) != (err == nil) {
				t.Fatalf("%v: %v were allowed, %s gave %v", w.Actions, before.Allowed, action, err)
			}
			if err != nil {
				var refusal *games.Refusal
				if !errors.As(err, &refusal) {
					t.Fatalf("%v: %v is no refusal", next.Actions, err)
				}
				continue
			}
			checkPosition(t, p, next, before)
			w, before = next, p
		}
	})
}
