// Package storage is the state of the casino: a deterministic machine (package machine) over a durable state of tables
// (package engine).
//
// Apply carries out the commands that the log has committed, in order. Their changes stay in memory until a checkpoint
// writes them into state.db, in one synced transaction that also holds the index of the last applied command. After a crash
// the log above that index is applied again. So state.db never holds half a command, and only the log has to be durable
// before a player gets an answer.
//
// Reads see the newest state. Reading and applying exclude each other for microseconds; checkpoints are written
// concurrently with both.
package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
	"imperio/storage/seal"
)

// StateFile is the name of the state's file in the data directory.
const StateFile = "state.db"

// FormatVersion is the version of the data directory that this build writes: of state.db's tables and of node.json.
const FormatVersion = 1

// Options of a store. The zero value is fine. Owner is the cluster that state.db must belong to.
type Options = engine.Options

// Store is the open state. Its methods are safe for concurrent use, except Apply and Replace,
// which have one caller.
type Store struct {
	db      *engine.DB
	machine atomic.Pointer[machine.Machine] // changed only in updates of db, read only in its views; Replace sets another
	house   machine.House
	keys    *seal.Keys // nil: not known
	caches  machine.CacheBytes
	feed    feed
	digests digests
	boards  boards
}

// schema declares the machine's tables to the engine.
var schema = func() *engine.Schema {
	s := &engine.Schema{Format: FormatVersion}
	for _, t := range machine.Tables() {
		table := engine.Table{Name: t.Name, Appended: t.Appended}
		if t.Numbers != nil {
			table.Numbers = func(record []byte) (first, last uint64, err error) {
				r, err := machine.DecodeRecord(record)
				if err == nil {
					first, last = t.Numbers(&r)
				}
				return first, last, err
			}
		}
		if t.Oldest != nil {
			table.Oldest = func(record []byte) ([]byte, error) {
				r, err := machine.DecodeRecord(record)
				if err != nil {
					return nil, err
				}
				return t.Oldest(&r), nil
			}
		}
		if t.Check != nil {
			table.Check = func(r *engine.Reader, key, value []byte) error { return t.Check(r, key, value) }
		}
		s.Tables = append(s.Tables, table)
	}
	return s
}()

// Create makes an empty state, whose secrets will be sealed with the casino's key of this id. It never touches an existing
// file. The file gets its name once it is complete and durable, so an interrupted start never leaves an unreadable state.db.
func Create(dir string, id Identity, key command.KeyID) error {
	first := machine.NewRecord(key)
	record, err := first.Encode()
	if err != nil {
		return err
	}
	return engine.Create(filepath.Join(dir, StateFile), schema, id.ClusterID, record)
}

// ErrWrongKey says that a state's secrets are sealed with another key than the one that was given.
var ErrWrongKey = errors.New("this is not the key that the casino's secrets are sealed with")

// Open loads the state of an existing casino. It changes nothing if it returns an error. Without keys (nil), the state can
// be read, apart from what is secret in it; nothing can be applied.
func Open(dir string, keys *seal.Keys, opts Options) (*Store, error) {
	return OpenWith(dir, catalogue.Released(), keys, machine.UsualCacheBytes, opts)
}

// OpenWith is Open for a casino that plays other games than the released ones, or has other memory for caches.
func OpenWith(dir string, c *games.Catalogue, keys *seal.Keys, caches machine.CacheBytes, opts Options) (*Store, error) {
	s := &Store{house: machine.House{Games: c}, keys: keys, caches: caches}
	if keys != nil {
		s.house.OpenSeed = keys.OpenSeed
	}
	path := filepath.Join(dir, StateFile)
	db, err := engine.Open(path, schema, opts, func(r *engine.Reader) error {
		m, err := s.machineFor(r, path)
		if err != nil {
			return err
		}
		s.machine.Store(m)
		if opts.ReadOnly {
			return nil
		}
		return m.Load(r)
	})
	if err != nil {
		return nil, err
	}
	s.db = db
	return s, nil
}

