package replication

import (
	"fmt"
	"time"
)

// canary makes a small durable write whenever the log has been idle for the interval, so that a disk that hangs is
// noticed before somebody bets.
func (n *Node) canary() {
	tick := time.NewTicker(n.canaryInterval)
	defer tick.Stop()
	before := n.counters.syncs.Load()
	for {
		select {
		case <-n.life.Done():
			return
		case <-n.broken:
			return
		case <-tick.C:
		}
		if now := n.counters.syncs.Load(); now != before || n.log.Writing() > 0 {
			before = now
			continue
		}
		if n.log.Touch() != nil {
			return // the store has said so
		}
		before = n.counters.syncs.Load()
	}
}

// watchDisk fails the node when one write, of whatever kind, takes too long. It must not wait for the disk itself.
func (n *Node) watchDisk() {
	tick := time.NewTicker(max(n.stallLimit/20, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-n.life.Done():
			return
		case <-n.broken:
			return
		case <-tick.C:
		}
		if took := n.log.Writing(); took > n.stallLimit {
			n.fail(fmt.Errorf("%w: a write to %s has been under way for %v, the limit is %v. Check the disk under the data directory",
				ErrStalled, n.log.Path(), took.Round(time.Millisecond), n.stallLimit))
			return
		}
	}
}
