package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imperio/appliance/bench"
	"imperio/appliance/config"
	"imperio/cmd/imperio/clustertest"
	"imperio/storage/storagetest/postgrestest"
)

// steps are the measurements of a campaign, in this order. A step makes the casinos that it needs.
var steps = []struct {
	name, what string
	do         func(*campaign, context.Context) error
	// apart: it takes long with the promised sizes, so a full campaign does it only where it is named.
	apart bool
}{
	{"ratio", "the ratio to a bare handler", (*campaign).measureRatio, false},
	{"mix", "a mix of games", (*campaign).measureMix, false},
	{"idle", "start and memory of idle casinos", (*campaign).measureIdle, false},
	{"pages", "what the pages cost a browser", (*campaign).measurePages, false},
	{"growth", "cost of a bet by the number of accounts", (*campaign).measureGrowth, false},
	{"memory", "memory by its limit", (*campaign).measureMemory, false},
	{"restarts", "starts after a stop and after a kill", (*campaign).measureRestarts, false},
	{"restart", "restarts under load", (*campaign).measureRestart, false},
	{"backups", "backups during play, and a restore", (*campaign).measureBackups, true},
	{"import", "players who move in from an older casino", (*campaign).measureImport, true},
	{"mirror", "a mirror in PostgreSQL that catches up, and play with it", (*campaign).measureMirror, true},
	{"cluster", "spins in a cluster of three nodes", (*campaign).measureClusterSpeed, true},
	{"failover", "kills of a cluster's leader", (*campaign).measureFailover, true},
	{"rolling", "rolling restarts of a cluster", (*campaign).measureRolling, true},
	{"keys", "play with many used idempotency keys", (*campaign).measureKeys, false},
}

func stepNames() string {
	var names []string
	for _, step := range steps {
		names = append(names, step.name)
	}
	return strings.Join(names, " ")
}

// campaign is one run of the measurements.
type campaign struct {
	options
	program   bench.Program
	directory string    // for everything that the campaign makes
	out       io.Writer // gets the report
	progress  io.Writer

	few, some, many, used populated
	clustered             populated            // the first node of the cluster
	cluster               *clustertest.Cluster // nil: not formed yet
	made                  []*populated         // in the order in which they were made
	goals                 []goal
	broken                int // promises that the casino broke
}

