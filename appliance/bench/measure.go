package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"
)

// tally is what a table has counted since it was last emptied.
type tally struct {
	latencies  map[string][]time.Duration // of accepted requests, by game
	rounds     map[string]int             // settled, by game
	failures   map[string]int             // requests without a usable answer, by code; they were retried
	refusals   map[string]int             // by code
	violations []string
}

func newTally() tally {
	return tally{
		latencies: make(map[string][]time.Duration), rounds: make(map[string]int),
		failures: make(map[string]int), refusals: make(map[string]int),
	}
}

func (t *tally) requests() int {
	n := 0
	for _, latencies := range t.latencies {
		n += len(latencies)
	}
	return n
}

// maxViolations bounds how many violations a report lists.
const maxViolations = 20

// warmUp opens all connections and plays for a moment, without measuring.
func (b *bench) warmUp() error {
	b.progress("warming up %d connections", len(b.tables))
	_, err := b.play(context.Background(), b.tables, min(time.Second, b.options.Duration/5))
	if err != nil {
		return err
	}
	for _, t := range b.tables {
		b.report.note(&t.tally)
		t.tally = newTally()
	}
	b.report.TLS = describeTLS(b.tables[0].conn)
	return nil
}

// play lets all tables play for d or until ctx ends, at least one round each. It returns the time until the last answer.
func (b *bench) play(ctx context.Context, tables []*table, d time.Duration) (time.Duration, error) {
	begin := b.options.Now()
	end := begin.Add(d)
	err := b.eachTable(tables, func(t *table) error {
		for {
			p := t.nextPlayer()
			if p == nil {
				t.idle = true
				return nil
			}
			if err := b.playOnce(t, p); err != nil {
				return err
			}
			if ctx.Err() != nil || !b.options.Now().Before(end) {
				return nil
			}
		}
	})
	return b.options.Now().Sub(begin), err
}

// nextPlayer is the next player who has coins left; nil if none has.
func (t *table) nextPlayer() *player {
	for range t.players {
		p := t.players[t.next%len(t.players)]
		t.next++
		if !p.broke {
			return p
		}
	}
	return nil
}

// playOnce plays a round and counts its result. An error ends the run.
func (b *bench) playOnce(t *table, p *player) error {
	err := b.playRound(t, p)
	var violation *violationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &violation):
		t.tally.violations = append(t.tally.violations, violation.what)
		return nil
	case errors.Is(err, errUnknown):
		return nil // the player has counted it, and the check allows for it
	case refusedAs(err, "insufficient_coins"):
		return b.topUp(t, p)
	}
	return fmt.Errorf("%s can't play: %w", p.name, err)
}

// topUp collects the daily coins of a player who has run out.
func (b *bench) topUp(t *table, p *player) error {
	var collected struct {
		Coins int64 `json:"coins"`
	}
	r := request{method: "POST", path: "/api/v1/me/daily-coins", token: p.token, key: p.keyMark + "daily"}
	err := b.ask(t, &r, &collected)
	var refused *refusedError
	switch {
	case err == nil && collected.Coins >= b.options.Stake:
		p.coins = collected.Coins
		return nil
	case err == nil, errors.As(err, &refused):
		p.broke = true
		return nil
	}
	return err
}

// measureCasino plays for the whole duration.
func (b *bench) measureCasino(ctx context.Context) error {
	b.progress("playing for %s", b.options.Duration)
	took, err := b.play(ctx, b.tables, b.options.Duration)
	if err != nil {
		return err
	}
	return b.report.addCasino(b.tables, took)
}

// measureBoth lets the casino and a bare handler take turns. The bare handler answers with the bytes of a real spin, and the
// client treats its answers like the casino's.
func (b *bench) measureBoth(ctx context.Context) error {
	first := b.tables[0]
	if err := b.playOnce(first, first.players[0]); err != nil {
		return err
	}
	body := bytes.Clone(first.answer)
	bare, stop, err := b.options.StartBare(context.WithoutCancel(ctx), b.casino.tls != nil, body)
	if err != nil {
		return fmt.Errorf("start the bare handler: %w", err)
	}
	err = b.takeTurns(ctx, bare)
	return errors.Join(err, stop())
}

func (b *bench) takeTurns(ctx context.Context, bare Bare) error {
	to, err := newTarget(bare.URL, bare.TLS)
	if err != nil {
		return err
	}
	bareTables := make([]*table, len(b.tables))
	for i, t := range b.tables {
		// A bare handler has no balances: with unknown bets, the player's balance isn't checked.
		stranger := &player{name: "bare", token: t.players[0].token, random: t.players[0].random, keyMark: t.players[0].keyMark + "bare-", unknown: 1}
		bareTables[i] = &table{conn: newConnection(b.options.Client, to), players: []*player{stranger}, tally: newTally()}
		defer bareTables[i].conn.close()
	}
	if _, err := b.play(ctx, bareTables, min(time.Second, b.options.Duration/5)); err != nil {
		return err
	}
	for _, t := range bareTables {
		t.tally = newTally()
	}
	b.report.Baseline = &Baseline{TLS: describeTLS(bareTables[0].conn)}
	if b.report.Baseline.TLS != b.report.TLS {
		b.report.Baseline.Caveat = "the two sides use different TLS, so the comparison is not fair"
	}
	slice := b.options.Duration / baselinePairs
	for pair := range baselinePairs {
		b.progress("pair %d of %d: %s against the casino, %s against the bare handler", pair+1, baselinePairs, slice, slice)
		// The sides alternate in going first, so that neither always inherits the machine's state from the other.
		var casinoRate, bareRate float64
		turns := []func() error{
			func() (err error) { casinoRate, err = b.turn(ctx, b.tables, slice, b.report.addCasino); return err },
			func() (err error) { bareRate, err = b.turn(ctx, bareTables, slice, b.report.addBare); return err },
		}
		if pair%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
		if ctx.Err() != nil || slices.ContainsFunc(b.tables, func(t *table) bool { return t.idle }) {
			break // this pair was not completed
		}
		b.report.Baseline.Ratios = append(b.report.Baseline.Ratios, casinoRate/bareRate)
	}
	return nil
}

// turn plays one slice, passes the tables' tallies to add, and returns the requests per second.
func (b *bench) turn(ctx context.Context, tables []*table, d time.Duration, add func([]*table, time.Duration) error) (float64, error) {
	took, err := b.play(ctx, tables, d)
	if err != nil {
		return 0, err
	}
	requests := 0
	for _, t := range tables {
		requests += t.tally.requests()
	}
	return float64(requests) / took.Seconds(), add(tables, took)
}

// describeTLS names a connection's TLS parameters, to show that both sides of a comparison do the same work.
func describeTLS(c connection) string {
	state := c.security()
	if state == nil {
		return "none"
	}
	key := "unknown key"
	if len(state.PeerCertificates) > 0 {
		switch public := state.PeerCertificates[0].PublicKey.(type) {
		case *ecdsa.PublicKey:
			key = "ECDSA " + public.Curve.Params().Name
		default:
			key = state.PeerCertificates[0].PublicKeyAlgorithm.String()
		}
	}
	return fmt.Sprintf("%s, %s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), key)
}
