package replication

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// A read is current if it sees every answer that any member gave before the read began. A sole voter's reads are: every
// answer was applied here first. Among several voters, the leader must make sure that nobody else leads by now: it asks the
// others for the newest term that they know. If none of a majority knows a newer term than its own, then no later leader
// had been elected when the question was asked, and so none had answered anything. That needs no clock.
//
// A follower asks the leader, which does the same, how far the log is committed, and waits until it has applied as much. How
// far the leader has applied it would not do: a follower may be ahead of it, and may have answered from there.
//
// Raft's own VerifyLeader does not serve: in v1.8, members without a vote count in it, and so do answers to heartbeats
// that were sent before the question.
//
// Reads that begin while a question is under way share the next one.

// pendingRead is a read that waits to become current.
type pendingRead struct {
	done  chan struct{} // receives when index and err are set
	index uint64        // how far the machine must have applied the log
	err   error
}

// Barrier returns nil once a read of the machine on this node sees every answer that any member gave before the call. It
// waits for a leader, and for this node to have applied enough, as long as ctx allows. Otherwise its error wraps
// command.ErrUnavailable.
func (n *Node) Barrier(ctx context.Context) error {
	if err := n.refuses(); err != nil {
		return unavailable(err)
	}
	if n.sole.Load() {
		if err := n.awaitLead(ctx); err != nil {
			return unavailable(err)
		}
		if n.network == nil || n.Alone() {
			return nil
		}
		index, err := n.mustApply() // members without a vote answer reads, too
		if err == nil {
			err = n.awaitApplied(ctx, index)
		}
		if err != nil {
			return unavailable(err)
		}
		return nil
	}
	index, err := n.readIndex(ctx)
	if err == nil {
		err = n.awaitApplied(ctx, index)
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// readIndex returns how far the log must be applied for a read that begins now.
func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	r := &pendingRead{done: make(chan struct{}, 1)}
	for {
		select {
		case n.reads <- r:
		case <-ctx.Done():
			return 0, fmt.Errorf("too many reads wait: %w", ctx.Err())
		case <-n.broken:
			return 0, n.Err()
		case <-n.life.Done():
			return 0, errClosed
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return 0, fmt.Errorf("ask how far a read must see: %w", ctx.Err())
		case <-n.broken:
			return 0, n.Err()
		case <-n.life.Done():
			return 0, errClosed
		}
		if r.err == nil {
			return r.index, nil
		}
		if _, _, err := n.awaitLeader(ctx); err != nil {
			return 0, err
		}
		select { // leadership changes just now
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", r.err, ctx.Err())
		}
	}
}

// askForReads answers pending reads, all that wait at a time, until the node closes.
func (n *Node) askForReads() {
	var batch []*pendingRead
	for {
		batch = batch[:0]
		select {
		case r := <-n.reads:
			batch = append(batch, r)
		case <-n.life.Done():
			return
		}
		drain(n.reads, func(r *pendingRead) bool {
			batch = append(batch, r)
			return len(batch) < cap(n.reads)
		})
		index, err := n.askReadIndex()
		for i, r := range batch {
			r.index, r.err = index, err
			r.done <- struct{}{}
			batch[i] = nil
		}
	}
}

// askReadIndex finds out how far the log must be applied for a read that began before the call.
func (n *Node) askReadIndex() (uint64, error) {
	if n.leads.isOpen.Load() {
		return n.confirmLead()
	}
	leader, ok := n.leader()
	if !ok || leader.ID == n.id() {
		return 0, fmt.Errorf("no leader is known: %w", ErrNotReached)
	}
	ctx, cancel := context.WithTimeout(n.life, callPatience)
	defer cancel()
	ctx, cancel = n.whileLeading(ctx, leader)
	defer cancel()
	applied, _ := n.machine.Applied()
	a, err := ask[readRequest, readAnswer](ctx, n, leader, callRead, readRequest{applied})
	return a.Index, err
}

type readRequest struct {
	Applied uint64 `cbor:"1,keyasint"` // how far the member that asks has applied the log
}

type readAnswer struct {
	Index uint64 `cbor:"1,keyasint"`
}

// answerRead tells another member how far a read must see.
func (n *Node) answerRead(ctx context.Context, r readRequest) (a readAnswer, err error) {
	if !n.leads.isOpen.Load() {
		return a, raft.ErrNotLeader
	}
	if n.sole.Load() {
		if a.Index, err = n.mustApply(); err != nil {
			return a, err
		}
	} else if a.Index, err = n.readIndex(ctx); err != nil { // the queue's goroutine asks, so that the reads of all members share questions
		return a, err
	}
	if r.Applied < a.Index && len(n.tokens) == 0 {
		// Raft tells followers with the next entry that the last one is committed, or else only after commitDelay. Nothing is
		// under way, and a member waits: so there is an empty entry.
		_, _ = n.enter(ctx, nil)
	}
	return a, nil
}

// maxUnanswered is how many questions to one voter may be under way. Rounds do not wait for the slowest voters, and a question
// is never given up early, since that would cost a connection.
const maxUnanswered = 2

// mustApply returns how far the machine must have applied the log to show all that any member may have answered, on a node that
// leads: up to the last committed command. Other entries may never reach the machine.
func (n *Node) mustApply() (uint64, error) {
	applied, _ := n.machine.Applied()
	for index := n.raft.CommitIndex(); index > applied; index-- {
		var l raft.Log
		if err := n.log.GetLog(index, &l); err != nil {
			if applied, _ = n.machine.Applied(); applied >= index {
				break // it was applied meanwhile, and cut
			}
			return 0, fmt.Errorf("look at entry %d of the log: %w", index, err)
		}
		if l.Type == raft.LogCommand {
			return index, nil
		}
	}
	return applied, nil
}

// confirmLead makes sure that this node still leads, and returns how far a read must have applied the log. It has one caller at a time.
func (n *Node) confirmLead() (uint64, error) {
	// Raft stops leading before it takes note of a newer term. So if it leads and the term is still the same after that, nobody
	// has won this node's vote since. In the other order, it might lead in a later term.
	term := n.ledTerm.Load()
	if n.raft.State() != raft.Leader || n.raft.CurrentTerm() != term {
		return 0, raft.ErrNotLeader
	}
	index, err := n.mustApply()
	if err != nil {
		return 0, err
	}
	others, asked := 0, 0
	servers := n.configuration().Servers
	answers := make(chan error, len(servers))
	for _, s := range servers {
		if s.ID == n.id() || s.Suffrage != raft.Voter {
			continue
		}
		others++
		if unanswered := n.unanswered.of(s.ID); unanswered.Add(1) <= maxUnanswered {
			asked++
			n.running.Go(func() {
				defer unanswered.Add(-1)
				answers <- n.askTerm(s, term)
			})
		} else {
			unanswered.Add(-1)
		}
	}
	agree := 1
	for answered := 0; agree < majority(others+1); answered++ {
		if answered == asked {
			return 0, fmt.Errorf("only %d of %d voters confirm that this node leads: %w", agree, others+1, raft.ErrNotLeader)
		}
		if err := <-answers; err == nil {
			agree++
		}
	}
	return index, nil
}

// askTerm asks a voter whether it knows a newer term than this node's.
func (n *Node) askTerm(s raft.Server, term uint64) error {
	ctx, cancel := context.WithTimeout(n.life, callPatience)
	defer cancel()
	ctx, cancel = n.whileLeading(ctx, raft.Server{ID: n.id()})
	defer cancel()
	a, err := ask[struct{}, termAnswer](ctx, n, s, callTerm, struct{}{})
	if err == nil && a.Term > term {
		err = fmt.Errorf("%s knows term %d: %w", s.ID, a.Term, raft.ErrNotLeader)
	}
	return err
}

// memberCounters are numbers by member.
type memberCounters struct {
	mu    sync.Mutex
	count map[raft.ServerID]*atomic.Int32 // under mu
}

func (c *memberCounters) of(id raft.ServerID) *atomic.Int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = make(map[raft.ServerID]*atomic.Int32)
	}
	if c.count[id] == nil {
		c.count[id] = new(atomic.Int32)
	}
	return c.count[id]
}

