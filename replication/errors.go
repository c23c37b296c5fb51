package replication

import (
	"errors"

	"imperio/replication/logstore"
)

// Why a node can't be opened. Open wraps them in errors that name the files and say what to do. A damaged file is a
// *engine.DamageError instead.
var (
	ErrMissing = logstore.ErrMissing
	ErrExists  = logstore.ErrExists
	ErrLocked  = logstore.ErrLocked
	ErrNewer   = logstore.ErrNewer
	ErrForeign = logstore.ErrForeign
	// ErrMismatch means that the log and state.db are not of the same history of the same node.
	ErrMismatch = errors.New("the log and state.db do not belong together")
)

// ErrStalled means that the disk held one write for longer than Options.StallLimit.
var ErrStalled = errors.New("the disk does not answer")

// ErrMember means that the data directory is a member of a cluster, and was opened as if it were alone.
var ErrMember = errors.New("this data directory belongs to a member of a cluster")

// ErrRecovering means that a recovery of the data directory was interrupted.
var ErrRecovering = errors.New("the recovery of this data directory was interrupted")

// ErrCut means that entries are no longer in the log: what is needed of them is in the state, and in what was made of it.
var ErrCut = errors.New("the log no longer holds these entries")

var (
	errClosed   = errors.New("the node is closed")
	errOver     = errors.New("this call came before, or is over")
	errSilent   = errors.New("it has not answered yet")
	errTooLarge = errors.New("the command is too large")
)
