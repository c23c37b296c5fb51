package logstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

var identity = logstore.Identity{ClusterID: "cluster-1", NodeID: "node-1"}

func newStore(t testing.TB, o logstore.Options) *logstore.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	o.Identity = identity
	if err := logstore.Create(path, o, nil); err != nil {
		t.Fatal(err)
	}
	return openStore(t, path, o)
}

func openStore(t testing.TB, path string, o logstore.Options) *logstore.Store {
	t.Helper()
	o.Identity = identity
	s, err := logstore.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func reopen(t testing.TB, s *logstore.Store) *logstore.Store {
	t.Helper()
	return reopenAs(t, s, logstore.Options{})
}

func reopenAs(t testing.TB, s *logstore.Store, o logstore.Options) *logstore.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openStore(t, s.Path(), o)
}

// small is a log of segments that hold 3 batches first, then 7.
var small = logstore.WithSegments(logstore.Options{}, 4, 8)

func entry(i uint64) *raft.Log {
	return &raft.Log{Index: i, Term: 1 + i/100, Type: raft.LogCommand, Data: fmt.Appendf(nil, "entry %d", i)}
}

func entries(from, to uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, entry(i))
	}
	return logs
}

func store(t testing.TB, s *logstore.Store, from, to uint64) {
	t.Helper()
	if err := s.StoreLogs(entries(from, to)); err != nil {
		t.Fatal(err)
	}
}

// holds checks that the log is exactly the entries from first to last; 0 and 0 for none.
func holds(t testing.TB, s *logstore.Store, first, last uint64) {
	t.Helper()
	if got, err := s.FirstIndex(); err != nil || got != first {
		t.Fatalf("first index is %d (%v), not %d", got, err, first)
	}
	if got, err := s.LastIndex(); err != nil || got != last {
		t.Fatalf("last index is %d (%v), not %d", got, err, last)
	}
	for i := first; i <= last && i != 0; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if want := entry(i); l.Index == i && l.Term == want.Term && l.Type == want.Type && bytes.Equal(l.Data, want.Data) && len(l.Extensions) == 0 {
			continue
		}
		if diff := cmp.Diff(*entry(i), l); diff != "" {
			t.Fatalf("entry %d (-stored +read):\n%s", i, diff)
		}
	}
	for _, i := range []uint64{0, first - 1, last + 1} {
		var l raft.Log
		if i >= first && i <= last && i != 0 {
			continue
		}
		if err := s.GetLog(i, &l); !errors.Is(err, raft.ErrLogNotFound) {
			t.Fatalf("entry %d outside of the log: %v", i, err)
		}
	}
}

func TestStore_IsEmptyAtFirst(t *testing.T) {
	s := newStore(t, logstore.Options{})
	holds(t, s, 0, 0)
	if has, err := raft.HasExistingState(s, s, raft.NewInmemSnapshotStore()); err != nil || has {
		t.Fatalf("raft finds state in a new store: %t, %v", has, err)
	}
}

func TestStoreLogs_KeepsEntriesOverARestart(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 1)
	store(t, s, 2, 500)
	holds(t, s, 1, 500)
	s = reopen(t, s)
	holds(t, s, 1, 500)
	store(t, s, 501, 510)
	holds(t, s, 1, 510)
}

func TestStoreLogs_KeepsAllFields(t *testing.T) {
	s := newStore(t, logstore.Options{})
	if err := s.SaveSnapshot(logstore.Snapshot{Index: 6}); err != nil {
		t.Fatal(err)
	}
	logs := []*raft.Log{
		{Index: 7, Term: 1<<64 - 1, Type: raft.LogConfiguration, Data: []byte{0}, Extensions: []byte("ext"), AppendedAt: time.Unix(1_700_000_000, 123)},
		{Index: 8, Term: 0, Type: raft.LogNoop},
		{Index: 9, Type: raft.LogBarrier, Extensions: []byte{1, 2, 3}},
		{Index: 10, Type: raft.LogCommand, Data: bytes.Repeat([]byte("x"), logstore.MaxEntry)},
	}
	if err := s.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	for _, want := range logs {
		var got raft.Log
		if err := s.GetLog(want.Index, &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want.Data, got.Data) { // cmp takes seconds for much data
			t.Fatalf("entry %d: %d bytes were stored, other %d read", want.Index, len(want.Data), len(got.Data))
		}
		want.Data, got.Data = nil, nil
		if diff := cmp.Diff(*want, got); diff != "" {
			t.Fatalf("entry %d (-stored +read):\n%s", want.Index, diff)
		}
	}
}

