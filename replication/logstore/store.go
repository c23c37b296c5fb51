package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage/engine"
)

// Store is raft's LogStore and StableStore over one directory. All methods may be called from any goroutine.
type Store struct {
	dir  string
	seed seed
	// readOnly stores take no change.
	readOnly bool
	mayCut   func() uint64
	hold     func() uint64            // nil: nothing is held back
	keep     func(bytes int64) uint64 // likewise
	// holdBytes bounds the log while entries are held back.
	holdBytes int64
	failed    func(error)
	synced    func(int, time.Duration)
	head      func() Head
	log       *slog.Logger
	sizes     sizes

	born     time.Time    // what writing is measured from
	writing  atomic.Int64 // when the change under way began, nanoseconds since born; 0 if there is none
	lastSync atomic.Int64 // how long the last change took, nanoseconds
	broken   atomic.Pointer[error]
	unheld   atomic.Uint64 // see Unheld

	mu      sync.Mutex // held through each change of the files
	closed  bool       // under mu
	state   state      // under mu
	buf     []byte     // under mu: one batch, reused
	free    []*segment // under mu: to be used again, in this order
	names   int        // under mu: of file names so far
	growing chan grown // under mu: nil, or where the next segment comes from

	view        sync.RWMutex // never held during I/O
	live        []*segment   // under view, and written only under mu too; the last one takes the entries; never empty
	first, last uint64       // under view, likewise: the log as raft sees it; 0 and 0 if empty
	rec         record       // under view, likewise

	heads          []Head   // as Open found them
	applied        uint64   // the newest entry that was applied, as Open found it
	configurations []uint64 // under view: entries that hold one; replaced, never changed
	torn           *Torn    // as Open found it; nil: none
}

var (
	_ raft.LogStore          = (*Store)(nil)
	_ raft.StableStore       = (*Store)(nil)
	_ raft.MonotonicLogStore = (*Store)(nil)
)

// IsMonotonic says that entries must follow one another without gaps. Raft then empties the log before it goes on
// elsewhere.
func (s *Store) IsMonotonic() bool { return true }

// Path is the log's directory.
func (s *Store) Path() string { return s.dir }

// Identity says whose log it is.
func (s *Store) Identity() Identity {
	s.view.RLock()
	defer s.view.RUnlock()
	return Identity{s.rec.ClusterID, s.rec.NodeID}
}

// Heads returns the heads of the history that the log remembers, in order, as Open found them.
func (s *Store) Heads() []Head { return s.heads }

// Committed returns the newest entry that this log knows to be committed, as Open found it: it was applied, or a snapshot
// includes it. In a cluster, entries above it may be replaced by others.
func (s *Store) Committed() uint64 {
	m, _ := s.Snapshot()
	return max(s.applied, m.Index)
}

// Err is the error that broke the store, wrapping ErrFailed; nil while it works.
func (s *Store) Err() error {
	if p := s.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// Writing returns how long the change that is being written has been under way, by the monotonic clock; 0 if none is.
func (s *Store) Writing() time.Duration {
	began := s.writing.Load()
	if began == 0 {
		return 0
	}
	return max(time.Since(s.born)-time.Duration(began), 1)
}

// LastSync returns how long the last change took to write and sync.
func (s *Store) LastSync() time.Duration { return time.Duration(s.lastSync.Load()) }

// FirstIndex returns the first entry of the log; 0 if it is empty.
func (s *Store) FirstIndex() (uint64, error) {
	first, _ := s.bounds()
	return first, nil
}

// LastIndex returns the last entry of the log; 0 if it is empty.
func (s *Store) LastIndex() (uint64, error) {
	_, last := s.bounds()
	return last, nil
}

func (s *Store) bounds() (first, last uint64) {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.first, s.last
}

// GetLog reads one entry and verifies it. It returns raft.ErrLogNotFound for an entry outside the log, and a
// *engine.DamageError for one that is not what was written.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	g, at, ok := s.find(index)
	if !ok {
		return raft.ErrLogNotFound
	}
	b := make([]byte, at.size)
	_, err := g.file.ReadAt(b, int64(at.at))
	if err == nil {
		err = decodeEntry(b, index, s.seed, l)
	}
	if err == nil {
		return nil
	}
	if _, _, ok := s.find(index); !ok {
		return raft.ErrLogNotFound // cut since we looked, and its segment used again
	}
	if errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("read entry %d: %w: it is closed", index, ErrFailed)
	}
	return s.breakDown(&engine.DamageError{File: g.path, Part: theEntry(index), What: "the entry is not what was written", Err: err})
}

// find returns where an entry is; false if it is not in the log.
func (s *Store) find(index uint64) (*segment, place, bool) {
	s.view.RLock()
	defer s.view.RUnlock()
	if index >= s.first {
		for _, g := range slices.Backward(s.live) {
			if at, ok := g.lookup(index); ok {
				return g, at, true
			}
		}
	}
	return nil, place{}, false
}

// StoreLog appends one entry. See StoreLogs.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries, which must follow the last one without a gap. They are durable when it returns nil; after
// an error none, some or all of them may be in the log.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, last := s.bounds()
	next := last + 1
	if last == 0 {
		if next = s.live[len(s.live)-1].begins; next == 0 {
			next = logs[0].Index
		}
	}
	for i, l := range logs {
		if l.Index != next+uint64(i) || l.Index == 0 {
			return fmt.Errorf("append entry %d to a log that ends with %d: entries must follow one another", l.Index, last)
		}
		if n := len(l.Data) + len(l.Extensions); n > MaxEntry {
			return fmt.Errorf("append entry %d: %d bytes are over the limit of %d", l.Index, n, MaxEntry)
		}
	}
	for len(logs) > 0 {
		size, n := 0, 0
		for n < len(logs) && (n == 0 || size+entrySize(logs[n]) <= MaxEntry) {
			size += entrySize(logs[n])
			n++
		}
		batch := logs[:n]
		if err := s.change(n, func() error { return s.append(batch) }); err != nil {
			return fmt.Errorf("append %d entries: %w", len(logs), err)
		}
		logs = logs[n:]
	}
	return nil
}

