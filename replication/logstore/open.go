package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"

	"imperio/storage/boltcheck"
)

// Identity says whose log it is. Both parts are kept in the file.
type Identity struct {
	ClusterID string
	NodeID    string
}

// Options are what a store needs beside its file. All but Identity may be left out.
type Options struct {
	Identity Identity

	// MayCut returns the highest entry that may be cut from the beginning of the log, because a checkpoint of the state
	// holds all up to it. It is asked at each cut, from any goroutine. Without it any entry may be cut.
	MayCut func() uint64

	// Failed is called once, from the goroutine that met it, with the error that broke the store. It must not block and
	// must not call the store.
	Failed func(error)

	// Synced is called after each durable transaction with the number of entries in it (0 if it held none) and how
	// long it took to write and sync. Calls do not overlap; it must be quick.
	Synced func(entries int, took time.Duration)

	Logger *slog.Logger // nil: no log
}

// mapSize is the address space reserved for the file, so that it need not be mapped anew (which would wait for readers)
// while it grows. It takes no memory and no disk.
const mapSize = 1 << 30

func boltOptions(f *os.File) *bbolt.Options {
	return &bbolt.Options{
		Timeout:         time.Second, // the lock is ours already; this can only expire if it was lost
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize,
		NoStatistics:    true,
		OpenFile:        func(string, int, os.FileMode) (*os.File, error) { return f, nil },
	}
}

// Create makes a new, empty log at path. fill is called with the store before the file gets its name, so that a log
// either exists with all that fill wrote, or not at all. An existing file is never touched (ErrExists).
func Create(path string, o Options, fill func(*Store) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w; it is left as it is", path, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for %s: %w", path, err)
	}
	unfinished := path + ".new" // left behind by a crash here, and of no value
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an unfinished log: %w", err)
	}
	f, err := os.OpenFile(unfinished, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create the log: %w", err)
	}
	s, err := mount(f, unfinished, o)
	defer func() {
		if err != nil {
			if s != nil {
				s.Close()
			}
			f.Close()
			os.Remove(unfinished)
		}
	}()
	if err != nil {
		return err
	}
	s.rec = record{ClusterID: o.Identity.ClusterID, NodeID: o.Identity.NodeID}
	if err := s.update(0, func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(bucketLog); err != nil {
			return err
		}
		b, err := tx.CreateBucket(bucketState)
		if err != nil {
			return err
		}
		v, err := encodeRecord(s.rec)
		if err != nil {
			return err
		}
		return b.Put(keyRecord, v)
	}); err != nil {
		return err
	}
	if fill != nil {
		if err := fill(s); err != nil {
			return fmt.Errorf("fill the new log: %w", err)
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("name the new log: %w", err)
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync data directory: %w", err)
	}
	return nil
}

// missing says what to do about a log that is not there.
func missing(path string) error {
	return fmt.Errorf("%s: %w. The last bets may be in it, so no new one is made. If the file was moved, put it back; "+
		"if it is lost, restore the latest backup. Nothing was changed", path, ErrMissing)
}

func notAFile(path string) error {
	return fmt.Errorf("%s is not a file. Put the log back under this name, or restore the latest backup. Nothing was changed", path)
}

// Open opens an existing log for this process alone, after it has read and verified all of it. It changes nothing on
// disk. Errors wrap ErrMissing, ErrLocked, ErrNewer or ErrForeign, or are a *DamagedError.
func Open(path string, o Options) (s *Store, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(path)
	}
	if errors.Is(err, syscall.EISDIR) {
		return nil, notAFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w. Stop that process first, or give this one another data directory", path, ErrLocked)
	} else if err != nil {
		return nil, fmt.Errorf("lock the log: %w", err)
	}
	found, err := verify(f, path, o.Identity)
	if err != nil {
		return nil, err
	}
	s, err = mount(f, path, o)
	if err != nil {
		return nil, err
	}
	s.rec, s.stored, s.first, s.last = found.rec, found.first, found.first, found.last
	s.configurations = found.configurations
	return s, nil
}

