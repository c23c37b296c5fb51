package command

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Proposer asks the machine for changes.
type Proposer interface {
	// Propose returns when the result of the command is durable. From then on, reads on this node see it. The error wraps
	// ErrUnavailable if the command was not taken and never will be, and ErrUnknown if its fate is unknown. A refusal is
	// not an error but a Result. The command must be complete, with its id and its entropy. The proposer seals the entropy.
	Propose(ctx context.Context, c Command) (Result, error)
}

// Propose draws the command's id and as many bytes of entropy as it needs from random, and proposes it. A refusal is returned
// as the error *Refusal, together with its result.
func Propose(ctx context.Context, to Proposer, random io.Reader, c Command, entropy int) (Result, error) {
	drawn := make([]byte, len(ID{})+entropy)
	if _, err := io.ReadFull(random, drawn); err != nil {
		return Result{}, fmt.Errorf("draw entropy: %w", err)
	}
	c.ID = ID(drawn)
	if entropy != 0 {
		c.Entropy = drawn[len(ID{}):]
	}
	res, err := to.Propose(ctx, c)
	switch {
	case err == nil && res.Refusal != nil:
		return res, res.Refusal
	case err == nil:
		return res, nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrUnknown):
		return res, fmt.Errorf("propose: %w", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return res, fmt.Errorf("propose: %w: %w", ErrUnknown, err) // it may be in the log by now
	}
	return res, fmt.Errorf("propose: %w", err)
}

// ValueOf returns the value of a result as the type that its command answers with.
func ValueOf[T any](res Result) (*T, error) {
	v, ok := res.Value.(*T)
	if !ok || v == nil {
		return nil, fmt.Errorf("the machine answered a %T instead of a %T", res.Value, v)
	}
	return v, nil
}
