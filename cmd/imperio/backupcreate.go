package main

import (
	"fmt"

	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

type backupCreateCommand struct {
	Backups  backupsFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (backupCreateCommand) Help() string {
	return `The running server makes it, while bets go on. Without a server it is made right here. An interruption leaves the server at work. The exit code is 1 if the backup failed in a target.

Examples:

  imperio backup create
  imperio backup create --json
  imperio backup create --data-dir /var/lib/imperio --backup-to file:///backup/casino`
}

// Run makes a backup, and waits until it is made.
func (c *backupCreateCommand) Run(env *environment) error {
	return env.backups(func(client *control.Client, server bool) error {
		begun, err := control.StartBackup.Call(env.Ctx, client, control.None{})
		if err != nil {
			return err
		}
		s, err := env.follow(client, server, "archive", func(s *control.BackupStatus) bool {
			return s.Run.Number > begun.Run || s.Run.Number == begun.Run && !s.Run.Finished.IsZero()
		})
		if err != nil {
			return err
		}
		if s.Run.Number != begun.Run {
			return fmt.Errorf("another backup was begun meanwhile. See how they went with 'imperio backup status'")
		}
		return c.tell(env, s.Run.Results)
	})
}

// tell prints what became of the backup.
func (c *backupCreateCommand) tell(env *environment, results []control.BackupResult) error {
	var t terminal.Table
	var failed error
	for _, r := range results {
		switch {
		case r.Error != "":
			failed = fmt.Errorf("the backup in %s failed: %s", r.Target, r.Error)
			t.Row(r.Target, "failed", r.Error)
		case r.Unchanged:
			t.Row(r.Target, r.Name, megabytes(r.Bytes), fmt.Sprintf("entry %d", r.Index), "was there: nothing has happened since")
		default:
			t.Row(r.Target, r.Name, megabytes(r.Bytes), fmt.Sprintf("entry %d", r.Index), fmt.Sprintf("took %.1f s", r.TookSeconds))
		}
	}
	print := func() error { return env.printTable(&t) }
	if c.JSON {
		print = func() error { return env.printJSON(results) }
	}
	if err := print(); err != nil {
		return err
	}
	return failed
}
