package replication

import (
	"errors"
	"fmt"

	"imperio/storage"
)

// All members apply the same entries, so after the same entry they have made the same changes. Each keeps a running digest of
// its changes, and tells its newest samples to the others about once a second. A member whose digest differs from what most
// have stops: its machine or its memory can't be trusted. Where as many have the one as the other, those who differ from the
// leader stop. So the casino goes on.

// ErrDiverged means that this node has made other changes than most members, out of the same entries.
var ErrDiverged = errors.New("this node's state differs from the other members'")

// verdict is what a comparison of digests comes to.
type verdict uint8

const (
	same       verdict = iota
	othersAre          // somebody else is to stop
	thisNodeIs         // this node is to stop
)

// opinion is what a member says of its changes.
type opinion struct {
	digests []storage.Digest
	leads   bool
}

// compare compares this node's samples with those of others, at the newest entry for which they differ.
func compare(self opinion, others []opinion) (v verdict, at uint64) {
	for i := len(self.digests) - 1; i >= 0; i-- {
		mine := self.digests[i]
		with, against, leaderAgainst := 1, make(map[uint64]int), false
		for _, o := range others {
			for _, d := range o.digests {
				switch {
				case d.Index != mine.Index:
				case d.Sum == mine.Sum:
					with++
				default:
					against[d.Sum]++
					leaderAgainst = leaderAgainst || o.leads
				}
			}
		}
		if len(against) == 0 {
			continue
		}
		most := 0
		for _, n := range against {
			most = max(most, n)
		}
		if most > with || most == with && leaderAgainst && !self.leads {
			return thisNodeIs, mine.Index
		}
		return othersAre, mine.Index
	}
	return same, 0
}

// compareDigests compares this node's changes with those that other members have told.
func (n *Node) compareDigests() {
	self := opinion{n.machine.Digests(), n.leads.isOpen.Load()}
	var others []opinion
	for _, m := range n.Members() {
		if !m.Self && m.Err == nil {
			others = append(others, opinion{m.Report.Digests, m.Leader})
		}
	}
	v, at := compare(self, others)
	switch {
	case v == same:
		n.differs.Store(0)
	case v == thisNodeIs:
		n.fail(fmt.Errorf("%w, at the latest after entry %d. The other members go on. Check this machine's memory and disk. Then move its data directory away, and join again with a new token ('imperio cluster token')", ErrDiverged, at))
	case n.differs.Swap(at) == 0:
		n.logger.Error("another member's state differs from this one's; it is to stop", "entry", at)
	}
}
