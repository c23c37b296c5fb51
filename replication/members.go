package replication

import (
	"context"
	"time"
)

// Member is a member of the cluster as this node sees it.
type Member struct {
	ID      string
	Address string // where other members reach it, host:port
	Voter   bool   // it votes; else it only receives the log
	Leader  bool
	Self    bool
	Report  Report        // what it said last; zero if it has said nothing since this node started
	At      time.Time     // when it said so, by this machine's clock
	Trip    time.Duration // how long that took, there and back
	Err     error         // why it does not answer now; nil if it does
}

// Report is what a member says of itself, about once a second.
type Report struct {
	ID, Address  string
	State        string // as in Status
	Leader       string // the id of the leader that it knows; "": none
	Term         uint64
	FirstIndex   uint64
	LastIndex    uint64
	CommitIndex  uint64
	AppliedIndex uint64
	Ready        bool          // it serves players
	Program      string        // the version of its program
	Level        uint32        // the newest feature level that it can work with
	Wall         time.Time     // its machine's clock
	Skew         time.Duration // how far that is ahead of this node's clock, within half of Trip either way
	Problems     []string      // its checks that fail, as Options.Problems tells them
	Fetched      float64       // the share of another member's state that it has received, 0 to 1; 0: it does not need it
}

// Members returns the members of the cluster, sorted by id, this node among them. A lone node is its only member. It waits
// for nothing.
func (n *Node) Members() []Member { panic("replication: not built yet") }

// Leads reports whether this node leads, and has applied everything that was committed before it did.
func (n *Node) Leads() bool { panic("replication: not built yet") }

// Alone reports whether this node is the only member of its cluster.
func (n *Node) Alone() bool { panic("replication: not built yet") }

// AddMember adds a member that does not vote yet. If it is a member already, it only gets the new address. Any member may
// be asked: the leader does it. The same holds for the following methods.
func (n *Node) AddMember(ctx context.Context, id, address string) error {
	panic("replication: not built yet")
}

// Promote makes a member a voter. The leader refuses one that has not caught up.
func (n *Node) Promote(ctx context.Context, id string) error { panic("replication: not built yet") }

// Demote takes a member's vote. It still receives the log. The last voter can't be demoted, nor can the leader: transfer
// leadership first.
func (n *Node) Demote(ctx context.Context, id string) error { panic("replication: not built yet") }

// RemoveMember removes a member. A leader that is to be removed hands leadership over first. Unless force is set, it is
// refused when fewer than a majority of the remaining voters answer.
func (n *Node) RemoveMember(ctx context.Context, id string, force bool) error {
	panic("replication: not built yet")
}

// Transfer hands leadership to a voter; "" lets the leader choose one that has the whole log.
func (n *Node) Transfer(ctx context.Context, to string) error { panic("replication: not built yet") }

// Ask sends a call to a member by id, "" for the leader, which its Options.Answer answers. Errors are those of
// Network.Call. Asking itself is allowed.
func (n *Node) Ask(ctx context.Context, id, method string, request []byte) (answer []byte, err error) {
	panic("replication: not built yet")
}
