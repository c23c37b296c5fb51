package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage/command"
)

// Propose commits a command, applies it, and returns the machine's answer. A member that does not lead sends the command to
// the leader. Propose waits for a leader and for a place among the commands in flight, as long as ctx allows.
//
// Its error wraps command.ErrUnavailable if the command was not taken and never will be, and command.ErrUnknown if it may
// have been taken or may still be. Only a command that can't be encoded fails with another error. When the fate of an attempt
// is unknown, since the leader is lost for example, Propose proposes the command again under the same id, with Retry and
// Since set, as long as ctx allows.
func (n *Node) Propose(ctx context.Context, c command.Command) (command.Result, error) {
	data, err := encode(c)
	if err != nil {
		return command.Result{}, err
	}
	since := n.events.Load() // whatever the first attempt does comes after this event
	again := func() error {
		if !c.Retry {
			c.Retry, c.Since = true, since
			data, err = encode(c)
		}
		return err
	}
	outcome := unavailable // the error of giving up: unknown once an attempt may have been taken
	for {
		_, self, err := n.awaitLeader(ctx)
		if err != nil {
			return command.Result{}, outcome(err)
		}
		var result command.Result
		became := carriedOut
		if self {
			if result, err = n.attempt(ctx, data); err != nil {
				became = fateOf(err)
			}
		} else {
			if err := again(); err != nil {
				return command.Result{}, outcome(err)
			}
			became, result, err = n.forward(ctx, data)
		}
		switch became {
		case carriedOut:
			return result, nil
		case refused:
			return command.Result{}, outcome(cause(err))
		case uncertain:
			outcome = unknown
			if n.network == nil && !errors.Is(err, raft.ErrLeadershipLost) { // a lone node that failed: nobody else will answer
				return command.Result{}, outcome(err)
			}
			if err := again(); err != nil {
				return command.Result{}, outcome(err)
			}
		}
		if ctx.Err() != nil {
			if err == nil {
				err = ctx.Err()
			}
			return command.Result{}, outcome(err)
		}
		if err := n.refuses(); err != nil {
			return command.Result{}, outcome(err)
		}
		// The gate is about to close, or another leader to be known.
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// cause is why a command was not taken.
func cause(err error) error {
	var no *notTaken
	if errors.As(err, &no) {
		return no.cause
	}
	return err
}

func encode(c command.Command) ([]byte, error) {
	data, err := command.Encode(c)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxCommand {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", errTooLarge, len(data), MaxCommand)
	}
	return data, nil
}

// awaitLead returns nil once the node leads and has applied everything that was committed before.
func (n *Node) awaitLead(ctx context.Context) error {
	for !n.leads.isOpen.Load() {
		select {
		case <-n.leads.wait():
		case <-ctx.Done():
			return fmt.Errorf("wait for the node to lead: %w", ctx.Err())
		case <-n.broken:
			return n.Err()
		case <-n.life.Done():
			return errClosed
		}
	}
	return nil
}

// notTaken is the error of an attempt that never reached raft.
type notTaken struct{ cause error }

func (e *notTaken) Error() string { return "not taken: " + e.cause.Error() }
func (e *notTaken) Unwrap() error { return e.cause }

// attempt sends data through the log once. Its error is a *notTaken, or raft's, the machine's, or that of ctx.
func (n *Node) attempt(ctx context.Context, data []byte) (command.Result, error) {
	p, err := n.enter(ctx, data)
	if err != nil {
		return command.Result{}, err
	}
	return n.await(ctx, p)
}

// enter queues data for an entry of the log. Its error is a *notTaken.
func (n *Node) enter(ctx context.Context, data []byte) (*proposal, error) {
	if err := n.reserve(ctx); err != nil {
		return nil, err
	}
	p := &proposal{data: data, done: make(chan struct{}, 1)}
	n.push(p)
	return p, nil
}

// reserve waits for a place among the commands in flight. The token is the caller's then, until it pushes. Its error is a
// *notTaken.
func (n *Node) reserve(ctx context.Context) error {
	select {
	case n.tokens <- struct{}{}:
	default:
		select {
		case n.tokens <- struct{}{}:
		case <-ctx.Done():
			return &notTaken{fmt.Errorf("too many commands in flight: %w", ctx.Err())}
		case <-n.broken:
			return &notTaken{n.Err()}
		case <-n.life.Done():
			return &notTaken{errClosed}
		}
	}
	if err := n.refuses(); err != nil { // with the token in hand: Close waits for whoever has one
		<-n.tokens
		return &notTaken{err}
	}
	return nil
}

// push queues a proposal for an entry, for a caller with a token.
func (n *Node) push(p *proposal) {
	n.queue <- p // it has room for as many as there are tokens
}

// await waits for what becomes of a proposal.
func (n *Node) await(ctx context.Context, p *proposal) (command.Result, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		return command.Result{}, ctx.Err()
	case <-n.broken:
		// An answer that is there counts. One that isn't may never come.
		select {
		case <-p.done:
		default:
			return command.Result{}, n.Err()
		}
	}
	return p.result, p.err
}

func (n *Node) refuses() error {
	if err := n.Err(); err != nil {
		return err
	}
	if n.life.Err() != nil {
		return errClosed
	}
	return nil
}
