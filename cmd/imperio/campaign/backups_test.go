package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance"
	"imperio/appliance/bench"
	"imperio/appliance/config"
	"imperio/appliance/control"
)

// measureBackups plays in the large casino in turns, without and with an archive being made, and then restores it.
func (m *campaign) measureBackups(ctx context.Context) error {
	if err := m.make(ctx, &m.many); err != nil { // without backups
		return err
	}
	target := filepath.Join(m.directory, "backups")
	program := m.program
	defer func() { m.program = program }()
	m.program.Environ = append(slices.Clone(program.Environ), config.EnvPrefix+"BACKUP_TO=file://"+target,
		config.EnvPrefix+"BACKUP_SCHEDULE=off", config.EnvPrefix+"BACKUP_DRILL=off")
	m.printf("\n## Backups\n\n%d accounts, a directory on the same disk as the target.\n\n", m.many.accounts)
	err := m.withCasino(ctx, &m.many, func(c *casino) error {
		// The first start makes an archive at once. It must not count.
		if err := m.awaitIdle(ctx, c); err != nil {
			return err
		}
		if err := m.measureArchives(ctx, c); err != nil {
			return err
		}
		return m.measureLag(ctx, c, target)
	})
	if err != nil {
		return err
	}
	return m.measureRestore(ctx, target)
}

// measureArchives compares turns of play before, while and after archives are made. An archive of a large casino takes minutes.
func (m *campaign) measureArchives(ctx context.Context, c *casino) error {
	tokens := m.many.playing(m.playing)
	m.printf("| turn | archives are made | a second | p50 ms | p99 ms | max ms |\n|---:|---|---:|---:|---:|---:|\n")
	var without, with, slowest []float64
	for part, archiving := range []bool{false, true, false} {
		stop := m.archive(ctx, c, archiving)
		for turn := range m.turns {
			options := m.play(c, tokens)
			options.Duration = max(m.turn, 500*time.Millisecond)
			r, err := bench.Run(ctx, options)
			if err != nil {
				return errors.Join(err, stop())
			}
			m.broken += len(r.Violations)
			m.printf("| %d | %s | %.0f | %.2f | %.2f | %.2f |\n", part*m.turns+turn+1, map[bool]string{true: "yes", false: "no"}[archiving],
				r.Casino.RequestsPerSecond, r.Casino.Latency.P50, r.Casino.Latency.P99, r.Casino.Latency.Max)
			if archiving {
				with, slowest = append(with, r.Casino.RequestsPerSecond), append(slowest, r.Casino.Latency.Max)
			} else {
				without = append(without, r.Casino.RequestsPerSecond)
			}
		}
		if err := errors.Join(stop(), m.awaitIdle(ctx, c)); err != nil {
			return err
		}
	}
	use, err := memoryOf(c.Process.Pid)
	if err != nil {
		return err
	}
	ratio := median(with) / median(without)
	m.printf("\nThroughput while archives are made: **%.3f** of that without (medians). Memory afterwards: %.0f MB of its own.\n", ratio, megabytes(use.anonymous))
	m.goal(ratio >= 0.9, m.of("throughput while an archive is made"), "at least 0.9", "%.2f", ratio)
	m.goal(slices.Max(slowest) <= 100, m.of("slowest answer while an archive is made"), "at most 100 ms", "%.0f ms", slices.Max(slowest))
	return nil
}

// archive has archives made, one after the other, until the returned function is called. The server finishes the last one.
func (m *campaign) archive(ctx context.Context, c *casino, wanted bool) (stop func() error) {
	if !wanted {
		return func() error { return nil }
	}
	making, cancel := context.WithCancel(ctx)
	made := make(chan error, 1)
	go func() {
		var err error
		for err == nil && making.Err() == nil {
			began := time.Now()
			err = m.program.Run(making, m.progress, "backup", "create", "--data-dir", c.directory)
			fmt.Fprintf(m.progress, "an archive was followed for %s\n", time.Since(began).Round(time.Millisecond))
		}
		if making.Err() != nil && ctx.Err() == nil {
			err = nil // it was interrupted, as meant
		}
		made <- err
	}()
	return func() error { cancel(); return <-made }
}

// awaitIdle waits until there is an archive, and none is being made.
func (m *campaign) awaitIdle(ctx context.Context, c *casino) error {
	for {
		var status control.BackupStatus
		err := c.ask(ctx, func(client *control.Client) (err error) {
			status, err = control.GetBackupStatus.Call(ctx, client, control.None{})
			return err
		})
		if err != nil || len(status.Running) == 0 && status.Targets[0].Newest != "" {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// measureLag plays, and measures how long it takes until the newest entry is in the target.
func (m *campaign) measureLag(ctx context.Context, c *casino, target string) error {
	options := m.play(c, m.many.playing(m.playing))
	options.Duration = max(m.turn, 500*time.Millisecond)
	if _, err := bench.Run(ctx, options); err != nil {
		return err
	}
	var status control.Status
	if err := c.ask(ctx, func(client *control.Client) (err error) {
		status, err = control.GetStatus.Call(ctx, client, control.None{})
		return err
	}); err != nil {
		return err
	}
	began := time.Now()
	for newestShipped(target) < status.AppliedIndex {
		if time.Since(began) > 5*time.Minute {
			return fmt.Errorf("entry %d was not shipped within five minutes", status.AppliedIndex)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	took := time.Since(began)
	m.printf("\nAfter %s of play, the newest bet was in the target after %.1f s.\n", m.turn, took.Seconds())
	m.goal(took <= 10*time.Second, "a bet is restorable", "10 s after its answer", "%.1f s", took.Seconds())
	return nil
}

// newestShipped is the newest entry in a directory of backups, as the names of its files say.
func newestShipped(target string) (newest uint64) {
	filepath.WalkDir(target, func(path string, _ fs.DirEntry, _ error) error {
		var first, last uint64
		if n, _ := fmt.Sscanf(filepath.Base(path), "%d-%d-", &first, &last); n == 2 && strings.HasSuffix(path, ".segment") {
			newest = max(newest, last)
		}
		return nil
	})
	return newest
}

// measureRestore restores all that was shipped into an empty directory.
func (m *campaign) measureRestore(ctx context.Context, target string) error {
	directory := filepath.Join(m.directory, "restored")
	began := time.Now()
	var out bytes.Buffer
	err := m.program.Run(ctx, &out, "backup", "restore", "--data-dir", directory, "--from", "file://"+target,
		"--key-file", filepath.Join(m.many.directory, appliance.KeyFile), "--reason", "the campaign", "--yes", "--json")
	if err != nil {
		return err
	}
	took := time.Since(began)
	var r appliance.RestoreReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return err
	}
	state, replay := megabytes(r.StateBytes)/r.StateSeconds, float64(r.Commands)/r.ReplaySeconds
	m.printf("\nA restore of everything took %.0f s, with the renewal of %d accounts and the audit of %d rounds. Of these, the state of %.0f MB took %.1f s (%.0f MB/s), and the replay of %d commands %.1f s (%.0f a second).\n",
		took.Seconds(), r.Renewed.Accounts, r.Position.Rounds, megabytes(r.StateBytes), r.StateSeconds, state, r.Commands, r.ReplaySeconds, replay)
	m.goal(state >= 200, m.of("restore of the state"), "200 MB/s", "%.0f MB/s", state)
	m.goal(replay >= 50_000, m.of("replay"), "50,000 commands a second", "%.0f", replay)
	return os.RemoveAll(directory)
}
