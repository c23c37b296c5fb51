package logstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
	"imperio/storage/storagetest/faults"
)

// A fault or a power cut strikes each operation of the log's files in turn. Afterwards the log holds exactly what was
// acknowledged and not removed.

// model is what a log must hold.
type model struct {
	first, last uint64
	terms       map[uint64]uint64 // of the entries; their data follow from index and term
	term        uint64            // the current term
}

func (m model) clone() model {
	m.terms = maps.Clone(m.terms)
	return m
}

// step is one change of a log and of its model.
type step struct {
	name string
	do   func(*logstore.Store) error
	then func(*model)
}

func termed(index, term uint64) *raft.Log {
	return &raft.Log{Index: index, Term: term, Type: raft.LogCommand, Data: fmt.Appendf(nil, "entry %d of term %d", index, term)}
}

func add(from, to, term uint64) step {
	return step{fmt.Sprintf("store %d to %d of term %d", from, to, term),
		func(s *logstore.Store) error {
			var logs []*raft.Log
			for i := from; i <= to; i++ {
				logs = append(logs, termed(i, term))
			}
			return s.StoreLogs(logs)
		},
		func(m *model) {
			for i := from; i <= to; i++ {
				m.terms[i] = term
			}
			if m.first == 0 {
				m.first = from
			}
			m.last = to
		}}
}

func cut(low, high uint64) step {
	return step{fmt.Sprintf("remove %d to %d", low, high),
		func(s *logstore.Store) error { return s.DeleteRange(low, high) },
		func(m *model) {
			switch {
			case low <= m.first && high >= m.last:
				m.first, m.last = 0, 0
			case low <= m.first:
				m.first = high + 1
			default:
				m.last = low - 1
			}
		}}
}

func snapshotAt(index uint64) step {
	return step{fmt.Sprintf("snapshot at %d", index),
		func(s *logstore.Store) error { return s.SaveSnapshot(logstore.Snapshot{Index: index}) }, func(*model) {}}
}

func setTerm(term uint64) step {
	return step{fmt.Sprintf("term %d", term),
		func(s *logstore.Store) error {
			// The error of a term goes to Failed; see SetUint64.
			return errors.Join(s.SetUint64([]byte("CurrentTerm"), term), s.Err())
		},
		func(m *model) { m.term = term }}
}

// life is the history of a log of small segments: it fills some, is cut at both ends, reuses segments, and continues at
// another index.
func life() []step {
	steps := []step{add(3, 6, 1), add(7, 7, 1), setTerm(2), snapshotAt(5), cut(1, 4)}
	for i := uint64(8); i < 16; i++ {
		steps = append(steps, add(i, i, 2))
	}
	steps = append(steps, cut(11, 15), setTerm(3))
	for i := uint64(11); i < 24; i++ {
		steps = append(steps, add(i, i, 3))
	}
	steps = append(steps, cut(23, 23), add(23, 24, 4), snapshotAt(22), cut(1, 21))
	for i := uint64(25); i < 34; i++ {
		steps = append(steps, add(i, i, 4))
	}
	return append(steps, snapshotAt(99), cut(22, 33), add(100, 101, 5), add(102, 102, 5),
		step{"touch", (*logstore.Store).Touch, func(*model) {}}, step{"close", (*logstore.Store).Close, func(*model) {}})
}

// newLife makes the log that a life begins with, in a directory of its own.
func newLife(t *testing.T) (dir string, start model) {
	t.Helper()
	dir = t.TempDir()
	o := small
	o.Identity = identity
	path := filepath.Join(dir, "log")
	start = model{terms: map[uint64]uint64{}}
	if err := logstore.Create(path, o, nil); err != nil {
		t.Fatal(err)
	}
	s, err := logstore.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []step{add(1, 1, 1), add(2, 2, 1), setTerm(1)} {
		if err := b.do(s); err != nil {
			t.Fatal(err)
		}
		b.then(&start)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, start
}

// differs says how a log differs from a model.
func differs(s *logstore.Store, m model) string {
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	if last != m.last || (first == 0) != (m.first == 0) || first > m.first {
		return fmt.Sprintf("it holds %d to %d, not %d to %d", first, last, m.first, m.last)
	}
	if term, err := s.GetUint64([]byte("CurrentTerm")); err != nil || term != m.term {
		return fmt.Sprintf("the term is %d (%v), not %d", term, err, m.term)
	}
	for i := first; i <= last && i != 0; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			return fmt.Sprintf("entry %d: %v", i, err)
		}
		if want := termed(i, m.terms[i]); l.Term != want.Term || !bytes.Equal(l.Data, want.Data) {
			return fmt.Sprintf("entry %d is of term %d: %q", i, l.Term, l.Data)
		}
	}
	return ""
}

