package engine

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// DamageError says that a file of the data directory does not hold what was written into it. Nothing was changed. The node
// must stop.
type DamageError struct {
	File string // path of the file
	Part string // which part of the file; "": unknown, or all of it
	What string // what was found
	Err  error  // the cause, if any
}

func (e *DamageError) Error() string {
	where := e.File
	if e.Part != "" {
		where += ", " + e.Part
	}
	msg := fmt.Sprintf("%s is damaged: %s", where, e.What)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg + ". Nothing was changed. Keep a copy of the data directory, check the disk, and restore the casino from a backup"
}

func (e *DamageError) Unwrap() error { return e.Err }

// IsDamage reports whether err is about a damaged file.
func IsDamage(err error) bool {
	var d *DamageError
	return errors.As(err, &d)
}

// BugError is a panic of the program's own code, which says nothing about the files.
type BugError struct {
	Panic any
	Stack string // of the goroutine that panicked
}

func (e *BugError) Error() string {
	return fmt.Sprintf("this is a bug in imperio: %v. The files are not damaged by it: nothing that was answered is lost. Please report it with these lines:\n%s", e.Panic, e.Stack)
}

// Guard runs fn over a memory-mapped file. The panics and memory faults that a damaged page causes in bbolt become a
// DamageError, so that a damaged file stops the node with a message instead of a crash; any other panic becomes a
// BugError.
func Guard(file string, fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if _, fault := p.(interface{ Addr() uintptr }); fault || panickedInBbolt() {
			err = &DamageError{File: file, What: fmt.Sprintf("reading it failed (%v)", p)}
			return
		}
		err = &BugError{Panic: p, Stack: string(debug.Stack())}
	}()
	return fn()
}

// panickedInBbolt reports whether bbolt's code raised the panic that is being recovered. The deferred function itself must
// call it.
func panickedInBbolt() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for panicked := false; ; {
		f, more := frames.Next()
		switch inRuntime := strings.HasPrefix(f.Function, "runtime."); {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && !inRuntime:
			return strings.HasPrefix(f.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}
