package main

import (
	"errors"
	"fmt"

	"imperio/appliance"
)

type backupVerifyCommand struct {
	Name            string `arg:"" optional:"" default:"latest" help:"Name of a backup, as 'imperio backup list' shows it, the path of a file, or latest."`
	Casino          string `placeholder:"ID" help:"With latest: the casino, where the target holds several."`
	backupFromFlags `embed:""`
	backupKeyFlags  `embed:""`
	Data            dataDirFlags `embed:""`
	jsonFlag        `embed:""`
}

// Help explains the verb.
func (backupVerifyCommand) Help() string {
	return `It restores the archive into a temporary directory (the environment variable TMPDIR names another place for it), compares it with its manifest, and audits the books. A segment is read and checked. The exit code is 1 with what was found.

Without the casino's key it proves less, and says what it left out.

Examples:

  imperio backup verify
  imperio backup verify latest --identity-file casino-backups.txt
  imperio backup verify ./copy.archive --key-file casino.key`
}

// Run verifies a backup.
func (c *backupVerifyCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	progress := newWork(env)
	v, err := appliance.Verify(env.Ctx, appliance.VerifyOptions{
		Config: loaded.Config, From: c.From, Name: c.Name, Casino: c.Casino, IdentityFile: c.Identity, KeyFile: c.Key,
		Log: complaints(env), Progress: progress.show,
	})
	progress.end()
	if _, violated := errors.AsType[*appliance.Violation](err); violated {
		return fmt.Errorf("the books in the backup are wrong: %w", err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(v)
	}
	fmt.Fprintf(env.Stdout, "%s in %s\n", v.Name, v.Target)
	for _, line := range v.Proved {
		fmt.Fprintln(env.Stdout, line)
	}
	fmt.Fprintln(env.Stdout, "The backup is right.")
	return nil
}
