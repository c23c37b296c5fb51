package catalogue

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
)

func TestGames_EveryVersionIsFoundAndHasASheet(t *testing.T) {
	for _, e := range Games() {
		if !slices.Contains(e.Versions, e.Default) {
			t.Errorf("%s: the default %s is no version", e.Game, e.Default)
		}
		for _, rules := range e.Versions {
			g, ok := Lookup(rules)
			if !ok || g.Rules() != rules {
				t.Errorf("%s is not found", rules)
				continue
			}
			if game, ok := GameOf(rules); !ok || game != e.Game || !strings.HasPrefix(rules, game+"/") {
				t.Errorf("%s belongs to %q, want %q", rules, game, e.Game)
			}
			s, ok := SheetOf(rules)
			if !ok {
				t.Errorf("%s has no sheet", rules)
				continue
			}
			if s.Game != e.Game || s.Name != e.Name || s.Rules != rules || s.Default != (rules == e.Default) {
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

func checkFigures(t *testing.T, name string, f Figures) {
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

func TestLookup_KnowsNoOtherRules(t *testing.T) {
	for _, rules := range []string{"", "slots", "slots/", "slots/3", "SLOTS/2", "slots/02"} {
		if _, ok := Lookup(rules); ok {
			t.Errorf("Lookup(%q) found something", rules)
		}
		if _, ok := GameOf(rules); ok {
			t.Errorf("GameOf(%q) found something", rules)
		}
		if _, ok := SheetOf(rules); ok {
			t.Errorf("SheetOf(%q) found something", rules)
		}
	}
}

func TestSheetOf_SlotsLinesGiveTheReturn(t *testing.T) {
	for _, rules := range []string{"slots/1", "slots/2"} {
		s, _ := SheetOf(rules)
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
