package command

import "errors"

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
