package roulette

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/rulebook/rulebooktest"
)

func TestRules_AreWhatTheWheelPlays(t *testing.T) {
	for _, w := range Versions() {
		t.Run(w.Rules(), func(t *testing.T) {
			plays := rouletteRules(w)
			other := "roulette/zero"
			if !w.LaPartage() {
				other = "roulette/la_partage"
			}
			delete(plays, other)
			rulebooktest.Play(t, book.Templates(w.Rules()), w.Words(), plays)
		})
	}
}

// fall is what a bet pays when the ball falls into a pocket.
func fall(t *testing.T, w *Wheel, at int, bets ...games.Bet) games.Position {
	t.Helper()
	wager := games.Wager{Bets: bets}
	for _, b := range bets {
		wager.Stake += b.Amount
	}
	p, err := w.Play(&pocket{t: t, value: uint64(at)}, wager)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// evenMoney are the bets that the rules about zero name.
var evenMoney = []string{"low", "high", "red", "black", "odd", "even"}

// outside are all bets on dozens, columns and even money, with an odd amount.
func outside(amount games.Coins) (even, others []games.Bet) {
	for _, name := range evenMoney {
		even = append(even, games.Bet{Type: name, Amount: amount})
	}
	for n := 1; n <= 3; n++ {
		others = append(others, games.Bet{Type: "dozen", Selection: n, Amount: amount}, games.Bet{Type: "column", Selection: n, Amount: amount})
	}
	return even, others
}

func rouletteRules(w *Wheel) map[string]func(*testing.T, *rulebooktest.Said) {
	return map[string]func(*testing.T, *rulebooktest.Said){
		"roulette/wheel": func(t *testing.T, said *rulebooktest.Said) {
			first, last := said.Number("first"), said.Number("last")
			if last-first+1 != said.Number("pockets") {
				t.Error("the pockets are not as many as their numbers")
			}
			// The stream refuses a draw that is not one of 37.
			zeros := 0
			for n := first; n <= last; n++ {
				if p := fall(t, w, n-first, games.Bet{Type: "straight", Numbers: []int{n}, Amount: 1}); p.Payout != 36 {
					t.Errorf("%d pays %d", n, p.Payout)
				}
				if Color(n) == "green" {
					zeros++
				}
			}
			if zeros != 1 {
				t.Errorf("there are %d zeros", zeros)
			}
		},
		"roulette/bets": func(t *testing.T, said *rulebooktest.Said) {
			for _, n := range []int{said.Number("fewest"), said.Number("most")} {
				if p := fall(t, w, 17, many(n)...); !p.Settled {
					t.Errorf("a spin of %d bets does not settle", n)
				}
			}
			for _, n := range []int{said.Number("fewest") - 1, said.Number("most") + 1} {
				if _, err := Validate(many(n)); err == nil {
					t.Errorf("a spin takes %d bets", n)
				}
			}
			if _, err := Validate(append(many(2), games.Bet{Type: "split", Numbers: []int{1, 9}, Amount: 1})); err == nil {
				t.Error("a spin takes some of its bets")
			}
		},
		"roulette/position": func(t *testing.T, _ *rulebooktest.Said) {
			bets := []games.Bet{{Type: "split", Numbers: []int{8, 11}, Amount: 50}, {Type: "split", Numbers: []int{11, 8}, Amount: 50}}
			if err := CheckLimits(bets, 1, 100, 1000); err != nil {
				t.Error(err)
			}
			bets[1].Amount++
			if err := CheckLimits(bets, 1, 100, 1000); err == nil {
				t.Error("a position takes more than the highest bet")
			}
		},
		"roulette/pays": func(t *testing.T, _ *rulebooktest.Said) {
			for _, b := range All() {
				kind := Types()[slices.IndexFunc(Types(), func(k Type) bool { return k.Name == b.Type })]
				placed, err := place(0, b)
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range placed.covers.numbers() {
					if p := fall(t, w, n, b); p.Payout != 1+games.Coins(kind.Pays) {
						t.Errorf("%v pays %d at %d", b, p.Payout, n)
					}
				}
			}
		},
		"roulette/geometry": func(t *testing.T, _ *rulebooktest.Said) {
			for _, bad := range [][]int{{1, 5}, {3, 4}, {0, 4}, {1, 9}} {
				if _, err := Validate([]games.Bet{{Type: "split", Numbers: bad, Amount: 1}}); err == nil {
					t.Errorf("%v are neighbours", bad)
				}
			}
			for _, good := range [][]int{{1, 2}, {1, 4}, {0, 1}, {0, 2}, {0, 3}, {33, 36}} {
				if _, err := Validate([]games.Bet{{Type: "split", Numbers: good, Amount: 1}}); err != nil {
					t.Error(err)
				}
			}
			for row := 1; row <= 34; row += 3 {
				if _, err := Validate([]games.Bet{{Type: "street", Numbers: []int{row, row + 1, row + 2}, Amount: 1}}); err != nil {
					t.Error(err)
				}
			}
		},
		"roulette/zero": func(t *testing.T, _ *rulebooktest.Said) {
			even, others := outside(7)
			for _, b := range append(even, others...) {
				if p := fall(t, w, 0, b); p.Payout != 0 {
					t.Errorf("%v pays %d", b, p.Payout)
				}
			}
		},
		"roulette/la_partage": func(t *testing.T, _ *rulebooktest.Said) {
			for amount, half := range map[games.Coins]games.Coins{8: 4, 7: 3, 1: 0} {
				even, others := outside(amount)
				for _, b := range even {
					if p := fall(t, w, 0, b); p.Payout != half {
						t.Errorf("%v pays %d", b, p.Payout)
					}
				}
				for _, b := range others {
					if p := fall(t, w, 0, b); p.Payout != 0 {
						t.Errorf("%v pays %d", b, p.Payout)
					}
				}
			}
		},
		"roulette/call_bets": func(t *testing.T, said *rulebooktest.Said) {
			page, err := os.ReadFile("../../appliance/web/static/assets/js/games/roulette/bets.js")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"voisins", "zero", "tiers", "orphelins"} {
				if bets := callBet(t, string(page), name); total(bets) != games.Coins(said.Number(name)) {
					t.Errorf("%s takes %d chips, the rule says %d", name, total(bets), said.Number(name))
				} else if _, err := Validate(bets); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			machine, err := os.ReadFile("../../appliance/web/static/assets/js/games/roulette/machine.js")
			if err != nil {
				t.Fatal(err)
			}
			most := regexp.MustCompile(`MOST_NEIGHBOURS = (\d+);`).FindStringSubmatch(string(machine))
			if most == nil || most[1] != strconv.Itoa(said.Number("each_most")) || said.Number("each_least") != 1 {
				t.Errorf("the page offers up to %v neighbours", most)
			}
		},
	}
}

func total(bets []games.Bet) (sum games.Coins) {
	for _, b := range bets {
		sum += b.Amount
	}
	return sum
}

// callBet reads a call bet out of the page's script.
func callBet(t *testing.T, page, name string) (bets []games.Bet) {
	t.Helper()
	list := regexp.MustCompile(`(?m)^  ` + name + `: call\('([^']*)'\),$`).FindStringSubmatch(page)
	if list == nil {
		t.Fatalf("the page has no call bet %s", name)
	}
	for _, one := range strings.Split(list[1], ", ") {
		spot, chips, several := strings.Cut(one, " ")
		amount := 1
		if several {
			var err error
			if amount, err = strconv.Atoi(chips); err != nil {
				t.Fatal(err)
			}
		}
		kind, numbers, _ := strings.Cut(spot, ":")
		b := games.Bet{Type: kind, Amount: games.Coins(amount)}
		for _, n := range strings.Split(numbers, "-") {
			value, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			b.Numbers = append(b.Numbers, value)
		}
		bets = append(bets, b)
	}
	return bets
}
