package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/network"
)

// ErrRemoved means that this node was removed from its cluster.
var ErrRemoved = network.ErrRemoved

// failRemoved ends a node that was removed.
func (n *Node) failRemoved(err error) {
	n.fail(fmt.Errorf("%w. If it is to be a member again, empty its data directory and join with a new token ('imperio cluster token')", err))
}

// AddMember adds a member that does not vote yet. If it is a member already, it only gets the new address. Any member may
// be asked: the leader does it. The same holds for the following methods.
func (n *Node) AddMember(ctx context.Context, id, address string) error {
	return n.change(ctx, changeRequest{Kind: addMember, ID: id, Address: address})
}

// Promote makes a member a voter. The leader refuses one that has not caught up.
func (n *Node) Promote(ctx context.Context, id string) error {
	return n.change(ctx, changeRequest{Kind: promoteMember, ID: id})
}

// Demote takes a member's vote. It still receives the log. A leader that is to be demoted hands leadership over first.
// Unless force is set, it is refused when too few of the remaining voters answer.
func (n *Node) Demote(ctx context.Context, id string, force bool) error {
	return n.change(ctx, changeRequest{Kind: demoteMember, ID: id, Force: force})
}

// RemoveMember removes a member. A leader that is to be removed hands leadership over first. Unless force is set, it is
// refused when fewer than a majority of the remaining voters answer.
func (n *Node) RemoveMember(ctx context.Context, id string, force bool) error {
	return n.change(ctx, changeRequest{Kind: removeMember, ID: id, Force: force})
}

// kinds of changes
type changeKind uint8

const (
	addMember changeKind = iota + 1
	promoteMember
	demoteMember
	removeMember
	transferLeadership
)

// changeRequest asks the leader to change the membership.
type changeRequest struct {
	Kind    changeKind `cbor:"1,keyasint"`
	ID      string     `cbor:"2,keyasint,omitempty"`
	Address string     `cbor:"3,keyasint,omitempty"`
	Force   bool       `cbor:"4,keyasint,omitempty"`
	// Sent says that a member has sent it on already: it must not travel in a circle.
	Sent bool `cbor:"5,keyasint,omitempty"`
}

type changeAnswer struct {
	NotLeader bool   `cbor:"1,keyasint,omitempty"` // ask the one that leads now
	Removed   bool   `cbor:"2,keyasint,omitempty"` // the member that was to be added was removed for good
	Refused   string `cbor:"3,keyasint,omitempty"` // why not
}

// change has the leader change the membership. It repeats the request until a leader answers, or ctx ends: each change may
// be made twice.
func (n *Node) change(ctx context.Context, r changeRequest) error {
	for {
		leader, self, err := n.awaitLeader(ctx)
		if err != nil {
			return err
		}
		if self {
			leader = raft.Server{ID: n.id()}
		}
		a, err := n.askForChange(ctx, leader, r)
		switch {
		case err == nil && a.Removed:
			return ErrRemoved
		case err == nil && a.Refused != "":
			return errors.New(a.Refused)
		case err == nil && !a.NotLeader:
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(n.heartbeat / 10):
		}
	}
}

// askForChange asks a leader once. It does not wait longer for another member than a call may take: that may have stopped
// answering, and another one may lead.
func (n *Node) askForChange(ctx context.Context, leader raft.Server, r changeRequest) (changeAnswer, error) {
	if leader.ID != n.id() {
		call, cancel := context.WithTimeout(ctx, callPatience)
		defer cancel()
		ctx = call
	}
	return ask[changeRequest, changeAnswer](ctx, n, leader, callChange, r)
}

