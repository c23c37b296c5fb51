package replication

import (
	"context"

	"github.com/hashicorp/raft"

	"imperio/replication/network"
)

// Network carries what the members of a cluster say to one another: raft's own messages, and calls. Package network has the
// real one, over mutual TLS. Its methods may be called from any goroutine.
type Network interface {
	// Transport is for raft's own messages. It also implements raft.WithPreVote.
	Transport() raft.Transport
	// Call asks the member with an id at an address, and returns its answer. The error wraps ErrNotReached if the request
	// never reached the member, and is a *CallError if the member answered with one. After any other error nobody knows
	// whether the member got the request. Requests and answers have up to MaxCall bytes.
	Call(ctx context.Context, id, address, method string, request []byte) (answer []byte, err error)
	// Handle sets what answers the calls of other members. from is the id in the caller's certificate. The handler runs in a
	// goroutine of its own; its ctx ends when the caller no longer waits. It may keep neither request nor ctx.
	Handle(handler func(ctx context.Context, from, method string, request []byte) (answer []byte, err error))
	// Close ends all connections, raft's too, and waits for the handlers. It may be called twice.
	Close() error
}

var _ Network = (*network.Network)(nil)

// MaxCall bounds a call's request and its answer in bytes.
const MaxCall = network.MaxCall

// ErrNotReached means that a call did not reach the other member, so it has changed nothing there.
var ErrNotReached = network.ErrNotReached

// CallError is an error that another member answered a call with.
type CallError = network.CallError
