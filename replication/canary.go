package replication

import (
	"fmt"
	"time"
)

// canary makes a small durable write when the log has been idle for the interval, so that a hung disk is noticed before
// somebody bets.
func (n *Node) canary() {
	before := n.counters.syncs.Load()
	n.every(n.canaryInterval, func() {
		if now := n.counters.syncs.Load(); now != before || n.log.Writing() > 0 {
			before = now
			return
		}
		if n.log.Touch() == nil { // else the log has failed the node
			before = n.counters.syncs.Load()
		}
	})
}

// every calls do at an interval until the node fails or closes.
func (n *Node) every(interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-n.life.Done():
			return
		case <-n.broken:
			return
		case <-tick.C:
			do()
		}
	}
}

// watchDisk fails the node when a write of any kind takes too long. It must not wait for the disk itself.
func (n *Node) watchDisk() {
	n.every(n.stall.tick, func() {
		took := n.stall.look(n.clock.source.Read().Steady, n.log.Writing() > 0, n.counters.syncs.Load())
		n.stalled.Store(int64(took))
		if took > n.stallLimit {
			n.fail(fmt.Errorf("%w: a write to %s has been under way for %v, the limit is %v. Check the disk under the data directory",
				ErrStalled, n.log.Path(), took.Round(time.Millisecond), n.stallLimit))
		}
	})
}

// watchFiles fails the node when a file of the log is removed, moved or replaced while it is in use.
func (n *Node) watchFiles() {
	n.every(time.Second, func() {
		if err := n.log.InPlace(); err != nil {
			n.fail(err)
		}
	})
}

// writing is how long the log's write under way has taken so far, as watchDisk measures it; 0 if none is.
func (n *Node) writing() time.Duration {
	return min(n.log.Writing(), time.Duration(n.stalled.Load())+n.stall.tick)
}

// stallWatch measures how long the disk has held one write. It looks each tick, and adds up the time between looks that
// see the same write. The steady clock measures it, so a step of the wall clock doesn't count. While the process is paused
// (SIGSTOP, a frozen virtual machine, no processor to run on) nobody looks: a gap between looks counts as two ticks at
// most.
type stallWatch struct {
	tick   time.Duration
	last   time.Duration // the last look, by the steady clock
	writes uint64        // durable writes up to then
	during bool          // whether another was under way then
	took   time.Duration // how long that one had taken, at least
}

// newStallWatch makes a stallWatch that looks often enough for a limit.
func newStallWatch(limit time.Duration) stallWatch {
	return stallWatch{tick: max(limit/20, time.Millisecond)}
}

// look takes note of whether a write is under way now, and how many were durable before. It returns how long that write
// has taken, at least.
func (w *stallWatch) look(now time.Duration, writing bool, writes uint64) time.Duration {
	if writing && w.during && writes == w.writes {
		w.took += min(max(now-w.last, 0), 2*w.tick)
	} else {
		w.took = 0 // none, or it began since the last look
	}
	w.last, w.writes, w.during = now, writes, writing
	return w.took
}
