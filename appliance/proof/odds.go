package proof

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"imperio/games"
)

// OddsOptions say what to compute about a game.
type OddsOptions struct {
	Game string // "slots", or one version of the rules, such as "slots/2"

	// For the games in studies:
	Hands   int64  // hands to simulate; 0: none
	Seed    uint64 // of the simulation
	Workers int    // 0: one per processor
	Deals   bool   // also the expectation of every play for every deal
	// Progress tells how far the work with a label is; note may be empty. nil: nobody wants to know. It is called from one goroutine
	// at a time.
	Progress func(label string, done, of int64, note string)
	Computed func() // is called when the work with a label is done; may be nil
}

// Odds is the mathematics of a game: sheets, or a study for a game with more than fits on a sheet.
type Odds struct {
	Sheets    []games.Sheet  `json:"sheets,omitempty"`
	Blackjack *BlackjackOdds `json:"blackjack,omitempty"`
}

// studies are the games with more mathematics than fits on a sheet.
var studies = map[string]func(context.Context, OddsOptions) (*Odds, error){"blackjack": studyBlackjack}

// ComputeOdds computes the mathematics of a game from its rules.
func ComputeOdds(ctx context.Context, c *games.Catalogue, o OddsOptions) (*Odds, error) {
	var versions []*games.Version
	if d, ok := c.Named(o.Game); ok {
		versions = d.Versions
	} else if v, ok := c.Version(o.Game); ok {
		versions = []*games.Version{v}
	} else {
		return nil, fmt.Errorf("there is no game %q: give %s, or one version of the rules: %s", o.Game, strings.Join(c.Names(), ", "), strings.Join(c.Rules(), ", "))
	}
	if study := studies[versions[0].Of().Name]; study != nil {
		return study(ctx, o)
	}
	v := new(Odds)
	for _, version := range versions {
		v.Sheets = append(v.Sheets, version.SheetFor(games.Words{}))
	}
	return v, nil
}

// WriteText prints the mathematics for people.
func (o *Odds) WriteText(w io.Writer) error {
	if o.Blackjack != nil {
		return o.Blackjack.writeText(w)
	}
	for i, s := range o.Sheets {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writeSheet(w, s); err != nil {
			return err
		}
	}
	return nil
}

// writeSheet prints a sheet, whose figures were computed by enumeration.
func writeSheet(w io.Writer, s games.Sheet) error {
	fmt.Fprintf(w, "%s (%s)\n", s.Name, s.Rules)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if s.Pays[0].Figures == nil { // one wager, many lines
		fmt.Fprintf(t, "  return\t%s\t%s\n", s.Figures.Return, percent(s.Figures.ReturnDecimal))
		fmt.Fprintf(t, "  house edge\t%s\t%s\n", s.Figures.HouseEdge, percent(s.Figures.HouseEdgeDecimal))
		fmt.Fprintf(t, "  hit frequency\t%s\t%s\n", s.Figures.HitFrequency, percent(s.Figures.HitFrequencyDecimal))
		fmt.Fprintf(t, "  variance\t%s\t\n", s.Figures.Variance)
		fmt.Fprintf(t, "  volatility\t\t%.6f stakes (standard deviation of the payout)\n", s.Figures.Volatility)
		fmt.Fprintf(t, "\n  line\tpays\tprobability\t\tshare of the return\n")
		for _, l := range s.Pays {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", l.Name, l.Pays, l.Probability, percent(l.ProbabilityDecimal),
				percent(l.ProbabilityDecimal*l.Multiplier))
		}
	} else { // each line is a separate bet
		fmt.Fprintf(t, "  bet\tbets\tpays\twins\treturn\t\thouse edge\t\thit frequency\t\tvariance\tvolatility\n")
		for _, l := range s.Pays {
			f := l.Figures
			fmt.Fprintf(t, "  %s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.6f\n", l.Name, l.Bets, l.Pays, l.Probability,
				f.Return, percent(f.ReturnDecimal), f.HouseEdge, percent(f.HouseEdgeDecimal),
				f.HitFrequency, percent(f.HitFrequencyDecimal), f.Variance, f.Volatility)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the figures: %w", err)
	}
	method := s.Figures.Method
	if figures := s.Pays[0].Figures; figures != nil {
		method = figures.Method
	}
	_, err := fmt.Fprintf(w, "  Method: %s.\n", method)
	return err
}

func percent(v float64) string { return fmt.Sprintf("%.4f %%", 100*v) }
