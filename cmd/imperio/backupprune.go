package main

import (
	"errors"
	"fmt"

	"imperio/appliance"
)

type backupPruneCommand struct {
	From     string             `name:"from" placeholder:"URL" help:"The target. The default is all configured ones (backup-to)."`
	Casino   string             `placeholder:"ID" help:"The casino. The default is the one in the data directory, or else the only one in the target."`
	DryRun   bool               `help:"Say what would be deleted."`
	Settings configurationFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (backupPruneCommand) Help() string {
	return `A running casino does so by itself after each archive, unless backup-retention is off. The newest archive stays, and everything that a moment within the last backup-keep days needs.

Examples:

  imperio backup prune --dry-run
  imperio backup prune --from file:///backup/imperio --backup-keep 90`
}

// Run deletes old backups.
func (c *backupPruneCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	if err := loaded.Config.Validate(); err != nil {
		return err
	}
	list, err := appliance.PruneBackups(env.Ctx, appliance.PruneOptions{
		Config: loaded.Config, From: c.From, Casino: c.Casino, DryRun: c.DryRun, Log: complaints(env),
	})
	if c.JSON {
		return errors.Join(env.printJSON(list), err)
	}
	done := "deleted"
	if c.DryRun {
		done = "would be deleted"
	}
	for _, p := range list {
		fmt.Fprintf(env.Stdout, "%s, casino %s: %d backups with %s %s\n", p.Target, p.Casino, len(p.Objects), sizeText(p.Bytes), done)
		for _, name := range p.Objects {
			fmt.Fprintf(env.Stdout, "  %s\n", name)
		}
	}
	return err
}
