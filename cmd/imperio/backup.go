package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"imperio/appliance"
	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

// backupCommand holds the verbs of backups.
type backupCommand struct {
	Create  backupCreateCommand  `cmd:"" help:"Make a backup of the whole state in every target, now."`
	Status  backupStatusCommand  `cmd:"" help:"Print how backups stand: targets, what is under way, and what comes next."`
	List    backupListCommand    `cmd:"" help:"Show what a target holds: which moments can be restored, gaps, and archives."`
	Inspect backupInspectCommand `cmd:"" help:"Print the manifest of a backup. It needs no key."`
	Verify  backupVerifyCommand  `cmd:"" help:"Restore an archive into a temporary directory, and audit it."`
	Restore backupRestoreCommand `cmd:"" help:"Bring a stopped casino back, to the latest state or to a moment."`
	Drill   backupDrillCommand   `cmd:"" help:"Restore the newest backup for practice, and audit it."`
	Prune   backupPruneCommand   `cmd:"" help:"Delete what is older than backups are kept."`
}

// Help explains the verb.
func (backupCommand) Help() string {
	return `A running casino makes backups by itself, as --backup-to and --backup-schedule say.

Examples:

  imperio backup create
  imperio backup status
  imperio backup drill`
}

// backups calls do with a client of the server, or of the data directory if none runs. server says which.
func (env *environment) backups(do func(client *control.Client, server bool) error) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	o := appliance.Options{Config: loaded.Config, Version: thisBuild().version, Logs: io.Discard}
	client, server, closeIt, err := appliance.OpenBackups(env.Ctx, loaded.Config.Data.Dir, env.sudoUser(), o)
	if err != nil {
		return err
	}
	return errors.Join(do(client, server), closeIt())
}

// backupLook is how often a verb looks how far the work is.
const backupLook = 200 * time.Millisecond

// errLeft says that the operator interrupted a verb, and what goes on without it.
var errLeft = errors.New("interrupted. The server goes on with it: see 'imperio backup status'")

// follow shows the progress of work until done says that it has ended, and returns the last status.
func (env *environment) follow(client *control.Client, server bool, what string, done func(*control.BackupStatus) bool) (s control.BackupStatus, err error) {
	bar := terminal.NewProgress(env.Stderr)
	defer bar.End()
	tick := time.NewTicker(backupLook)
	defer tick.Stop()
	for {
		if s, err = control.GetBackupStatus.Call(env.Ctx, client, control.None{}); err == nil && done(&s) {
			return s, nil
		}
		if env.Ctx.Err() != nil {
			if server {
				return s, errLeft
			}
			return s, errors.New("interrupted. Nothing half-made is left")
		}
		if err != nil {
			return s, err
		}
		for _, w := range s.Running {
			if w.What == what {
				bar.Show(w.Target, w.Done, w.Total, rate(w.Done, w.Total, time.Since(w.Began)))
			}
		}
		select {
		case <-tick.C:
		case <-env.Ctx.Done():
		}
	}
}

// rate tells how fast work goes, and how long the rest takes.
func rate(done, total int64, took time.Duration) string {
	if done <= 0 || took < time.Second {
		return ""
	}
	speed := float64(done) / took.Seconds()
	left := time.Duration(float64(total-done) / speed * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%.1f MB/s, %s left", speed/1e6, left)
}

// megabytes tells a size to people.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

type backupStatusCommand struct {
	Backups  backupsFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (backupStatusCommand) Help() string {
	return `It asks the running server. Without one it looks into the targets itself, which takes a moment.

Examples:

  imperio backup status
  imperio backup status --json`
}

// Run prints how backups stand.
func (c *backupStatusCommand) Run(env *environment) error {
	return env.backups(func(client *control.Client, server bool) error {
		s, err := env.follow(client, server, "", func(s *control.BackupStatus) bool { return server || contacted(s) })
		if err != nil {
			return err
		}
		if c.JSON {
			return env.printJSON(s)
		}
		return env.printBackupStatus(&s)
	})
}

// contacted reports whether every target has answered, or failed.
func contacted(s *control.BackupStatus) bool {
	for _, t := range s.Targets {
		if (t.State == "connecting" || t.State == "standby") && t.Error == "" {
			return false
		}
	}
	return true
}

func (env *environment) printBackupStatus(s *control.BackupStatus) error {
	var t terminal.Table
	for _, target := range s.Targets {
		t.Row("target", target.Name)
		t.Row("  state", target.State)
		if target.Error != "" {
			t.Row("  error", target.Error)
			t.Row("  since", when(target.FailsSince))
		}
		if target.Differs != "" {
			t.Row("  differs", target.Differs+". Stop the casino, and run 'imperio backup restore'")
		}
		if !target.GapSince.IsZero() {
			t.Row("  gap", "since "+when(target.GapSince)+", until the next backup")
		}
		t.Row("  has all up to", fmt.Sprintf("entry %d, %s, and is %.0f s behind", target.Index, when(target.Time), target.LagSeconds))
		if target.Newest != "" {
			t.Row("  newest backup", fmt.Sprintf("of %s, entry %d, %s", when(target.NewestTime), target.NewestIndex, megabytes(target.NewestBytes)))
			since := "the beginning"
			if !target.Oldest.IsZero() {
				since = when(target.Oldest)
			}
			t.Row("  backups", fmt.Sprintf("%d, from %s on", target.Backups, since))
		} else {
			t.Row("  newest backup", "none")
		}
		if target.BackupError != "" {
			t.Row("  last attempt", target.BackupError)
		}
		t.Row("  last good drill", when(target.LastGoodDrill))
	}
	for _, w := range s.Running {
		t.Row("under way", fmt.Sprintf("%s, %s, %s of %s", w.What, w.Target, megabytes(w.Done), megabytes(w.Total)))
	}
	t.Row("next backup", when(s.NextBackup))
	t.Row("next drill", when(s.NextDrill))
	if d := s.LastDrill; d != nil {
		t.Row("last drill", fmt.Sprintf("%s, %s: %s", when(d.At), d.Target, d.Found))
	}
	return env.printTable(&t)
}

// when tells a time to people.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.RFC3339)
}

type backupDrillCommand struct {
	Backups  backupsFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (backupDrillCommand) Help() string {
	return `It fetches the newest backup from its target, restores it into a temporary directory inside the data directory, audits it, and reads all segments after it. Each time another target has its turn. The casino stays as it is. The exit code is 1 if the backup is not right.

Examples:

  imperio backup drill
  imperio backup drill --json`
}

// Run makes a drill, and waits for its outcome.
func (c *backupDrillCommand) Run(env *environment) error {
	return env.backups(func(client *control.Client, server bool) error {
		before, err := env.follow(client, server, "", contacted)
		if err != nil {
			return err
		}
		if _, err := control.StartDrill.Call(env.Ctx, client, control.None{}); err != nil {
			return err
		}
		s, err := env.follow(client, server, "drill", func(s *control.BackupStatus) bool {
			return s.LastDrill != nil && (before.LastDrill == nil || !s.LastDrill.At.Equal(before.LastDrill.At))
		})
		if err != nil {
			return err
		}
		d := s.LastDrill
		if c.JSON {
			err = env.printJSON(d)
		} else if d.OK {
			_, err = fmt.Fprintf(env.Stdout, "%s/%s, entry %d: %s It took %.1f s.\n", d.Target, d.Backup, d.Index, d.Found, d.TookSeconds)
		}
		if err == nil && !d.OK {
			err = fmt.Errorf("the drill in %s failed: %s", d.Target, d.Found)
		}
		return err
	})
}
