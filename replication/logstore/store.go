package logstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// Store is raft's LogStore and StableStore over one file. All methods may be called from any goroutine.
type Store struct {
	path   string
	file   *os.File // bbolt's; closed directly only when bbolt itself can't be trusted to
	db     *bbolt.DB
	mayCut func() uint64
	failed func(error)
	synced func(int, time.Duration)
	log    *slog.Logger

	writing       atomic.Int64 // when the transaction under way began, Unix nanoseconds; 0 if there is none
	lastSync      atomic.Int64 // how long the last transaction took, nanoseconds
	broken        atomic.Pointer[error]
	unsafeToClose atomic.Bool

	mu     sync.Mutex // held through each write
	buf    []byte     // under mu: encodings of one batch, reused
	stored uint64     // under mu: the first entry in the file; below first while a cut is being worked off
	closed bool       // under mu

	view        sync.RWMutex // never held during I/O
	first, last uint64       // under view: the log as raft sees it; 0 and 0 if empty
	rec         record       // under view, and written only under mu too

	configurations []uint64 // entries that hold one, as Open found them
}

var (
	_ raft.LogStore          = (*Store)(nil)
	_ raft.StableStore       = (*Store)(nil)
	_ raft.MonotonicLogStore = (*Store)(nil)
)

// IsMonotonic says that entries must follow one another without gaps. Raft then empties the log before it goes on
// elsewhere.
func (s *Store) IsMonotonic() bool { return true }

// Path is where the file is.
func (s *Store) Path() string { return s.path }

// Identity is whose log it is.
func (s *Store) Identity() Identity {
	s.view.RLock()
	defer s.view.RUnlock()
	return Identity{s.rec.ClusterID, s.rec.NodeID}
}

// Err is the error that broke the store, wrapping ErrFailed; nil while it works.
func (s *Store) Err() error {
	if p := s.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// Writing returns how long the transaction that is being written has been under way; 0 if none is.
func (s *Store) Writing() time.Duration {
	began := s.writing.Load()
	if began == 0 {
		return 0
	}
	return max(time.Since(time.Unix(0, began)), 1)
}

// LastSync returns how long the last transaction took to write and sync.
func (s *Store) LastSync() time.Duration { return time.Duration(s.lastSync.Load()) }

// FirstIndex returns the first entry of the log; 0 if it is empty.
func (s *Store) FirstIndex() (uint64, error) {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.first, nil
}

// LastIndex returns the last entry of the log; 0 if it is empty.
func (s *Store) LastIndex() (uint64, error) {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.last, nil
}

// GetLog reads one entry and verifies it. It returns raft.ErrLogNotFound for an entry outside of the log, and a
// *DamagedError for one that is not what was written.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	s.view.RLock()
	inside := index != 0 && index >= s.first && index <= s.last
	s.view.RUnlock()
	if !inside {
		return raft.ErrLogNotFound
	}
	err := s.shielded(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			k := key(index)
			v := tx.Bucket(bucketLog).Get(k[:])
			if v == nil {
				return raft.ErrLogNotFound // cut since we looked
			}
			if err := decodeEntry(k[:], v, l); err != nil {
				return &DamagedError{File: s.path, Index: index, What: "the entry is not what was written", Err: err}
			}
			return nil
		})
	})
	if damaged := (*DamagedError)(nil); errors.As(err, &damaged) {
		s.breakDown(err)
	}
	return err
}

// ConfigurationAt returns the cluster's configuration as of the entry index, among those that were in the file when it was
// opened, and which entry holds it.
func (s *Store) ConfigurationAt(index uint64) (raft.Configuration, uint64, error) {
	for _, at := range slices.Backward(s.configurations) {
		if at > index {
			continue
		}
		var l raft.Log
		if err := s.GetLog(at, &l); err != nil {
			return raft.Configuration{}, 0, fmt.Errorf("read the configuration in entry %d: %w", at, err)
		}
		return raft.DecodeConfiguration(l.Data), at, nil
	}
	if m, ok := s.Snapshot(); ok && m.Index <= index {
		return m.Configuration, m.ConfigurationIndex, nil
	}
	return raft.Configuration{}, 0, &DamagedError{File: s.path, What: fmt.Sprintf("no configuration at or below entry %d", index)}
}

// StoreLog appends one entry. See StoreLogs.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries, which must follow the last one without a gap. They are durable when it returns nil; after
// an error none, some or all of them may be in the file.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last := s.bounds()
	next := last + 1
	if last == 0 {
		next = logs[0].Index
	}
	for i, l := range logs {
		if l.Index != next+uint64(i) || l.Index == 0 {
			return fmt.Errorf("append entry %d to a log that ends with %d: entries must follow one another", l.Index, last)
		}
		if len(l.Data)+len(l.Extensions) > MaxEntry {
			return fmt.Errorf("append entry %d: %d bytes are over the limit of %d", l.Index, len(l.Data)+len(l.Extensions), MaxEntry)
		}
	}
	newLast := logs[len(logs)-1].Index
	if last == 0 {
		first = logs[0].Index
	}
	stored := s.stored
	err := s.update(len(logs), func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLog)
		b.FillPercent = 1 // entries only ever come at the end
		buf := s.buf[:0]
		for _, l := range logs {
			start := len(buf)
			buf = appendEntry(buf, l)
			k := key(l.Index)
			if err := b.Put(k[:], buf[start:]); err != nil {
				return fmt.Errorf("put entry %d: %w", l.Index, err)
			}
		}
		s.buf = buf
		if last == 0 {
			stored = first
		}
		for n := 2*len(logs) + 16; n > 0 && stored < first; n-- {
			k := key(stored)
			if err := b.Delete(k[:]); err != nil {
				return fmt.Errorf("delete entry %d: %w", stored, err)
			}
			stored++
		}
		return b.SetSequence(newLast)
	})
	if err != nil {
		return fmt.Errorf("append %d entries: %w", len(logs), err)
	}
	if cap(s.buf) > 2*MaxEntry {
		s.buf = nil // one unusual batch must not hold its memory for ever
	}
	s.stored = stored
	s.setBounds(first, newLast)
	return nil
}