// majority is the least number of voters that decide.
func majority(voters int) int { return voters/2 + 1 }

type termAnswer struct {
	Term uint64 `cbor:"1,keyasint"`
}

// answerTerm tells the newest term that this node knows. Raft sets it before it votes in it.
func (n *Node) answerTerm(context.Context, struct{}) (termAnswer, error) {
	return termAnswer{n.raft.CurrentTerm()}, nil
}

// awaitApplied waits until the machine has applied an entry.
func (n *Node) awaitApplied(ctx context.Context, index uint64) error {
	for {
		progress := n.progress.next()
		if applied, _ := n.machine.Applied(); applied >= index {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			applied, _ := n.machine.Applied()
			return fmt.Errorf("this node has applied the log up to entry %d, and %d is needed: %w", applied, index, ctx.Err())
		case <-n.broken:
			return n.Err()
		case <-n.life.Done():
			return errClosed
		}
	}
}

// Ready reports whether this node serves players: it leads, or it follows a leader and has been current a moment ago.
func (n *Node) Ready() bool {
	if n.refuses() != nil {
		return false
	}
	if n.leads.isOpen.Load() {
		return true
	}
	at := n.currentAt.Load()
	return n.network != nil && at != 0 && n.clock.source.Read().Steady-time.Duration(at) < currentFor
}

// currentFor is how long a member that does not lead counts as ready after it has been current.
const currentFor = 3 * time.Second

// stayCurrent makes sure each second that reads of this node can be current, for Ready.
func (n *Node) stayCurrent() {
	n.every(currentFor/3, func() {
		if n.leads.isOpen.Load() {
			return
		}
		ctx, cancel := context.WithTimeout(n.life, currentFor)
		defer cancel()
		if n.Barrier(ctx) == nil {
			n.currentAt.Store(int64(max(n.clock.source.Read().Steady, 1)))
		}
	})
}
