package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage/command"
)

// Propose commits a command, applies it, and returns the machine's answer. It waits for the node to lead and for a place
// among the commands in flight, as long as ctx allows.
//
// Its error wraps command.ErrUnavailable if the command was not taken and never will be, and command.ErrUnknown if it may
// have been taken or may still be. Only a command that can't be encoded fails with another error. When leadership is lost
// under a command, Propose proposes it again under the same id, with Retry and Since set, as long as ctx allows.
func (n *Node) Propose(ctx context.Context, c command.Command) (command.Result, error) {
	data, err := encode(c)
	if err != nil {
		return command.Result{}, err
	}
	since := n.events.Load() // whatever the first attempt does comes after this event
	outcome := unavailable   // the error of giving up: unknown once an attempt may have been taken
	var refused *notTaken
	for {
		if err := n.awaitLead(ctx); err != nil {
			return command.Result{}, outcome(err)
		}
		result, err := n.attempt(ctx, data)
		switch {
		case err == nil:
			return result, nil
		case errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress):
			// Not taken. The gate is about to close, or has opened again.
			select {
			case <-ctx.Done():
				return command.Result{}, outcome(ctx.Err())
			case <-time.After(5 * time.Millisecond):
			}
		case errors.Is(err, raft.ErrLeadershipLost):
			outcome = unknown
			if !c.Retry {
				c.Retry, c.Since = true, since
				if data, err = encode(c); err != nil {
					return command.Result{}, outcome(err)
				}
			}
		case errors.As(err, &refused):
			return command.Result{}, outcome(refused.cause)
		default:
			return command.Result{}, unknown(err)
		}
	}
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
	select {
	case n.tokens <- struct{}{}:
	default:
		select {
		case n.tokens <- struct{}{}:
		case <-ctx.Done():
			return command.Result{}, &notTaken{fmt.Errorf("too many commands in flight: %w", ctx.Err())}
		case <-n.broken:
			return command.Result{}, &notTaken{n.Err()}
		case <-n.life.Done():
			return command.Result{}, &notTaken{errClosed}
		}
	}
	if err := n.refuses(); err != nil { // with the token in hand: Close waits for whoever has one
		<-n.tokens
		return command.Result{}, &notTaken{err}
	}
	p := &proposal{data: data, done: make(chan struct{}, 1)}
	n.queue <- p // it has room for as many as there are tokens
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

// Ready reports whether Barrier would return nil at once.
func (n *Node) Ready() bool { return n.leads.isOpen.Load() && n.refuses() == nil }

// Barrier returns nil once a read of the machine sees every answer that was given before the call. It fails with
// command.ErrUnavailable when the node doesn't lead within ctx, or has failed.
//
// In a cluster of one nobody else can have answered, and every answer was applied first. So it is enough to lead, and
// nothing is written.
func (n *Node) Barrier(ctx context.Context) error {
	if err := n.refuses(); err != nil {
		return unavailable(err)
	}
	if err := n.awaitLead(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}
