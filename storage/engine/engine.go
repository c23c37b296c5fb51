// Package engine keeps a state of tables in memory over one bbolt file, and makes it durable by checkpoints.
//
// Layers in memory hold what Updates change. A checkpoint writes them into the file in one synced transaction, together
// with the index that the owner has applied. So the file never holds half a change, and after a crash the owner of a log
// only has to apply the changes above Applied again.
//
// A View reads the newest state: the layers first, then the file. Updates and Views exclude each other for microseconds;
// checkpoints are written concurrently with both.
//
// The owner declares its tables in a Schema, and keeps one record of its own beside them. The engine knows nothing else
// about the data. Every value carries a checksum. The file is checked before it is used, and read completely again and
// again while it is in use (see patrol.go).
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// Options of an open state. The zero value is fine.
type Options struct {
	// CheckpointInterval is the longest time between two checkpoints while there is something to write; 0: 1 s.
	CheckpointInterval time.Duration
	// CheckpointBytes is how much changed state starts a checkpoint at once; 0: 32 MiB. With more than four times as much
	// in memory, Update waits until a checkpoint has caught up.
	CheckpointBytes int
	// MappedBytes is how much of all mapped files may be resident in the process before the file's pages are given back;
	// 0: 256 MiB. Linux only.
	MappedBytes int64
	// PatrolInterval is the pause between two patrols, which read the whole file; 0: a day. A file that was too large to be
	// read completely when it was opened is patrolled at once.
	PatrolInterval time.Duration
	// PatrolShare is the share of a processor and of the disk that a patrol may take; 1: it does not rest. 0: 0.02.
	PatrolShare float64
	// StallLimit is how long one checkpoint may take before the disk counts as hung and the service ends; 0: a minute.
	// Time during which the process itself was stopped does not count.
	StallLimit time.Duration
	// Owner is the owner that the file must have; "": any.
	Owner string
	// BeforeMigration is called before a file is brought up to a newer format, while nobody writes to it. Its error ends the
	// opening, and nothing is changed. nil: nothing is called.
	BeforeMigration func(Migrating) error
	// ReadOnly opens the file without writing to it: no checkpoints, Update only changes memory.
	ReadOnly bool
	Logger   *slog.Logger // nil: none
}

