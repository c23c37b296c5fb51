package proof

import (
	"context"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"imperio/games/odds"
)

// BlackjackOdds is the mathematics of blackjack/1. All results are per initial stake, and cards are by value: 1 is an ace.
type BlackjackOdds struct {
	Rules string `json:"rules"`
	// House edges: against best play and against the published basic strategy, with surrender and without.
	BestEdge             float64              `json:"best_edge"`
	BasicEdge            float64              `json:"basic_edge"`
	BestEdgeNoSurrender  float64              `json:"best_edge_without_surrender"`
	BasicEdgeNoSurrender float64              `json:"basic_edge_without_surrender"`
	Variance             float64              `json:"variance"`   // of a round's net result by basic strategy; right to 0.0002
	Volatility           float64              `json:"volatility"` // the standard deviation
	Insurance            InsuranceOdds        `json:"insurance"`
	DealerByUpCard       []DealerOdds         `json:"dealer_by_up_card"`
	PlayerByUpCard       []UpCardOdds         `json:"player_by_up_card"`
	BestAgainstBasic     []DealOdds           `json:"best_differs_from_basic"`
	Deals                []DealOdds           `json:"deals,omitempty"`
	Simulation           *BlackjackSimulation `json:"simulation,omitempty"`
}

// InsuranceOdds is the average net result of insurance per coin of it, as exact fractions.
type InsuranceOdds struct {
	Net     string            `json:"net"` // if the player's cards are not known
	Decimal float64           `json:"net_decimal"`
	ByTens  []InsuranceByTens `json:"by_tens"`
}

// InsuranceByTens is the same if so many of the player's two cards are ten-valued.
type InsuranceByTens struct {
	Tens    int     `json:"tens"`
	Net     string  `json:"net"`
	Decimal float64 `json:"net_decimal"`
}

// DealerOdds says how the dealer finishes with an up card.
type DealerOdds struct {
	UpCard    int     `json:"up_card"`
	P17       float64 `json:"17"`
	P18       float64 `json:"18"`
	P19       float64 `json:"19"`
	P20       float64 `json:"20"`
	P21       float64 `json:"21"` // without a blackjack
	Blackjack float64 `json:"blackjack"`
	Bust      float64 `json:"bust"`
}

// UpCardOdds is the player's expectation against an up card.
type UpCardOdds struct {
	UpCard int     `json:"up_card"`
	Chance float64 `json:"chance"`
	Best   float64 `json:"best"`
	Basic  float64 `json:"basic"`
}

// DealOdds is the expectation of each play of a deal after the dealer has peeked; a play that is not allowed is left out.
type DealOdds struct {
	Cards     [2]int   `json:"cards"`
	UpCard    int      `json:"up_card"`
	Stand     *float64 `json:"stand,omitempty"`
	Hit       *float64 `json:"hit,omitempty"`
	Double    *float64 `json:"double,omitempty"`
	Split     *float64 `json:"split,omitempty"`
	Surrender *float64 `json:"surrender,omitempty"`
	Best      string   `json:"best"`
	Basic     string   `json:"basic"`
	Better    float64  `json:"better"` // best play above basic strategy
}

// BlackjackSimulation is what a simulation of basic strategy gave.
type BlackjackSimulation struct {
	Hands         int64   `json:"hands"`
	Seed          uint64  `json:"seed"`
	Seconds       float64 `json:"seconds"`
	HouseEdge     float64 `json:"house_edge"`
	StandardError float64 `json:"standard_error"` // of the house edge
	Volatility    float64 `json:"volatility"`
	HitFrequency  float64 `json:"hit_frequency"`
	AverageStaked float64 `json:"average_staked"`
}

