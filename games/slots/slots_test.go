package slots

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"imperio/games"
)

// script is a stream that yields the given numbers and checks the range of each request.
type script struct {
	t      testing.TB
	n      uint64
	values []uint64
}

func (s *script) Uniform(n uint64) uint64 {
	s.t.Helper()
	if n != s.n {
		s.t.Fatalf("asked for a number below %d, want %d", n, s.n)
	}
	if len(s.values) == 0 {
		s.t.Fatal("asked for more numbers than the rules say")
	}
	v := s.values[0]
	s.values = s.values[1:]
	return v
}

func version(t testing.TB, rules string) *Machine {
	t.Helper()
	for _, m := range Versions() {
		if m.Rules() == rules {
			return m
		}
	}
	t.Fatalf("no version %s", rules)
	return nil
}

// stopOf returns the number that Uniform must yield for a reel to show its i-th symbol, at its lower or upper stop.
func stopOf(i int, upper bool) uint64 {
	if upper {
		return uint64(2*i + 1)
	}
	return uint64(2 * i)
}

func TestPlay_PaysEveryLineOfBothTables(t *testing.T) {
	// Positions on the three strips, written out from the published table.
	cases := []struct {
		name     string
		position [3]int
		pays     map[string]games.Coins
	}{
		{"3 cherries", [3]int{0, 4, 4}, map[string]games.Coins{"slots/1": 50, "slots/2": 60}},
		{"2 cherries and a lemon", [3]int{0, 4, 0}, map[string]games.Coins{"slots/1": 40, "slots/2": 12}},
		{"2 cherries and an apple", [3]int{0, 4, 7}, map[string]games.Coins{"slots/1": 40, "slots/2": 12}},
		{"3 apples", [3]int{6, 3, 5}, map[string]games.Coins{"slots/1": 20, "slots/2": 20}},
		{"2 apples and a cherry", [3]int{6, 7, 4}, map[string]games.Coins{"slots/1": 10, "slots/2": 6}},
		{"3 bananas", [3]int{3, 2, 2}, map[string]games.Coins{"slots/1": 15, "slots/2": 15}},
		{"2 bananas and a lemon", [3]int{4, 2, 6}, map[string]games.Coins{"slots/1": 5, "slots/2": 3}},
		{"3 lemons", [3]int{1, 0, 3}, map[string]games.Coins{"slots/1": 3, "slots/2": 2}},
		{"2 lemons pay nothing", [3]int{7, 6, 2}, map[string]games.Coins{"slots/1": 0, "slots/2": 0}},
		{"the last two reels pay nothing", [3]int{1, 4, 4}, map[string]games.Coins{"slots/1": 0, "slots/2": 0}},
		{"the outer reels pay nothing", [3]int{0, 0, 4}, map[string]games.Coins{"slots/1": 0, "slots/2": 0}},
		{"three different", [3]int{0, 2, 0}, map[string]games.Coins{"slots/1": 0, "slots/2": 0}},
	}
	for _, c := range cases {
		for rules, pays := range c.pays {
			for _, upper := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s upper=%v", rules, c.name, upper), func(t *testing.T) {
					m := version(t, rules)
					s := &script{t: t, n: 16}
					for _, p := range c.position {
						s.values = append(s.values, stopOf(p, upper))
					}
					got, err := m.Play(s, games.Wager{Stake: 7})
					if err != nil {
						t.Fatal(err)
					}
					if len(s.values) > 0 {
						t.Error("a spin draws three numbers")
					}
					if got.Payout != 7*pays || got.Staked != 7 || !got.Settled || len(got.Allowed) > 0 {
						t.Errorf("position %+v, want a payout of %d", got, 7*pays)
					}
				})
			}
		}
	}
}

func TestSymbolAt_FollowsThePublishedFormula(t *testing.T) {
	for stop, want := range map[int]Symbol{15: Cherry, 16: Cherry, 17: Lemon, 21: Banana, 27: Apple, 28: Apple, 30: Lemon} {
		if got := SymbolAt(0, stop); got != want {
			t.Errorf("reel 0, stop %d: %s, want %s", stop, got, want)
		}
	}
}

func TestPlay_DrawsTheStopsAndDescribesThem(t *testing.T) {
	m := version(t, "slots/2")
	w := games.Wager{Stake: 1}
	p, err := m.Play(&script{t: t, n: 16, values: []uint64{0, 9, 8}}, w)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(p.Draws) != "[15 24 23]" {
		t.Errorf("draws %v", p.Draws)
	}
	o, err := m.Describe(p.Draws, w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"stops":[15,24,23],"symbols":["cherry","cherry","cherry"],"line":"3 cherries","multiplier":60}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPlay_RefusesWhatIsNoSpin(t *testing.T) {
	m := version(t, "slots/2")
	for name, c := range map[string]struct {
		w    games.Wager
		code string
	}{
		"stake zero":     {games.Wager{Stake: 0}, "stake_out_of_range"},
		"stake below":    {games.Wager{Stake: -1}, "stake_out_of_range"},
		"stake too high": {games.Wager{Stake: m.MaxStake() + 1}, "stake_out_of_range"},
		"bets":           {games.Wager{Stake: 1, Bets: []games.Bet{{Type: "red", Amount: 1}}}, "invalid_bet"},
		"actions":        {games.Wager{Stake: 1, Actions: []string{"hit"}}, "unknown_action"},
	} {
		_, err := m.Play(&script{t: t, n: 16}, c.w)
		var refusal *games.Refusal
		if !errors.As(err, &refusal) || refusal.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestDescribe_RefusesWhatIsNoDraw(t *testing.T) {
	m := version(t, "slots/2")
	for _, draws := range [][]uint16{nil, {15, 15}, {15, 15, 14}, {31, 15, 15}, {15, 15, 15, 15}} {
		if _, err := m.Describe(draws, games.Wager{Stake: 1}); err == nil {
			t.Errorf("%v was described", draws)
		}
	}
}

func TestPlay_PayIsAnExactAmountForEveryStake(t *testing.T) {
	machines := Versions()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(machines).Draw(t, "machine")
		stake := rapid.Int64Range(1, int64(m.MaxStake())).Draw(t, "stake")
		var numbers fixed
		for range Reels {
			numbers = append(numbers, rapid.Uint64Range(0, 15).Draw(t, "number"))
		}
		p, err := m.Play(&numbers, games.Wager{Stake: games.Coins(stake)})
		if err != nil {
			t.Fatal(err)
		}
		if p.Payout < 0 || p.Payout > games.MaxCoins || p.Payout%games.Coins(stake) != 0 {
			t.Fatalf("payout %d for a stake of %d", p.Payout, stake)
		}
	})
}

type fixed []uint64

func (f *fixed) Uniform(uint64) uint64 {
	v := (*f)[0]
	*f = (*f)[1:]
	return v
}