// append writes one batch. Called with mu held.
func (s *Store) append(logs []*raft.Log) error {
	buf := append(s.buf[:0], make([]byte, headerSize)...)
	for _, l := range logs {
		buf = appendEntry(buf, l, s.seed)
	}
	length := len(buf) - headerSize
	buf = append(buf, make([]byte, blocks(len(buf))-len(buf))...)
	s.buf = buf
	if cap(buf) > MaxEntry/2 {
		s.buf = nil // an unusual batch must not hold its memory for ever
	}
	g := s.live[len(s.live)-1]
	if g.end+len(buf) > g.size {
		if err := s.roll(logs[0].Index); err != nil {
			return err
		}
		g = s.live[len(s.live)-1]
	}
	content := buf[headerSize : headerSize+length]
	h := header{kind: entries, content: s.seed.checksum(content), segment: g.number, index: logs[0].Index,
		count: uint32(len(logs)), length: uint32(length), head: s.head()}
	h.put(buf, s.seed)
	if err := writeAt(g.file, buf, int64(g.end)); err != nil {
		return err
	}
	if err := syncData(g.file); err != nil {
		return err
	}
	last := logs[len(logs)-1].Index
	// The witness comes after the sync and is not synced itself: if it is on disk, so is the batch.
	if err := s.bearWitness(g.number, last, h.head); err != nil {
		return err
	}
	s.view.Lock()
	g.add(h, content)
	s.noteConfigurations(logs)
	if s.first == 0 {
		s.first = logs[0].Index
	}
	s.last = last
	s.view.Unlock()
	s.grow(g)
	return nil
}

// bearWitness writes the witness, without a sync. Called with mu held.
func (s *Store) bearWitness(segment, last uint64, head Head) error {
	w := header{kind: witness, segment: segment, index: last, head: head}
	return writeAt(s.state.file, w.block(s.seed), witnessStart)
}

// roll makes another segment take the entries, from the entry begins on; 0 empties the log. Entries from there on in
// older segments no longer count. Called with mu held.
func (s *Store) roll(begins uint64) error {
	g, err := s.nextSegment()
	if err != nil {
		return err
	}
	g.number, g.begins, g.end, g.places = s.live[len(s.live)-1].number+1, begins, blockSize, nil
	if err := s.writeOpening(g); err != nil {
		return err
	}
	s.view.Lock()
	defer s.view.Unlock()
	for _, earlier := range s.live {
		earlier.cutFrom(begins)
	}
	s.live = append(s.live, g)
	return nil
}

// writeOpening makes the first block of a segment durable. It is so before any batch is written.
func (s *Store) writeOpening(g *segment) error {
	h := header{kind: opening, segment: g.number, index: g.begins, length: uint32(g.size), head: s.head()}
	if err := writeAt(g.file, h.block(s.seed), 0); err != nil {
		return err
	}
	return syncData(g.file)
}

// change makes one durable change of the files. The first that fails breaks the store. Called with mu held.
func (s *Store) change(entries int, do func() error) error {
	if err := s.Err(); err != nil {
		return err
	}
	if s.closed {
		return fmt.Errorf("%w: it is closed", ErrFailed)
	}
	if s.readOnly {
		return s.refuseChange()
	}
	began := time.Since(s.born)
	s.writing.Store(max(int64(began), 1))
	err := do()
	s.writing.Store(0)
	if err != nil {
		return s.breakDown(err)
	}
	took := time.Since(s.born) - began
	s.lastSync.Store(int64(took))
	if s.synced != nil {
		s.synced(entries, took)
	}
	return nil
}

func (s *Store) refuseChange() error {
	return fmt.Errorf("change %s: it is open for reading only", s.dir)
}

// breakDown makes the store refuse all further changes, and returns why.
func (s *Store) breakDown(cause error) error {
	err := fmt.Errorf("%s: %w: %w", s.dir, ErrFailed, cause)
	if errors.Is(cause, syscall.ENOSPC) {
		err = fmt.Errorf("%w. The disk is full: free some space, then start again. Nothing that was answered is lost", err)
	}
	if s.broken.CompareAndSwap(nil, &err) {
		s.log.Error("the log can no longer be written", "file", s.dir, "error", cause)
		if s.failed != nil {
			s.failed(err)
		}
	}
	return s.Err()
}

// Touch syncs the witness: a small durable write that shows that the disk still answers, and from which on even a power
// cut can't hide damage to the last entry.
func (s *Store) Touch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(0, s.syncWitness)
}

func (s *Store) syncWitness() error {
	_, last := s.bounds()
	if err := s.bearWitness(s.live[len(s.live)-1].number, last, s.head()); err != nil {
		return err
	}
	return syncData(s.state.file)
}

// Close syncs the witness and closes the files. After a failure it writes nothing more.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	var err error
	if s.Err() == nil && !s.readOnly {
		err = s.change(0, s.syncWitness)
	}
	return errors.Join(err, s.release())
}

// Discard closes the files without writing to them.
func (s *Store) Discard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.release()
}

// release closes the files. Called with mu held.
func (s *Store) release() error {
	s.closed = true
	if s.growing != nil {
		if g := <-s.growing; g.segment != nil {
			s.free = append(s.free, g.segment)
		}
	}
	c := contents{state: s.state, live: s.live, free: s.free}
	c.close()
	return nil
}

// path is where a file of the log is.
func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }
