package main

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"imperio/appliance/bench"
)

// runAsProgram makes the test's own binary behave as imperio, for tests that start it as another process.
const runAsProgram = "RUN_AS_IMPERIO"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// The whole path with real processes: a casino over TLS, players, a bare handler, and an audit of what is left.
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
		t.Errorf("the ratio is that of spins, but %s was played", report.Mix)
	}
}

func TestBench_PlaysAllGamesIfNoneIsNamed(t *testing.T) {
	t.Setenv(runAsProgram, "1")
	stdout, stderr, code := invoke(t, nil, "bench", "--start", "--connections", "3", "--duration", "300ms", "--json")
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

// The whole campaign at tiny sizes: each measurement is made with real processes, and what they leave is audited.
func TestBenchCampaign_MeasuresEverythingThatWasPromised(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the campaign needs /proc, which only Linux has")
	}
	t.Setenv(runAsProgram, "1")
	directory := shortDirectory(t)
	stdout, stderr, code := invoke(t, nil, "bench", "campaign", "--quick", "--dir", directory)
	if code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, stderr, stdout)
	}
	for _, part := range []string{
		"| machine | ", "Ratio: **0.", "| blackjack | ", "Median: **", "after SIGKILL under load", "| 80 | the books are right |",
		"| size of the program | below 60 MB |", "| memory when idle | below 100 MB resident |", "| processor time of a bet, 80 accounts against 20 |",
		"| start after SIGKILL under load, 80 accounts | ready within 1 s |", "the figures mean nothing",
	} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is missing in:\n%s", part, stdout)
		}
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind: %v", left, err)
	}
}

func TestBenchCampaign_StopsWhenItIsInterrupted(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the campaign needs /proc, which only Linux has")
	}
	t.Setenv(runAsProgram, "1")
	directory := shortDirectory(t)
	ctx, stop := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	code := run([]string{"bench", "campaign", "--quick", "--dir", directory}, &environment{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: &out,
		Stderr: writerFunc(func(p []byte) (int, error) {
			if strings.Contains(string(p), "pair 2 of 5") {
				stop()
			}
			return errs.Write(p)
		})})
	if code != exitFailed || !strings.Contains(errs.String(), "broke off at: the ratio") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind: %v", left, err)
	}
}

// shortDirectory is a directory with a short path, since that of a socket can't have more than about a hundred
// characters; in memory where there is such a thing, since the disk's pace is not what these tests look at.
func shortDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "bench-")
	if err != nil {
		directory, err = os.MkdirTemp("", "bench-")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestBenchCampaign_EndsWithinItsTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the campaign needs /proc, which only Linux has")
	}
	t.Setenv(runAsProgram, "1")
	if _, stderr, code := invoke(t, nil, "bench", "campaign", "--quick", "--within", "300ms", "--dir", shortDirectory(t)); code != exitFailed || !strings.Contains(stderr, "longer than --within 300ms") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestBenchCampaign_RefusesSizesThatMakeNoSense(t *testing.T) {
	for _, arguments := range [][]string{{"--few", "0"}, {"--connections", "0"}, {"--turns", "0"}, {"--duration", "1ms"}} {
		if _, stderr, code := invoke(t, nil, append([]string{"bench", "campaign"}, arguments...)...); code != 2 {
			t.Errorf("%v: exit code %d: %s", arguments, code, stderr)
		}
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
