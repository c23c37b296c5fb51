package catalogue

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/GAMES.md must state the sheet's figures for every roulette bet.
func TestGamesPage_RouletteHasTheFiguresOfTheSheet(t *testing.T) {
	page, err := os.ReadFile("../../docs/GAMES.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(page), "\n")
	for _, rules := range []string{"roulette/1", "roulette/2"} {
		for _, l := range sheet(t, rules).Pays {
			row := slices.IndexFunc(rows, func(r string) bool {
				types, _, _ := strings.Cut(strings.TrimPrefix(r, "| "), " |")
				return strings.HasPrefix(r, "| `") && strings.Contains(types, "`"+l.Name+"`")
			})
			if row < 0 {
				t.Errorf("%s: the page has no row for %s", rules, l.Name)
				continue
			}
			f := l.Figures
			for _, figure := range []string{l.Pays, f.Return, f.HitFrequency, f.Variance, fmt.Sprintf("%.6f", f.Volatility)} {
				if !strings.Contains(rows[row], figure) {
					t.Errorf("%s: the row of %s does not say %s: %s", rules, l.Name, figure, rows[row])
				}
			}
		}
	}
}
