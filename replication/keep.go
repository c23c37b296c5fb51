package replication

import (
	"math"
	"sync"
	"time"
)

// In a cluster, entries stay in the log below the checkpoint, so that a member that was away for a while gets them instead
// of the whole state: those of the last minutes, and those that a member which answers has not applied yet.

// pinFactor is how many times as large as HoldBytes the log may become for members that are just catching up.
const pinFactor = 8

// ages remembers how old the entries of the log are.
type ages struct {
	mu    sync.Mutex
	marks []ageMark // under mu, oldest first
}

// ageMark says that all entries up to index were there at a time, by the steady clock.
type ageMark struct {
	at    time.Duration
	index uint64
}

// mark notes how far the log reaches now, and forgets what is older than needed.
func (a *ages) mark(now time.Duration, index uint64, keep time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.marks); n > 0 && a.marks[n-1].index == index {
		return
	}
	a.marks = append(a.marks, ageMark{now, index})
	for len(a.marks) > 1 && a.marks[1].at <= now-keep {
		a.marks = a.marks[1:]
	}
}

// olderThan returns the newest entry that is known to be older than a time; 0: none is.
func (a *ages) olderThan(at time.Duration) (index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.marks {
		if m.at > at {
			break
		}
		index = m.index
	}
	return index
}

// kept returns the newest entry that no other member needs any more, given how much the log takes up.
func (n *Node) kept(bytes int64) uint64 {
	upTo := n.mayGo.Load()
	if n.network == nil || upTo == math.MaxUint64 || bytes > n.holdBytes*pinFactor {
		return math.MaxUint64
	}
	if bytes <= n.holdBytes {
		upTo = min(upTo, n.ages.olderThan(n.clock.source.Read().Steady-n.keepFor))
	}
	return upTo
}

// lookAfterLog finds out what other members need of the log. It is for the goroutine that listens to them.
func (n *Node) lookAfterLog() {
	last, _ := n.log.LastIndex()
	n.ages.mark(n.clock.source.Read().Steady, last, n.keepFor)
	if n.Alone() {
		n.mayGo.Store(math.MaxUint64)
		return
	}
	needed := last + 1 // the first entry that somebody needs
	for _, m := range n.Members() {
		if !m.Self && m.Err == nil && m.Report.AppliedIndex > 0 {
			needed = min(needed, m.Report.AppliedIndex+1)
		}
	}
	if index, ok := n.copies.inUse(); ok {
		needed = min(needed, index)
	}
	n.mayGo.Store(needed - 1)
}
