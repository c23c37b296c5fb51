package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"imperio/appliance/bench"
	"imperio/appliance/control"
)

// measureIdle reads how much memory a casino needs that nobody has used yet.
func (m *campaign) measureIdle(ctx context.Context) error {
	m.printf("\n## Start and memory\n\nStart: from the start of the process until `/health/ready` answers 200 over TLS.\n\n")
	m.printf("| casino | accounts | events in its history | ready after | resident when idle | of which its own |\n|---|---:|---:|---:|---:|---:|\n")
	directory := filepath.Join(m.directory, "fresh")
	if _, _, err := m.start(ctx, "its first start", directory, nil); err != nil {
		return err
	}
	_, use, err := m.start(ctx, "its second start", directory, nil)
	if err != nil {
		return err
	}
	m.goal(use.resident < 100e6, "memory when idle", "below 100 MB resident", "%.0f MB (own: %.0f MB)", megabytes(use.resident), megabytes(use.anonymous))
	return nil
}

// measureStart starts the large casino for the first time since it was made.
func (m *campaign) measureStart(ctx context.Context) error {
	_, _, err := m.start(ctx, "after it was made", m.many.directory, nil)
	return err
}

// measureRestarts starts the large casino after a clean stop, and after it was killed under load.
func (m *campaign) measureRestarts(ctx context.Context) error {
	m.printf("\n## Start after much play\n\n")
	m.printf("| casino | accounts | events in its history | ready after | resident when idle | of which its own |\n|---|---:|---:|---:|---:|---:|\n")
	stopped, _, err := m.start(ctx, "after a clean stop", m.many.directory, m.killUnderLoad)
	if err != nil {
		return err
	}
	killed, _, err := m.start(ctx, "after SIGKILL under load", m.many.directory, nil)
	if err != nil {
		return err
	}
	m.goal(stopped < time.Second, m.of("start after a clean stop"), "ready within 1 s", "%.2f s", stopped.Seconds())
	m.goal(killed < time.Second, m.of("start after SIGKILL under load"), "ready within 1 s", "%.2f s", killed.Seconds())
	return nil
}

// start starts a casino, reads its memory when it has been idle for a moment, and writes a row about it. Then it runs
// do, if that is given, and ends the casino.
func (m *campaign) start(ctx context.Context, what, directory string, do func(context.Context, *ownCasino) error) (ready time.Duration, use memoryUse, err error) {
	err = m.withCasino(ctx, directory, func(casino *ownCasino) error {
		ready = casino.ready
		if err := pause(ctx, m.Idle); err != nil {
			return err
		}
		if use, err = memoryOf(casino.process.Process.Pid); err != nil {
			return err
		}
		var status control.Status
		err := casino.ask(ctx, func(client *control.Client) (err error) {
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
		return do(ctx, casino)
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

// killUnderLoad kills a casino while it is being played, between two checkpoints.
func (m *campaign) killUnderLoad(ctx context.Context, casino *ownCasino) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	options := m.options(casino, m.many.tokens[:min(len(m.many.tokens), m.Connections)])
	options.Duration = time.Hour // until it is killed
	options.Patience = 100 * time.Millisecond
	options.Progress = nil
	played := make(chan error, 1)
	go func() {
		_, err := bench.Run(ctx, options)
		played <- err
	}()
	select {
	case err := <-played:
		return errors.Join(errors.New("the play ended before the casino was killed"), err)
	case <-time.After(m.Turn):
	case <-ctx.Done():
	}
	err := casino.kill()
	stop()
	if <-played == nil && err == nil { // it could not check its answers, since nobody was there
		err = fmt.Errorf("the play against a killed casino found nothing wrong")
	}
	return err
}
