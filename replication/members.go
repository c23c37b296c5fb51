package replication

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage"
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
	Skew    time.Duration // how far its clock was ahead of this machine's then, within half of Trip either way
	Err     error         // why it does not answer now; nil if it does
}

// Report is what a member says of itself, about once a second.
type Report struct {
	State        string   `cbor:"1,keyasint"` // as in Status
	Leader       string   `cbor:"2,keyasint"` // the id of the leader that it knows; "": none
	Term         uint64   `cbor:"3,keyasint"`
	FirstIndex   uint64   `cbor:"4,keyasint"`
	LastIndex    uint64   `cbor:"5,keyasint"`
	CommitIndex  uint64   `cbor:"6,keyasint"`
	AppliedIndex uint64   `cbor:"7,keyasint"`
	Ready        bool     `cbor:"8,keyasint"`  // it serves players
	Program      string   `cbor:"9,keyasint"`  // the version of its program
	Level        uint32   `cbor:"10,keyasint"` // the newest feature level that it can work with
	Wall         int64    `cbor:"11,keyasint"` // its machine's clock, in milliseconds since 1970
	Problems     []string `cbor:"12,keyasint"` // its checks that fail, as Options.Problems tells them
	Fetched      float64  `cbor:"13,keyasint"` // the share of another member's state that it has received, 0 to 1; 0: it needs none
	// Digests are samples of the running digest of its changes; see divergence.go.
	Digests []storage.Digest `cbor:"14,keyasint"`
}

// Members returns the members of the cluster, sorted by id, this node among them. A lone node is its only member. It waits
// for nothing.
func (n *Node) Members() []Member {
	leader, _ := n.leader()
	var list []Member
	for _, s := range n.configuration().Servers {
		m := n.heard.of(s.ID)
		m.ID, m.Address, m.Voter = string(s.ID), string(s.Address), s.Suffrage == raft.Voter
		m.Leader, m.Self = s.ID == leader.ID, s.ID == n.id()
		if m.Self {
			m.Report, m.At, m.Err = n.report(), time.Now(), n.Err()
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// report is what this node says of itself.
func (n *Node) report() Report {
	s := n.Status()
	r := Report{
		State: s.State, Leader: s.Leader, Term: s.Term, FirstIndex: s.FirstIndex, LastIndex: s.LastIndex, CommitIndex: s.CommitIndex,
		AppliedIndex: s.AppliedIndex, Ready: s.Ready, Program: n.program, Wall: n.clock.source.Read().Wall.UnixMilli(), Fetched: n.incoming.fetched(),
		Digests: n.machine.Digests(),
	}
	if n.level != nil {
		r.Level = n.level()
	}
	if n.problems != nil {
		r.Problems = n.problems()
	}
	return r
}

func (n *Node) answerReport(context.Context, struct{}) (Report, error) { return n.report(), nil }

// hearsay is what other members said last.
type hearsay struct {
	mu      sync.Mutex
	members map[raft.ServerID]Member
}

func (h *hearsay) of(id raft.ServerID) Member {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m, ok := h.members[id]; ok {
		return m
	}
	return Member{Err: errSilent}
}

// note changes what is known of a member.
func (h *hearsay) note(id raft.ServerID, change func(*Member)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.members == nil {
		h.members = make(map[raft.ServerID]Member)
	}
	m := h.members[id]
	change(&m)
	h.members[id] = m
}

// reportPatience is how long a member may take to report, before it counts as not answering.
const reportPatience = 3 * time.Second

// listen asks all other members for their reports, each second.
func (n *Node) listen() {
	n.every(time.Second, func() {
		n.HearAll()
		n.compareDigests()
		n.lookAfterLog()
		if n.changing.TryLock() { // else the change recounts
			n.recount()
			n.changing.Unlock()
		}
	})
}

// HearAll asks all other members for their reports now, which Members then returns. It waits for them, at most three seconds. It may be called by
// any goroutine.
func (n *Node) HearAll() {
	var asked sync.WaitGroup // each has a deadline
	for _, s := range n.configuration().Servers {
		if s.ID != n.id() {
			asked.Go(func() { n.hear(s) })
		}
	}
	asked.Wait()
}

// hear asks one member for its report.
func (n *Node) hear(s raft.Server) {
	ctx, cancel := context.WithTimeout(n.life, reportPatience)
	defer cancel()
	before := n.clock.source.Read()
	r, err := ask[struct{}, Report](ctx, n, s, callReport, struct{}{})
	after := n.clock.source.Read()
	n.heard.note(s.ID, func(m *Member) {
		if m.Err = err; err != nil {
			return
		}
		m.Report, m.At, m.Trip = r, after.Wall, after.Steady-before.Steady
		m.Skew = time.UnixMilli(r.Wall).Sub(after.Wall.Add(-m.Trip / 2))
	})
}
