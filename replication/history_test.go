package replication_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage/storagetest/faults"
)

// A copy of a data directory that goes on separately has the same indexes and terms as the original, and another history.

// parted makes two copies of a casino, and returns their directories and the states of their last checkpoints. They have 30
// commands in common. Then each takes as many others as asked for, and is closed in order.
func parted(t *testing.T, ones, others uint64) (dirs [2]string, states [2]*replicationtest.Journal) {
	t.Helper()
	dirs = [2]string{t.TempDir(), t.TempDir()}
	states[0] = replicationtest.New()
	n := create(t, dirs[0], states[0])
	propose(t, n, 1, 30)
	shut(t, n)
	if _, err := states[0].Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	faults.CopyDirectory(t, dirs[0], dirs[1])
	states[0], states[1] = states[0].Reopen(), states[0].Reopen()
	for i, count := range []uint64{ones, others} {
		n := open(t, replication.Options{Dir: dirs[i], Machine: states[i]})
		from := uint64(1000 * (i + 1))
		propose(t, n, from, from+count-1)
		shut(t, n)
		if _, err := states[i].Checkpoint(within(t)); err != nil {
			t.Fatal(err)
		}
		states[i] = states[i].Reopen()
	}
	return dirs, states
}

func TestHistory_RefusesFilesOfCopiesThatParted(t *testing.T) {
	for name, count := range map[string]uint64{"as far": 10, "less far": 7, "one less": 9, "hardly any": 1} {
		t.Run("the state came "+name, func(t *testing.T) {
			dirs, states := parted(t, 10, count)
			before := content(t, dirs[0])
			_, err := replication.Open(replication.Options{Dir: dirs[0], Machine: states[1], Identity: identity})
			if !errors.Is(err, replication.ErrMismatch) || !strings.Contains(err.Error(), "different histories") ||
				!strings.Contains(err.Error(), "restore the latest backup") {
				t.Fatalf("the log of one copy and the state of the other: %v", err)
			}
			if !bytes.Equal(before, content(t, dirs[0])) {
				t.Error("a refused Open changed the log")
			}
			n := open(t, replication.Options{Dir: dirs[0], Machine: states[0]}) // nothing of this did harm
			propose(t, n, 5000, 5001)
		})
	}
}

// If the log says nothing about the time that the state has reached, the replay may lead to a different history than
// before. The node then fails before it takes a command.
func TestHistory_EndsTheNodeWhenTheReplayLeadsElsewhere(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n := create(t, dir, j)
	propose(t, n, 1, 20)
	shut(t, n)
	forged := replicationtest.New() // as if the first commands had been others
	forged.Forge = true
	n, err := replication.Open(replication.Options{Dir: dir, Machine: forged, Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, n)
	if err := failed(t, n); !errors.Is(err, replication.ErrMismatch) {
		t.Fatalf("failed with %v", err)
	}
	if err := n.Barrier(within(t)); err == nil {
		t.Fatal("the node serves a history that never was")
	}
}

// An older state with the log of the same history is fine: the replay reaches the head that the log names.
func TestHistory_TakesAnOlderStateOfTheSameHistory(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n := create(t, dir, j)
	propose(t, n, 1, 10)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	older := j.Reopen()
	propose(t, n, 11, 30)
	until(t, "a canary", func() bool { s := n.Status(); return s.Syncs > s.Entries+1 })
	shut(t, n)
	n = open(t, replication.Options{Dir: dir, Machine: older, CanaryInterval: time.Millisecond})
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	holds(t, older, 30)
}