func TestStoreLogs_RefusesGapsOverwritesAndTooMuch(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 5, 10)
	for name, logs := range map[string][]*raft.Log{
		"a gap":           {entry(12)},
		"an overwrite":    {entry(10)},
		"a gap inside":    {entry(11), entry(13)},
		"an older entry":  {entry(4)},
		"index 0":         {{Index: 0}},
		"too large entry": {{Index: 11, Data: make([]byte, logstore.MaxEntry+1)}},
	} {
		if err := s.StoreLogs(logs); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	if err := s.StoreLogs(nil); err != nil {
		t.Errorf("no entries: %v", err)
	}
	holds(t, s, 5, 10)
	if s.Err() != nil {
		t.Errorf("a refusal broke the store: %v", s.Err())
	}
}

func TestDeleteRange_CutsBothEnds(t *testing.T) {
	for _, c := range []struct{ low, high, first, last uint64 }{
		{1, 10, 11, 5000},     // the beginning
		{0, 10, 11, 5000},     // from before the beginning
		{4990, 5000, 1, 4989}, // the end
		{4990, 9000, 1, 4989}, // beyond the end
		{2, 5000, 1, 1},       // all but one, in several transactions
		{1, 5000, 0, 0},       // all
		{0, 1 << 60, 0, 0},    // more than all
		{6000, 7000, 1, 5000}, // behind the end
		{0, 0, 1, 5000},       // before the beginning
		{10, 9, 1, 5000},      // nothing
		{1, 4999, 5000, 5000}, // all but the last
		{5000, 5000, 1, 4999}, // the last one
		{1, 1, 2, 5000},       // the first one
		{3976, 5000, 1, 3975}, // one more than a transaction takes
		{3977, 5000, 1, 3976}, // just what a transaction takes
		{1<<63 + 1, 3, 1, 5000} /* nonsense */} {
		t.Run(fmt.Sprintf("%d-%d", c.low, c.high), func(t *testing.T) {
			s := newStore(t, logstore.Options{})
			store(t, s, 1, 5000)
			if err := s.DeleteRange(c.low, c.high); err != nil {
				t.Fatal(err)
			}
			holds(t, s, c.first, c.last)
			if c.last == 0 {
				if err := s.SaveSnapshot(logstore.Snapshot{Index: 69_999}); err != nil {
					t.Fatal(err)
				}
				store(t, s, 70_000, 70_010) // as after a snapshot of another node
				holds(t, s, 70_000, 70_010)
				holds(t, reopen(t, s), 70_000, 70_010)
				return
			}
			store(t, s, c.last+1, c.last+10)
			holds(t, s, c.first, c.last+10)
			s = reopen(t, s)
			if got, _ := s.LastIndex(); got != c.last+10 {
				t.Fatalf("last index after a restart is %d", got)
			}
			if got, _ := s.FirstIndex(); got > c.first {
				t.Fatalf("first index after a restart is %d", got)
			}
		})
	}
}

func TestDeleteRange_RefusesAHole(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 100)
	if err := s.DeleteRange(50, 60); err == nil {
		t.Fatal("a hole was made")
	}
	holds(t, s, 1, 100)
}

func TestDeleteRange_NeverCutsAboveTheCheckpoint(t *testing.T) {
	limit := uint64(50)
	s := newStore(t, logstore.Options{MayCut: func() uint64 { return limit }})
	store(t, s, 1, 100)
	for _, high := range []uint64{51, 100, 1000} {
		if err := s.DeleteRange(1, high); err == nil {
			t.Fatalf("cut up to %d, above the checkpoint at %d", high, limit)
		}
		holds(t, s, 1, 100)
	}
	if err := s.DeleteRange(1, 50); err != nil {
		t.Fatal(err)
	}
	holds(t, s, 51, 100)
}

func TestDeleteRange_UsesSegmentsAgain(t *testing.T) {
	s := newStore(t, small)
	cut := func(to uint64) {
		t.Helper()
		if err := errors.Join(s.SaveSnapshot(logstore.Snapshot{Index: to}), s.DeleteRange(0, to)); err != nil {
			t.Fatal(err)
		}
	}
	last := uint64(0)
	one := func() { last++; store(t, s, last, last) }
	for range 100 {
		one()
		if last > 10 {
			cut(last - 10)
		}
	}
	if files := len(segmentPaths(t, s.Path())); files > 5 {
		t.Errorf("%d segments for a log that needs three", files)
	}
	holds(t, s, 91, 100)
	s = reopenAs(t, s, small)
	if first, _ := s.FirstIndex(); first < 71 || first > 91 {
		t.Errorf("the log of entries up to 100 begins with %d", first)
	}
	// A log that has grown long gives the files back that it won't need soon.
	for range 200 {
		one()
	}
	grown := len(segmentPaths(t, s.Path()))
	cut(last - 2)
	if left := len(segmentPaths(t, s.Path())); left >= grown || left > 10 {
		t.Errorf("of %d segments %d are left", grown, left)
	}
	one()
	s = reopenAs(t, s, small)
	first, _ := s.FirstIndex()
	holds(t, s, first, last)
}

