// Package bench plays against a running casino with many players at once and measures how fast it answers. Then it
// proves from the casino's own books that every answer was kept: each round that a player was told of is in the ledger
// once, as told, and every balance follows.
//
// A run is a client like any other and knows the casino only through its HTTP API. With a baseline, a bare HTTP handler
// in another process takes turns with the casino. It reads the same requests from the same client and writes the same
// bytes over the same TLS. The ratio of the two says what the casino itself costs, whatever the machine.
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

// Options says whom to play against, and how.
type Options struct {
	// URL is the casino's base address: http://127.0.0.1:8080 or https://casino.example.
	URL string
	// TLS is the client's configuration for an https URL. Run sets NextProtos, since bench speaks HTTP/1.1.
	TLS *tls.Config
	// Connections is how many connections are kept alive and play at the same time; at least 1.
	Connections int
	// Client is the HTTP client that the players use. "": Lean.
	Client Client
	// Players is how many players take part. Each plays on one connection, one bet after another. 0: one for each token,
	// or without tokens one for each connection.
	Players int
	// Tokens are sessions of existing accounts, one an account. A round that one of them left open is played to its end
	// first. Without tokens, Run opens Players accounts of its own.
	Tokens []string
	// Duration is how long bets are measured, after a short warm-up; at least 100 ms.
	Duration time.Duration
	// Mix says which games are played.
	Mix Mix
	// Stake is the stake of each round, in coins; at least 2 where blackjack is played.
	Stake int64
	// WithoutKeys leaves out the Idempotency-Key. Then a bet whose answer is lost is not retried.
	WithoutKeys bool
	// Patience is how long a bet without an answer is retried under the same key. 0: 2 min.
	Patience time.Duration
	// StartBare starts the bare handler for the baseline, which answers each request with body, over TLS if secure.
	// nil: no baseline is measured. Run calls stop when it is done with it.
	StartBare func(ctx context.Context, secure bool, body []byte) (bare Bare, stop func() error, err error)
	// Progress gets lines that say what is being done; nil: none.
	Progress io.Writer
	// Now is the clock that turns and latencies are measured with; nil: time.Now.
	Now func() time.Time
}

// Bare is where a bare handler listens.
type Bare struct {
	URL string
	TLS *tls.Config
}

// baselinePairs is how many turns casino and bare handler take each. Turns keep the drift of the machine's speed out of
// the ratio.
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
		return fmt.Errorf("%d players, but only %d tokens: give a token for each", o.Players, len(o.Tokens))
	case o.Duration < 100*time.Millisecond:
		return fmt.Errorf("a duration of %s is too short: give 100ms or more", o.Duration)
	case o.Stake < 1:
		return fmt.Errorf("a stake of %d: give 1 or more", o.Stake)
	case o.Mix.Blackjack > 0 && o.Stake < 2:
		return errors.New("blackjack is played for 2 coins or more: give --stake 2")
	case o.StartBare != nil && (o.Mix.Roulette > 0 || o.Mix.Blackjack > 0):
		return errors.New("the baseline is compared with spins of the slot machine: give --mix slots=1")
	}
	return o.Mix.validate()
}

// Run plays, measures and checks. What the check found is in the report; an error means that there is no result. The end
// of ctx ends the play early, and the check is still made.
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
	run     string // a random mark in this run's names and keys
	tables  []*table
	players []*player
	report  *Report
}

// table is one connection and the players who play on it, in turns. One goroutine at a time uses it.
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
	// A connection without a player would be idle.
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

// newTarget takes a base URL apart.
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
