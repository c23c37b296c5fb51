package roulette

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"imperio/games"
)

// pocket is a stream that yields one pocket, once.
type pocket struct {
	t     testing.TB
	value uint64
	drawn bool
}

func (p *pocket) Uniform(n uint64) uint64 {
	if n != 37 || p.drawn {
		p.t.Fatalf("a spin draws one number of 37, once; asked for one of %d", n)
	}
	p.drawn = true
	return p.value
}

func wheel(t testing.TB, rules string) *Wheel {
	t.Helper()
	for _, w := range Versions() {
		if w.Rules() == rules {
			return w
		}
	}
	t.Fatalf("no version %s", rules)
	return nil
}

// payouts spins once for every pocket.
func payouts(t testing.TB, w *Wheel, wager games.Wager) [Pockets]games.Coins {
	t.Helper()
	var pays [Pockets]games.Coins
	for n := range pays {
		p, err := w.Play(&pocket{t: t, value: uint64(n)}, wager)
		if err != nil {
			t.Fatalf("pocket %d: %v", n, err)
		}
		if !p.Settled || p.Staked != wager.Stake || len(p.Draws) != 1 || int(p.Draws[0]) != n || len(p.Allowed) > 0 {
			t.Fatalf("pocket %d: position %+v", n, p)
		}
		pays[n] = p.Payout
	}
	return pays
}

func one(b games.Bet) games.Wager { return games.Wager{Stake: b.Amount, Bets: []games.Bet{b}} }

func TestPlay_EveryTypeWinsOnItsNumbersAlone(t *testing.T) {
	cases := []struct {
		bet  games.Bet
		wins []int
		pays games.Coins // to one
		even bool
	}{
		{games.Bet{Type: "straight", Numbers: []int{0}}, []int{0}, 35, false},
		{games.Bet{Type: "straight", Numbers: []int{36}}, []int{36}, 35, false},
		{games.Bet{Type: "split", Numbers: []int{0, 2}}, []int{0, 2}, 17, false},
		{games.Bet{Type: "split", Numbers: []int{17, 14}}, []int{14, 17}, 17, false},
		{games.Bet{Type: "split", Numbers: []int{35, 36}}, []int{35, 36}, 17, false},
		{games.Bet{Type: "street", Numbers: []int{34, 35, 36}}, []int{34, 35, 36}, 11, false},
		{games.Bet{Type: "trio", Numbers: []int{0, 1, 2}}, []int{0, 1, 2}, 11, false},
		{games.Bet{Type: "trio", Numbers: []int{3, 0, 2}}, []int{0, 2, 3}, 11, false},
		{games.Bet{Type: "corner", Numbers: []int{1, 2, 4, 5}}, []int{1, 2, 4, 5}, 8, false},
		{games.Bet{Type: "corner", Numbers: []int{36, 35, 33, 32}}, []int{32, 33, 35, 36}, 8, false},
		{games.Bet{Type: "first_four", Numbers: []int{0, 1, 2, 3}}, []int{0, 1, 2, 3}, 8, false},
		{games.Bet{Type: "six_line", Numbers: []int{31, 32, 33, 34, 35, 36}}, []int{31, 32, 33, 34, 35, 36}, 5, false},
		{games.Bet{Type: "dozen", Selection: 1}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, false},
		{games.Bet{Type: "dozen", Selection: 2}, []int{13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}, 2, false},
		{games.Bet{Type: "dozen", Selection: 3}, []int{25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36}, 2, false},
		{games.Bet{Type: "column", Selection: 1}, []int{1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34}, 2, false},
		{games.Bet{Type: "column", Selection: 2}, []int{2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35}, 2, false},
		{games.Bet{Type: "column", Selection: 3}, []int{3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36}, 2, false},
		{games.Bet{Type: "low"}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, 1, true},
		{games.Bet{Type: "high"}, []int{19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36}, 1, true},
		{games.Bet{Type: "red"}, []int{1, 3, 5, 7, 9, 12, 14, 16, 18, 19, 21, 23, 25, 27, 30, 32, 34, 36}, 1, true},
		{games.Bet{Type: "black"}, []int{2, 4, 6, 8, 10, 11, 13, 15, 17, 20, 22, 24, 26, 28, 29, 31, 33, 35}, 1, true},
		{games.Bet{Type: "odd"}, []int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35}, 1, true},
		{games.Bet{Type: "even"}, []int{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36}, 1, true},
	}
	tested := map[string]bool{}
	for _, c := range cases {
		tested[c.bet.Type] = true
		c.bet.Amount = 7
		for _, rules := range []string{"roulette/1", "roulette/2"} {
			t.Run(fmt.Sprint(rules, c.bet), func(t *testing.T) {
				var want [Pockets]games.Coins
				for _, n := range c.wins {
					want[n] = 7 * (c.pays + 1)
				}
				if rules == "roulette/2" && c.even {
					want[0] = 3 // half of 7, rounded down
				}
				if got := payouts(t, wheel(t, rules), one(c.bet)); got != want {
					t.Errorf("got  %v\nwant %v", got, want)
				}
			})
		}
	}
	for _, k := range Types() {
		if !tested[k.Name] {
			t.Errorf("no case for %s", k.Name)
		}
	}
}

