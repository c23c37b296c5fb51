package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/bench"
	"imperio/appliance/config"
)

type benchCommand struct {
	Play benchPlayCommand `cmd:"" default:"withargs" help:"Play with many players against a running node, measure its speed, and compare every answer with its books."`
	Bare benchBareCommand `cmd:"" name:"bare-server" hidden:"" help:"Serve the bare handler of --baseline. bench starts this by itself."`
}

type benchPlayCommand struct {
	Node        nodeFlags     `embed:""`
	Connections int           `default:"64" help:"Number of kept-alive connections that play at the same time."`
	Client      bench.Client  `enum:"lean,net/http" default:"lean" help:"The players' HTTP client, for the casino and the bare handler alike. lean uses the least processor time; net/http is Go's own."`
	Players     int           `help:"Number of players. The default is one per connection, or one per token."`
	Duration    time.Duration `default:"10s" help:"How long to measure."`
	Tokens      string        `placeholder:"FILE" help:"File with session tokens of existing players, one per line. bench first finishes rounds that they left open. Without it, bench opens new accounts."`
	Mix         bench.Mix     `placeholder:"GAMES" help:"Games with their shares, such as slots=2,roulette=1. The default is all three in equal shares; with --baseline it is slots=1, since the ratio is for spins of the slot machine."`
	Stake       int64         `default:"2" help:"Stake of each round, in coins."`
	Keys        bool          `name:"idempotency-keys" default:"true" negatable:"" help:"Send an Idempotency-Key with each bet, and retry under the same key if an answer is lost."`
	Baseline    bool          `help:"Also measure a bare HTTP handler, in turns with the casino, and print the ratio."`
	Start       bool          `help:"Start a casino for this run, with TLS and without rate limits, and audit its books at the end."`
	Data        string        `placeholder:"DIR" help:"Data directory for --start. The default is a temporary directory, removed at the end."`
	JSON        bool          `name:"json" help:"Print the report as JSON."`
}

// Help explains the verb.
func (benchPlayCommand) Help() string {
	return `Bets are real: play with --start, against a casino of its own, or against one that was made for tests. The exit code is 1 if an answer differs from the books.

Examples:

  imperio bench --start --duration 5s
  imperio bench --start --baseline --json
  imperio bench --url https://casino.example --connections 16 --mix slots=2,roulette=1`
}

// Run plays, prints the report, and fails if the casino broke a promise.
func (c *benchPlayCommand) Run(env *environment) (err error) {
	options := bench.Options{
		Connections: c.Connections, Client: c.Client, Players: c.Players, Duration: c.Duration, Mix: c.Mix, Stake: c.Stake,
		WithoutKeys: !c.Keys, Progress: env.Stderr,
	}
	if c.Tokens != "" {
		if options.Tokens, err = readTokens(c.Tokens); err != nil {
			return err
		}
	}
	program, err := thisProgram()
	if err != nil {
		return err
	}
	if c.Baseline {
		options.StartBare = program.StartBare
	}
	if options.Mix == (bench.Mix{}) {
		options.Mix = bench.Mix{Slots: 1}
		if !c.Baseline {
			options.Mix = bench.Mix{Slots: 1, Roulette: 1, Blackjack: 1}
		}
	}
	if err := options.Validate(); err != nil {
		return usagef("%v", err)
	}
	if c.Start {
		if c.Node.URL != "" {
			return usagef("--url is for a running casino, --start starts one: give only one of them")
		}
		return c.runWithOwnCasino(env, program, options)
	}
	if c.Data != "" {
		return usagef("--data is the data directory for --start: give both")
	}
	if options.URL, options.TLS, err = c.Node.node(env); err != nil {
		return err
	}
	return c.measure(env, options)
}

func (c *benchPlayCommand) measure(env *environment, options bench.Options) error {
	report, err := bench.Run(env.Ctx, options)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.MarshalWrite(env.Stdout, report, jsontext.Multiline(true))
		fmt.Fprintln(env.Stdout)
	} else {
		err = report.Print(env.Stdout)
	}
	if !report.Proven() {
		err = errors.Join(err, errors.New("the casino broke promises: see the report"))
	}
	return err
}

// runWithOwnCasino starts a casino, measures it, stops it, and audits its data.
func (c *benchPlayCommand) runWithOwnCasino(env *environment, program bench.Program, options bench.Options) error {
	directory := c.Data
	if directory == "" {
		temporary, err := os.MkdirTemp("", "imperio-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		directory = filepath.Join(temporary, "data")
	}
	// After an interruption bench still checks the books, so the casino must outlive it.
	casino, err := program.StartCasino(context.WithoutCancel(env.Ctx), directory)
	if err != nil {
		return err
	}
	options.URL, options.TLS = casino.URL, casino.TLS()
	if err := errors.Join(c.measure(env, options), casino.Stop()); err != nil {
		return err
	}
	return program.Run(env.Ctx, env.Stderr, "audit", "--data-dir", directory)
}

// thisProgram is this binary. Its processes get their configuration only from flags, not from this environment.
func thisProgram() (bench.Program, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.Program{}, err
	}
	environ := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, config.EnvPrefix) })
	return bench.Program{Path: self, Environ: environ, Stderr: os.Stderr}, nil
}

// readTokens reads a file with one token per line.
func readTokens(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	tokens := strings.Fields(string(text))
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s holds no tokens: write one per line", path)
	}
	return tokens, nil
}
