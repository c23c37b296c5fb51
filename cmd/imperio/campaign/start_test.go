package campaign

import (
	"context"
	"path/filepath"
	"time"

	"imperio/appliance/control"
)

const startHeader = "| casino | accounts | events in its history | ready after | resident when idle | of which its own |\n|---|---:|---:|---:|---:|---:|\n"

// measureIdle starts a new casino, and the large one as it was made, and reads their memory.
func (m *campaign) measureIdle(ctx context.Context) error {
	if err := m.make(ctx, &m.many); err != nil {
		return err
	}
	m.printf("\n## Start and memory\n\nStart: from the start of the process until `/health/ready` answers 200 over TLS.\n\n%s", startHeader)
	fresh := populated{directory: filepath.Join(m.directory, "fresh")}
	if _, _, err := m.start(ctx, "its first start", &fresh, nil); err != nil {
		return err
	}
	_, use, err := m.start(ctx, "its second start", &fresh, nil)
	if err != nil {
		return err
	}
	m.goal(use.resident < 100e6, "memory when idle", "below 100 MB resident", "%.0f MB (own: %.0f MB)", megabytes(use.resident), megabytes(use.anonymous))
	_, _, err = m.start(ctx, "after it was made", &m.many, nil)
	return err
}

// measureRestarts starts the large casino after a clean stop and after a kill under load.
func (m *campaign) measureRestarts(ctx context.Context) error {
	if err := m.make(ctx, &m.many); err != nil {
		return err
	}
	m.printf("\n## Start after much play\n\n%s", startHeader)
	stopped, _, err := m.start(ctx, "after a clean stop", &m.many, func(c *casino) error {
		return m.killUnderLoad(ctx, c, m.many.playing(min(m.playing, m.connections)))
	})
	if err != nil {
		return err
	}
	killed, _, err := m.start(ctx, "after SIGKILL under load", &m.many, nil)
	if err != nil {
		return err
	}
	m.goal(stopped < time.Second, m.of("start after a clean stop"), "ready within 1 s", "%.2f s", stopped.Seconds())
	m.goal(killed < time.Second, m.of("start after SIGKILL under load"), "ready within 1 s", "%.2f s", killed.Seconds())
	return nil
}

// start starts a casino, reads its memory after it has idled for a moment, and writes a row of the table. Then it calls do,
// if not nil, and stops the casino.
func (m *campaign) start(ctx context.Context, what string, of *populated, do func(*casino) error) (ready time.Duration, use memoryUse, err error) {
	err = m.withCasino(ctx, of, func(c *casino) error {
		ready = c.Ready
		if err := pause(ctx, m.idle); err != nil {
			return err
		}
		if use, err = memoryOf(c.Process.Pid); err != nil {
			return err
		}
		var status control.Status
		err := c.ask(ctx, func(client *control.Client) (err error) {
			status, err = control.GetStatus.Call(ctx, client, control.None{})
			return err
		})
		if err != nil {
			return err
		}
		m.printf("| %s | %d | %d | %.3f s | %.0f MB | %.0f MB |\n", what, status.Accounts, status.Events, ready.Seconds(), megabytes(use.resident), megabytes(use.anonymous))
		if do == nil {
			return nil
		}
		return do(c)
	})
	return ready, use, err
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
