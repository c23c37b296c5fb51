// Package bench plays against a running casino with many players at once and measures how fast it answers. Then it checks
// the casino's own books: every round in an answer must be there exactly once and unchanged, and every balance must follow
// from them.
//
// A run is an ordinary client that knows the casino only through its HTTP API. With a baseline, a bare HTTP handler in
// another process takes turns with the casino. It reads the same requests from the same client and writes the same bytes
// over the same TLS. The ratio of the two shows what the casino itself costs, whatever the machine.
package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"time"
)

// Options says which casino to play against, and how.
type Options struct {
	// URL is the casino's base address: http://127.0.0.1:8080 or https://casino.example.
	URL string
	// TLS is the client's configuration for an https URL. Run sets NextProtos, since bench speaks HTTP/1.1.
	TLS *tls.Config
	// Connections is the number of kept-alive connections that play at the same time; at least 1.
	Connections int
	// Client is the players' HTTP client. "": Lean.
	Client Client
	// Players is the number of players. Each plays on one connection, one bet after another. 0: one per token, or without
	// tokens one per connection.
	Players int
	// Tokens are sessions of existing accounts, one per account. Run first finishes rounds that they left open. Without
	// tokens, Run opens new accounts.
	Tokens []string
	// Duration is how long to measure, after a short warm-up; at least 100 ms.
	Duration time.Duration
	// Mix says which games to play.
	Mix Mix
	// Stake is the stake of each round, in coins; at least 2 if the mix has blackjack.
	Stake int64
	// WithoutKeys leaves out the Idempotency-Key. Then a bet whose answer is lost is not retried.
	WithoutKeys bool
	// Patience is how long a bet without an answer is retried under the same key. 0: 2 min.
	Patience time.Duration
	// StartBare starts the bare handler for the baseline, which answers each request with body, over TLS if secure. nil: no
	// baseline. Run calls stop when it no longer needs the handler.
	StartBare func(ctx context.Context, secure bool, body []byte) (bare Bare, stop func() error, err error)
	// Progress gets a line for each thing that Run does; nil: none.
	Progress io.Writer
	// Now is the clock for turns and latencies; nil: time.Now.
	Now func() time.Time
}

// Bare is where a bare handler listens.
type Bare struct {
	URL string
	TLS *tls.Config
}

// baselinePairs is the number of turns of the casino and of the bare handler. Turns keep drift of the machine's speed out
// of the ratio.
const baselinePairs = 5

// Validate refuses options that make no sense. Run calls it, too.
func (o *Options) Validate() error {
	switch {
	case o.Connections < 1 || o.Connections > 10_000:
		return fmt.Errorf("%d connections: give a number from 1 to 10000", o.Connections)
	case o.Client != "" && o.Client != Lean && o.Client != NetHTTP:
		return fmt.Errorf("%q is not a client: give %s or %s", o.Client, Lean, NetHTTP)
	case o.Players < 0 || o.Players > 1_000_000:
		return fmt.Errorf("%d players: give a number from 1 to 1000000", o.Players)
	case len(o.Tokens) > 0 && o.Players > len(o.Tokens):
		return fmt.Errorf("%d players, but only %d tokens: give one token per player", o.Players, len(o.Tokens))
	case o.Duration < 100*time.Millisecond:
		return fmt.Errorf("a duration of %s is too short: give 100ms or more", o.Duration)
	case o.Stake < 1:
		return fmt.Errorf("a stake of %d: give 1 or more", o.Stake)
	case o.Mix.Blackjack > 0 && o.Stake < 2:
		return errors.New("blackjack needs a stake of 2 coins or more: give --stake 2")
	case o.StartBare != nil && (o.Mix.Roulette > 0 || o.Mix.Blackjack > 0):
		return errors.New("the baseline compares spins of the slot machine: give --mix slots=1")
	}
	return o.Mix.validate()
}

// Run plays, measures and checks. The report says what the check found; an error means that there is no result. If ctx
// ends, play ends early, but the check is still made.
func Run(ctx context.Context, options Options) (*Report, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	b, err := newBench(options)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.seatPlayers(ctx); err != nil {
		return nil, err
	}
	b.report.Players = len(b.players)
	if err := b.warmUp(); err != nil {
		return nil, err
	}
	if options.StartBare == nil {
		err = b.measureCasino(ctx)
	} else {
		err = b.measureBoth(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	return b.report, nil
}

// bench is one run.
type bench struct {
	options Options
	casino  target
	run     string // a random part of this run's names and keys
	tables  []*table
	players []*player
	report  *Report
}

// table is one connection and the players who take turns on it. One goroutine at a time uses it.
type table struct {
	conn    connection
	players []*player
	next    int
	idle    bool   // all its players have run out of coins
	answer  []byte // the newest answer to a bet; valid until the next exchange
	tally   tally
}

func newBench(options Options) (*bench, error) {
	casino, err := newTarget(options.URL, options.TLS)
	if err != nil {
		return nil, err
	}
	if options.Players == 0 {
		options.Players = options.Connections
		if len(options.Tokens) > 0 {
			options.Players = len(options.Tokens)
		}
	}
	if options.Client == "" {
		options.Client = Lean
	}
	if options.Patience == 0 {
		options.Patience = 2 * time.Minute
	}
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	// A connection without players would be idle.
	options.Connections = min(options.Connections, options.Players)
	var mark [4]byte
	rand.Read(mark[:])
	b := &bench{options: options, casino: casino, run: hex.EncodeToString(mark[:])}
	for range options.Connections {
		b.tables = append(b.tables, &table{conn: newConnection(options.Client, casino), tally: newTally()})
	}
	b.report = &Report{
		URL: options.URL, Client: options.Client, Cores: runtime.NumCPU(), Connections: options.Connections, Players: options.Players, Mix: options.Mix.String(),
	}
	return b, nil
}

func (b *bench) close() {
	for _, t := range b.tables {
		t.conn.close()
	}
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(b.options.Progress, format+"\n", args...)
}

// newTarget parses a base URL.
func newTarget(base string, config *tls.Config) (target, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Path != "" && u.Path != "/") {
		return target{}, fmt.Errorf("%q is not the address of a casino: give one such as http://127.0.0.1:8080", base)
	}
	t := target{address: u.Host, host: u.Host}
	switch u.Scheme {
	case "http":
		if u.Port() == "" {
			t.address = net.JoinHostPort(u.Hostname(), "80")
		}
	case "https":
		if u.Port() == "" {
			t.address = net.JoinHostPort(u.Hostname(), "443")
		}
		t.tls = &tls.Config{}
		if config != nil {
			t.tls = config.Clone()
		}
		t.tls.NextProtos = []string{"http/1.1"}
		if t.tls.ServerName == "" {
			t.tls.ServerName = u.Hostname()
		}
	default:
		return target{}, fmt.Errorf("%q: the address of a casino must begin with http:// or https://", base)
	}
	return t, nil
}
