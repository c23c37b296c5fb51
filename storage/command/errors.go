package command

import (
	"errors"
	"fmt"
)

// What may become of a command that was not answered. Both are wrapped by those who return them, and found with
// errors.Is. A refusal of the machine is neither: it is a Result.
var (
	// ErrUnavailable means that the command was not taken and will never be: the node is starting, stopping, has no
	// leader, or its disk fails. Asking again later is safe, under any key.
	ErrUnavailable = errors.New("the casino can't take commands now")
	// ErrUnknown means that the command may have been taken, or may still be: the answer was lost on its way.
	// Only asking again under the same id or idempotency key is safe.
	ErrUnknown = errors.New("it is not known whether the command was taken")
)

// NewerError says that the log or the state holds what this program does not know: a newer one wrote it. Whoever meets
// it stops, before anything is changed. To answer with a refusal instead would be a decision that other programs do not
// share.
type NewerError struct {
	What    string // what is not known
	Program string // the version that is needed; "" where that is not known
}

func (e *NewerError) Error() string {
	program := "a newer version of imperio"
	if e.Program != "" {
		program = "imperio " + e.Program + " or a newer one"
	}
	return fmt.Sprintf("%s. This casino needs %s: install it and start again. Nothing was changed, and nothing that was answered is lost", e.What, program)
}
