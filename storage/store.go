// Package storage is the state of the casino: a deterministic machine in memory over state.db.
//
// Commands that the log has committed are applied in order (Apply). What they change is held in layers in memory and
// written into state.db by checkpoints, each one synced transaction that also holds the index of the last applied
// command. After a crash the log above that index is applied again. So state.db is never half a command old, and
// nothing but the log has to be durable before a player gets an answer.
//
// A View reads the newest state: the layers first, then state.db. Reading and applying exclude each other for
// microseconds; checkpoints are written beside both.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"imperio/storage/command"
)

// StateFile is the name of the state's file in the data directory.
const StateFile = "state.db"

// Options say how a store works. The zero value is good.
type Options struct {
	// CheckpointInterval is the longest time between two checkpoints while there is something to write; 0: 1 s.
	// After a crash, at most what came since the last checkpoint is applied again.
	CheckpointInterval time.Duration
	// CheckpointBytes is how much changed state starts a checkpoint at once; 0: 32 MiB. Apply waits when four times
	// as much is held, until a checkpoint has caught up.
	CheckpointBytes int
	// MappedBytes is how much of mapped files may stay resident in the process before state.db's pages are given back;
	// 0: 256 MiB. Only Linux knows how.
	MappedBytes int64
	Logger      *slog.Logger
	// PatrolEvery is the time between two looks through all of state.db; 0: a day. A file that was too large to be read
	// as a whole when it was opened is looked through at once.
	PatrolEvery time.Duration
	// ClusterID is the casino that state.db must belong to; "": any.
	ClusterID string
	// ReadOnly opens state.db without writing to it: no checkpoints, Apply only changes memory. For audits.
	ReadOnly bool
}

// Store is the open state. Its methods are safe for concurrent use, but Apply, which has one caller.
type Store struct {
	path string
	db   *bbolt.DB
	opts Options
	log  *slog.Logger

	mu           sync.RWMutex // live, frozen, head, failed; Apply and View exclude each other
	live, frozen *layer
	head         MachineRecord
	failed       error
	broken       chan struct{} // closed when failed is set
	sessions     *sessionCache
	hot          *hotRecords // Apply's own
	keys         *usedKeys   // Apply's own

	writing    sync.Mutex // one checkpoint at a time
	durableMu  sync.Mutex
	durable    Checkpoint
	checkpoint checkpointFigures

	wake   chan struct{} // a checkpoint is due
	caught chan struct{} // a checkpoint was written; back-pressure may be over
	stop   context.CancelFunc

	// Closed when the checkpointer and the patrol have ended.
	done, patrolled chan struct{}
}

// Open loads the state of an existing casino. It changes nothing if it returns an error.
func Open(dir string, opts Options) (*Store, error) {
	if opts.CheckpointInterval <= 0 {
		opts.CheckpointInterval = time.Second
	}
	if opts.CheckpointBytes <= 0 {
		opts.CheckpointBytes = 32 << 20
	}
	if opts.MappedBytes <= 0 {
		opts.MappedBytes = 256 << 20
	}
	if opts.PatrolEvery <= 0 {
		opts.PatrolEvery = 24 * time.Hour
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	path := filepath.Join(dir, StateFile)
	version, whole, err := inspect(path)
	if err != nil {
		return nil, err
	}
	if opts.ReadOnly && version < FormatVersion {
		return nil, fmt.Errorf("%s has format version %d; start the casino once, so that it is brought up to version %d", path, version, FormatVersion)
	}
	db, err := openFile(path, opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	if err := checkCluster(db, path, opts.ClusterID); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if version < FormatVersion {
		opts.Logger.Info("bringing the state up to a newer format", "file", path, "from", version, "to", FormatVersion)
		if err := migrate(db, migrations, FormatVersion); err != nil {
			return nil, errors.Join(fmt.Errorf("bring %s up to format version %d: %w. Nothing was changed", path, FormatVersion, err), db.Close())
		}
	}
	s := &Store{
		path: path, db: db, opts: opts, log: opts.Logger, live: newLayer(), sessions: newSessionCache(), hot: newHotRecords(), keys: newUsedKeys(),
		broken: make(chan struct{}), wake: make(chan struct{}, 1), caught: make(chan struct{}, 1), done: make(chan struct{}), patrolled: make(chan struct{}),
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if opts.ReadOnly {
		close(s.done)
		close(s.patrolled)
		return s, nil
	}
	file, err := os.Open(path)
	if err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	due := opts.PatrolEvery
	if !whole {
		due = 0
	}
	go s.checkpointer(ctx)
	go s.patrol(ctx, file, due)
	return s, nil
}

// checkCluster refuses the state of another casino.
func checkCluster(db *bbolt.DB, path, want string) error {
	return guard(path, func() error {
		return db.View(func(tx *bbolt.Tx) error {
			r := reader{live: newLayer(), tx: tx, file: path}
			got, err := r.get(bMeta, clusterKey)
			if err != nil || want == "" || string(got) == want {
				return err
			}
			return fmt.Errorf("%s belongs to another casino: it is of cluster %q, and %s says %q. Files of different data directories were mixed: put the right one back. Nothing was changed",
				path, got, NodeFile, want)
		})
	})
}

// load reads the machine's own record.
func (s *Store) load() error {
	return guard(s.path, func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			r := reader{live: s.live, tx: tx, file: s.path, head: &s.head}
			head, ok, err := load[MachineRecord](&r, bMeta, machineKey)
			if err != nil {
				return err
			}
			if !ok {
				return &DamageError{File: s.path, What: "the machine's record is missing"}
			}
			if head.Events > 0 {
				// The newest event must be the one whose hash the machine remembers.
				data, err := r.get(bHistory, eventKey(head.Events))
				if err != nil {
					return err
				}
				if data == nil || chainHash(data) != head.Head {
					return &DamageError{File: s.path, What: fmt.Sprintf("event %d, the newest, is not the one that the history's head is of", head.Events)}
				}
			}
			s.head = head
			s.durable = Checkpoint{Index: head.Index, Term: head.Term, At: at(head.Time)}
			return nil
		})
	})
}

