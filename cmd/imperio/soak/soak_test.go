package soak

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// measures must be flat after warming up, within these tolerances. VmRSS has pages of mapped files as well, which the system takes
// back when others need them; RssAnon is the casino's own memory.
var measures = map[string]tolerance{
	"VmRSS, MiB":       {0.10, 32},
	"RssAnon, MiB":     {0.10, 16},
	"heap in use, MiB": {0.10, 16},
	"goroutines":       {0.10, 16},
	"file descriptors": {0.10, 16},
	"log on disk, MiB": {0.10, 16},
}

// grown are told but not judged: rounds stay in the state for ever.
var grown = []string{"state on disk, MiB", "processor time, s"}

// judgeMemory is the shortest run that can judge memory. Before that, caches fill and the heap finds its size.
const judgeMemory = 3 * time.Minute

// TestSoak plays for SOAK (8s without it), and judges.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program and plays for 8 seconds")
	}
	long := 8 * time.Second
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil || long < 10*time.Second || long > 24*time.Hour {
			t.Fatalf("SOAK=%s is no time between 10s and 24h: SOAK=10m, say", text)
		}
	}
	c := newCasino(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	load := startLoad(t, c, seed)

	series := make(map[string][]float64)
	pause := max(long/200, 250*time.Millisecond)
	reloads := 0
	// On a slow machine a short run goes on until everybody has done everything.
	for began := time.Now(); time.Since(began) < long || !load.busy() && time.Since(began) < long+patience; {
		time.Sleep(pause) // the load goes on by itself
		c.mustRun(t)
		for name, value := range c.measure(t) {
			series[name] = append(series[name], value)
		}
		if n := len(series["goroutines"]); n%10 == 0 {
			reloads++
			c.reload(t, reloads)
		}
	}
	load.stop(t)
	c.stopAndAudit(t)

	fmt.Print(table(series, long, reloads, load))
	for name, tolerance := range measures {
		if _, _, err := growth(series[name], tolerance); err != nil && (long >= judgeMemory || !strings.Contains(name, "MiB")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// table tells what was done and measured.
func table(series map[string][]float64, long time.Duration, reloads int, load *load) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s of play, %d reloads\n\n%-22s %10s\n", long, reloads, "what", "times")
	counts := load.counts()
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%-22s %10d\n", what, counts[what])
	}
	for _, status := range slices.Sorted(maps.Keys(load.answers)) {
		fmt.Fprintf(&b, "answers with %d %18d\n", status, load.answers[status])
	}
	fmt.Fprintf(&b, "\n%-22s %10s %10s %10s %10s   %s\n", "measure", "first", "middle", "last", "highest", "verdict")
	for _, name := range append(slices.Sorted(maps.Keys(measures)), grown...) {
		samples := series[name]
		if len(samples) == 0 {
			continue
		}
		verdict := "not judged"
		var middle, last float64
		if tolerance, judged := measures[name]; judged {
			var err error
			middle, last, err = growth(samples, tolerance)
			switch {
			case long < judgeMemory && strings.Contains(name, "MiB"):
				verdict = "not judged in so short a run"
			case err != nil:
				verdict = "GREW"
			default:
				verdict = "flat"
			}
		} else {
			middle, last = samples[len(samples)/2], samples[len(samples)-1]
		}
		fmt.Fprintf(&b, "%-22s %10.1f %10.1f %10.1f %10.1f   %s\n", name, samples[0], middle, last, slices.Max(samples), verdict)
	}
	return b.String()
}
