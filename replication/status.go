package replication

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage"
)

// Status is the node's state, for health checks and metrics. Counters start with the node.
type Status struct {
	State  string // "leader", "candidate", "follower" or "shutdown"
	Ready  bool   // Propose and Barrier would not wait
	Err    error  // what ended the node; nil while it works
	NodeID string
	Leader string // the leader's id; "" if there is none
	Voters int

	Term          uint64
	FirstIndex    uint64 // the first entry in the log
	LastIndex     uint64 // the last entry in the log
	CommitIndex   uint64
	AppliedIndex  uint64 // by the machine, in memory
	SnapshotIndex uint64 // the log may be cut up to here
	HeldBytes     int64  // how much the log takes up, without the segments that wait to be used again
	HoldBytes     int64  // Options.HoldBytes
	// Unheld is the newest entry that was cut although Options.Hold asked for it, since the log had become larger than
	// HoldBytes; 0: none was since the start.
	Unheld  uint64
	Durable storage.Checkpoint
	Clock   ClockStatus

	InFlight   int           // commands proposed and not yet answered
	LastSync   time.Duration // how long the last durable write of the log took
	Writing    time.Duration // how long the write under way has taken so far, without pauses of the process; 0 if none is
	Syncs      uint64        // durable writes of the log
	SyncTime   time.Duration // spent in them
	Entries    uint64        // entries written to the log
	Applied    uint64        // commands given to the machine
	ApplyTime  time.Duration // spent by it
	StallLimit time.Duration
}

type counters struct {
	syncs, syncNanos, entries  atomic.Uint64
	appliedEntries, applyNanos atomic.Uint64
}

func (c *counters) synced(entries int, took time.Duration) {
	c.syncs.Add(1)
	c.syncNanos.Add(uint64(took))
	c.entries.Add(uint64(entries))
}

func (c *counters) applied(entries int, took time.Duration) {
	c.appliedEntries.Add(uint64(entries))
	c.applyNanos.Add(uint64(took))
}

// Status returns the node's state. It waits for nothing, and works on a failed node too.
func (n *Node) Status() Status {
	_, leader := n.raft.LeaderWithID()
	s := Status{
		State: strings.ToLower(n.raft.State().String()), Ready: n.Ready(), Err: n.Err(),
		NodeID: n.log.Identity().NodeID, Leader: string(leader),
		Term: n.raft.CurrentTerm(), CommitIndex: n.raft.CommitIndex(),
		Durable:  n.machine.Durable(),
		InFlight: len(n.tokens), LastSync: n.log.LastSync(), Writing: n.writing(), Clock: n.clock.status(),
		Syncs: n.counters.syncs.Load(), SyncTime: time.Duration(n.counters.syncNanos.Load()),
		Entries: n.counters.entries.Load(),
		Applied: n.counters.appliedEntries.Load(), ApplyTime: time.Duration(n.counters.applyNanos.Load()),
		StallLimit: n.stallLimit,
	}
	s.AppliedIndex, _ = n.machine.Applied()
	s.FirstIndex, _ = n.log.FirstIndex()
	s.LastIndex, _ = n.log.LastIndex()
	s.HeldBytes, s.HoldBytes, s.Unheld = n.log.Bytes(), n.holdBytes, n.log.Unheld()
	if m, ok := n.log.Snapshot(); ok {
		s.SnapshotIndex = m.Index
	}
	for _, server := range n.raft.GetConfiguration().Configuration().Servers {
		if server.Suffrage == raft.Voter {
			s.Voters++
		}
	}
	return s
}