// answerChange changes the membership. A member that does not lead sends the request on: somebody who just joins may know no
// leader.
func (n *Node) answerChange(ctx context.Context, r changeRequest) (a changeAnswer, err error) {
	if !n.leads.isOpen.Load() {
		leader, ok := n.leader()
		if !ok || leader.ID == n.id() || r.Sent {
			return changeAnswer{NotLeader: true}, nil
		}
		r.Sent = true
		return ask[changeRequest, changeAnswer](ctx, n, leader, callChange, r)
	}
	n.changing.Lock() // one change at a time, so that each sees the one before
	defer n.changing.Unlock()
	switch err := n.makeChange(ctx, r); {
	case err == nil:
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		a.NotLeader = true
	case errors.Is(err, ErrRemoved):
		a.Removed = true
	default:
		a.Refused = err.Error()
	}
	n.recount()
	return a, nil
}

// changePatience is how long a change may wait for its place in raft's log, and how long it may take to be committed.
const changePatience = 10 * time.Second

// makeChange changes the membership, as the leader.
func (n *Node) makeChange(ctx context.Context, r changeRequest) error {
	member, is := n.server(r.ID)
	if r.Kind == transferLeadership {
		return n.transfer(r.ID)
	}
	if !is && r.Kind != addMember {
		if r.Kind == removeMember {
			return nil // it was removed already
		}
		return fmt.Errorf("there is no member %q. 'imperio cluster status' lists them", r.ID)
	}
	id := raft.ServerID(r.ID)
	switch r.Kind {
	case addMember:
		return n.add(ctx, id, raft.ServerAddress(r.Address))
	case promoteMember:
		if member.Suffrage == raft.Voter {
			return nil
		}
		if err := n.caughtUp(r.ID); err != nil {
			return err
		}
		n.sole.Store(false) // before the other may vote
		return n.commit(ctx, n.raft.AddVoter(id, member.Address, 0, changePatience))
	case demoteMember, removeMember:
		if r.Kind == demoteMember && member.Suffrage != raft.Voter {
			return nil
		}
		if err := n.mayLose(r, member); err != nil {
			return err
		}
		if id == n.id() {
			if err := n.transfer(""); err != nil {
				return err
			}
			return raft.ErrNotLeader // the next leader does it
		}
		if r.Kind == demoteMember {
			return n.commit(ctx, n.raft.DemoteVoter(id, 0, changePatience))
		}
		return n.commit(ctx, n.raft.RemoveServer(id, 0, changePatience))
	}
	return fmt.Errorf("this member does not know the change %d", r.Kind)
}

// add adds a member, or changes its address.
func (n *Node) add(ctx context.Context, id raft.ServerID, address raft.ServerAddress) error {
	if n.admit != nil {
		if err := n.admit(string(id)); err != nil {
			return err
		}
	}
	for _, s := range n.configuration().Servers {
		if s.Address == address && s.ID != id {
			return fmt.Errorf("%s is the address of member %s. Remove that one first, if this node has taken its place", address, s.ID)
		}
	}
	member, is := n.server(string(id))
	switch {
	case is && member.Address == address:
		return nil
	case is && member.Suffrage == raft.Voter:
		return n.commit(ctx, n.raft.AddVoter(id, address, 0, changePatience))
	default:
		return n.commit(ctx, n.raft.AddNonvoter(id, address, 0, changePatience))
	}
}

// commit waits until a change is committed.
func (n *Node) commit(ctx context.Context, f raft.IndexFuture) error {
	n.unsettled.Add(1)
	done := make(chan error, 1)
	go func() { // raft answers all when it stops
		err := f.Error()
		n.unsettled.Add(-1)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the change is not committed yet: do a majority of the voters answer? %w", ctx.Err())
	}
}

// nearlyCaughtUp is how many entries a member may be behind that becomes a voter.
const nearlyCaughtUp = 2000

// caughtUp refuses a member that is not near the end of the log.
func (n *Node) caughtUp(id string) error {
	n.HearAll()
	for _, m := range n.Members() {
		if m.ID != id {
			continue
		}
		last, _ := n.log.LastIndex()
		switch {
		case m.Err != nil:
			return fmt.Errorf("%s does not answer: %w", id, m.Err)
		case m.Report.AppliedIndex+nearlyCaughtUp < last:
			return fmt.Errorf("%s has not caught up: it has applied entry %d of %d", id, m.Report.AppliedIndex, last)
		}
	}
	return nil
}

