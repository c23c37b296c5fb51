package odds

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/GAMES.md must state the chart and the figures of this package.
func TestGamesPage_SaysWhatIsComputed(t *testing.T) {
	data, err := os.ReadFile("../../docs/GAMES.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	_, block, _ := strings.Cut(page, "```chart\n")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("the page has no chart")
	}
	_, rows, _ := strings.Cut(block, "\n") // without the heading
	onPage, used := newChart(rows), BasicStrategy()
	if onPage.cells != used.cells || onPage.pairs != used.pairs {
		t.Error("the chart on the page differs from BasicStrategy")
	}
	r, insurance := RecordedBlackjack(), EvaluateInsurance()
	figures := []string{
		fmt.Sprintf("| basic strategy | %.11f %% | exact |", 100*r.BasicEdge),
		fmt.Sprintf("| best play | %.11f %% |", 100*r.BestEdge),
		fmt.Sprintf("%.5f %% ± %.5f %% at 95 %%, ± %.5f %% at 99 %%", 100*r.SimulatedEdge, 100*Sigma95*r.StandardError, 100*Sigma99*r.StandardError),
		fmt.Sprintf("net result is %.6f, and its volatility", r.Volatility*r.Volatility),
		fmt.Sprintf("%.6f initial stakes. %.4f %% of the rounds pay something", r.Volatility, 100*r.HitFrequency),
		fmt.Sprintf("%.6f initial stakes on average", r.AverageStaked),
		fmt.Sprintf("%.4f %% of all coins staked", 100*r.BasicEdge/r.AverageStaked),
		fmt.Sprintf("--hands %d --seed %d", r.Hands, r.Seed),
		"computed on " + r.Date,
		fmt.Sprintf("without surrender, basic strategy | %.11f %% | exact |", 100*r.BasicEdgeUnsurrendered),
		fmt.Sprintf("without surrender, best play | %.11f %% | exact", 100*r.BestEdgeUnsurrendered),
		"−" + strings.TrimPrefix(insurance.Average.RatString(), "-") + " of the insurance",
		fmt.Sprintf("−%s if none, −%s if one", strings.TrimPrefix(insurance.ByTens[0].RatString(), "-"), strings.TrimPrefix(insurance.ByTens[1].RatString(), "-")),
	}
	for _, d := range DealerFinishes() {
		row := "| ace |"
		if d.Up != 1 {
			row = fmt.Sprintf("| %d |", d.Up)
		}
		for _, p := range append(d.Totals[:], d.Blackjack, d.Bust) {
			row += fmt.Sprintf(" %.3f |", 100*p)
		}
		figures = append(figures, row)
	}
	for _, figure := range figures {
		if !strings.Contains(page, figure) {
			t.Errorf("the page does not say %q", figure)
		}
	}
}