func studyBlackjack(ctx context.Context, o OddsOptions) (*Odds, error) {
	progress, computed := o.Progress, o.Computed
	if progress == nil {
		progress = func(string, int64, int64, string) {}
	}
	if computed == nil {
		computed = func() {}
	}
	chart := odds.BasicStrategy()
	exact, err := odds.EvaluateBlackjack(ctx, chart, o.Workers, func(done, of int) { progress("evaluating", int64(done), int64(of), "") })
	computed()
	if err != nil {
		return nil, fmt.Errorf("evaluate blackjack: %w", err)
	}
	v := &BlackjackOdds{
		Rules: "blackjack/1", BestEdge: exact.BestEdge(), BasicEdge: exact.BasicEdge(),
		BestEdgeNoSurrender: -exact.BestNetUnsurrendered, BasicEdgeNoSurrender: -exact.BasicNetUnsurrendered,
		Variance: exact.BasicVariance, Volatility: math.Sqrt(exact.BasicVariance),
		Insurance: insuranceOdds(), PlayerByUpCard: upCardOdds(exact),
	}
	for _, d := range odds.DealerFinishes() {
		v.DealerByUpCard = append(v.DealerByUpCard, DealerOdds{d.Up, d.Totals[0], d.Totals[1], d.Totals[2], d.Totals[3], d.Totals[4], d.Blackjack, d.Bust})
	}
	for _, d := range exact.Deals {
		if d.Best != d.Basic {
			v.BestAgainstBasic = append(v.BestAgainstBasic, dealOdds(d))
		}
		if o.Deals {
			v.Deals = append(v.Deals, dealOdds(d))
		}
	}
	if o.Hands <= 0 {
		return &Odds{Blackjack: v}, nil
	}
	start := time.Now()
	s, err := odds.SimulateBlackjack(ctx, chart, o.Hands, o.Seed, o.Workers, func(done, of int64) {
		progress("simulating", done, of, fmt.Sprintf("%.1f million hands/s", float64(done)/1e6/time.Since(start).Seconds()))
	})
	computed()
	if err != nil {
		return nil, fmt.Errorf("simulate blackjack: %w", err)
	}
	v.Simulation = &BlackjackSimulation{
		s.Hands, o.Seed, time.Since(start).Seconds(), s.HouseEdge(), s.StandardError(), s.Volatility(), s.HitFrequency(), s.AverageStaked(),
	}
	return &Odds{Blackjack: v}, nil
}

func insuranceOdds() InsuranceOdds {
	exact := odds.EvaluateInsurance()
	v := InsuranceOdds{Net: exact.Average.RatString(), Decimal: odds.Decimal(exact.Average)}
	for tens, net := range exact.ByTens {
		v.ByTens = append(v.ByTens, InsuranceByTens{tens, net.RatString(), odds.Decimal(net)})
	}
	return v
}

func upCardOdds(exact *odds.BlackjackResult) []UpCardOdds {
	var sums [11]UpCardOdds
	for _, d := range exact.Deals {
		s := &sums[d.Up]
		s.UpCard = d.Up
		s.Chance += d.Chance
		s.Best += d.Chance * d.BestNet
		s.Basic += d.Chance * d.BasicNet
	}
	var list []UpCardOdds
	for _, up := range []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 1} {
		s := sums[up]
		s.Best, s.Basic = s.Best/s.Chance, s.Basic/s.Chance
		list = append(list, s)
	}
	return list
}

func dealOdds(d odds.Deal) DealOdds {
	allowed := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	return DealOdds{
		Cards: d.Player, UpCard: d.Up, Stand: allowed(d.Stand), Hit: allowed(d.Hit), Double: allowed(d.Double), Split: allowed(d.Split),
		Surrender: allowed(d.Surrender), Best: d.Best, Basic: d.Basic, Better: d.BestNet - d.BasicNet,
	}
}

func (v *BlackjackOdds) writeText(w io.Writer) error {
	fmt.Fprintf(w, "Blackjack (blackjack/1), per initial stake\n\n")
	fmt.Fprintf(w, "Exact, by enumeration of every deal and every sequence of cards:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  house edge\twith surrender\twithout\t\n")
	fmt.Fprintf(t, "  best play\t%s\t%s\tby the cards of the hand; after a split, by each hand's own cards\n", percent(v.BestEdge), percent(v.BestEdgeNoSurrender))
	fmt.Fprintf(t, "  basic strategy\t%s\t%s\tthe published chart, by totals\n", percent(v.BasicEdge), percent(v.BasicEdgeNoSurrender))
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the edges: %w", err)
	}
	fmt.Fprintf(w, "\nA round's net result by basic strategy, computed: variance %.3f, volatility (standard deviation) %.3f stakes\n", v.Variance, v.Volatility)
	fmt.Fprintf(w, "\nDeals in which best play differs from the chart:\n")
	for _, d := range v.BestAgainstBasic {
		fmt.Fprintf(w, "  %s against %s: %s instead of %s, better by %.6f stakes\n", d.hand(), card(d.UpCard), d.Best, d.Basic, d.Better)
	}
	for _, write := range []func(io.Writer) error{v.writeInsurance, v.writeDealer, v.writeUpCards, v.writeDeals, v.writeSimulation} {
		if err := write(w); err != nil {
			return err
		}
	}
	return nil
}

