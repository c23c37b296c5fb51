package logstore

import (
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"github.com/hashicorp/raft"

	"imperio/storage/engine"
)

// OpenReadOnly opens and verifies a log that no process writes to, like Open. It writes nothing, and the store takes no
// change.
func OpenReadOnly(dir string, id Identity) (*Store, error) {
	c, err := load(dir, id, os.O_RDONLY, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	s := newStore(dir, Options{Identity: id, Logger: slog.New(slog.DiscardHandler)})
	s.readOnly = true
	s.take(c)
	return s, nil
}

// Each visits all entries in order, until visit returns an error, which it returns.
func (s *Store) Each(visit func(*raft.Log) error) error {
	s.view.RLock()
	live := s.live
	s.view.RUnlock()
	var b []byte
	var err error
	for _, g := range live {
		if b, err = g.read(b); err != nil {
			return err
		}
		for i, at := range g.places {
			var l raft.Log
			index := g.first + uint64(i)
			if err := decodeEntry(b[at.at:at.at+at.size], index, s.seed, &l); err != nil {
				return &engine.DamageError{File: g.path, Part: theEntry(index), What: "the entry is not what was written", Err: err}
			}
			if err := visit(&l); err != nil {
				return err
			}
		}
	}
	return nil
}

// Torn is a write at the end of a log that was never finished. Nobody was told that its entries are durable, so they are
// dropped. A kill or a power cut leaves one.
type Torn struct {
	File    string
	First   uint64 // entry
	Entries uint64
}

// String tells of the write.
func (t *Torn) String() string {
	entries := fmt.Sprintf("of entry %d", t.First)
	if t.Entries > 1 {
		entries = fmt.Sprintf("of entries %d to %d", t.First, t.First+t.Entries-1)
	}
	return fmt.Sprintf("the log's last write, %s, was never finished; its entries were not acknowledged and are dropped, which is normal after a kill or a power cut", entries)
}

// Torn returns the write at the end of the log that was never finished, as Open found it; nil if there was none.
func (s *Store) Torn() *Torn { return s.torn }
