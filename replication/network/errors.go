package network

import "errors"

// MaxCall bounds a call's request and its answer in bytes.
const MaxCall = 8 << 20

var (
	// ErrNotReached means that a call did not reach the other member, so it has changed nothing there.
	ErrNotReached = errors.New("the member could not be reached")
	// ErrRemoved means that another member says that this node was removed from the cluster.
	ErrRemoved = errors.New("this node was removed from the cluster")
	// ErrForeign means that whoever answered is no member of this cluster.
	ErrForeign = errors.New("not a member of this cluster")
)

// CallError is an error that another member answered a call with.
type CallError struct{ Message string }

func (e *CallError) Error() string { return e.Message }

// JoinRefused is an answer to a request to join. HandleJoin's function returns it to have Message told to whoever asked;
// they don't hear of any other error.
type JoinRefused struct{ Message string }

func (e *JoinRefused) Error() string { return e.Message }
