package replication_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/engine"
)

func TestOpen_GoesOnWhereTheLastRunEnded(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n := create(t, dir, j)
	propose(t, n, 1, 20)
	shut(t, n)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	for round := range uint64(3) {
		j = j.Reopen()
		holds(t, j, 20+round) // from the checkpoint
		n = open(t, replication.Options{Dir: dir, Machine: j})
		propose(t, n, 21+round, 21+round)
		holds(t, j, 21+round)
		shut(t, n)
		if _, err := j.Checkpoint(within(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen_ReplaysWhatNoCheckpointHolds(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n := create(t, dir, j)
	propose(t, n, 1, 10)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	propose(t, n, 11, 30)
	shut(t, n)
	j = j.Reopen()
	holds(t, j, 10)
	n = open(t, replication.Options{Dir: dir, Machine: j})
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	holds(t, j, 30) // a barrier waits for the replay
	shut(t, n)

	empty := replicationtest.New() // as if it had crashed before the first checkpoint
	n = open(t, replication.Options{Dir: dir, Machine: empty})
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	holds(t, empty, 30)
}

func TestSnapshots_CutTheLogOnlyBelowTheCheckpoint(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until raft has cut the log three times, which takes seconds")
	}
	dir := t.TempDir()
	j := replicationtest.New()
	o := replication.Options{Dir: dir, Machine: j, Create: true,
		SnapshotEntries: 20, SnapshotInterval: 5 * time.Millisecond, TrailingEntries: 5}
	n := open(t, o)
	last := uint64(0)
	until(t, "the log to be cut three times", func() bool {
		propose(t, n, last+1, last+50)
		last += 50
		s := n.Status()
		if s.FirstIndex > s.Durable.Index+1 || s.SnapshotIndex > s.Durable.Index {
			t.Fatalf("cut to %d for a snapshot at %d, but the checkpoint is at %d", s.FirstIndex, s.SnapshotIndex, s.Durable.Index)
		}
		return s.FirstIndex > 150
	})
	holds(t, j, last)
	shut(t, n)
	o.Create = false
	for range 3 {
		j = j.Reopen()
		o.Machine = j
		n = open(t, o)
		propose(t, n, last+1, last+1)
		last++
		holds(t, j, last)
		shut(t, n)
	}
}

func TestOpen_RefusesALogAndAStateThatDoNotBelongTogether(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	o := replication.Options{Dir: dir, Machine: j, Create: true, Identity: identity,
		SnapshotEntries: 20, SnapshotInterval: 5 * time.Millisecond, TrailingEntries: 1}
	n := open(t, o)
	propose(t, n, 1, 40)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	old := j.Reopen()
	last := uint64(40)
	until(t, "the log to be cut", func() bool {
		propose(t, n, last+1, last+40)
		last += 40
		return n.Status().FirstIndex > 90
	})
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	shut(t, n)

	ahead := j.Reopen()
	longer := create(t, t.TempDir(), replicationtest.New())
	propose(t, longer, 1, 3)
	index, term := j.Applied()
	if _, err := ahead.Apply([]storage.Command{{Index: index + 1, Term: term + 5}}); err != nil {
		t.Fatal(err)
	}
	fork := replicationtest.New()
	if _, err := fork.Apply([]storage.Command{{Index: index, Term: term + 7}}); err != nil {
		t.Fatal(err)
	}
	o.Create = false
	for name, c := range map[string]struct {
		machine replication.Machine
		says    string
	}{
		"state older than the cut":          {old, "the state is older than the log"},
		"no state":                          {replicationtest.New(), "the state is older than the log"},
		"log older than the state":          {ahead, "the log is older than the state"},
		"log and state of other histories ": {fork, "different histories"},
	} {
		t.Run(name, func(t *testing.T) {
			before := content(t, dir)
			o.Machine = c.machine
			_, err := replication.Open(o)
			if !errors.Is(err, replication.ErrMismatch) || !strings.Contains(err.Error(), c.says) ||
				!strings.Contains(err.Error(), "restore the latest backup") {
				t.Fatal(err)
			}
			if !bytes.Equal(before, content(t, dir)) {
				t.Error("a refused Open changed the log")
			}
		})
	}
	o.Machine = j.Reopen()
	open(t, o) // the refusals did no harm
}

// content is the content of all files of the log.
func content(t *testing.T, dir string) (all []byte) {
	t.Helper()
	log := filepath.Join(dir, replication.LogDir)
	files, err := os.ReadDir(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(log, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, f.Name()...), b...)
	}
	return all
}

func TestOpen_CreatesALogForAStateWithAHistory(t *testing.T) {
	j := replicationtest.New()
	n := create(t, t.TempDir(), j)
	propose(t, n, 1, 30)
	shut(t, n)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	restored := j.Reopen()
	dir := t.TempDir()
	n = create(t, dir, restored)
	propose(t, n, 31, 40)
	holds(t, restored, 40)
	shut(t, n)
	again := j.Reopen()
	n = open(t, replication.Options{Dir: dir, Machine: again})
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	holds(t, again, 40)
}

func TestOpen_RefusesMissingExistingLockedForeignAndDamagedLogs(t *testing.T) {
	dir := t.TempDir()
	o := replication.Options{Dir: dir, Machine: replicationtest.New(), Identity: identity}
	if _, err := replication.Open(o); !errors.Is(err, replication.ErrMissing) {
		t.Errorf("no log: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a refused Open left %v", left)
	}
	n := create(t, dir, replicationtest.New())
	propose(t, n, 1, 5)
	if _, err := replication.Open(o); !errors.Is(err, replication.ErrLocked) {
		t.Errorf("a log in use: %v", err)
	}
	shut(t, n)
	o.Create = true
	if _, err := replication.Open(o); !errors.Is(err, replication.ErrExists) {
		t.Errorf("create over a log: %v", err)
	}
	o.Create, o.Identity.NodeID = false, "node-2"
	if _, err := replication.Open(o); !errors.Is(err, replication.ErrForeign) {
		t.Errorf("the log of another node: %v", err)
	}
	if err := os.Truncate(filepath.Join(dir, replication.LogDir, "000001.segment"), 5000); err != nil {
		t.Fatal(err)
	}
	o.Identity = identity
	var damaged *engine.DamageError
	if _, err := replication.Open(o); !errors.As(err, &damaged) {
		t.Errorf("a truncated log: %v", err)
	}
}

func TestOpen_RefusesOptionsThatMakeNoSense(t *testing.T) {
	dir := t.TempDir()
	_, err := replication.Open(replication.Options{MaxInFlight: 2000, Create: true, Dir: dir})
	if err == nil {
		t.Fatal("opened")
	}
	for _, says := range []string{"machine", "node id", "in flight"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not mention %q", err, says)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// A start replays only the entries above the checkpoint, so its time depends only on those.
func TestOpen_DoesNotReplayWhatTheCheckpointHolds(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n := create(t, dir, j)
	propose(t, n, 1, 30)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	propose(t, n, 31, 33)
	shut(t, n)
	j = j.Reopen()
	applied, _ := j.Applied()
	var replayed []uint64
	j.Before = func(entries []storage.Command) error {
		for _, e := range entries {
			if len(e.Data) > 0 {
				replayed = append(replayed, e.Index)
			}
		}
		return nil
	}
	n = open(t, replication.Options{Dir: dir, Machine: j})
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	shut(t, n)
	if len(replayed) != 3 || replayed[0] != applied+1 {
		t.Fatalf("entries %v were replayed over a checkpoint at %d", replayed, applied)
	}
	holds(t, j, 33)
}
