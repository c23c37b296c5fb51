package appliance

import (
	"context"
	"fmt"
	"time"

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
	if leap := n.leap(c.Time); leap > 0 {
		return command.Result{}, fmt.Errorf("%w: the clock is %s ahead of the time that has passed since the start. Set it right; if it is right now, start the casino again",
			command.ErrUnavailable, leap.Round(time.Second))
	}
	return n.Node.Propose(ctx, c)
}

// maxLead is how far a time may be ahead before it can't have come yet: only a clock that was set goes that far.
const maxLead = 24 * time.Hour

// leap is by how much a time is ahead of the time that has passed since the start and of the newest command (a clock that
// was behind at the start may be set right), if that is over maxLead, and 0 if it is not.
func (n *node) leap(t time.Time) time.Duration {
	ahead := t.Sub(n.opened.Round(0).Add(time.Since(n.opened)))
	if ahead <= maxLead {
		return 0
	}
	if ahead = min(ahead, t.Sub(n.newest())); ahead <= maxLead {
		return 0
	}
	return ahead
}
