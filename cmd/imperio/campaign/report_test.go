package campaign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"imperio/appliance/bench"
)

// goal is a promised figure, and the measured one.
type goal struct {
	what, promised, measured string
	reached                  bool
}

func (m *campaign) printf(format string, args ...any) {
	fmt.Fprintf(m.out, format, args...)
}

// goal records a promised figure and the measured one.
func (m *campaign) goal(reached bool, what, promised, measured string, args ...any) {
	m.goals = append(m.goals, goal{what, promised, fmt.Sprintf(measured, args...), reached})
}

// writeGoals compares what was promised with what was measured.
func (m *campaign) writeGoals() {
	m.printf("\n## The goals\n\n| what | promised | measured | |\n|---|---|---|---|\n")
	for _, g := range m.goals {
		verdict := "reached"
		if !g.reached {
			verdict = "**missed**"
		}
		m.printf("| %s | %s | %s | %s |\n", g.what, g.promised, strings.TrimSpace(g.measured), verdict)
	}
	if m.quick {
		m.printf("\nThis was a quick run with tiny sizes: the figures mean nothing.\n")
	}
}

// note reports the comparison with the books after play, and which promises were broken.
func (m *campaign) note(r *bench.Report) {
	m.printf("\nFailed requests: %d. Refused: %d. %d answers were compared with the books; %d bets without an answer; broken promises: %d.\n",
		total(r.Failures), total(r.Refusals), r.Checked.Answers, r.Checked.Unanswered, len(r.Violations))
	if !r.Proven() {
		m.broken += max(len(r.Violations), 1)
	}
	for _, violation := range r.Violations {
		m.printf("- %s\n", violation)
	}
}

func total(byCode map[string]int) int {
	sum := 0
	for _, n := range byCode {
		sum += n
	}
	return sum
}

func (m *campaign) speedHeader() {
	m.printf("| | requests | a second | p50 ms | p95 ms | p99 ms | max ms |\n|---|---:|---:|---:|---:|---:|---:|\n")
}

func (m *campaign) speedRow(what string, r bench.Measurement) {
	m.printf("| %s | %d | %.0f | %.2f | %.2f | %.2f | %.2f |\n", what, r.Requests, r.RequestsPerSecond, r.Latency.P50, r.Latency.P95, r.Latency.P99, r.Latency.Max)
}

// of names a figure of the large casino.
func (m *campaign) of(what string) string {
	return fmt.Sprintf("%s, %d accounts", what, m.many.accounts)
}

// median returns the median of at least one number.
func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