func (v *BlackjackOdds) writeInsurance(w io.Writer) error {
	fmt.Fprintf(w, "\nInsurance, net result per coin of insurance, exact:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  if no other card is known\t%s\t%s\n", v.Insurance.Net, percent(v.Insurance.Decimal))
	for _, i := range v.Insurance.ByTens {
		fmt.Fprintf(t, "  with %d ten-valued of one's two cards\t%s\t%s\n", i.Tens, i.Net, percent(i.Decimal))
	}
	return flush(t, "insurance")
}

func (v *BlackjackOdds) writeDealer(w io.Writer) error {
	fmt.Fprintf(w, "\nHow the dealer finishes, by the up card:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "up card\t17\t18\t19\t20\t21\tblackjack\tbust\t\n")
	for _, d := range v.DealerByUpCard {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", card(d.UpCard),
			percent(d.P17), percent(d.P18), percent(d.P19), percent(d.P20), percent(d.P21), percent(d.Blackjack), percent(d.Bust))
	}
	return flush(t, "dealer's totals")
}

func (v *BlackjackOdds) writeUpCards(w io.Writer) error {
	fmt.Fprintf(w, "\nThe player's expectation by the dealer's up card, in stakes:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "up card\tchance\tbest play\tbasic strategy\t\n")
	for _, u := range v.PlayerByUpCard {
		fmt.Fprintf(t, "%s\t%s\t%+.6f\t%+.6f\t\n", card(u.UpCard), percent(u.Chance), u.Best, u.Basic)
	}
	return flush(t, "up cards")
}

func (v *BlackjackOdds) writeDeals(w io.Writer) error {
	if v.Deals == nil {
		return nil
	}
	fmt.Fprintf(w, "\nEach deal, after the dealer has peeked and has no blackjack, in stakes:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "cards\tup card\tstand\thit\tdouble\tsplit\tsurrender\tbest\tchart\t\n")
	for _, d := range v.Deals {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", d.hand(), card(d.UpCard),
			stakes(d.Stand), stakes(d.Hit), stakes(d.Double), stakes(d.Split), stakes(d.Surrender), d.Best, d.Basic)
	}
	return flush(t, "deals")
}

func (v *BlackjackOdds) writeSimulation(w io.Writer) error {
	s := v.Simulation
	if s == nil {
		return nil
	}
	fmt.Fprintf(w, "\nSimulation of %d hands by basic strategy, seed %d (%.1f s, %.1f million hands/s):\n",
		s.Hands, s.Seed, s.Seconds, float64(s.Hands)/1e6/s.Seconds)
	fmt.Fprintf(w, "  house edge      %s ± %s at 95 %%, ± %s at 99 %%\n",
		percent(s.HouseEdge), percent(odds.Sigma95*s.StandardError), percent(odds.Sigma99*s.StandardError))
	fmt.Fprintf(w, "  from the exact  %+.2f standard errors\n", (s.HouseEdge-v.BasicEdge)/s.StandardError)
	fmt.Fprintf(w, "  variance        %.6f\n", s.Volatility*s.Volatility)
	fmt.Fprintf(w, "  volatility      %.6f stakes (standard deviation of a round's net result)\n", s.Volatility)
	fmt.Fprintf(w, "  hit frequency   %s (rounds that pay anything)\n", percent(s.HitFrequency))
	_, err := fmt.Fprintf(w, "  staked          %.6f initial stakes per round, doubles and splits included\n", s.AverageStaked)
	return err
}

func flush(t *tabwriter.Writer, what string) error {
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the %s: %w", what, err)
	}
	return nil
}

func stakes(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%+.6f", *v)
}

func card(value int) string {
	if value == 1 {
		return "A"
	}
	return fmt.Sprint(value)
}

func (d *DealOdds) hand() string { return card(d.Cards[0]) + "," + card(d.Cards[1]) }