// machineFor makes a machine that goes on with the state in a file. It refuses a state of a newer level or of another key.
func (s *Store) machineFor(r *engine.Reader, path string) (*machine.Machine, error) {
	record, err := recordOf(r)
	if err != nil {
		return nil, err
	}
	if err := record.CheckLevel(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.keys != nil && s.keys.ID() != record.Key {
		return nil, fmt.Errorf("%s: %w", path, ErrWrongKey)
	}
	return machine.New(record, s.house, s.caches), machine.NewReader(r, &record, s.house).CheckHead()
}

// recordOf reads the machine's record from a state.
func recordOf(r *engine.Reader) (machine.Record, error) {
	record, err := machine.DecodeRecord(r.Record())
	if err != nil {
		err = r.Damage("the machine's record can't be read", err)
	}
	return record, err
}

// Apply carries out committed commands of the log, in order, and answers each. All commands of one entry come in one call.
// Commands at or below the applied index are skipped and answered with a zero Result. Indexes may skip, since raft has
// entries of its own. Apply has one caller at a time. An error means a damaged file or a bug: the store takes no more
// commands, and the node must stop.
func (s *Store) Apply(commands []Command) ([]command.Result, error) {
	results := make([]command.Result, len(commands))
	decoded := make([]command.Decoded, len(commands))
	for i, c := range commands {
		if len(c.Data) == 0 {
			continue
		}
		var err error
		if decoded[i], err = command.Decode(c.Data); err != nil {
			return nil, s.db.Fail(fmt.Errorf("log entry %d: %w", c.Index, err))
		}
	}
	m := s.machine.Load()
	var samples []Digest
	err := s.db.Update(func(w *engine.Writer) error {
		m.On(w)
		applied, term := w.Applied()
		index := applied
		for i, c := range commands {
			if c.Index <= applied {
				continue
			}
			if len(c.Data) != 0 {
				var err error
				if results[i], err = m.Apply(c.Time, &decoded[i]); err != nil {
					return fmt.Errorf("log entry %d: %w", c.Index, err)
				}
			}
			if i+1 < len(commands) && commands[i+1].Index == c.Index {
				continue // the entry has more commands
			}
			if isSampled(c.Index, index) {
				record, err := m.Head().Encode()
				if err != nil {
					return err
				}
				samples = append(samples, Digest{Index: c.Index, Sum: w.Digest(record)})
			}
			index, term = c.Index, c.Term
		}
		record, err := m.Head().Encode()
		if err != nil {
			return err
		}
		w.SetApplied(index, term, record)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.boards.changes.note(m.Recorded())
	s.feed.add(m.Recorded())
	s.digests.add(samples)
	return results, nil
}

// view runs fn over the newest state. fn must be short, since it blocks Apply. If it finds damage, the store fails, as it
// does when a command fails.
func (s *Store) view(fn func(*machine.Reader) error) error {
	return s.db.View(func(r *engine.Reader) error { return fn(machine.NewReader(r, s.machine.Load().Head(), s.house)) })
}

// Failed is closed when the store takes no more commands; Err says why. A checkpoint can fail while nobody applies
// anything.
func (s *Store) Failed() <-chan struct{} { return s.db.Failed() }

// Err is why the store takes no more commands; nil while it takes them.
func (s *Store) Err() error { return s.db.Err() }

// Applied is the index and term of the last entry that was applied.
func (s *Store) Applied() (index, term uint64) { return s.db.Applied() }

// Checkpoint describes the state that is durable in state.db.
type Checkpoint struct {
	Index, Term uint64
	At          time.Time // time of the newest command in it
	Events      uint64    // number of the newest event in it
	Head        [32]byte  // the newest event's hash, which pins the whole history
}

func checkpointOf(c engine.Checkpoint) (Checkpoint, error) {
	r, err := machine.DecodeRecord(c.Record)
	return newCheckpoint(c.Index, c.Term, &r), err
}

func newCheckpoint(index, term uint64, r *machine.Record) Checkpoint {
	return Checkpoint{Index: index, Term: term, At: r.At(), Events: r.Events, Head: r.Head}
}

// Checkpoint returns when everything that was applied before the call is durable in state.db.
func (s *Store) Checkpoint(ctx context.Context) (Checkpoint, error) {
	c, err := s.db.Checkpoint(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	return checkpointOf(c)
}

// Durable is the last checkpoint.
func (s *Store) Durable() Checkpoint {
	c, _ := checkpointOf(s.db.Durable()) // can't fail: the record was decoded when it was written or loaded
	return c
}

// Calm waits until little changed state waits for a checkpoint, so that work that changes much does not make others wait.
func (s *Store) Calm(ctx context.Context) error { return s.db.Calm(ctx) }

// CheckpointFigures returns metrics of checkpoints.
func (s *Store) CheckpointFigures() engine.CheckpointFigures { return s.db.CheckpointFigures() }

// Close writes a last checkpoint and closes the file. It returns the errors of both.
func (s *Store) Close() error { return s.db.Close() }

// Path is the path of state.db.
func (s *Store) Path() string { return s.db.Path() }

// Size is the size of state.db in bytes.
func (s *Store) Size() int64 { return s.db.Size() }

// IsDamage reports whether err is about a damaged file.
func IsDamage(err error) bool { return engine.IsDamage(err) }
