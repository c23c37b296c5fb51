package main

import (
	"errors"
	"fmt"

	"imperio/appliance"
)

type auditCommand struct {
	Data dataDirFlags `embed:""`
}

// Run audits the books of the data directory, even while a server uses it.
func (c *auditCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	dir := loaded.Config.Data.Dir
	proved, err := appliance.Audit(env.Ctx, loaded.Config.Data, func(done, total uint64) {
		fmt.Fprintf(env.Stderr, "\r%d of %d events", done, total)
		if done+65536 > total {
			fmt.Fprintln(env.Stderr)
		}
	})
	var violation *appliance.Violation
	if errors.As(err, &violation) {
		return fmt.Errorf("the books of %s are wrong: %w", dir, err)
	}
	if err != nil {
		return err
	}
	for _, line := range proved {
		fmt.Fprintln(env.Stdout, line)
	}
	fmt.Fprintln(env.Stdout, "The books are right.")
	return nil
}
