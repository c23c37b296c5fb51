package command

import (
	"errors"
	"fmt"
)

// The two possible fates of a command without an answer. Both are returned wrapped: match them with errors.Is. A refusal
// is neither: it is a Result.
var (
	// ErrUnavailable means that the command was not taken and will never be: the node is starting, stopping, has no
	// leader, or its disk fails. Asking again later is safe, under any key.
	ErrUnavailable = errors.New("the casino can't take commands now")
	// ErrUnknown means that the command may have been taken, or may still be: its answer was lost. Asking again is safe
	// only under the same id or idempotency key.
	ErrUnknown = errors.New("it is not known whether the command was taken")
)

// NewerError means that a newer program wrote something into the log or the state that this one does not know. The node
// stops before it changes anything. A refusal instead would be a decision that newer programs do not share.
type NewerError struct {
	What    string // what this program does not know
	Program string // the version that is needed; "" if not known
}

func (e *NewerError) Error() string {
	program := "a newer version of imperio"
	if e.Program != "" {
		program = "imperio " + e.Program + " or a newer one"
	}
	return fmt.Sprintf("%s. This casino needs %s: install it and start again. Nothing was changed, and nothing that was answered is lost", e.What, program)
}
