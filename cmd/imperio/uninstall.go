package main

import (
	"errors"

	"imperio/appliance/setup"
)

type uninstallCommand struct {
	jsonFlag `embed:""`
	DryRun   bool `help:"Print each step and change nothing."`
	Purge    bool `hidden:"" help:"Refused: it says how to delete the data by hand."`
}

// Help explains the verb.
func (uninstallCommand) Help() string {
	return `It stops the casino and removes its units and its program. The data, the configuration and the user imperio stay, and 'imperio install' finds them again.

Examples:

  imperio uninstall --dry-run
  imperio uninstall`
}

// Run uninstalls.
func (c *uninstallCommand) Run(env *environment) error {
	if c.Purge {
		return usagef("%s", setup.PurgeByHand())
	}
	tell, end := tellSteps(env, c.JSON)
	err := setup.Uninstall(env.Ctx, setup.Options{DryRun: c.DryRun, Tell: tell})
	return errors.Join(end(), err)
}
