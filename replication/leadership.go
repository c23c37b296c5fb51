package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// change is closed and replaced each time that something changes.
type change struct {
	mu sync.Mutex
	ch chan struct{}
}

// next returns a channel that is closed at the next change.
func (c *change) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch == nil {
		c.ch = make(chan struct{})
	}
	return c.ch
}

// happened tells all who wait.
func (c *change) happened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch != nil {
		close(c.ch)
		c.ch = nil
	}
}

// watchLeadership tells those who wait when another member leads, or none.
func (n *Node) watchLeadership() {
	seen := make(chan raft.Observation, 1) // raft does not wait: one that is dropped is covered by the one in the channel
	o := raft.NewObserver(seen, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	n.raft.RegisterObserver(o)
	defer n.raft.DeregisterObserver(o)
	n.leaderChange.happened() // before this, nobody was told
	for {
		select {
		case <-seen:
			n.leaderChange.happened()
		case <-n.life.Done():
			return
		case <-n.broken:
			return
		}
	}
}

// whileLeading returns a context that ends when somebody else leads than when it was called.
func (n *Node) whileLeading(ctx context.Context, leader raft.Server) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	changed := n.leaderChange.next()
	go func() {
		for {
			if now, _ := n.leader(); now.ID != leader.ID {
				cancel()
				return
			}
			select {
			case <-changed:
				changed = n.leaderChange.next()
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// awaitLeader waits until this node leads or knows who does. It returns the leader, and whether that is this node.
func (n *Node) awaitLeader(ctx context.Context) (leader raft.Server, self bool, err error) {
	if n.network == nil {
		return raft.Server{}, true, n.awaitLead(ctx)
	}
	for {
		changed := n.leaderChange.next()
		if n.leads.isOpen.Load() {
			return raft.Server{}, true, nil
		}
		if leader, ok := n.leader(); ok && leader.ID != n.id() {
			return leader, false, nil
		}
		select {
		case <-n.leads.wait():
		case <-changed:
		case <-ctx.Done():
			return leader, false, fmt.Errorf("wait for a leader: %w", ctx.Err())
		case <-n.broken:
			return leader, false, n.Err()
		case <-n.life.Done():
			return leader, false, errClosed
		}
	}
}

// Leads reports whether this node leads, and has applied everything that was committed before it did.
func (n *Node) Leads() bool { return n.leads.isOpen.Load() && n.refuses() == nil }

// Transfer hands leadership to a voter; "" lets the leader choose one that has the whole log. Any member may be asked.
func (n *Node) Transfer(ctx context.Context, to string) error {
	return n.change(ctx, changeRequest{Kind: transferLeadership, ID: to})
}

// transfer hands this node's leadership over.
func (n *Node) transfer(to string) error {
	var f raft.Future
	if to == "" {
		f = n.raft.LeadershipTransfer()
	} else {
		s, ok := n.server(to)
		switch {
		case !ok:
			return fmt.Errorf("there is no member %q", to)
		case s.ID == n.id():
			return nil
		case s.Suffrage != raft.Voter:
			return fmt.Errorf("%s has no vote, so it can't lead. Promote it first", to)
		}
		f = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	if err := f.Error(); err != nil {
		return fmt.Errorf("hand leadership over: %w", err)
	}
	return nil
}

// handOverHeartbeats is how long that is tried, in heartbeats.
const handOverHeartbeats = 10

// handOver hands leadership over before this node closes, if there is another voter. That is a courtesy: the others elect
// a leader without it, a moment later. So it is given up when no other voter is ready to lead soon.
func (n *Node) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handOverHeartbeats*n.heartbeat)
	defer cancel()
	for n.network != nil && n.raft.State() == raft.Leader && n.voters() > 1 && ctx.Err() == nil && n.Err() == nil {
		err := n.transfer("")
		if err == nil || errors.Is(err, raft.ErrNotLeader) {
			return
		}
		n.logger.Warn("leadership could not be handed over", "error", err)
		select {
		case <-time.After(n.heartbeat / 4):
		case <-ctx.Done():
		}
	}
}