func TestStable_KeepsValuesOverARestart(t *testing.T) {
	s := newStore(t, logstore.Options{})
	if _, err := s.Get([]byte("LastVoteCand")); err == nil || err.Error() != "not found" {
		t.Fatalf("a key that was never set: %v; raft knows it by its text", err)
	}
	if n, err := s.GetUint64([]byte("CurrentTerm")); err != nil || n != 0 {
		t.Fatalf("a number that was never set: %d, %v", n, err)
	}
	for range 2 { // the second time changes nothing
		if err := s.Set([]byte("LastVoteCand"), []byte("node-1")); err != nil {
			t.Fatal(err)
		}
		if err := s.SetUint64([]byte("CurrentTerm"), 1<<63+5); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set([]byte("empty"), nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if v, err := s.Get([]byte("LastVoteCand")); err != nil || string(v) != "node-1" {
			t.Fatalf("LastVoteCand is %q, %v", v, err)
		}
		if n, err := s.GetUint64([]byte("CurrentTerm")); err != nil || n != 1<<63+5 {
			t.Fatalf("CurrentTerm is %d, %v", n, err)
		}
		if v, err := s.Get([]byte("empty")); err != nil || len(v) != 0 {
			t.Fatalf("empty is %q, %v", v, err)
		}
		s = reopen(t, s)
	}
}

func TestSaveSnapshot_KeepsTheLastOverARestart(t *testing.T) {
	s := newStore(t, logstore.Options{})
	if _, ok := s.Snapshot(); ok {
		t.Fatal("a new store has a snapshot")
	}
	want := logstore.Snapshot{Index: 70, Term: 3, ConfigurationIndex: 1,
		Configuration: raft.Configuration{Servers: []raft.Server{{ID: "node-1", Address: "a"}}}}
	for range 3 {
		want.Index++
		if err := s.SaveSnapshot(want); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got, ok := s.Snapshot(); !ok || !cmp.Equal(want, got) {
			t.Fatalf("the snapshot is %+v, %t; want %+v", got, ok, want)
		}
		s = reopen(t, s)
	}
}

// A node's own snapshot takes a while. It may end after another member's newer state was installed.
func TestSaveSnapshot_DoesNotReplaceANewerOne(t *testing.T) {
	s := newStore(t, logstore.Options{})
	installed := logstore.Snapshot{Index: 100, Term: 4}
	if err := s.SaveInstalled(installed); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveSnapshot(logstore.Snapshot{Index: 50, Term: 3}); err == nil {
		t.Error("an older snapshot was saved")
	}
	if got, _ := s.Snapshot(); !cmp.Equal(installed, got) {
		t.Errorf("the snapshot is %+v", got)
	}
	if err := s.SaveSnapshot(logstore.Snapshot{Index: 101, Term: 4}); err != nil {
		t.Errorf("a newer snapshot: %v", err)
	}
}

func TestSynced_IsToldOfEachTransaction(t *testing.T) {
	var synced []int
	s := newStore(t, logstore.Options{Synced: func(n int, took time.Duration) {
		if took <= 0 {
			t.Errorf("took %v", took)
		}
		synced = append(synced, n)
	}})
	synced = nil
	store(t, s, 1, 3)
	if err := s.Touch(); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(synced, []int{3, 0}) {
		t.Fatalf("told of transactions with %v entries", synced)
	}
	if s.LastSync() <= 0 || s.Writing() != 0 {
		t.Fatalf("last sync took %v, now writing for %v", s.LastSync(), s.Writing())
	}
}

func TestClose_MakesTheStoreRefuseWrites(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("a second Close: %v", err)
	}
	if err := s.StoreLog(entry(4)); !errors.Is(err, logstore.ErrFailed) {
		t.Fatalf("a write after Close: %v", err)
	}
}

func BenchmarkStoreLogs(b *testing.B) {
	for _, batch := range []uint64{1, 64, 1024} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			s := newStore(b, logstore.Options{})
			b.ReportAllocs()
			next := uint64(1)
			for b.Loop() {
				store(b, s, next, next+batch-1)
				next += batch
				if next > 20_000 {
					if err := s.DeleteRange(0, next-10_000); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
