package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"
)

// The calls that members answer themselves. All others are Options.Answer's.
const (
	callPropose = "propose" // commands for the leader; see forward.go
	callRead    = "read"    // how far a read must see; see barrier.go
	callTerm    = "term"    // the newest term that a member knows; see barrier.go
	callReport  = "report"  // what a member says of itself; see members.go
	callChange  = "change"  // a change of the membership; see membership.go
	callState   = "state"   // a part of the state; see statecopy.go
)

// handle answers a call of another member.
func (n *Node) handle(ctx context.Context, from, method string, request []byte) ([]byte, error) {
	if err := n.refuses(); err != nil {
		return nil, err
	}
	switch method {
	case callPropose:
		return answering(ctx, request, n.answerPropose)
	case callRead:
		return answering(ctx, request, n.answerRead)
	case callTerm:
		return answering(ctx, request, n.answerTerm)
	case callReport:
		return answering(ctx, request, n.answerReport)
	case callChange:
		return answering(ctx, request, n.answerChange)
	case callState:
		return answering(ctx, request, n.answerState)
	}
	if n.answer == nil {
		return nil, fmt.Errorf("this member does not know the call %q", method)
	}
	return n.answer(ctx, from, method, request)
}

// answering decodes a request, and encodes its answer.
func answering[Q, A any](ctx context.Context, request []byte, answer func(context.Context, Q) (A, error)) ([]byte, error) {
	var q Q
	if err := cbor.Unmarshal(request, &q); err != nil {
		return nil, fmt.Errorf("the request can't be read: %w", err)
	}
	a, err := answer(ctx, q)
	if err != nil {
		return nil, err
	}
	return cbor.Marshal(a)
}

// ask sends a call to a member, and decodes its answer. This node may ask itself.
func ask[Q, A any](ctx context.Context, n *Node, to raft.Server, method string, request Q) (answer A, err error) {
	data, err := cbor.Marshal(request)
	if err != nil {
		return answer, err
	}
	if data, err = n.call(ctx, to, method, data); err != nil {
		return answer, err
	}
	if err := cbor.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("the answer of %s to %s can't be read: %w", to.ID, method, err)
	}
	return answer, nil
}

// call sends a call to a member. An empty id stands for whichever member is at the address.
func (n *Node) call(ctx context.Context, to raft.Server, method string, request []byte) ([]byte, error) {
	if to.ID == n.id() {
		answer, err := n.handle(ctx, string(to.ID), method, request)
		if err != nil {
			err = &CallError{Message: err.Error()}
		}
		return answer, err
	}
	if n.network == nil {
		return nil, fmt.Errorf("%w: this node is alone", ErrNotReached)
	}
	answer, err := n.network.Call(ctx, string(to.ID), string(to.Address), method, request)
	if errors.Is(err, ErrRemoved) { // it may have been away when that was decided
		n.failRemoved(err)
	}
	return answer, err
}

// Ask sends a call to a member by its id, "" for the leader, whose Options.Answer answers it. The error is that of
// Network.Call. A node may ask itself. Without a leader, the error wraps ErrNotReached.
func (n *Node) Ask(ctx context.Context, id, method string, request []byte) (answer []byte, err error) {
	if id == "" {
		leader, ok := n.leader()
		if !ok {
			return nil, fmt.Errorf("%w: no leader is known", ErrNotReached)
		}
		return n.call(ctx, leader, method, request)
	}
	for _, s := range n.configuration().Servers {
		if string(s.ID) == id {
			return n.call(ctx, s, method, request)
		}
	}
	return nil, fmt.Errorf("%w: there is no member %q", ErrNotReached, id)
}

// notReached reports whether a call has certainly changed nothing.
func notReached(err error) bool { return errors.Is(err, ErrNotReached) }

func (n *Node) id() raft.ServerID { return raft.ServerID(n.log.Identity().NodeID) }

// configuration is the newest one that this node knows. It may not be committed yet.
func (n *Node) configuration() raft.Configuration { return n.raft.GetConfiguration().Configuration() }

// leader returns the leader that this node knows, itself included; false if it knows none.
func (n *Node) leader() (raft.Server, bool) {
	address, id := n.raft.LeaderWithID()
	return raft.Server{ID: id, Address: address}, id != ""
}
