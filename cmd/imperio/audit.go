package main

import (
	"errors"
	"fmt"

	"imperio/appliance"
	"imperio/appliance/terminal"
)

type auditCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (auditCommand) Help() string {
	return `It proves every invariant from the data alone, and changes nothing. While a server runs on the directory, the server does it. The exit code is 1 with the first violation.

Without the casino's key, it proves less, and says what it left out.

Examples:

  imperio audit
  imperio audit --data-dir /var/lib/imperio --json`
}

// Run audits the books of the data directory, even while a server uses it.
func (c *auditCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	dir := loaded.Config.Data.Dir
	progress := terminal.NewProgress(env.Stderr)
	report, err := appliance.Audit(env.Ctx, loaded.Config.Data, func(done, total uint64) {
		progress.Show("events", int64(done), int64(total), "")
	})
	progress.End()
	_, violated := errors.AsType[*appliance.Violation](err)
	if err != nil && !violated {
		return err
	}
	if c.JSON {
		if failed := env.printJSON(report); failed != nil {
			return failed
		}
	}
	if violated {
		return fmt.Errorf("the books of %s are wrong: %w", dir, err)
	}
	if c.JSON {
		return nil
	}
	for _, line := range report.Proved {
		fmt.Fprintln(env.Stdout, line)
	}
	fmt.Fprintln(env.Stdout, "The books are right.")
	return nil
}