func (o *Options) complete() {
	if o.CheckpointInterval <= 0 {
		o.CheckpointInterval = time.Second
	}
	if o.CheckpointBytes <= 0 {
		o.CheckpointBytes = 32 << 20
	}
	if o.MappedBytes <= 0 {
		o.MappedBytes = 256 << 20
	}
	if o.PatrolInterval <= 0 {
		o.PatrolInterval = 24 * time.Hour
	}
	if o.PatrolShare <= 0 {
		o.PatrolShare = 0.02
	}
	if o.StallLimit <= 0 {
		o.StallLimit = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// DB is an open state. Its methods are safe for concurrent use, except Update, which has one caller at a time.
type DB struct {
	path   string
	schema *Schema
	opts   Options
	log    *slog.Logger

	mu           sync.RWMutex // file, live, frozen, head, failed; Update and View exclude each other
	file         *stateFile
	live, frozen *layer // frozen is nil unless a checkpoint is being written
	head         head
	failed       error
	broken       chan struct{} // closed when failed is set

	turn       sync.Mutex // one checkpoint at a time; Replace takes it, too
	durableMu  sync.Mutex // durable, checkpoint
	durable    Checkpoint
	checkpoint checkpointFigures

	wake   chan struct{} // a checkpoint is due
	caught chan struct{} // a checkpoint was written; back-pressure may be over
	stop   context.CancelFunc

	writing atomic.Bool // a checkpoint is being written
	closing atomic.Bool
	stalled atomic.Int64 // how long the current checkpoint has taken, in nanoseconds

	done    chan struct{}  // closed when the checkpointer has ended
	running sync.WaitGroup // the other goroutines
}

// Open opens an existing file. It changes nothing if it returns an error. check sees the state before anything is written;
// Open returns its error.
func Open(path string, schema *Schema, opts Options, check func(*Reader) error) (*DB, error) {
	opts.complete()
	file, err := openState(context.Background(), path, schema, &opts, checkAllBelow)
	if err != nil {
		return nil, err
	}
	h, err := file.load(path, schema, check)
	if err != nil {
		return nil, errors.Join(err, file.close())
	}
	d := &DB{
		path: path, schema: schema, file: file, opts: opts, log: opts.Logger, live: newLayer(len(schema.Tables)), head: h, durable: h.checkpoint(),
		broken: make(chan struct{}), wake: make(chan struct{}, 1), caught: make(chan struct{}, 1), done: make(chan struct{}),
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	if opts.ReadOnly {
		close(d.done)
		return d, nil
	}
	due := opts.PatrolInterval
	if !file.isProven() {
		due = 0
		d.running.Go(func() { d.prove(ctx, file) })
	}
	go d.checkpointer(ctx)
	d.running.Go(func() { d.patrol(ctx, due) })
	d.running.Go(func() { d.watch(ctx) })
	return d, nil
}

// reader reads the newest state. The caller holds mu while it is in use.
func (d *DB) reader(tx *bbolt.Tx) *Reader {
	return &Reader{schema: d.schema, path: d.path, head: d.head, live: d.live, frozen: d.frozen, tx: tx}
}

// Update changes the state. fn sees its own changes; others see them after it returns. Update may wait for a checkpoint
// first. It has one caller at a time. An error of fn ends the state's service, since fn may have made half of its changes:
// nothing more is accepted or written, and the file stays as the last checkpoint left it.
func (d *DB) Update(fn func(*Writer) error) error {
	d.waitForCheckpointer()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return d.failed
	}
	err := Guard(d.path, func() error {
		return d.file.db.View(func(tx *bbolt.Tx) error {
			w := &Writer{*d.reader(tx)}
			err := fn(w)
			d.head = w.head
			return err
		})
	})
	if err != nil {
		return d.breakDown(err)
	}
	if d.live.bytes >= d.opts.CheckpointBytes {
		d.wakeCheckpointer()
	}
	return nil
}

// View runs fn over the newest state. fn must be short, since it blocks updates. If it finds damage, the state's service
// ends.
func (d *DB) View(fn func(*Reader) error) error {
	return d.distrust(d.view(fn))
}

func (d *DB) view(fn func(*Reader) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return Guard(d.path, func() error {
		return d.file.db.View(func(tx *bbolt.Tx) error { return fn(d.reader(tx)) })
	})
}

// begin begins a read of the file, past the layers. The caller must roll the transaction back.
func (d *DB) begin() (*stateFile, *bbolt.Tx, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	tx, err := d.file.db.Begin(false)
	return d.file, tx, err
}

// openedFile is the present file of the state.
func (d *DB) openedFile() *stateFile {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.file
}

// Locked runs fn while updates are blocked. fn must be quick.
func (d *DB) Locked(fn func()) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	fn()
}

// distrust ends the service if err reports damage, and returns err. The caller must not hold mu.
func (d *DB) distrust(err error) error {
	if IsDamage(err) {
		d.Fail(fmt.Errorf("the state can no longer be trusted: %w", err))
	}
	return err
}

// Fail ends the state's service: nothing more is accepted. The first error counts, and is returned.
func (d *DB) Fail(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.breakDown(err)
}

// breakDown is Fail under the lock.
func (d *DB) breakDown(err error) error {
	if d.failed == nil {
		d.failed = err
		close(d.broken)
	}
	return d.failed
}

// Failed is closed when the service has ended; Err says why. A checkpoint can fail while nobody updates anything.
func (d *DB) Failed() <-chan struct{} { return d.broken }

// Err is why the service has ended; nil while it has not.
func (d *DB) Err() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.failed
}

// Applied is the index and term of the newest change.
func (d *DB) Applied() (index, term uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.head.index, d.head.term
}

// Close writes a last checkpoint and closes the file. It waits for snapshots to be closed. It returns the errors of both. Closing again does nothing.
func (d *DB) Close() error {
	if d.closing.Swap(true) {
		return nil
	}
	var err error
	if !d.opts.ReadOnly && d.Err() == nil {
		_, err = d.Checkpoint(context.Background())
	}
	d.stop()
	<-d.done
	d.running.Wait()
	return errors.Join(err, d.file.close())
}

// Path is the path of the file.
func (d *DB) Path() string { return d.path }

// Size is the size of the file in bytes.
func (d *DB) Size() int64 {
	if fi, err := os.Stat(d.path); err == nil {
		return fi.Size()
	}
	return 0
}
