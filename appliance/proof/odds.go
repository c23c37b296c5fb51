package proof

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"imperio/games"
	"imperio/games/odds"
)

// OddsOptions say what to print about a game.
type OddsOptions struct {
	Game string // "slots", or one version of the rules, such as "slots/2"

	// For the games in studies:
	Hands    int64     // hands to simulate; 0: none
	Seed     uint64    // of the simulation
	Workers  int       // 0: one per processor
	Deals    bool      // also print the expectation of every play for every deal
	Progress io.Writer // shows progress; nil: none
}

// studies are the games with more mathematics than fits on a sheet.
var studies = map[string]func(context.Context, io.Writer, OddsOptions) error{"blackjack": writeBlackjack}

// WriteOdds computes the mathematics of a game from its rules, and prints it.
func WriteOdds(ctx context.Context, w io.Writer, c *games.Catalogue, o OddsOptions) error {
	var versions []*games.Version
	if d, ok := c.Named(o.Game); ok {
		versions = d.Versions
	} else if v, ok := c.Version(o.Game); ok {
		versions = []*games.Version{v}
	} else {
		return fmt.Errorf("there is no game %q: give %s, or one version of the rules: %s", o.Game, strings.Join(c.Names(), ", "), strings.Join(c.Rules(), ", "))
	}
	if study := studies[versions[0].Of().Name]; study != nil {
		return study(ctx, w, o)
	}
	for i, v := range versions {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writeSheet(w, v.SheetFor(games.Words{})); err != nil {
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

func writeBlackjack(ctx context.Context, w io.Writer, o OddsOptions) error {
	chart := odds.BasicStrategy()
	bar := &progressBar{w: o.Progress, label: "evaluating"}
	exact, err := odds.EvaluateBlackjack(ctx, chart, o.Workers, func(done, of int) { bar.show(int64(done), int64(of), "") })
	bar.end()
	if err != nil {
		return fmt.Errorf("evaluate blackjack: %w", err)
	}
	fmt.Fprintf(w, "Blackjack (blackjack/1), per initial stake\n\n")
	fmt.Fprintf(w, "Exact, by enumeration of all %d deals and every sequence of cards:\n", len(exact.Deals))
	fmt.Fprintf(w, "  house edge, best play       %s  (by the cards of the hand; after a split, by each hand's own cards)\n", percent(exact.BestEdge()))
	fmt.Fprintf(w, "  house edge, basic strategy  %s  (the published chart, by totals)\n", percent(exact.BasicEdge()))
	fmt.Fprintf(w, "\nDeals in which best play differs from the chart:\n")
	for _, d := range exact.Deals {
		if d.Best != d.Basic {
			fmt.Fprintf(w, "  %s against %s: %s instead of %s, better by %.6f stakes\n", hand(d), card(d.Up), d.Best, d.Basic, d.BestNet-d.BasicNet)
		}
	}
	if err := writeUpCards(w, exact); err != nil {
		return err
	}
	if o.Deals {
		if err := writeDeals(w, exact); err != nil {
			return err
		}
	}
	if o.Hands <= 0 {
		return nil
	}
	bar = &progressBar{w: o.Progress, label: "simulating"}
	start := time.Now()
	s, err := odds.SimulateBlackjack(ctx, chart, o.Hands, o.Seed, o.Workers, func(done, of int64) {
		bar.show(done, of, fmt.Sprintf("%.1f million hands/s", float64(done)/1e6/time.Since(start).Seconds()))
	})
	bar.end()
	if err != nil {
		return fmt.Errorf("simulate blackjack: %w", err)
	}
	return writeSimulation(w, s, exact, o.Seed, time.Since(start))
}

func writeUpCards(w io.Writer, exact *odds.BlackjackResult) error {
	var chance, best, basic [11]float64
	for _, d := range exact.Deals {
		chance[d.Up] += d.Chance
		best[d.Up] += d.Chance * d.BestNet
		basic[d.Up] += d.Chance * d.BasicNet
	}
	fmt.Fprintf(w, "\nThe player's expectation by the dealer's up card, in stakes:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "up card\tchance\tbest play\tbasic strategy\t\n")
	for _, up := range []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 1} {
		fmt.Fprintf(t, "%s\t%s\t%+.6f\t%+.6f\t\n", card(up), percent(chance[up]), best[up]/chance[up], basic[up]/chance[up])
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the up cards: %w", err)
	}
	return nil
}

func writeDeals(w io.Writer, exact *odds.BlackjackResult) error {
	fmt.Fprintf(w, "\nEach deal, after the dealer has peeked and has no blackjack, in stakes:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "cards\tup card\tstand\thit\tdouble\tsplit\tsurrender\tbest\tchart\t\n")
	for _, d := range exact.Deals {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", hand(d), card(d.Up),
			stakes(d.Stand), stakes(d.Hit), stakes(d.Double), stakes(d.Split), stakes(d.Surrender), d.Best, d.Basic)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the deals: %w", err)
	}
	return nil
}

func writeSimulation(w io.Writer, s *odds.Simulation, exact *odds.BlackjackResult, seed uint64, took time.Duration) error {
	edge, sigma := s.HouseEdge(), s.StandardError()
	fmt.Fprintf(w, "\nSimulation of %d hands by basic strategy, seed %d (%.1f s, %.1f million hands/s):\n",
		s.Hands, seed, took.Seconds(), float64(s.Hands)/1e6/took.Seconds())
	fmt.Fprintf(w, "  house edge      %s ± %s at 95 %%, ± %s at 99 %%\n", percent(edge), percent(odds.Sigma95*sigma), percent(odds.Sigma99*sigma))
	fmt.Fprintf(w, "  from the exact  %+.2f standard errors\n", (edge-exact.BasicEdge())/sigma)
	fmt.Fprintf(w, "  variance        %.6f\n", s.Volatility()*s.Volatility())
	fmt.Fprintf(w, "  volatility      %.6f stakes (standard deviation of a round's net result)\n", s.Volatility())
	fmt.Fprintf(w, "  hit frequency   %s (rounds that pay anything)\n", percent(s.HitFrequency()))
	_, err := fmt.Fprintf(w, "  staked          %.6f initial stakes per round, doubles and splits included\n", s.AverageStaked())
	return err
}

func percent(v float64) string { return fmt.Sprintf("%.4f %%", 100*v) }

func stakes(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%+.6f", v)
}

func card(value int) string {
	if value == 1 {
		return "A"
	}
	return fmt.Sprint(value)
}

func hand(d odds.Deal) string { return card(d.Player[0]) + "," + card(d.Player[1]) }

// progressBar shows progress on one line. Its methods must be called from one goroutine at a time.
type progressBar struct {
	w     io.Writer
	label string
	last  int64 // the percentage shown
	drawn bool
}

func (p *progressBar) show(done, of int64, note string) {
	const width = 40
	at := 100 * done / of
	if p.w == nil || p.drawn && at == p.last {
		return
	}
	p.last, p.drawn = at, true
	filled := int(at) * width / 100
	fmt.Fprintf(p.w, "\r%s [%s%s] %3d %% %s", p.label, strings.Repeat("#", filled), strings.Repeat(".", width-filled), at, note)
}

// end ends the line.
func (p *progressBar) end() {
	if p.drawn {
		fmt.Fprintln(p.w)
	}
}