func TestAll_CountsOfTheTable(t *testing.T) {
	want := map[string]int{"straight": 37, "split": 60, "street": 12, "trio": 2, "corner": 22, "first_four": 1, "six_line": 11,
		"dozen": 3, "column": 3, "low": 1, "high": 1, "red": 1, "black": 1, "odd": 1, "even": 1}
	got := map[string]int{}
	for _, b := range All() {
		got[b.Type]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Every bet of European roulette covers 36/(pays+1) pockets, which is why each returns 36/37.
func TestAll_EveryBetReturns36Of37(t *testing.T) {
	plain, partage := wheel(t, "roulette/1"), wheel(t, "roulette/2")
	for _, b := range All() {
		b.Amount = 2
		valid, err := place(0, b)
		if err != nil {
			t.Fatal(err)
		}
		var sum, sumPartage games.Coins
		pays := payouts(t, plain, one(b))
		for n, p := range pays {
			sum += p
			sumPartage += payouts(t, partage, one(b))[n]
			won := false
			for _, c := range valid.covers.numbers() {
				won = won || c == n
			}
			if (p > 0) != won {
				t.Errorf("%v: pays %d on %d", b, p, n)
			}
		}
		if sum != 36*2 {
			t.Errorf("%v: returns %d of %d", b, sum, 37*2)
		}
		wantPartage := games.Coins(36 * 2)
		switch b.Type {
		case "low", "high", "red", "black", "odd", "even":
			wantPartage++ // half of 2 at zero
		}
		if sumPartage != wantPartage {
			t.Errorf("%v: with La Partage returns %d, want %d", b, sumPartage, wantPartage)
		}
	}
}

// The layout is computed from rows and columns. The test computes adjacency another way, from differences of numbers, for
// every pair and every four numbers of the wheel.
func TestValidate_AcceptsExactlyTheAdjacentNumbers(t *testing.T) {
	adjacent := func(a, b int) bool { // a < b
		if a == 0 {
			return b <= 3
		}
		return b-a == 3 || b-a == 1 && a%3 != 0
	}
	for a := range Pockets {
		for b := a + 1; b < Pockets; b++ {
			_, err := Validate([]games.Bet{{Type: "split", Numbers: []int{b, a}, Amount: 1}})
			if (err == nil) != adjacent(a, b) {
				t.Errorf("split %d, %d: %v", a, b, err)
			}
			for c := b + 1; c < Pockets; c++ {
				three := []int{a, b, c}
				_, err := Validate([]games.Bet{{Type: "street", Numbers: three, Amount: 1}})
				if (err == nil) != (a%3 == 1 && c == a+2) {
					t.Errorf("street %v: %v", three, err)
				}
				_, err = Validate([]games.Bet{{Type: "trio", Numbers: three, Amount: 1}})
				if (err == nil) != (a == 0 && (b == 1 && c == 2 || b == 2 && c == 3)) {
					t.Errorf("trio %v: %v", three, err)
				}
				for d := c + 1; d < Pockets; d++ {
					four := []int{a, b, c, d}
					_, err := Validate([]games.Bet{{Type: "corner", Numbers: four, Amount: 1}})
					if (err == nil) != (a > 0 && a%3 != 0 && b == a+1 && c == a+3 && d == a+4) {
						t.Errorf("corner %v: %v", four, err)
					}
				}
			}
		}
	}
}

func TestPlay_ManyBetsAreOneWager(t *testing.T) {
	bets := []games.Bet{
		{Type: "straight", Numbers: []int{17}, Amount: 5},
		{Type: "black", Amount: 10},
		{Type: "dozen", Selection: 2, Amount: 3},
		{Type: "even", Amount: 9},
		{Type: "straight", Numbers: []int{17}, Amount: 1}, // the same bet again is a separate bet
	}
	wager := games.Wager{Stake: 28, Bets: bets}
	pays := payouts(t, wheel(t, "roulette/2"), wager)
	if pays[17] != 5*36+20+9+36 {
		t.Errorf("17 pays %d", pays[17])
	}
	if pays[0] != 5+4 {
		t.Errorf("zero gives %d back", pays[0])
	}
	o, err := wheel(t, "roulette/2").Describe([]uint16{0}, wager)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"pocket":0,"color":"green","bets":[{"type":"straight","numbers":[17],"amount":5,"payout":0},` +
		`{"type":"black","amount":10,"payout":5},{"type":"dozen","selection":2,"amount":3,"payout":0},` +
		`{"type":"even","amount":9,"payout":4},{"type":"straight","numbers":[17],"amount":1,"payout":0}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if Color(17) != "black" || Color(18) != "red" {
		t.Error("colours of 17 and 18")
	}
}

func many(n int) []games.Bet {
	bets := make([]games.Bet, n)
	for i := range bets {
		bets[i] = games.Bet{Type: "red", Amount: 1}
	}
	return bets
}

func TestValidate_RefusesWhatIsNoBet(t *testing.T) {
	cases := map[string]struct {
		bets []games.Bet
		code string
	}{
		"none":                 {nil, "invalid_bet"},
		"101":                  {many(101), "invalid_bet"},
		"unknown type":         {[]games.Bet{{Type: "neighbours", Amount: 1}}, "invalid_bet"},
		"no type":              {[]games.Bet{{Amount: 1}}, "invalid_bet"},
		"other case":           {[]games.Bet{{Type: "Red", Amount: 1}}, "invalid_bet"},
		"amount 0":             {[]games.Bet{{Type: "red"}}, "invalid_bet"},
		"amount below 0":       {[]games.Bet{{Type: "red", Amount: -5}}, "invalid_bet"},
		"amount too high":      {[]games.Bet{{Type: "red", Amount: MaxTotal + 1}}, "stake_out_of_range"},
		"sum too high":         {[]games.Bet{{Type: "red", Amount: MaxTotal}, {Type: "red", Amount: 1}}, "stake_out_of_range"},
		"largest amounts":      {[]games.Bet{{Type: "red", Amount: 1<<63 - 1}, {Type: "red", Amount: 1<<63 - 1}}, "stake_out_of_range"},
		"37":                   {[]games.Bet{{Type: "straight", Numbers: []int{37}, Amount: 1}}, "invalid_bet"},
		"-1":                   {[]games.Bet{{Type: "straight", Numbers: []int{-1}, Amount: 1}}, "invalid_bet"},
		"64 is not 0":          {[]games.Bet{{Type: "straight", Numbers: []int{64}, Amount: 1}}, "invalid_bet"},
		"no numbers":           {[]games.Bet{{Type: "straight", Amount: 1}}, "invalid_bet"},
		"two numbers":          {[]games.Bet{{Type: "straight", Numbers: []int{1, 2}, Amount: 1}}, "invalid_bet"},
		"a number twice":       {[]games.Bet{{Type: "split", Numbers: []int{5, 5}, Amount: 1}}, "invalid_bet"},
		"over the edge":        {[]games.Bet{{Type: "split", Numbers: []int{3, 4}, Amount: 1}}, "invalid_bet"},
		"corner over the edge": {[]games.Bet{{Type: "corner", Numbers: []int{3, 4, 6, 7}, Amount: 1}}, "invalid_bet"},
		"trio 0 1 3":           {[]games.Bet{{Type: "trio", Numbers: []int{0, 1, 3}, Amount: 1}}, "invalid_bet"},
		"street as trio":       {[]games.Bet{{Type: "trio", Numbers: []int{1, 2, 3}, Amount: 1}}, "invalid_bet"},
		"trio as street":       {[]games.Bet{{Type: "street", Numbers: []int{0, 1, 2}, Amount: 1}}, "invalid_bet"},
		"six_line with zero":   {[]games.Bet{{Type: "six_line", Numbers: []int{0, 1, 2, 3, 4, 5}, Amount: 1}}, "invalid_bet"},
		"rows apart":           {[]games.Bet{{Type: "six_line", Numbers: []int{1, 2, 3, 7, 8, 9}, Amount: 1}}, "invalid_bet"},
		"dozen 0":              {[]games.Bet{{Type: "dozen", Amount: 1}}, "invalid_bet"},
		"dozen 4":              {[]games.Bet{{Type: "dozen", Selection: 4, Amount: 1}}, "invalid_bet"},
		"column -1":            {[]games.Bet{{Type: "column", Selection: -1, Amount: 1}}, "invalid_bet"},
		"dozen by numbers":     {[]games.Bet{{Type: "dozen", Selection: 1, Numbers: []int{1}, Amount: 1}}, "invalid_bet"},
		"red with numbers":     {[]games.Bet{{Type: "red", Numbers: []int{1}, Amount: 1}}, "invalid_bet"},
		"red with selection":   {[]games.Bet{{Type: "red", Selection: 1, Amount: 1}}, "invalid_bet"},
		"straight, selection":  {[]games.Bet{{Type: "straight", Numbers: []int{1}, Selection: 1, Amount: 1}}, "invalid_bet"},
		"second of two":        {[]games.Bet{{Type: "red", Amount: 1}, {Type: "split", Numbers: []int{1, 3}, Amount: 1}}, "invalid_bet"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Validate(c.bets)
			wantRefusal(t, err, c.code)
			if len(c.bets) == 1 {
				_, err = wheel(t, "roulette/1").Play(&pocket{t: t}, one(c.bets[0]))
				wantRefusal(t, err, c.code)
			}
		})
	}
}

func TestValidate_NamesTheBetByItsPlace(t *testing.T) {
	_, err := Validate([]games.Bet{{Type: "red", Amount: 1}, {Type: "split", Numbers: []int{1, 3}, Amount: 1}})
	var refusal *games.Refusal
	if !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	const want = "Bet 2: A bet of type split needs two numbers that are neighbours on the table; 0 is a neighbour of 1, 2 and 3."
	if refusal.Message != want {
		t.Errorf("got %q", refusal.Message)
	}
}

func TestPlay_TakesAHundredBetsOfTheLargestSum(t *testing.T) {
	bets := many(MaxBets)
	bets[0] = games.Bet{Type: "straight", Numbers: []int{1}, Amount: MaxTotal - (MaxBets - 1)}
	p, err := wheel(t, "roulette/1").Play(&pocket{t: t, value: 1}, games.Wager{Stake: MaxTotal, Bets: bets})
	if err != nil {
		t.Fatal(err)
	}
	if want := 36*(MaxTotal-(MaxBets-1)) + 2*(MaxBets-1); p.Payout != want || p.Payout > games.MaxCoins {
		t.Errorf("payout %d, want %d", p.Payout, want)
	}
}

func TestPlay_RefusesAStakeThatIsNotTheSum(t *testing.T) {
	for _, stake := range []games.Coins{0, 1, 3, -2} {
		_, err := wheel(t, "roulette/1").Play(&pocket{t: t}, games.Wager{Stake: stake, Bets: many(2)})
		wantRefusal(t, err, "invalid_bet")
	}
	_, err := wheel(t, "roulette/1").Play(&pocket{t: t}, games.Wager{Stake: 1, Bets: many(1), Actions: []string{"spin"}})
	wantRefusal(t, err, "unknown_action")
}

func TestCheckLimits(t *testing.T) {
	bet := func(amounts ...games.Coins) (bets []games.Bet) {
		for _, a := range amounts {
			bets = append(bets, games.Bet{Type: "red", Amount: a})
		}
		return bets
	}
	black := func(bets []games.Bet, amount games.Coins) []games.Bet {
		return append(bets, games.Bet{Type: "black", Amount: amount})
	}
	for _, good := range [][]games.Bet{bet(5), bet(100), bet(50, 50), bet(5, 5, 5), black(bet(100), 50), black(bet(60, 40), 50)} {
		if err := CheckLimits(good, 5, 100, 150); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range [][]games.Bet{bet(4), bet(101), bet(5, 4), bet(50, 51), bet(100, 5), black(bet(100), 51), black(bet(50, 50), 51), bet(-1)} {
		wantRefusal(t, CheckLimits(bad, 5, 100, 150), "stake_out_of_range")
	}
	huge := bet(1<<63-1, 1<<63-1)
	wantRefusal(t, CheckLimits(huge, 1, 1<<63-1, 1<<63-1), "stake_out_of_range")
	wantRefusal(t, CheckLimits(black(bet(1<<63-1), 1<<63-1), 1, 1<<63-1, 1<<63-1), "stake_out_of_range")
}

// The highest bet is that of a position: repeating a bet does not pass it, in whatever order the numbers are.
func TestCheckLimits_BetsOnOnePositionAddUp(t *testing.T) {
	var ten []games.Bet
	for range 10 {
		ten = append(ten, games.Bet{Type: "straight", Numbers: []int{17}, Amount: 100})
	}
	wantRefusal(t, CheckLimits(ten, 1, 100, 10_000), "stake_out_of_range")
	half := func(kind string, selection int, numbers ...int) games.Bet {
		return games.Bet{Type: kind, Numbers: numbers, Selection: selection, Amount: 51}
	}
	for _, c := range []struct {
		one, other games.Bet
		same       bool
	}{
		{half("split", 0, 8, 11), half("split", 0, 11, 8), true},
		{half("corner", 0, 1, 2, 4, 5), half("corner", 0, 5, 1, 4, 2), true},
		{half("trio", 0, 0, 1, 2), half("trio", 0, 2, 1, 0), true},
		{half("dozen", 2), half("dozen", 2), true},
		{half("even", 0), half("even", 0), true},
		{half("dozen", 2), half("dozen", 3), false},
		{half("dozen", 1), half("column", 1), false},
		{half("straight", 0, 8), half("split", 0, 8, 11), false},
		{half("split", 0, 8, 11), half("split", 0, 11, 14), false},
		{half("red", 0), half("black", 0), false},
	} {
		err := CheckLimits([]games.Bet{c.one, c.other}, 1, 100, 10_000)
		if c.same {
			wantRefusal(t, err, "stake_out_of_range")
		} else if err != nil {
			t.Errorf("%v and %v: %v", c.one, c.other, err)
		}
	}
	// Bets that are no bets have no position: Validate refuses them.
	if err := CheckLimits([]games.Bet{half("split", 0, 1, 9), half("split", 0, 1, 9)}, 1, 100, 10_000); err != nil {
		t.Error(err)
	}
}

// However bets are repeated and shuffled, the check gives the answer of adding up what lies on each position.
func TestCheckLimits_AgreesWithASumByPosition(t *testing.T) {
	all := All()
	rapid.Check(t, func(rt *rapid.T) {
		some := rapid.SliceOfN(rapid.SampledFrom(all), 1, 4).Draw(rt, "positions")
		bets := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) games.Bet {
			b := rapid.SampledFrom(some).Draw(rt, "position")
			b.Amount = games.Coins(rapid.Int64Range(1, 60).Draw(rt, "amount"))
			b.Numbers = rapid.Permutation(b.Numbers).Draw(rt, "numbers")
			return b
		}), 1, 12).Draw(rt, "bets")
		sums, over := map[string]games.Coins{}, false
		for _, b := range bets {
			numbers := slices.Sorted(slices.Values(b.Numbers))
			key := fmt.Sprint(b.Type, numbers, b.Selection)
			sums[key] += b.Amount
			over = over || sums[key] > 100
		}
		if err := CheckLimits(bets, 1, 100, 1_000_000); (err != nil) != over {
			rt.Fatalf("%v: %v", bets, err)
		}
	})
}

