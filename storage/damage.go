package storage

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// DamageError says that a file of the data directory does not hold what was written into it. Nothing was changed;
// the node must not go on.
type DamageError struct {
	File string // path of the file
	What string // what was found
	Err  error  // cause, if there is one
}

func (e *DamageError) Error() string {
	msg := fmt.Sprintf("%s is damaged: %s", e.File, e.What)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg + ". Nothing was changed. Keep a copy of the data directory, check the disk, and restore the casino from a backup"
}

func (e *DamageError) Unwrap() error { return e.Err }

// guard runs fn over a memory-mapped file and turns the panics and memory faults that a damaged page can cause
// into an error, so that a damaged file stops the node with a message instead of a crash.
func guard(file string, fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if r := recover(); r != nil {
			err = &DamageError{File: file, What: fmt.Sprintf("reading it broke off (%v)", r)}
		}
	}()
	return fn()
}

// IsDamage reports whether err is about a damaged file.
func IsDamage(err error) bool {
	var d *DamageError
	return errors.As(err, &d)
}
