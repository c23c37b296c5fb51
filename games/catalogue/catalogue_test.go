package catalogue

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/rulebook"
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
			s := v.SheetFor(games.Words{})
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
	return v.SheetFor(games.Words{})
}

func TestSheetFor_SaysAfterWhatTimeARoundIsAbandoned(t *testing.T) {
	v, _ := Released().Version("blackjack/1")
	last := func(after games.Words) games.Rule {
		text := v.SheetFor(after).Text
		return text[len(text)-1]
	}
	for _, c := range []struct{ after, want games.Words }{
		{games.Words{}, games.Words{EN: "nothing for a time that the operator sets, the round is", ES: "nada durante un tiempo que fija el operador, la", DE: "Sie eine vom Betreiber bestimmte Zeit lang nichts"}},
		{rulebook.Time(86400), games.Words{EN: "nothing for 24 hours, the round is", ES: "nada durante 24 horas, la", DE: "Sie 24 Stunden lang nichts"}},
		{rulebook.Time(3600), games.Words{EN: "nothing for 1 hour, the round is", ES: "nada durante 1 hora, la", DE: "Sie 1 Stunde lang nichts"}},
		{rulebook.Time(5400), games.Words{EN: "nothing for 90 minutes, the round is", ES: "nada durante 90 minutos, la", DE: "Sie 90 Minuten lang nichts"}},
	} {
		said := last(c.after).In()
		for language, want := range c.want.In() {
			if !strings.Contains(said[language], want) {
				t.Errorf("after %q the sheet says %q, want %q", c.after, said[language], want)
			}
		}
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