// survived opens what is left of a log. It must match one of the models, and continue from there.
func survived(t *testing.T, when, dir string, models ...model) {
	t.Helper()
	o := small
	o.Identity = identity
	path := filepath.Join(dir, "log")
	s, err := logstore.Open(path, o)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	why := ""
	for _, m := range models {
		diff := differs(s, m)
		if diff != "" {
			why += "\n" + diff
			continue
		}
		next := add(m.last+1, m.last+3, 9)
		if m.last == 0 {
			next = add(100, 102, 9)
		}
		if err := errors.Join(next.do(s), s.Close()); err != nil {
			t.Fatalf("%s: go on: %v", when, err)
		}
		m = m.clone()
		next.then(&m)
		if s, err = logstore.Open(path, o); err != nil {
			t.Fatalf("%s: open once more: %v", when, err)
		}
		if diff := differs(s, m); diff != "" {
			t.Fatalf("%s, and after it went on: %s", when, diff)
		}
		s.Discard()
		return
	}
	s.Discard()
	t.Fatalf("%s: the log matches none of the models:%s", when, why)
}

func TestFaults_NoFailedOperationLosesWhatWasAcknowledged(t *testing.T) {
	template, start := newLife(t)
	for _, mode := range faults.Modes {
		for _, sticky := range []bool{false, true} {
			if sticky && mode == faults.Persisted {
				continue // a disk that does everything and complains each time
			}
			t.Run(fmt.Sprintf("%v, sticky %t", mode, sticky), func(t *testing.T) {
				t.Parallel()
				n := 1
				for ; ; n++ {
					dir := t.TempDir()
					faults.CopyDirectory(t, template, dir)
					disk := faults.Watch(t, dir)
					disk.Fail(faults.Fault{File: "log", N: n, Mode: mode, Sticky: sticky})
					before, after := liveUntilFailure(t, dir, start, disk.Fired)
					if !disk.Fired() {
						break
					}
					disk.Heal()
					when := fmt.Sprintf("after operation %d failed", n)
					for i, unsynced := range []faults.Unsynced{faults.Lost, faults.Random(uint64(n))} {
						to := t.TempDir()
						disk.CutPower(t, to, disk.Now(), unsynced)
						survived(t, fmt.Sprintf("%s and the power was cut, variant %d", when, i), to, before, after)
					}
					survived(t, when, dir, before, after)
				}
				if n < 100 {
					t.Fatalf("the life has only %d operations", n)
				}
			})
		}
	}
}

// liveUntilFailure goes through a life until a step fails. It returns what the log may hold: the models before and after
// the step.
func liveUntilFailure(t *testing.T, dir string, m model, fired func() bool) (before, after model) {
	t.Helper()
	m = m.clone()
	o := small
	o.Identity = identity
	s, err := logstore.Open(filepath.Join(dir, "log"), o)
	if err != nil {
		if !errors.Is(err, faults.ErrInjected) {
			t.Fatalf("not opened for another reason: %v", err)
		}
		return m, m
	}
	defer s.Discard()
	for _, step := range life() {
		before = m.clone()
		step.then(&m)
		if err := step.do(s); err != nil {
			if !fired() || !errors.Is(err, faults.ErrInjected) && !errors.Is(err, logstore.ErrFailed) {
				t.Fatalf("%s: %v", step.name, err)
			}
			if step.name != "close" && !errors.Is(s.Touch(), logstore.ErrFailed) {
				t.Fatalf("%s failed, and the log took more", step.name)
			}
			return before, m
		}
	}
	return m, m
}

func TestPowerCut_LosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir, m := newLife(t)
	disk := faults.Watch(t, dir)
	o := small
	o.Identity = identity
	s, err := logstore.Open(filepath.Join(dir, "log"), o)
	if err != nil {
		t.Fatal(err)
	}
	models, acknowledged := []model{m.clone()}, []int{0} // each model, from which operation on
	for _, step := range life() {
		if err := step.do(s); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		step.then(&m)
		models, acknowledged = append(models, m.clone()), append(acknowledged, disk.Now())
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d operations, seed %d", disk.Now(), seed)
	for at := 0; at <= disk.Now(); at++ {
		k := 0
		for k+1 < len(models) && acknowledged[k+1] <= at {
			k++
		}
		for i, unsynced := range []faults.Unsynced{faults.Lost, faults.Kept, faults.Random(seed + uint64(at))} {
			to := t.TempDir()
			disk.CutPower(t, to, at, unsynced)
			survived(t, fmt.Sprintf("power cut after operation %d, variant %d, seed %d", at, i, seed), to, models[k:min(k+2, len(models))]...)
		}
	}
}
