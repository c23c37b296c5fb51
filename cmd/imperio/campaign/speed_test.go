package campaign

import (
	"context"
	"fmt"
	"slices"

	"imperio/appliance/bench"
)

// measureRatio plays spins against the middle casino and a bare handler in turns, with the client that uses the least
// processor time, and with Go's ordinary one.
func (m *campaign) measureRatio(ctx context.Context) error {
	m.printf("\n## Durable spins against a bare handler\n\n%d accounts.\n", m.some.accounts)
	return m.withCasino(ctx, &m.some, func(c *casino) error {
		for _, client := range []bench.Client{bench.Lean, bench.NetHTTP} {
			if err := m.measureRatioWith(ctx, c, client); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *campaign) measureRatioWith(ctx context.Context, c *casino, client bench.Client) error {
	options := m.play(c, m.some.playing(m.playing))
	options.Client, options.StartBare = client, m.program.StartBare
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
	return m.withCasino(ctx, &m.some, func(c *casino) error {
		// Few accounts, so that each plays many rounds: the ratio already shows the cost of many accounts.
		options := m.play(c, m.some.playing(min(m.playing, 16*m.connections)))
		options.Mix = bench.Mix{Slots: 1, Roulette: 1, Blackjack: 1}
		r, err := bench.Run(ctx, options)
		if err != nil {
			return err
		}
		m.printf("\n## Three games in equal shares\n\n%d accounts, %d connections; all games at the same time. A round of blackjack takes several requests, each of them durable.\n\n", m.some.accounts, r.Connections)
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
