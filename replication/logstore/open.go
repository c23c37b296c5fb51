package logstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Identity says whose log it is. Both parts are kept in the log.
type Identity struct {
	ClusterID string
	NodeID    string
}

// Options of a store. Only Identity is required.
type Options struct {
	Identity Identity

	// MayCut returns the highest entry that may be cut from the beginning of the log, because a checkpoint of the state
	// holds all up to it. It is asked at each cut, from any goroutine. Without it any entry may be cut.
	MayCut func() uint64

	// Hold returns the highest entry that nobody needs to read back any more. Entries above it stay at a cut, as long as the
	// log takes up at most HoldBytes; see DeleteRange. It is asked at each cut, from any goroutine, must be quick and must not
	// call the store. Without it nothing is held back.
	Hold func() uint64
	// Keep is like Hold, for entries that are good to have. It is told how much the log takes up, in bytes, and says itself when
	// that is too much.
	Keep func(bytes int64) uint64
	// HoldBytes is how large the log may become for Hold, in bytes. It can be larger by what is written between two cuts.
	HoldBytes int64

	// Head returns the head of the history as far as entries are applied. It is asked at each write, and must be quick.
	// Without it the log remembers none.
	Head func() Head

	// Failed is called once, from the goroutine that met it, with the error that broke the store. It must not block and
	// must not call the store.
	Failed func(error)

	// Synced is called after each durable change with the number of entries in it (0 if it held none) and how long it
	// took to write and sync. Calls do not overlap; it must be quick.
	Synced func(entries int, took time.Duration)

	Logger *slog.Logger // nil: no log

	sizes sizes // of segments; tests make them small
}

func newStore(dir string, o Options) *Store {
	s := &Store{dir: dir, mayCut: o.MayCut, hold: o.Hold, keep: o.Keep, holdBytes: o.HoldBytes, failed: o.Failed, synced: o.Synced, head: o.Head, log: o.Logger, sizes: o.sizes, born: time.Now()}
	if s.sizes == (sizes{}) {
		s.sizes = usualSizes
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.head == nil {
		s.head = func() Head { return Head{} }
	}
	return s
}

// Create makes a new, empty log in the directory dir. fill is called with the store before the directory gets its name,
// so that a log either exists with all that fill wrote, or not at all. An existing log is never touched (ErrExists).
func Create(dir string, o Options, fill func(*Store) error) (err error) {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w; it is left as it is", dir, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for %s: %w", dir, err)
	}
	unfinished := dir + ".new" // may be left by a crash; worthless
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished log: %w", err)
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("create the log: %w", err)
	}
	s := newStore(unfinished, o)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Discard(), os.RemoveAll(unfinished))
		}
	}()
	if err := s.begin(o.Identity); err != nil {
		return fmt.Errorf("create the log: %w", err)
	}
	if fill != nil {
		if err := fill(s); err != nil {
			return fmt.Errorf("fill the new log: %w", err)
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return fmt.Errorf("name the new log: %w", err)
	}
	return syncDirectory(filepath.Dir(dir))
}

// begin writes the state record and the first segment of a new log.
func (s *Store) begin(id Identity) error {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	s.rec = record{ClusterID: id.ClusterID, NodeID: id.NodeID, Salt: salt}
	s.seed = newSeed(id, salt)
	var err error
	if s.state.file, err = newFile(s.path(stateFile), s.path("state.new"), stateSize); err != nil {
		return err
	}
	if err := s.state.write(s.rec); err != nil {
		return err
	}
	s.names++
	g, err := newSegment(segmentPath(s.dir, s.names), s.path("segment.new"), s.sizes.first)
	if err != nil {
		return err
	}
	g.number, g.end = 1, blockSize
	s.live = []*segment{g}
	return s.writeOpening(g)
}

// Open opens an existing log for this process alone, after it has read and verified all of it. A refused Open changes
// nothing on disk. Errors wrap ErrMissing, ErrLocked, ErrNewer or ErrForeign, or are an *engine.DamageError.
func Open(dir string, o Options) (*Store, error) {
	s := newStore(dir, o)
	c, err := load(dir, o.Identity, os.O_RDWR, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	if c.torn != nil {
		s.log.Warn(c.torn.String(), "file", c.torn.File)
	}
	s.take(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(0, func() error { return s.settle(c) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open the log: %w", err), s.release())
	}
	if s.rec.replaces(s.first) {
		if err := s.change(0, func() error { return s.shorten(s.first, s.first) }); err != nil {
			return nil, errors.Join(fmt.Errorf("empty the log, since the state came from another member: %w", err), s.release())
		}
	}
	return s, nil
}

// take makes the store hold what was found.
func (s *Store) take(c *contents) {
	s.state, s.rec, s.seed = c.state, c.rec, c.seed
	s.live, s.free, s.names, s.first, s.last = c.live, c.free, c.number, c.first, c.last
	s.heads, s.applied, s.configurations, s.torn = c.heads, c.applied, c.configurations, c.torn
}

// settle makes durable what was found: the last process may have died after a failed sync, with its last write only in the
// page cache. It writes the bytes that are there already.
func (s *Store) settle(c *contents) error {
	g := s.live[len(s.live)-1]
	if err := writeAt(g.file, c.tail, int64(c.tailAt)); err != nil {
		return err
	}
	if err := syncData(g.file); err != nil {
		return err
	}
	return s.state.again(s.rec)
}
