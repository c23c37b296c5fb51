package appliance

import (
	"errors"
	"fmt"
	"log/slog"
)

// cleanups release what was acquired, in reverse order, after a failed start as well as when the casino stops.
type cleanups struct {
	log   *slog.Logger
	stack []cleanup
}

type cleanup struct {
	name string
	do   func() error
}

func (c *cleanups) add(name string, do func() error) {
	c.stack = append(c.stack, cleanup{name, do})
}

// run releases everything and returns all errors.
func (c *cleanups) run() error {
	var errs []error
	for len(c.stack) > 0 {
		top := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		c.log.Debug("closing", "part", top.name)
		if err := top.do(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", top.name, err))
		}
	}
	return errors.Join(errs...)
}
