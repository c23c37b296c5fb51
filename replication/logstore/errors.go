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
var ErrFailed = errors.New("the log takes no more writes since one failed")

// DamagedError says that the bytes in the file are not those that were written.
type DamagedError struct {
	File  string
	Index uint64 // the entry of the log that is damaged; 0 if the damage lies elsewhere
	What  string // what was found
	Err   error  // what found it, if anything more is known
}

func (e *DamagedError) Error() string {
	where := e.File
	if e.Index != 0 {
		where = fmt.Sprintf("%s, entry %d", e.File, e.Index)
	}
	msg := fmt.Sprintf("%s is damaged: %s", where, e.What)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg + ". Nothing was changed. Check the disk, keep a copy of the data directory, and restore the latest backup"
}

func (e *DamagedError) Unwrap() error { return e.Err }