// run makes the casinos, measures, and prints each section of the report as soon as it is known.
func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	path, err := binary()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.within, fmt.Errorf("it took longer than %s, its limit", o.within))
	defer cancel()
	directory, err := os.MkdirTemp(o.dir, "imperio-campaign-")
	if err != nil {
		return fmt.Errorf("make a directory for the casinos: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	environ := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, config.EnvPrefix) })
	m := &campaign{
		options: o, directory: directory, out: out, progress: progress,
		program:   bench.Program{Path: path, Environ: environ, Stderr: progress},
		few:       populated{directory: filepath.Join(directory, "few"), accounts: o.few},
		some:      populated{directory: filepath.Join(directory, "some"), accounts: o.some},
		many:      populated{directory: filepath.Join(directory, "many"), accounts: o.many, rounds: o.rounds},
		clustered: populated{directory: filepath.Join(directory, "cluster", nodeName(0)), accounts: o.few},
		used:      populated{directory: filepath.Join(directory, "used"), accounts: 2*o.keyPlayers + bystanderCount, keys: o.keys, keyPlayers: o.keyPlayers},
	}
	return m.runSteps(ctx)
}

func (m *campaign) runSteps(ctx context.Context) error {
	defer func() {
		if m.cluster != nil {
			m.cluster.Kill() // after an error
		}
	}()
	if err := m.runStep(ctx, "what is measured, and where", func() error { return m.writeHeader(ctx) }); err != nil {
		return err
	}
	wanted := m.options.steps()
	for _, step := range steps {
		if len(wanted) > 0 && !slices.Contains(wanted, step.name) || len(wanted) == 0 && step.apart && !m.quick {
			continue
		}
		if err := m.runStep(ctx, step.what, func() error { return step.do(m, ctx) }); err != nil {
			return err
		}
	}
	if err := m.runStep(ctx, "the end of the cluster", func() error { return m.endCluster(ctx) }); err != nil {
		return err
	}
	if err := m.runStep(ctx, "the audit", func() error { return m.audit(ctx) }); err != nil {
		return err
	}
	m.writeGoals()
	if m.broken > 0 {
		return fmt.Errorf("the casino broke %d promises; see the report", m.broken)
	}
	return nil
}

func (m *campaign) runStep(ctx context.Context, what string, do func() error) error {
	fmt.Fprintf(m.progress, "== %s\n", what)
	err := do()
	if ctx.Err() != nil { // any other error is a consequence
		return fmt.Errorf("the campaign was interrupted at: %s: %w", what, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// audit audits the books of all casinos on disk.
func (m *campaign) audit(ctx context.Context) error {
	m.printf("\n## The books\n\n| accounts | made with rounds | used keys | made in | `imperio audit` | took |\n|---:|---:|---:|---:|---|---:|\n")
	for _, c := range m.made {
		began := time.Now()
		if err := m.program.Run(ctx, m.progress, "audit", "--data-dir", c.directory); err != nil {
			return err
		}
		m.printf("| %d | %d | %d | %.1f s | the books are right | %.1f s |\n", c.accounts, c.rounds, c.keys, c.took.Seconds(), time.Since(began).Seconds())
	}
	return nil
}

// TestCampaign runs the campaign with the options from the flags. A broken promise fails it, a missed goal does not.
func TestCampaign(t *testing.T) {
	needCampaign(t)
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o := chosen
	o.t = t
	if postgrestest.Missing() == nil || os.Getenv("CI") == "true" {
		o.postgres = sync.OnceValue(func() *postgrestest.Server {
			s := postgrestest.Start(t, postgrestest.With("shared_buffers", "128MB"))
			s.CreateDatabase(t, "catchup")
			s.CreateDatabase(t, "play")
			return s
		})
	}
	if o.dir == "" && o.quick {
		o.dir = memoryDirectory(t)
	}
	var text bytes.Buffer
	out := io.MultiWriter(os.Stdout, &text)
	if o.report != "" {
		file, err := os.Create(o.report)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		out = io.MultiWriter(out, file)
	}
	if err := run(ctx, o, out, os.Stdout); err != nil {
		t.Fatal(err)
	}
	if o.only != "" {
		return
	}
	for _, part := range []string{
		"| machine | ", "Ratio: **", "Rounds a second: ", "Median: **", "after SIGKILL under load", "the books are right",
		"| size of the program |", "| memory when idle |", "| processor time of a bet, ", "| start after SIGKILL under load, ",
		"| keyed against unkeyed bets |", "| pages: processor time until they can be used, at 4× slowdown |", "| first bets after a restart |", "| first bets after SIGKILL |", "A restore of everything took", "users move in from SQLite", "Throughput while others move in", "| bystanders |", "| failed requests at restarts |", "| longest gap between two answers at a restart, ", "| start after SIGKILL, used keys |",
		"through the leader of three nodes", "through a follower of three nodes", "after kill -9 of the leader, median", "at rolling restarts", "the books of all three nodes of the cluster are right",
	} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("%q is missing in the report", part)
		}
	}
}

func TestRun_LeavesNothingBehindWhenItIsInterrupted(t *testing.T) {
	needCampaign(t)
	o := tiny
	o.dir, o.patience = memoryDirectory(t), 100*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	progress := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "pair 2 of 5") {
			stop()
		}
		return len(p), nil
	})
	if err := run(ctx, o, io.Discard, progress); err == nil || !strings.Contains(err.Error(), "interrupted at: the ratio") {
		t.Errorf("%v", err)
	}
	wantEmpty(t, o.dir)
}

func TestRun_EndsWithinItsTime(t *testing.T) {
	needCampaign(t)
	o := tiny
	o.dir, o.within, o.patience = memoryDirectory(t), 300*time.Millisecond, 100*time.Millisecond
	if err := run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "longer than 300ms") {
		t.Errorf("%v", err)
	}
	wantEmpty(t, o.dir)
}

func TestRun_RefusesOptionsThatMakeNoSense(t *testing.T) {
	for name, change := range map[string]func(*options){
		"no accounts":        func(o *options) { o.few = 0 },
		"no connections":     func(o *options) { o.connections = 0 },
		"no turns":           func(o *options) { o.turns = 0 },
		"too short":          func(o *options) { o.duration = time.Millisecond },
		"fewer keys":         func(o *options) { o.keys = o.keyPlayers - 1 },
		"a step that is not": func(o *options) { o.only = "ratio,luck" },
	} {
		o := tiny
		change(&o)
		if err := o.validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, o := range []options{tiny, full} {
		if err := o.validate(); err != nil {
			t.Error(err)
		}
	}
}

// needCampaign skips tests of whole runs without /proc, and with -short, since they take some seconds.
func needCampaign(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a campaign, which takes some seconds even with tiny sizes")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the campaign reads processor time and memory from /proc, which only Linux has; 'imperio bench --start --baseline' measures speed anywhere")
	}
}

// memoryDirectory is an in-memory directory if the system has one, since the campaign's own tests don't measure the disk. Its
// path is short, since a socket's path is limited to about a hundred bytes.
func memoryDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "campaign-")
	if err != nil {
		directory, err = os.MkdirTemp("", "campaign-")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func wantEmpty(t *testing.T, directory string) {
	t.Helper()
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