// Apply carries out committed commands of the log, in order, and answers each. All commands of one entry of the log come
// in one call. Those at or below the index that was applied before are skipped and answered with a zero Result. The log
// keeps some entries for itself, so indexes may skip. It has one caller at a time. An error means a damaged file or a bug:
// the store takes no more commands, and the node must stop.
func (s *Store) Apply(entries []Entry) ([]command.Result, error) {
	results := make([]command.Result, len(entries))
	commands := make([]command.Decoded, len(entries))
	for i, e := range entries {
		if len(e.Data) == 0 {
			continue
		}
		var err error
		if commands[i], err = command.Decode(e.Data); err != nil {
			return nil, s.fail(fmt.Errorf("log entry %d: %w", e.Index, err))
		}
	}
	s.waitForCheckpointer()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	err := guard(s.path, func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			m := machine{
				reader:        reader{live: s.live, frozen: s.frozen, tx: tx, file: s.path, head: &s.head},
				MachineRecord: &s.head, sessions: s.sessions, hot: s.hot, keys: s.keys,
			}
			applied := s.head.Index
			for i, e := range entries {
				if e.Index <= applied {
					continue
				}
				if len(e.Data) != 0 {
					var err error
					if results[i], err = m.apply(&commands[i]); err != nil {
						return fmt.Errorf("log entry %d: %w", e.Index, err)
					}
				}
				s.head.Index, s.head.Term = e.Index, e.Term
			}
			return nil
		})
	})
	if err != nil {
		return nil, s.breakDown(fmt.Errorf("the state can't be trusted any more: %w", err))
	}
	if s.live.bytes >= s.opts.CheckpointBytes {
		s.wakeCheckpointer()
	}
	return results, nil
}

// fail ends the store: it takes no more commands, and Failed tells.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.breakDown(err)
}

// breakDown is fail under the lock. The first error stays.
func (s *Store) breakDown(err error) error {
	if s.failed == nil {
		s.failed = err
		close(s.broken)
	}
	return s.failed
}

// Failed is closed when the store takes no more commands; Err says why. A checkpoint can fail while nobody applies
// anything.
func (s *Store) Failed() <-chan struct{} { return s.broken }

// Err is why the store takes no more commands; nil while it does.
func (s *Store) Err() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.failed
}

// Time is the time of the newest command; zero before the first.
func (s *Store) Time() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return at(s.head.Time)
}

// Applied is the index and term of the last entry that was applied.
func (s *Store) Applied() (index, term uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head.Index, s.head.Term
}

// read runs fn over the newest state. fn must be short: no command is applied meanwhile. Damage that it finds ends the
// store as a failed command does.
func (s *Store) read(fn func(r *reader) error) error {
	s.mu.RLock()
	err := guard(s.path, func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			return fn(&reader{live: s.live, frozen: s.frozen, tx: tx, file: s.path, head: &s.head})
		})
	})
	s.mu.RUnlock()
	return s.distrust(err)
}

// distrust ends the store if err is of damage, and gives err. The caller does not hold the lock.
func (s *Store) distrust(err error) error {
	if IsDamage(err) {
		s.fail(fmt.Errorf("the state can't be trusted any more: %w", err))
	}
	return err
}

// Close writes a last checkpoint and closes the file. It returns the error of either.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	<-s.patrolled
	var err error
	if !s.opts.ReadOnly {
		s.mu.RLock()
		failed := s.failed
		s.mu.RUnlock()
		if failed == nil {
			_, err = s.Checkpoint(context.Background())
		}
	}
	return errors.Join(err, s.db.Close())
}

// openFile opens state.db as it is used: every commit synced, with its freelist, so that opening is quick after a
// crash as well.
func openFile(path string, readOnly bool) (*bbolt.DB, error) {
	var db *bbolt.DB
	err := guard(path, func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         lockPatience,
			FreelistType:    bbolt.FreelistMapType,
			PreLoadFreelist: true, // a damaged one shows here, not at the first write
			InitialMmapSize: initialMmapSize,
			ReadOnly:        readOnly,
		})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, inUse(path)
	case errors.As(err, new(*fs.PathError)):
		return nil, fmt.Errorf("open %s: %w", path, err)
	case IsDamage(err):
		return nil, err
	case err != nil:
		return nil, &DamageError{File: path, What: "it can't be opened", Err: err}
	}
	return db, nil
}

// initialMmapSize is address space, not memory: enough that a growing file does not have to be mapped anew, which
// would wait for all readers.
const initialMmapSize = 16 << 30

// Path is the path of state.db.
func (s *Store) Path() string { return s.path }

// Size is the size of state.db in bytes.
func (s *Store) Size() int64 {
	if fi, err := os.Stat(s.path); err == nil {
		return fi.Size()
	}
	return 0
}
