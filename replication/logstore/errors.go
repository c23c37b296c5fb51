package logstore

import (
	"errors"
	"fmt"
)

// Why a log can't be opened. Each is wrapped in an error that names the file and says what to do.
var (
	ErrMissing = errors.New("the log is missing")
	ErrExists  = errors.New("the log exists already")
	ErrLocked  = errors.New("another process is using the log")
	ErrNewer   = errors.New("the log was written by a newer version")
	ErrForeign = errors.New("the log belongs to another node")
)

// ErrFailed marks every error of a store that a failed write, a failed sync or damage has broken. It never recovers.
var ErrFailed = errors.New("the log takes no more writes because one has failed")

// theEntry names a damaged entry of the log.
func theEntry(index uint64) string { return fmt.Sprintf("entry %d", index) }
