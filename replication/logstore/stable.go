package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"imperio/storage/engine"
)

// update applies fn to a copy of the state record and makes the result durable, unless fn says that nothing changed.
func (s *Store) update(fn func(*record) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.rec
	if !fn(&next) {
		return s.Err()
	}
	if err := s.change(0, func() error { return s.state.write(next) }); err != nil {
		return fmt.Errorf("write the state record: %w", err)
	}
	s.view.Lock()
	s.rec = next
	s.view.Unlock()
	return nil
}

// errNotFound has the text by which raft recognizes it.
var errNotFound = errors.New("not found")

// keyCurrentTerm is raft's key for the current term.
const keyCurrentTerm = "CurrentTerm"

// Set stores one of raft's small values. It is durable when Set returns nil.
func (s *Store) Set(k, v []byte) error {
	return s.update(func(r *record) bool {
		if old, ok := r.Stable[string(k)]; ok && bytes.Equal(old, v) {
			return false
		}
		stable := make(map[string][]byte, len(r.Stable)+1)
		for name, value := range r.Stable {
			stable[name] = value
		}
		stable[string(k)] = append([]byte{}, v...)
		r.Stable = stable
		return true
	})
}

// Get returns a value that Set stored. A key that was never set is an error with the text "not found", as raft expects it.
func (s *Store) Get(k []byte) ([]byte, error) {
	s.view.RLock()
	defer s.view.RUnlock()
	v, ok := s.rec.Stable[string(k)]
	if !ok {
		return nil, errNotFound
	}
	return append([]byte{}, v...), nil
}

// SetUint64 stores a number, as Set does, with one exception: it never returns an error for raft's current term, because
// raft panics on that error. The store is broken then and has reported it. Raft can do no harm with a term that is not on
// disk: the broken store refuses its vote in that term and every entry.
func (s *Store) SetUint64(k []byte, v uint64) error {
	err := s.Set(k, binary.BigEndian.AppendUint64(nil, v))
	if err != nil && string(k) == keyCurrentTerm && s.Err() != nil {
		return nil
	}
	return err
}

// GetUint64 returns a number that SetUint64 stored; 0 if it was never set.
func (s *Store) GetUint64(k []byte) (uint64, error) {
	v, err := s.Get(k)
	if errors.Is(err, errNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, &engine.DamageError{File: s.path(stateFile), What: fmt.Sprintf("the value %q has %d bytes", k, len(v))}
	}
	return binary.BigEndian.Uint64(v), nil
}
