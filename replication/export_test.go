package replication

import (
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
)

// Depose makes the node believe that another has won a later election. As the only voter it wins the next one.
func (n *Node) Depose() error {
	address, usurper := raft.NewInmemTransport("usurper")
	usurper.Connect(n.wire.LocalAddr(), n.wire)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("usurper"), Addr: []byte(address)}
	request := raft.AppendEntriesRequest{RPCHeader: header, Term: n.raft.CurrentTerm() + 1}
	var response raft.AppendEntriesResponse
	return usurper.AppendEntries(raft.ServerID(n.log.Identity().NodeID), n.wire.LocalAddr(), &request, &response)
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
