package main

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/go-json-experiment/json"

	"imperio/appliance/bench"
)

// runAsProgram makes the test binary behave like imperio, for tests that start it as another process.
const runAsProgram = "RUN_AS_IMPERIO"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
	}
	debug.SetGCPercent(heapGrowth) // as main does: reading the command line, which every test does, makes much garbage
	os.Exit(m.Run())
}

// The whole path with real processes: a casino over TLS, players, a bare handler, and an audit at the end.
func TestBench_WithACasinoOfItsOwn(t *testing.T) {
	t.Setenv(runAsProgram, "1")
	stdout, stderr, code := invoke(t, nil, "bench", "--start", "--baseline", "--connections", "3", "--duration", "500ms", "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var report bench.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if !report.Proven() || report.Casino.Requests == 0 || report.Baseline == nil || report.Baseline.Ratio() <= 0 {
		t.Errorf("%s", stdout)
	}
	if report.Baseline.Caveat != "" {
		t.Errorf("the comparison is not fair: %s: %s and %s", report.Baseline.Caveat, report.TLS, report.Baseline.TLS)
	}
	if report.Mix != "slots=1" {
		t.Errorf("the ratio is for spins, but %s was played", report.Mix)
	}
}

func TestBench_PlaysAllGamesIfNoneIsNamed(t *testing.T) {
	t.Setenv(runAsProgram, "1")
	// Long enough for some hundred rounds on a slow machine, so that each game is played.
	stdout, stderr, code := invoke(t, nil, "bench", "--start", "--connections", "3", "--duration", "3s", "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var report bench.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if !report.Proven() || report.Mix != "slots=1,roulette=1,blackjack=1" || len(report.Games) != 3 {
		t.Errorf("%s", stdout)
	}
}

func TestBench_RefusesFlagsThatMakeNoSense(t *testing.T) {
	for name, arguments := range map[string][]string{
		"two casinos":             {"--start", "--url", "http://127.0.0.1:1"},
		"data for another casino": {"--data", "x", "--url", "http://127.0.0.1:1"},
		"no such game":            {"--mix", "poker=1"},
		"no game at all":          {"--mix", "slots=0"},
	} {
		if _, stderr, code := invoke(t, nil, append([]string{"bench"}, arguments...)...); code != 2 {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}