// mayLose refuses a change that takes a voter, if too few of the others answer to decide anything afterwards.
func (n *Node) mayLose(r changeRequest, member raft.Server) error {
	if member.Suffrage != raft.Voter {
		return nil
	}
	n.HearAll()
	voters, well := 0, 0
	for _, m := range n.Members() {
		if !m.Voter || m.ID == r.ID {
			continue
		}
		if voters++; m.Err == nil {
			well++
		}
	}
	switch {
	case voters == 0:
		return fmt.Errorf("%s is the only voter. Promote another member first", r.ID)
	case well < majority(voters) && !r.Force:
		return fmt.Errorf("only %d of the %d other voters answer, and %d are needed to decide anything. Bring them back first, or give --force and lose the quorum", well, voters, majority(voters))
	}
	return nil
}

func (n *Node) server(id string) (raft.Server, bool) {
	for _, s := range n.configuration().Servers {
		if string(s.ID) == id {
			return s, true
		}
	}
	return raft.Server{}, false
}

func (n *Node) voters() (count int) {
	for _, s := range n.configuration().Servers {
		if s.Suffrage == raft.Voter {
			count++
		}
	}
	return count
}

// recount takes note whether this node decides alone. While it does, it asks nobody whether it still leads. Called with changing
// held.
func (n *Node) recount() {
	if n.unsettled.Load() > 0 {
		return // raft may be about to add a voter that its configuration does not show yet
	}
	s, is := n.server(string(n.id()))
	n.sole.Store(is && s.Suffrage == raft.Voter && n.voters() == 1)
}

// Alone reports whether this node is the only member of its cluster.
func (n *Node) Alone() bool {
	servers := n.configuration().Servers
	return len(servers) == 1 && servers[0].ID == n.id()
}

// introduce has the leader add this node, or take note of its address, where the configuration says otherwise. A node that
// knows no leader asks, too: perhaps it was removed while it was away. Then it fails.
func (n *Node) introduce() {
	n.every(introduceEvery, func() {
		s, is := n.server(string(n.id()))
		known := is && string(s.Address) == n.address
		if _, led := n.leader(); known && led {
			return
		}
		ctx, cancel := context.WithTimeout(n.life, changePatience)
		defer cancel()
		err := n.introduceTo(ctx, changeRequest{Kind: addMember, ID: string(n.id()), Address: n.address})
		switch {
		case err == nil || n.life.Err() != nil:
		case errors.Is(err, ErrRemoved):
			n.failRemoved(err)
		case !known:
			n.logger.Warn("the cluster does not know this node's address yet", "address", n.address, "error", err)
		}
	})
}

const introduceEvery = time.Second

// introduceTo asks the leader, or else any member whose address this node knows.
func (n *Node) introduceTo(ctx context.Context, r changeRequest) error {
	var asked []raft.Server
	if leader, ok := n.leader(); ok {
		asked = append(asked, leader)
	}
	for _, s := range n.configuration().Servers {
		if s.ID != n.id() {
			asked = append(asked, s)
		}
	}
	for _, address := range n.contacts {
		asked = append(asked, raft.Server{Address: raft.ServerAddress(address)})
	}
	err := fmt.Errorf("%w: no other member is known", ErrNotReached)
	for _, s := range asked {
		call, cancel := context.WithTimeout(ctx, changePatience/2)
		a, askErr := ask[changeRequest, changeAnswer](call, n, s, callChange, r)
		cancel()
		switch {
		case askErr != nil:
			err = askErr
		case a.Removed:
			return ErrRemoved
		case a.Refused != "":
			err = errors.New(a.Refused)
		case a.NotLeader:
			err = raft.ErrNotLeader
		default:
			return nil
		}
	}
	return err
}
