package appliance

import (
	"context"
	"fmt"
	"time"

	"imperio/appliance/ops"
	"imperio/replication"
	"imperio/storage/command"
)

// node is the log before the machine. It takes no command from a time that can't have come yet: one is enough to move
// the machine's time on, and that never goes back.
type node struct {
	*replication.Node
	opened time.Time        // by the system's clock, and by the one that nobody sets
	newest func() time.Time // the time of the newest command; zero before the first
}

// Propose is the door of all commands.
func (n *node) Propose(ctx context.Context, c command.Command) (command.Result, error) {
	if ahead := n.ahead(c.Time); ahead > ops.ClockLeap {
		return command.Result{}, fmt.Errorf("%w: the clock is %s ahead of the time that has passed since the start. Set it right; if it is right now, start the casino again",
			command.ErrUnavailable, ahead.Round(time.Second))
	}
	return n.Node.Propose(ctx, c)
}

// ahead is by how much a time is ahead of the time that has passed since the start and, if that is much, of the newest
// command: a clock that was behind at the start may be set right.
func (n *node) ahead(t time.Time) time.Duration {
	ahead := t.Sub(n.opened.Round(0).Add(time.Since(n.opened)))
	if ahead > ops.ClockLeap {
		ahead = min(ahead, t.Sub(n.newest()))
	}
	return ahead
}