// mount hands a locked file to bbolt.
func mount(f *os.File, path string, o Options) (*Store, error) {
	s := &Store{path: path, file: f, mayCut: o.MayCut, failed: o.Failed, synced: o.Synced, log: o.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	err := s.shielded(func() error {
		db, err := bbolt.Open(path, 0o600, boltOptions(f))
		s.db = db
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return s, nil
}

// shielded calls into bbolt so that a page that can't be read (a file cut short under the mapping) or makes no sense is
// an error and does not end the process.
func (s *Store) shielded(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			s.unsafeToClose.Store(true) // bbolt may hold its locks for ever
			err = &DamagedError{File: s.path, What: "reading a page failed", Err: fmt.Errorf("%v", p)}
		}
	}()
	return fn()
}

// contents is what verify found in a file.
type contents struct {
	rec            record
	first, last    uint64
	configurations []uint64 // the entries that hold one
}

// verify reads the whole file and proves that it is a log, whole, of this format, and of this node.
func verify(f *os.File, path string, id Identity) (contents, error) {
	var (
		found      contents
		sequence   = map[string]uint64{}
		haveRecord bool
	)
	damaged := func(index uint64, what string, err error) error {
		return &DamagedError{File: path, Index: index, What: what, Err: err}
	}
	info, err := f.Stat()
	if err != nil {
		return found, fmt.Errorf("look at the log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return found, notAFile(path)
	}
	_, err = boltcheck.Check(f, info.Size(), boltcheck.Visitor{
		Bucket: func(name string, seq uint64) error {
			if name != string(bucketLog) && name != string(bucketState) {
				return damaged(0, fmt.Sprintf("it holds an unknown bucket %q", name), nil)
			}
			sequence[name] = seq
			return nil
		},
		Item: func(bucket string, k, v []byte) error {
			if bucket == string(bucketState) {
				if string(k) != string(keyRecord) {
					return damaged(0, fmt.Sprintf("it holds an unknown record %q", k), nil)
				}
				rec, err := decodeRecord(v)
				if errors.Is(err, ErrNewer) {
					return fmt.Errorf("%s: %w. Nothing was changed. Use the version that wrote it, or a later one", path, err)
				}
				if err != nil {
					return damaged(0, "the state record", err)
				}
				found.rec, haveRecord = rec, true
				return nil
			}
			if err := checkEntry(k, v); err != nil {
				index := uint64(0)
				if len(k) == 8 {
					index = binary.BigEndian.Uint64(k)
				}
				return damaged(index, "the entry is not what was written", err)
			}
			index := binary.BigEndian.Uint64(k)
			if found.last != 0 && index != found.last+1 {
				return damaged(index, fmt.Sprintf("the entry before it is number %d", found.last), nil)
			}
			if found.first == 0 {
				found.first = index
			}
			found.last = index
			if entryType(v) == raft.LogConfiguration {
				found.configurations = append(found.configurations, index)
			}
			return nil
		},
	})
	var structure *boltcheck.Error
	if errors.As(err, &structure) {
		return found, damaged(0, "its pages", structure)
	}
	if err != nil {
		return found, err
	}
	last, haveLog := sequence[string(bucketLog)]
	switch {
	case !haveLog:
		return found, damaged(0, "the entries are missing", nil)
	case !haveRecord:
		return found, damaged(0, "the state record is missing", nil)
	case last != found.last:
		return found, damaged(0, fmt.Sprintf("it should end with entry %d but ends with entry %d", last, found.last), nil)
	}
	if got := (Identity{found.rec.ClusterID, found.rec.NodeID}); got != id {
		return found, fmt.Errorf("%s: %w: it is of node %q in cluster %q, this is node %q in cluster %q. "+
			"Files of different data directories were mixed: put the right one back", path, ErrForeign,
			got.NodeID, got.ClusterID, id.NodeID, id.ClusterID)
	}
	return found, nil
}