func TestDescribe_RefusesWhatIsNoDraw(t *testing.T) {
	for _, draws := range [][]uint16{nil, {37}, {1, 2}} {
		if _, err := wheel(t, "roulette/1").Describe(draws, games.Wager{Stake: 1, Bets: many(1)}); err == nil {
			t.Errorf("%v was described", draws)
		}
	}
}

func TestPlay_SumOverAllPocketsIsTheStatedReturn(t *testing.T) {
	all := All()
	plain, partage := wheel(t, "roulette/1"), wheel(t, "roulette/2")
	rapid.Check(t, func(rt *rapid.T) {
		bets := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) games.Bet {
			b := rapid.SampledFrom(all).Draw(rt, "bet")
			b.Amount = games.Coins(rapid.Int64Range(1, 1_000_000).Draw(rt, "amount"))
			b.Numbers = rapid.Permutation(b.Numbers).Draw(rt, "numbers")
			return b
		}), 1, MaxBets).Draw(rt, "bets")
		total, err := Validate(bets)
		if err != nil {
			rt.Fatal(err)
		}
		var back games.Coins // what La Partage returns at zero
		for _, b := range bets {
			switch b.Type {
			case "low", "high", "red", "black", "odd", "even":
				back += b.Amount / 2
			}
		}
		wager := games.Wager{Stake: total, Bets: bets}
		var sum, sumPartage games.Coins
		p1, p2 := payouts(t, plain, wager), payouts(t, partage, wager)
		for n := range Pockets {
			if p1[n] < 0 || p2[n] < p1[n] {
				rt.Fatalf("pocket %d pays %d and %d", n, p1[n], p2[n])
			}
			sum, sumPartage = sum+p1[n], sumPartage+p2[n]
		}
		if sum != 36*total || sumPartage != 36*total+back {
			rt.Fatalf("sums %d and %d for a total of %d, La Partage %d", sum, sumPartage, total, back)
		}
	})
}

func wantRefusal(t testing.TB, err error, code string) {
	t.Helper()
	var refusal *games.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal with %s", err, code)
	} else if refusal.Code != code {
		t.Errorf("refused with %v, want %s", refusal, code)
	}
}
