package replication

import (
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
)

// FollowsOn reports whether the node takes entries of another leader that follow an entry of its own. It is deposed.
func (n *Node) FollowsOn(index uint64) (bool, error) { return n.usurp(index) }

// Depose makes the node believe that another has won a later election. As the only voter it wins the next one.
func (n *Node) Depose() error {
	_, err := n.usurp(0)
	return err
}

// usurp sends the message of a new leader whose log goes on after an entry of this node's newest term; 0: from the beginning.
func (n *Node) usurp(after uint64) (taken bool, err error) {
	address, usurper := raft.NewInmemTransport("usurper")
	usurper.Connect(n.wire.LocalAddr(), n.wire)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("usurper"), Addr: []byte(address)}
	term := n.raft.CurrentTerm()
	request := raft.AppendEntriesRequest{RPCHeader: header, Term: term + 1, PrevLogEntry: after}
	if after > 0 {
		request.PrevLogTerm = term
	}
	var response raft.AppendEntriesResponse
	err = usurper.AppendEntries(raft.ServerID(n.log.Identity().NodeID), n.wire.LocalAddr(), &request, &response)
	return response.Success, err
}

// Timekeeper keeps the casino's time without a node around it.
type Timekeeper struct{ k *timekeeper }

// StartClock begins to keep time, and leads at once, as a node does over a state whose newest entry is of that time.
func StartClock(c Clock, newest time.Time, log *slog.Logger) Timekeeper {
	k := startClock(c, log)
	k.saw(newest)
	k.lead()
	return Timekeeper{k}
}

func (t Timekeeper) Stamp() (time.Time, error) { return t.k.stamp() }
func (t Timekeeper) Saw(at time.Time)          { t.k.saw(at) }
func (t Timekeeper) Lead()                     { t.k.lead() }
func (t Timekeeper) Status() ClockStatus       { return t.k.status() }
func (t Timekeeper) Tell()                     { t.k.tell() }

// StallWatch measures how long the disk holds a write.
type StallWatch struct{ w stallWatch }

func NewStallWatch(limit time.Duration) *StallWatch { return &StallWatch{newStallWatch(limit)} }

func (w *StallWatch) Tick() time.Duration { return w.w.tick }

func (w *StallWatch) Look(now time.Duration, writing bool, writes uint64) time.Duration {
	return w.w.look(now, writing, writes)
}
