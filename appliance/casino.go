package appliance

import (
	"context"
	"crypto/rand"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/seal"
)

// casino is the machine as the APIs see it. Changes go through the log; the store answers reads.
type casino struct {
	*storage.Store
	node *replication.Node
	keys *seal.Keys
	// alone says that there is no port for other members.
	alone bool
}

func (d *dataDir) casino() casino { return casino{d.store, d.node, d.keys, d.port == nil} }

// readPatience bounds how long a read waits for the node to be current.
const readPatience = 5 * time.Second

// Current returns once reads see everything that was answered before the call.
func (c casino) Current(ctx context.Context) error {
	if c.alone && c.node.Ready() {
		return nil // nobody else can have answered
	}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	return c.node.Barrier(ctx)
}

// Propose puts a command through the log. Its server seeds are sealed before.
func (c casino) Propose(ctx context.Context, cmd command.Command) (command.Result, error) {
	if len(cmd.Entropy) != 0 {
		cmd = c.keys.Command(cmd)
	}
	return c.node.Propose(ctx, cmd)
}

// propose proposes a command of the casino itself.
func (c casino) propose(ctx context.Context, body command.Body) (command.Result, error) {
	return command.Propose(ctx, c, rand.Reader, command.Command{Body: body}, 0)
}
