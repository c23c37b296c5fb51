package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a run. Times in JSON are in milliseconds.
type Report struct {
	URL         string         `json:"url"`
	Client      Client         `json:"client"`
	Cores       int            `json:"cores"` // of the players' machine
	Connections int            `json:"connections"`
	Players     int            `json:"players"`
	Mix         string         `json:"mix"`
	TLS         string         `json:"tls"` // version, cipher suite and key, or "none"
	Casino      Measurement    `json:"casino"`
	Games       []GameFigures  `json:"games"`
	Baseline    *Baseline      `json:"baseline,omitempty"`
	Failures    map[string]int `json:"failures"` // retried requests, by code; "connection" for a broken connection
	Refusals    map[string]int `json:"refusals"`
	Broke       int            `json:"broke"` // players who ran out of coins and stopped early
	Checked     Checked        `json:"checked"`
	// Violations are broken promises, at most maxViolations of them.
	Violations []string `json:"violations"`

	latencies map[string][]time.Duration // of the casino, by game
	bare      []time.Duration
	bareTime  time.Duration
}

// Measurement is how fast a server answered.
type Measurement struct {
	Requests          int     `json:"requests"`
	Seconds           float64 `json:"seconds"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Latency           Latency `json:"latency"`
}

// Latency is the distribution of times from the first byte sent to the last byte read, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// GameFigures are the figures of one game.
type GameFigures struct {
	Game            string  `json:"game"`
	Rounds          int     `json:"rounds"`
	RoundsPerSecond float64 `json:"rounds_per_second"`
	Measurement
}

// Baseline is the bare handler of the same run.
type Baseline struct {
	Measurement
	TLS string `json:"tls"`
	// Ratios are the casino's requests per second divided by the bare handler's, for each pair of turns.
	Ratios []float64 `json:"ratios"`
	Caveat string    `json:"caveat,omitempty"`
}

// Ratio is the median of the ratios; 0 without any.
func (b *Baseline) Ratio() float64 {
	if len(b.Ratios) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(b.Ratios))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// Checked says how much was compared with the casino's books.
type Checked struct {
	Answers    int `json:"answers"`    // settled rounds in answers
	Transfers  int `json:"transfers"`  // read from the books
	Unanswered int `json:"unanswered"` // bets without an answer, which may or may not be in the books
}

// Proven reports whether answers were compared with the books and no promise was broken.
func (r *Report) Proven() bool {
	return r.Checked.Answers > 0 && len(r.Violations) == 0
}

// note adds what went wrong at a table, measured or not.
func (r *Report) note(t *tally) {
	if r.Failures == nil {
		r.Failures, r.Refusals, r.Violations = make(map[string]int), make(map[string]int), []string{}
	}
	for code, n := range t.failures {
		r.Failures[code] += n
	}
	for code, n := range t.refusals {
		r.Refusals[code] += n
	}
	r.addViolations(t.violations)
}

func (r *Report) addViolations(violations []string) {
	room := maxViolations - len(r.Violations)
	r.Violations = append(r.Violations, violations[:min(room, len(violations))]...)
}

// addCasino adds the tallies of the casino's tables in a turn, and empties them.
func (r *Report) addCasino(tables []*table, took time.Duration) error {
	if r.latencies == nil {
		r.latencies = make(map[string][]time.Duration)
	}
	rounds := make(map[string]int)
	for _, t := range tables {
		for game, latencies := range t.tally.latencies {
			r.latencies[game] = append(r.latencies[game], latencies...)
		}
		for game, n := range t.tally.rounds {
			rounds[game] += n
		}
		r.note(&t.tally)
		t.tally = newTally()
	}
	var all []time.Duration
	for _, latencies := range r.latencies {
		all = append(all, latencies...)
	}
	if len(all) == 0 {
		return fmt.Errorf("no bet was answered: failures %v, refusals %v", r.Failures, r.Refusals)
	}
	total := time.Duration(r.Casino.Seconds*float64(time.Second)) + took
	r.Casino = measurement(all, total)
	old := r.Games
	r.Games = nil
	for _, game := range slices.Sorted(maps.Keys(r.latencies)) {
		figures := GameFigures{Game: game, Rounds: rounds[game], Measurement: measurement(r.latencies[game], total)}
		for _, before := range old {
			if before.Game == game {
				figures.Rounds += before.Rounds
			}
		}
		figures.RoundsPerSecond = float64(figures.Rounds) / total.Seconds()
		r.Games = append(r.Games, figures)
	}
	return nil
}

// addBare adds the tallies of the bare handler's tables, and empties them.
func (r *Report) addBare(tables []*table, took time.Duration) error {
	for _, t := range tables {
		r.bare = append(r.bare, t.tally.latencies[slots]...)
		if len(t.tally.failures)+len(t.tally.refusals)+len(t.tally.violations) > 0 {
			return fmt.Errorf("the bare handler failed: %v %v %v", t.tally.failures, t.tally.refusals, t.tally.violations)
		}
		t.tally = newTally()
		for _, p := range t.players {
			p.told = p.told[:0]
		}
	}
	r.bareTime += took
	r.Baseline.Measurement = measurement(r.bare, r.bareTime)
	return nil
}

func measurement(latencies []time.Duration, took time.Duration) Measurement {
	sorted := slices.Clone(latencies)
	slices.Sort(sorted)
	return Measurement{
		Requests: len(sorted), Seconds: took.Seconds(), RequestsPerSecond: float64(len(sorted)) / took.Seconds(),
		Latency: Latency{percentile(sorted, 50), percentile(sorted, 95), percentile(sorted, 99), percentile(sorted, 100)},
	}
}

// percentile is the smallest of the sorted times that p percent don't exceed, in milliseconds.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return float64(sorted[max(rank, 1)-1]) / float64(time.Millisecond)
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s: %d connections, %d players, %s, TLS: %s; %d cores, shared with the players\nclient: %s\n\n", r.URL, r.Connections, r.Players, r.Mix, r.TLS, r.Cores, r.Client)
	fmt.Fprintln(out, "\trequests\tper second\tp50 ms\tp95 ms\tp99 ms\tmax ms\t")
	row := func(name string, m *Measurement) {
		fmt.Fprintf(out, "%s\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", name, m.Requests, m.RequestsPerSecond, m.Latency.P50, m.Latency.P95, m.Latency.P99, m.Latency.Max)
	}
	row("casino", &r.Casino)
	if len(r.Games) > 1 {
		for i := range r.Games {
			row(r.Games[i].Game, &r.Games[i].Measurement)
		}
	}
	if r.Baseline != nil {
		row("bare", &r.Baseline.Measurement)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, game := range r.Games {
		fmt.Fprintf(&b, "%s: %d rounds, %.0f per second\n", game.Game, game.Rounds, game.RoundsPerSecond)
	}
	if base := r.Baseline; base != nil && len(base.Ratios) > 0 {
		fmt.Fprintf(&b, "ratio to the bare handler: %.3f (median of %d pairs of turns, from %.3f to %.3f)\n", base.Ratio(), len(base.Ratios), slices.Min(base.Ratios), slices.Max(base.Ratios))
		if base.Caveat != "" {
			fmt.Fprintf(&b, "caveat: %s: casino %s; bare %s\n", base.Caveat, r.TLS, base.TLS)
		}
	}
	fmt.Fprintf(&b, "requests retried: %s\nrefusals: %s\n", counts(r.Failures), counts(r.Refusals))
	if r.Broke > 0 {
		fmt.Fprintf(&b, "caveat: %d players ran out of coins and stopped early: give them more to measure longer\n", r.Broke)
	}
	fmt.Fprintf(&b, "compared with the books: %d answers, %d transfers; %d bets without an answer\n", r.Checked.Answers, r.Checked.Transfers, r.Checked.Unanswered)
	if r.Proven() {
		b.WriteString("verdict: every answer is in the books exactly once, and every balance follows\n")
	} else {
		fmt.Fprintf(&b, "verdict: %d broken promises\n", len(r.Violations))
		for _, violation := range r.Violations {
			fmt.Fprintf(&b, "  %s\n", violation)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func counts(byCode map[string]int) string {
	if len(byCode) == 0 {
		return "none"
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		parts = append(parts, fmt.Sprintf("%s %d", code, byCode[code]))
	}
	return strings.Join(parts, ", ")
}
