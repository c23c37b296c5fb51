package main

import (
	"context"
	"fmt"
	"slices"

	"imperio/appliance/bench"
)

// measureRatio plays spins against the middle casino and a bare handler, in turns: with a client that takes the least of
// the machine, and with Go's ordinary one.
func (m *campaign) measureRatio(ctx context.Context) error {
	m.printf("\n## Durable spins against a bare handler\n\n%d accounts.\n", m.some.accounts)
	return m.withCasino(ctx, m.some.directory, func(casino *ownCasino) error {
		for _, client := range []bench.Client{bench.Lean, bench.NetHTTP} {
			if err := m.measureRatioWith(ctx, casino, client); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *campaign) measureRatioWith(ctx context.Context, casino *ownCasino, client bench.Client) error {
	options := m.options(casino, m.some.tokens)
	options.Client, options.StartBare = client, startBare
	r, err := bench.Run(ctx, options)
	if err != nil {
		return err
	}
	base := r.Baseline
	m.printf("\n### With the client %q\n\n%d connections, %s.\n\n", client, r.Connections, r.TLS)
	m.speedHeader()
	m.speedRow("casino: spins, on disk before the answer", r.Casino)
	m.speedRow("bare handler: same bytes, nothing done", base.Measurement)
	if len(base.Ratios) > 0 {
		m.printf("\nRatio: **%.3f** (median of %d pairs of turns, from %.3f to %.3f).\n", base.Ratio(), len(base.Ratios), slices.Min(base.Ratios), slices.Max(base.Ratios))
	}
	if base.Caveat != "" {
		m.printf("Caveat: %s.\n", base.Caveat)
	}
	m.note(r)
	with := fmt.Sprintf(", client %q", client)
	m.goal(base.Ratio() >= 0.6 && base.Caveat == "", "durable spins against a bare handler"+with, "at least 0.6 of its throughput", "%.2f", base.Ratio())
	m.goal(r.Casino.Latency.P99 < 15, "99 of 100 spins answered"+with, "below 15 ms", "%.1f ms", r.Casino.Latency.P99)
	m.goal(total(r.Failures)+total(r.Refusals) == 0, "errors"+with, "none", "%d", total(r.Failures)+total(r.Refusals))
	return nil
}

// measureMix plays all games in equal shares against the middle casino.
func (m *campaign) measureMix(ctx context.Context) error {
	return m.withCasino(ctx, m.some.directory, func(casino *ownCasino) error {
		// So few that each plays many rounds; the ratio has shown what many accounts cost.
		options := m.options(casino, m.some.tokens[:min(len(m.some.tokens), 16*m.Connections)])
		options.Mix = bench.Mix{Slots: 1, Roulette: 1, Blackjack: 1}
		r, err := bench.Run(ctx, options)
		if err != nil {
			return err
		}
		m.printf("\n## Three games in equal shares\n\n%d accounts, %d connections, at the same time. A round of blackjack takes several requests, each of them durable.\n\n", m.some.accounts, r.Connections)
		m.speedHeader()
		m.speedRow("all", r.Casino)
		for _, game := range r.Games {
			m.speedRow(game.Game, game.Measurement)
		}
		m.printf("\nRounds a second:")
		for i, game := range r.Games {
			if i > 0 {
				m.printf(",")
			}
			m.printf(" %s %.0f", game.Game, game.RoundsPerSecond)
		}
		m.printf(".\n")
		m.note(r)
		return nil
	})
}

func (m *campaign) speedHeader() {
	m.printf("| | requests | a second | p50 ms | p95 ms | p99 ms | max ms |\n|---|---:|---:|---:|---:|---:|---:|\n")
}

func (m *campaign) speedRow(what string, r bench.Measurement) {
	m.printf("| %s | %d | %.0f | %.2f | %.2f | %.2f | %.2f |\n", what, r.Requests, r.RequestsPerSecond, r.Latency.P50, r.Latency.P95, r.Latency.P99, r.Latency.Max)
}
