// Package faults makes the writes and syncs of the log and of bbolt files fail, and cuts the power, in tests.
//
// A Disk watches the files below one directory. It counts their operations (writes, syncs, truncations), can make any of
// them fail, and records them all. From the record it can build what a disk may hold after a power cut at any moment: all
// that was synced, and any part of the rest.
//
// The hooks exist only in a test binary built with the tag "faults" and a patched copy of bbolt; see the command in
// directory patch. Without them, tests that watch are skipped, or fail if CI=true is in the environment.
package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Mode is how an operation fails.
type Mode int

const (
	// Nothing is persisted, and an I/O error is reported. After such a failed sync, the unsynced writes may still be lost.
	Nothing Mode = iota
	// Persisted means that the operation is carried out in full, but an I/O error is reported.
	Persisted
	// Full means that nothing is persisted, and a full disk is reported.
	Full
)

// Modes lists all modes, for tests that try each.
var Modes = []Mode{Nothing, Persisted, Full}

func (m Mode) String() string {
	return [...]string{"nothing persisted", "persisted but failed", "disk full"}[m]
}

// ErrInjected is wrapped by every injected error.
var ErrInjected = errors.New("injected fault")

func (m Mode) err() error {
	if m == Full {
		return fmt.Errorf("%w: %w", ErrInjected, syscall.ENOSPC)
	}
	return fmt.Errorf("%w: %w", ErrInjected, syscall.EIO)
}

// Fault says which operation fails.
type Fault struct {
	File   string // such as "state.db", "log/state", or "log" for any file below it; "" for any file of the directory
	N      int    // the N-th operation from now on, counted from 1
	Mode   Mode
	Sticky bool // all later operations of these files fail in the same way
}

// Op is an operation that a Disk has seen.
type Op struct {
	File   string // path below the watched directory
	Kind   string // "write", "sync", "truncate", or "directory": the sync of a directory
	Offset int64  // of a write; the new size of a truncation
	Length int    // of a write
	Fault  *Fault // the fault that made it fail, if any
}

type op struct {
	Op
	data []byte // of a write
	done bool   // carried out, even if a failure was reported
}

// Disk watches the files below one directory. Its methods may be called from any goroutine.
type Disk struct {
	dir string

	mu      sync.Mutex // held during each operation, so that operations have an order
	ops     []op
	initial map[string]*image // by path below dir: the file before its first operation
	fault   *Fault
	left    int // operations until fault
	fired   bool
	stall   map[string]chan struct{} // by kind: operations wait until it is closed
}

var (
	watchedMu sync.RWMutex
	watched   = map[string]*Disk{} // by directory
)

// Watch watches the files below dir until the test ends. dir must be the only path to the directory, and its files must not
// be open yet.
func Watch(t testing.TB, dir string) *Disk {
	t.Helper()
	require(t)
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{dir: dir, initial: map[string]*image{}, stall: map[string]chan struct{}{}}
	watchedMu.Lock()
	defer watchedMu.Unlock()
	if watched[dir] != nil {
		t.Fatalf("%s is watched already", dir)
	}
	watched[dir] = d
	t.Cleanup(func() {
		watchedMu.Lock()
		defer watchedMu.Unlock()
		delete(watched, dir)
	})
	return d
}

// Fail arms a fault and replaces the one before.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.left, d.fired = &f, f.N, false
}

// Heal disarms the fault.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = nil
}

// Fired reports whether the armed fault has struck.
func (d *Disk) Fired() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fired
}

// Stall makes operations of one kind hang until the returned function is called.
func (d *Disk) Stall(kind string) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ch := make(chan struct{})
	d.stall[kind] = ch
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.stall, kind)
		close(ch)
	})
}

// Ops returns all operations so far. The power can be cut at any position in this list.
func (d *Disk) Ops() []Op {
	d.mu.Lock()
	defer d.mu.Unlock()
	ops := make([]Op, len(d.ops))
	for i := range d.ops {
		ops[i] = d.ops[i].Op
	}
	return ops
}

// Now is the number of operations so far.
func (d *Disk) Now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ops)
}

// handle is called in place of each operation of a file. In a binary with the hooks a sync that succeeds is only recorded, not
// carried out, whether the file is watched or not: the machine's own power is not cut, and real syncs would take most of
// the time of tests that try thousands of faults.
func handle(file *os.File, kind string, offset int64, data []byte, do func() error) error {
	if kind == "sync" {
		do = func() error { return nil }
	}
	path, err := filepath.Abs(file.Name())
	if err != nil {
		return err
	}
	d, name := watcher(path)
	if d == nil {
		return do()
	}
	d.mu.Lock()
	ch := d.stall[kind]
	d.mu.Unlock()
	if ch != nil {
		<-ch
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handle(name, kind, offset, data, do)
}

// watcher returns the disk that watches a file, and the file's path below the watched directory.
func watcher(path string) (*Disk, string) {
	watchedMu.RLock()
	defer watchedMu.RUnlock()
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if d := watched[dir]; d != nil {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				panic(err) // both are absolute
			}
			return d, filepath.ToSlash(name)
		}
	}
	return nil, ""
}

// handle is called with mu held.
func (d *Disk) handle(name, kind string, offset int64, data []byte, do func() error) error {
	if _, known := d.initial[name]; !known && kind != "directory" {
		m, err := readImage(filepath.Join(d.dir, name))
		if err != nil {
			return err
		}
		d.initial[name] = m
	}
	o := op{Op: Op{File: name, Kind: kind, Offset: offset, Length: len(data)}, data: append([]byte(nil), data...)}
	if f := d.strikes(name); f != nil {
		o.Fault = f
		if f.Mode == Persisted {
			if err := do(); err != nil {
				return err
			}
			o.done = true
		}
		d.ops = append(d.ops, o)
		return f.Mode.err()
	}
	if err := do(); err != nil {
		return err
	}
	o.done = true
	d.ops = append(d.ops, o)
	return nil
}

// strikes counts an operation, and returns the fault if the operation must fail.
func (d *Disk) strikes(name string) *Fault {
	f := d.fault
	if f == nil || (f.File != "" && f.File != name && !strings.HasPrefix(name, f.File+"/")) {
		return nil
	}
	d.left--
	if d.left == 0 || (d.left < 0 && f.Sticky) {
		d.fired = true
		return f
	}
	return nil
}
