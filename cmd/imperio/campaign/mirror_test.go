package campaign

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"imperio/appliance/bench"
	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/storage/storagetest/postgrestest"
)

// measureMirror lets a new mirror catch up with the large casino, and then plays in turns in a casino with a mirror and in one without. PostgreSQL runs on the same machine,
// with Debian's own settings, and waits for its disk.
func (m *campaign) measureMirror(ctx context.Context) error {
	m.printf("\n## The mirror in PostgreSQL\n\n")
	if m.postgres == nil {
		m.printf("Not measured: there is no PostgreSQL on this machine.\n")
		return nil
	}
	server := m.postgres()
	if err := m.measureCatchUp(ctx, server.URL("catchup")); err != nil {
		return err
	}
	return m.measureMirroredPlay(ctx, server.URL("play"))
}

// mirroring makes the program mirror, until the returned function is called.
func (m *campaign) mirroring(url string) (stop func()) {
	program := m.program
	m.program.Environ = append(slices.Clone(program.Environ), config.EnvPrefix+"MIRROR="+strings.Replace(url, ":"+postgrestest.Password, "", 1),
		config.EnvPrefix+"MIRROR_PASSWORD="+postgrestest.Password)
	return func() { m.program = program }
}

func (m *campaign) measureCatchUp(ctx context.Context, url string) error {
	if err := m.make(ctx, &m.many); err != nil { // without a mirror
		return err
	}
	defer m.mirroring(url)()
	return m.withCasino(ctx, &m.many, func(c *casino) error {
		began := time.Now()
		before, err := processorTime(c.Process.Pid)
		if err != nil {
			return err
		}
		s, err := m.awaitMirror(ctx, c)
		if err != nil {
			return err
		}
		took := time.Since(began)
		after, err := processorTime(c.Process.Pid)
		if err != nil {
			return err
		}
		use, err := memoryOf(c.Process.Pid)
		if err != nil {
			return err
		}
		rate := float64(s.Event) / took.Seconds()
		m.printf("A new mirror of %d accounts and %d events (%d rows) was complete after %.1f s: **%.0f events a second**. The casino took %.1f s of a processor, and had %.0f MB of its own afterwards.\n",
			m.many.accounts, s.Event, s.Rows, took.Seconds(), rate, (after - before).Seconds(), megabytes(use.anonymous))
		m.goal(rate >= 50_000, m.of("a mirror catches up"), "50,000 events a second", "%.0f", rate)
		return nil
	})
}

// awaitMirror waits until the mirror has all that has happened.
func (m *campaign) awaitMirror(ctx context.Context, c *casino) (s control.MirrorStatus, err error) {
	for {
		if s, err = c.mirror(ctx); err != nil || s.Event == s.Head && s.AccountsEvent == s.Head {
			return s, err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return s, err
		}
	}
}

func (c *casino) mirror(ctx context.Context) (s control.MirrorStatus, err error) {
	err = c.ask(ctx, func(client *control.Client) (err error) {
		s, err = control.GetMirrorStatus.Call(ctx, client, control.None{})
		return err
	})
	if err == nil && s.Error != "" {
		err = fmt.Errorf("the mirror: %s", s.Error)
	}
	return s, err
}

// measureMirroredPlay plays by turns. Before and after each, the mirror gets time to catch up, so that it costs only the play that it is of.
func (m *campaign) measureMirroredPlay(ctx context.Context, url string) error {
	mirrored := populated{directory: filepath.Join(m.directory, "mirrored"), accounts: m.few.accounts}
	if err := m.make(ctx, &m.few); err != nil {
		return err
	}
	if err := m.make(ctx, &mirrored); err != nil {
		return err
	}
	return m.withCasino(ctx, &m.few, func(without *casino) error {
		defer m.mirroring(url)()
		return m.withCasino(ctx, &mirrored, func(with *casino) error {
			plain, other := m.side(without, m.few.playing(m.playing)), m.side(with, mirrored.playing(m.playing))
			watch := watchLag(ctx, with)
			rest := other.Rest
			other.Rest = func(ctx context.Context) (time.Duration, error) {
				if _, err := rest(ctx); err != nil {
					return 0, err
				}
				if _, err := m.awaitMirror(ctx, with); err != nil {
					return 0, err
				}
				return processorTime(with.Process.Pid)
			}
			played, err := bench.Alternate(ctx, plain, other, m.turns, m.turn)
			lag := watch()
			if err != nil {
				return err
			}
			m.broken += len(played[0].Report.Violations) + len(played[1].Report.Violations)
			m.printf("\n| pair | without: a second | with: a second | ratio | without: processor µs | with |\n|---:|---:|---:|---:|---:|---:|\n")
			var ratios []float64
			for i, p := range played[0].Turns {
				w := played[1].Turns[i]
				ratios = append(ratios, w.Rate()/p.Rate())
				m.printf("| %d | %.0f | %.0f | %.3f | %.1f | %.1f |\n", i+1, p.Rate(), w.Rate(), ratios[i], micro(p.Cost()), micro(w.Cost()))
			}
			m.printf("\nBets at full speed with a mirror: **%.3f** of those without (median), while PostgreSQL takes its part of the same %d processors. The mirror was at most %.1f s and %d events behind.\n",
				median(ratios), runtime.NumCPU(), lag.seconds, lag.events)
			m.goal(median(ratios) >= 0.95, "bets with a mirror, PostgreSQL on the same machine", "at least 0.95", "%.2f", median(ratios))
			m.goal(lag.seconds <= 10, "the mirror's lag at full play", "at most 10 s", "%.1f s", lag.seconds)
			return nil
		})
	})
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

type lag struct {
	seconds float64
	events  uint64
}

// watchLag looks how far the mirror is behind, until the returned function is called.
func watchLag(ctx context.Context, c *casino) (most func() lag) {
	watching, stop := context.WithCancel(ctx)
	var worst lag
	var done sync.WaitGroup
	done.Go(func() {
		for pause(watching, 100*time.Millisecond) == nil {
			if s, err := c.mirror(watching); err == nil {
				worst.seconds, worst.events = max(worst.seconds, s.LagSeconds), max(worst.events, s.Head-min(s.Head, s.Event))
			}
		}
	})
	return func() lag { stop(); done.Wait(); return worst }
}
