package replication

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage/command"
)

// A member that does not lead sends its commands to the leader, and gets the results back. Commands that wait at the same
// time share a call.
//
// A call that gets lost may still arrive, even after its command was sent again to another leader. So each command that is
// sent on carries Retry and Since: the machine looks for an earlier execution before it carries one out, whichever arrives
// first. See machine's idempotency.go. Nor may a copy that arrives late carry out what was refused meanwhile; see lanes.go.

// forwarded is a command on its way to the leader.
type forwarded struct {
	data []byte
	done chan struct{} // receives when fate, result and err are set
	// Set by the sender.
	fate   fate
	result command.Result
	err    error
}

// fate is what became of a command that was sent to the leader.
type fate uint8

const (
	carriedOut fate = iota // result is the machine's
	untaken                // the member that got it does not lead, or was not reached: it was not taken, and never will be
	refused                // the leader can't take it now, as err says; it never will be
	uncertain              // nobody knows
)

// Bounds of one call.
const (
	maxForwarded      = 256
	maxForwardedBytes = 1 << 20
)

// senders is how many calls with commands may be under way at a time. While they are, commands gather for the next one.
const senders = 2

// forward sends a command to the leader. It returns when it has its fate, or when ctx ends.
func (n *Node) forward(ctx context.Context, data []byte) (fate, command.Result, error) {
	f := &forwarded{data: data, done: make(chan struct{}, 1)}
	select {
	case n.outbox <- f:
	case <-ctx.Done():
		return untaken, command.Result{}, ctx.Err()
	case <-n.broken:
		return refused, command.Result{}, n.Err()
	case <-n.life.Done():
		return refused, command.Result{}, errClosed
	}
	select {
	case <-f.done:
		return f.fate, f.result, f.err
	case <-ctx.Done():
		return uncertain, command.Result{}, ctx.Err()
	case <-n.life.Done():
		return uncertain, command.Result{}, errClosed
	}
}

// sendOn sends waiting commands to the leader, batch by batch in a lane, until the node closes.
func (n *Node) sendOn(lane uint8) {
	for {
		var first *forwarded
		select {
		case first = <-n.outbox:
		case <-n.life.Done():
			return
		}
		batch, size := []*forwarded{first}, len(first.data)
		drain(n.outbox, func(f *forwarded) bool {
			batch, size = append(batch, f), size+len(f.data)
			return len(batch) < maxForwarded && size < maxForwardedBytes
		})
		n.sendBatch(lane, batch)
		for _, f := range batch {
			f.done <- struct{}{}
		}
	}
}

// drain takes what waits in a queue, until take has enough. While more keeps coming, it yields before it looks again, so that
// requests that are being read still get into the batch; see collect.
func drain[T any](queue <-chan T, take func(T) (more bool)) {
	for came := true; came; {
		runtime.Gosched()
		came = false
		for waits := true; waits; {
			select {
			case v := <-queue:
				came = true
				if !take(v) {
					return
				}
			default:
				waits = false
			}
		}
	}
}

// callPatience bounds one call between members. A call to a leader ends earlier when another one leads.
const callPatience = 20 * time.Second

// sendBatch sends commands to the leader that is known now, and sets their fates.
func (n *Node) sendBatch(lane uint8, batch []*forwarded) {
	all := func(f fate, err error) {
		for _, b := range batch {
			b.fate, b.err = f, err
		}
	}
	leader, ok := n.leader()
	if !ok {
		all(untaken, nil)
		return
	}
	ctx, cancel := context.WithTimeout(n.life, callPatience)
	defer cancel()
	ctx, cancel = n.whileLeading(ctx, leader)
	defer cancel()
	request := proposeRequest{Commands: make([][]byte, len(batch)), Lane: n.departures.begin(lane, n.raft.CurrentTerm())}
	defer n.departures.end(lane)
	for i, f := range batch {
		request.Commands[i] = f.data
	}
	answer, err := ask[proposeRequest, proposeAnswer](ctx, n, leader, callPropose, request)
	switch {
	case notReached(err):
		all(untaken, err)
	case err == nil && len(answer.Outcomes) != len(batch):
		all(uncertain, fmt.Errorf("%d answers to %d commands", len(answer.Outcomes), len(batch)))
	case err != nil:
		all(uncertain, err)
	default:
		for i, o := range answer.Outcomes {
			batch[i].take(o)
		}
	}
}

// take takes the leader's answer to one command.
func (f *forwarded) take(o proposeOutcome) {
	f.fate = o.Fate
	switch {
	case o.Fate == carriedOut:
		if f.result, f.err = command.DecodeResult(o.Result); f.err != nil {
			f.fate = uncertain
		}
	case o.Why != "":
		f.err = errors.New(o.Why)
	}
}

type proposeRequest struct {
	Commands [][]byte `cbor:"1,keyasint"` // as for the log
	Lane     lane     `cbor:"2,keyasint"`
}

type proposeAnswer struct {
	Outcomes []proposeOutcome `cbor:"1,keyasint"` // of each command
}

type proposeOutcome struct {
	_      struct{} `cbor:",toarray"`
	Fate   fate
	Result []byte // in the form of command.EncodeResult
	Why    string
}

// answerPropose proposes commands of another member.
func (n *Node) answerPropose(ctx context.Context, r proposeRequest) (proposeAnswer, error) {
	a := proposeAnswer{Outcomes: make([]proposeOutcome, len(r.Commands))}
	under := make([]*proposal, len(r.Commands))
	first := n.arrivals.arrive(r.Lane)
	inTerm := n.raft.CurrentTerm() == r.Lane.Term && n.ledTerm.Load() == r.Lane.Term
	for i, data := range r.Commands {
		if !first { // another copy of the call may have been taken
			a.Outcomes[i] = proposeOutcome{Fate: uncertain, Why: errOver.Error()}
			continue
		}
		if !inTerm || !n.leads.isOpen.Load() {
			a.Outcomes[i].Fate = untaken
			continue
		}
		// What this program can't read must not enter the log: it would stop every member with the same program.
		if _, err := command.Decode(data); err != nil {
			a.Outcomes[i] = proposeOutcome{Fate: refused, Why: err.Error()}
			continue
		}
		p, err := n.enterInTurn(ctx, r.Lane, data)
		if err != nil { // this node is closing, for example: another one leads soon
			a.Outcomes[i].Fate = untaken
			continue
		}
		under[i] = p
	}
	for i, p := range under {
		if p != nil {
			a.Outcomes[i] = outcomeOf(n.await(ctx, p))
		}
	}
	return a, nil
}

// outcomeOf says what became of an attempt.
func outcomeOf(r command.Result, err error) proposeOutcome {
	if err == nil {
		var data []byte
		if data, err = command.EncodeResult(r); err == nil {
			return proposeOutcome{Fate: carriedOut, Result: data}
		}
	}
	o := proposeOutcome{Fate: fateOf(err)}
	if o.Fate != untaken {
		o.Why = err.Error()
	}
	return o
}

// fateOf says what an attempt's error means for its command.
func fateOf(err error) fate {
	var no *notTaken
	switch {
	case errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return untaken
	case errors.As(err, &no):
		return refused
	}
	return uncertain
}
