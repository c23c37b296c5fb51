package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"imperio/appliance/bench"
)

type benchCampaignCommand struct {
	Few         int           `default:"10000" help:"Accounts of the small casino."`
	Some        int           `default:"100000" help:"Accounts of the middle casino."`
	Many        int           `default:"1000000" help:"Accounts of the large casino."`
	Playing     int           `default:"100000" help:"How many accounts of a casino play, at most; they are spread evenly over all."`
	Connections int           `default:"64" help:"Connections that are kept alive and play at the same time."`
	Duration    time.Duration `default:"20s" help:"How long to play for the ratio to the bare handler (each of the two), and for the mix of games."`
	Turns       int           `default:"5" help:"How often the small and the large casino take turns."`
	Turn        time.Duration `default:"5s" help:"How long a turn is."`
	Idle        time.Duration `default:"5s" help:"How long a casino is left alone before its memory is read."`
	Within      time.Duration `default:"12m" help:"How long everything may take together; then the campaign ends without a result."`
	Dir         string        `placeholder:"DIR" help:"Where to make the casinos: about 3 GB on the kind of disk to be measured. The default is the system's directory for temporary files."`
	Quick       bool          `help:"Tiny sizes and times: shows that the campaign works; its figures mean nothing."`
}

// Run makes the casinos, measures, and prints each section of the report when it is known.
func (c *benchCampaignCommand) Run(env *environment) (err error) {
	if runtime.GOOS != "linux" {
		return errors.New("the campaign reads the casino's processor time and memory from /proc, which only Linux has; 'imperio bench --start --baseline' measures speed anywhere")
	}
	if c.Quick {
		c.Few, c.Some, c.Many, c.Playing, c.Connections = 20, 40, 80, 40, 4
		c.Duration, c.Turns, c.Turn = 500*time.Millisecond, 2, 200*time.Millisecond
		c.Idle = min(c.Idle, 100*time.Millisecond)
	}
	if least := min(c.Few, c.Some, c.Many, c.Playing); least < 1 || c.Connections < 1 {
		return usagef("give each casino an account or more, of which one or more play, on one connection or more")
	}
	if c.Turns < 1 || c.Turn < 100*time.Millisecond || c.Duration < 500*time.Millisecond || c.Idle < 0 {
		return usagef("give one turn or more of 100ms or more, and a duration of 500ms or more")
	}
	ctx, cancel := context.WithTimeoutCause(env.Ctx, c.Within, fmt.Errorf("it took longer than --within %s", c.Within))
	defer cancel()
	bounded := *env
	bounded.Ctx = ctx
	directory, err := os.MkdirTemp(c.Dir, "imperio-campaign-")
	if err != nil {
		return fmt.Errorf("make a directory for the casinos: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	m := &campaign{benchCampaignCommand: c, env: &bounded, directory: directory}
	m.few = populated{accounts: c.Few, directory: filepath.Join(directory, "few")}
	m.some = populated{accounts: c.Some, directory: filepath.Join(directory, "some")}
	m.many = populated{accounts: c.Many, directory: filepath.Join(directory, "many")}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"what measures, and where", m.writeHeader},
		{"make the casinos", m.populate},
		{"the ratio to a bare handler", m.measureRatio},
		{"a mix of games", m.measureMix},
		{"memory when idle", m.measureIdle},
		{"the start of the large casino", m.measureStart},
		{"cost of a bet by the number of accounts", m.measureGrowth},
		{"starts after a stop and after a kill", m.measureRestarts},
		{"the audit of what is left", m.audit},
		{"the goals", m.writeGoals},
	} {
		fmt.Fprintf(env.Stderr, "== %s\n", step.what)
		err := step.do(ctx)
		if ctx.Err() != nil { // whatever else went wrong followed from that
			return fmt.Errorf("the campaign broke off at: %s: %w", step.what, context.Cause(ctx))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if m.broken > 0 {
		return fmt.Errorf("the casino broke %d promises; see the report", m.broken)
	}
	return nil
}

// campaign is one run of all measurements.
type campaign struct {
	*benchCampaignCommand
	env       *environment
	directory string // of everything that is made

	few, some, many populated
	goals           []goal
	broken          int // promises that the casino broke
}

// populated is a casino with accounts, on disk.
type populated struct {
	accounts  int
	directory string
	tokens    []string // of those who play
}

// goal is a number that was promised, and what became of it.
type goal struct {
	what, promised, measured string
	reached                  bool
}

func (m *campaign) printf(format string, args ...any) {
	fmt.Fprintf(m.env.Stdout, format, args...)
}

// goal notes a number that was promised.
func (m *campaign) goal(reached bool, what, promised, measured string, args ...any) {
	m.goals = append(m.goals, goal{what, promised, fmt.Sprintf(measured, args...), reached})
}

// populate makes the three casinos.
func (m *campaign) populate(ctx context.Context) error {
	m.printf("\n## The casinos\n\n| accounts | of which play | made in |\n|---:|---:|---:|\n")
	for _, c := range []*populated{&m.few, &m.some, &m.many} {
		file := c.directory + ".tokens"
		process, err := ownProcess(ctx, "bench", "populate", "--players", fmt.Sprint(c.accounts), "--data", c.directory, "--tokens", file)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := process.Run(); err != nil {
			return fmt.Errorf("a casino with %d accounts: %w", c.accounts, err)
		}
		took := time.Since(began)
		all, err := readTokens(file)
		if err != nil {
			return err
		}
		playing := min(m.Playing, len(all))
		for i := range playing {
			c.tokens = append(c.tokens, all[i*len(all)/playing])
		}
		m.printf("| %d | %d | %.1f s |\n", c.accounts, playing, took.Seconds())
	}
	return nil
}

// patience is how long a request is tried again: less than for players, since an interrupted campaign ends its casinos
// at once and nobody answers then.
const patience = 3 * time.Second

// options are those of a play against one of the campaign's casinos.
func (m *campaign) options(casino *ownCasino, tokens []string) bench.Options {
	return bench.Options{
		URL: casino.url, TLS: casino.tls(), Connections: m.Connections, Tokens: tokens, Duration: m.Duration,
		Mix: bench.Mix{Slots: 1}, Stake: 2, Patience: patience, Progress: m.env.Stderr,
	}
}

// withCasino runs a casino for as long as do takes.
func (m *campaign) withCasino(ctx context.Context, directory string, do func(*ownCasino) error) error {
	casino, err := startCasino(ctx, directory)
	if err != nil {
		return err
	}
	return errors.Join(do(casino), casino.end())
}

// note says in the report how the books stood after a play, and which promises were found broken.
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

// audit proves the books of the three casinos as they lie on disk.
func (m *campaign) audit(context.Context) error {
	m.printf("\n## The books\n\n| accounts | `imperio audit` | took |\n|---:|---|---:|\n")
	for _, c := range []*populated{&m.few, &m.some, &m.many} {
		began := time.Now()
		if err := auditOwn(m.env, c.directory); err != nil {
			return err
		}
		m.printf("| %d | the books are right | %.1f s |\n", c.accounts, time.Since(began).Seconds())
	}
	return nil
}

// median is the middle of numbers, of which there is one or more.
func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// writeGoals compares what was promised with what was measured.
func (m *campaign) writeGoals(context.Context) error {
	m.printf("\n## The goals\n\n| what | promised | measured | |\n|---|---|---|---|\n")
	for _, g := range m.goals {
		verdict := "reached"
		if !g.reached {
			verdict = "**missed**"
		}
		m.printf("| %s | %s | %s | %s |\n", g.what, g.promised, strings.TrimSpace(g.measured), verdict)
	}
	if m.Quick {
		m.printf("\nThis was a quick run with tiny sizes: the figures mean nothing.\n")
	}
	return nil
}
