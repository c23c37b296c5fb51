package catalogue

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"imperio/games"
)

// Stored data contains numbers, names and versions: changing one here loses what players own.
func TestReleased_NeverChanges(t *testing.T) {
	var got []string
	for _, d := range Released().Games() {
		got = append(got, fmt.Sprintf("%d %s %v", d.Number, d.Name, d.Rules()))
	}
	want := []string{"3 slots [slots/1 slots/2]", "4 roulette [roulette/1 roulette/2]", "5 blackjack [blackjack/1]"}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("released games: %q, want %q", got, want)
	}
}

func TestReleased_EveryVersionHasASheet(t *testing.T) {
	for _, d := range Released().Games() {
		for _, v := range d.Versions {
			rules := v.Rules()
			s := v.SheetFor("")
			if s.Game != d.Name || s.Name != d.Title || s.Rules != rules || s.Default != (rules == d.Default) {
				t.Errorf("%s: the sheet says %s %s %s %v", rules, s.Game, s.Name, s.Rules, s.Default)
			}
			if len(s.Text) == 0 || len(s.Pays) == 0 || s.Figures.Method == "" {
				t.Errorf("%s: the sheet lacks text, pays or method", rules)
			}
			checkFigures(t, rules, s.Figures)
			for _, l := range s.Pays {
				if l.Figures != nil {
					checkFigures(t, rules+" "+l.Name, *l.Figures)
				}
			}
		}
	}
}

// sheet is the sheet of released rules.
func sheet(t *testing.T, rules string) games.Sheet {
	t.Helper()
	v, ok := Released().Version(rules)
	if !ok {
		t.Fatalf("%s is not released", rules)
	}
	return v.SheetFor("")
}

func TestSheetFor_SaysAfterWhatTimeARoundIsAbandoned(t *testing.T) {
	v, _ := Released().Version("blackjack/1")
	for after, want := range map[string]string{"": "nothing for a time that the operator sets, the round is", "24 hours": "nothing for 24 hours, the round is"} {
		text := v.SheetFor(after).Text
		if last := text[len(text)-1]; !strings.Contains(last, want) {
			t.Errorf("after %q the sheet says %q", after, last)
		}
	}
	if s := v.SheetFor("1 hour"); len(s.Text) != len(v.SheetFor("").Text) {
		t.Error("a sheet grows by being read")
	}
	slots, _ := Released().Version("slots/2")
	if s := slots.SheetFor("24 hours"); slices.ContainsFunc(s.Text, func(line string) bool { return strings.Contains(line, "24 hours") }) {
		t.Error("the sheet of slots mentions abandoned rounds")
	}
}

func checkFigures(t *testing.T, name string, f games.Figures) {
	t.Helper()
	if math.Abs(f.ReturnDecimal+f.HouseEdgeDecimal-1) > 1e-12 {
		t.Errorf("%s: return %v and edge %v don't make 1", name, f.ReturnDecimal, f.HouseEdgeDecimal)
	}
	if f.ReturnDecimal <= 0 || f.HitFrequencyDecimal <= 0 || f.HitFrequencyDecimal > 1 || f.Volatility <= 0 {
		t.Errorf("%s: impossible figures %+v", name, f)
	}
	if math.Abs(f.VarianceDecimal-f.Volatility*f.Volatility) > 1e-9*f.VarianceDecimal {
		t.Errorf("%s: the volatility %v is not the root of the variance %v", name, f.Volatility, f.VarianceDecimal)
	}
}

func TestReleased_KnowsNoOtherRules(t *testing.T) {
	for _, rules := range []string{"", "slots", "slots/", "slots/3", "SLOTS/2", "slots/02"} {
		if _, ok := Released().Version(rules); ok {
			t.Errorf("there is a version %q", rules)
		}
	}
}

func TestSheets_SlotsLinesGiveTheReturn(t *testing.T) {
	for _, rules := range []string{"slots/1", "slots/2"} {
		s := sheet(t, rules)
		sum := new(big.Rat)
		for _, l := range s.Pays {
			p, ok := new(big.Rat).SetString(l.Probability)
			if !ok {
				t.Fatalf("%s %s: probability %q", rules, l.Name, l.Probability)
			}
			sum.Add(sum, p.Mul(p, new(big.Rat).SetFloat64(l.Multiplier)))
		}
		if sum.RatString() != s.Figures.Return {
			t.Errorf("%s: the lines return %s, the sheet says %s", rules, sum.RatString(), s.Figures.Return)
		}
	}
}
