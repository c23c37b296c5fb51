// Package terminal is what the command line needs of a terminal: secrets without an echo, progress on one line, and tables whose
// columns line up in every script. Elsewhere the same calls read and write plain lines.
package terminal

import (
	"fmt"
	"io"

	"golang.org/x/term"
)

// Is reports whether a stream of the process is a terminal. A stream without a file descriptor is none.
func Is(stream any) bool {
	_, ok := descriptor(stream)
	return ok
}

// descriptor returns the file descriptor of a terminal.
func descriptor(stream any) (fd int, ok bool) {
	if o, wrapped := stream.(*Output); wrapped {
		stream = o.w
	}
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// Output passes everything on to a writer, and remembers the first failure. So a verb may print without a check at each line, and
// the failure is still known at the end. It is not safe for concurrent use.
type Output struct {
	w   io.Writer
	err error
}

// NewOutput makes an Output.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// Write writes p, or nothing after a failure.
func (o *Output) Write(p []byte) (n int, err error) {
	if o.err != nil {
		return 0, o.err
	}
	if n, err = o.w.Write(p); err != nil {
		o.err = fmt.Errorf("write the output: %w", err)
	}
	return n, o.err
}

// Err is the first failure; nil: everything was written.
func (o *Output) Err() error { return o.err }