// DeleteRange removes the entries from min to max: from the beginning of the log, from its end, or all of them; a hole
// in the middle is refused. Entries are cut from the beginning only as far as Options.MayCut allows.
func (s *Store) DeleteRange(low, high uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last := s.bounds()
	if last == 0 || low > high || high < first || low > last {
		return nil // nothing of it is there
	}
	if low <= first {
		if s.mayCut != nil {
			if limit := s.mayCut(); min(high, last) > limit {
				return fmt.Errorf("cut the log up to entry %d: the last checkpoint holds the state only up to %d", high, limit)
			}
		}
		if high < last {
			s.setBounds(high+1, last) // the entries go with the next appends
			return nil
		}
		return s.empty()
	}
	if high < last {
		return fmt.Errorf("remove entries %d to %d: that would leave a hole in a log from %d to %d", low, high, first, last)
	}
	return s.shorten(low, first, last)
}

// empty removes all entries at once.
func (s *Store) empty() error {
	err := s.update(0, func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(bucketLog); err != nil {
			return err
		}
		_, err := tx.CreateBucket(bucketLog)
		return err
	})
	if err != nil {
		return fmt.Errorf("empty the log: %w", err)
	}
	s.stored = 0
	s.setBounds(0, 0)
	return nil
}

// shorten removes the entries from low to the end, the last ones first, so that a crash between two transactions leaves
// a log without holes.
func (s *Store) shorten(low, first, last uint64) error {
	const chunk = 1024
	for last >= low {
		to := low
		if last-low >= chunk {
			to = last - chunk + 1
		}
		err := s.update(0, func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketLog)
			for i := last; i >= to; i-- {
				k := key(i)
				if err := b.Delete(k[:]); err != nil {
					return err
				}
			}
			return b.SetSequence(to - 1)
		})
		if err != nil {
			return fmt.Errorf("remove entries %d to %d: %w", low, last, err)
		}
		last = to - 1
		s.setBounds(first, last)
	}
	return nil
}

func (s *Store) bounds() (first, last uint64) {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.first, s.last
}

func (s *Store) setBounds(first, last uint64) {
	s.view.Lock()
	defer s.view.Unlock()
	s.first, s.last = first, last
}

// update runs one durable transaction. The first that fails breaks the store. Called with mu held.
func (s *Store) update(entries int, fn func(*bbolt.Tx) error) error {
	if err := s.Err(); err != nil {
		return err
	}
	if s.closed {
		return fmt.Errorf("%w: it is closed", ErrFailed)
	}
	began := time.Now()
	s.writing.Store(began.UnixNano())
	err := s.shielded(func() error { return s.db.Update(fn) })
	s.writing.Store(0)
	if err != nil {
		return s.breakDown(err)
	}
	took := time.Since(began)
	s.lastSync.Store(int64(took))
	if s.synced != nil {
		s.synced(entries, took)
	}
	return nil
}

// breakDown makes the store refuse all further writes, and returns why.
func (s *Store) breakDown(cause error) error {
	err := fmt.Errorf("%s: %w: %w", s.path, ErrFailed, cause)
	if errors.Is(cause, syscall.ENOSPC) {
		err = fmt.Errorf("%w. The disk is full: free some space, then start again. Nothing that was answered is lost", err)
	}
	if s.broken.CompareAndSwap(nil, &err) {
		s.log.Error("the log can't be written any more", "file", s.path, "error", cause)
		if s.failed != nil {
			s.failed(err)
		}
	}
	return s.Err()
}

// Close saves the list of free pages, so that the next Open need not search for them, and lets go of the file. After a
// failure it writes nothing more.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	var err error
	if s.Err() == nil {
		s.db.NoFreelistSync = false
		err = s.update(0, func(*bbolt.Tx) error { return nil })
	}
	return s.release(err)
}

// Discard lets go of the file without writing to it.
func (s *Store) Discard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.release(nil)
}

// release lets go of the file. Called with mu held.
func (s *Store) release(err error) error {
	s.closed = true
	if s.unsafeToClose.Load() {
		// bbolt met damage and may hold its own locks. Its mapping stays until the process ends.
		err = errors.Join(err, s.file.Close())
	} else {
		err = errors.Join(err, s.shielded(s.db.Close))
	}
	if err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}
