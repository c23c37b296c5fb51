package storage

import (
	"crypto/sha256"
	"time"

	"imperio/storage/engine"
	"imperio/storage/machine"
)

// ContentHash is the hash of all tables, without the machine's own record and without records that have outlived their use.
func ContentHash(s *Store, now time.Time) (sum [32]byte, record machine.Record, err error) {
	h := sha256.New()
	err = s.db.View(func(r *engine.Reader) error {
		record = *s.machine.Load().Head()
		for t, table := range machine.Tables() {
			var from []byte
			if table.Oldest != nil {
				from = table.Oldest(&machine.Record{Time: now.UnixMilli()})
			}
			if err := r.Each(t, from, func(k, v []byte) error {
				h.Write([]byte{byte(t), byte(len(k)), byte(len(v)), byte(len(v) >> 8)})
				h.Write(k)
				h.Write(v)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return [32]byte(h.Sum(nil)), record, err
}

// TamperMachine changes the machine's record, only in memory.
func TamperMachine(s *Store, fn func(m *machine.Record)) error {
	return s.db.Update(func(w *engine.Writer) error {
		fn(s.machine.Load().Head())
		record, err := s.machine.Load().Head().Encode()
		index, term := w.Applied()
		w.SetApplied(index, term, record)
		return err
	})
}

// TamperState changes one byte of the state, only in memory, as a fault of the machine's memory could.
func TamperState(s *Store) error {
	return s.db.Update(func(w *engine.Writer) error {
		w.Put(0, []byte("a key that nobody reads"), []byte{1})
		return nil
	})
}

// AgeBoards makes all kept boards so old that the next reader makes them anew.
func AgeBoards(s *Store) {
	s.boards.mu.Lock()
	defer s.boards.mu.Unlock()
	for i, b := range s.boards.kept {
		older := *b
		older.made = b.made.Add(-time.Hour)
		s.boards.kept[i] = &older
	}
}
