package replication_test

import (
	"errors"
	"math"
	"testing"

	"imperio/replication"
	"imperio/replication/replicationtest"
)

// A copy of a state from before the log's checkpoint comes up to the end of the log as long as that reaches back to it.
func TestCatchUp_BringsACopyToTheEndOfTheLogOrRefuses(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n, mark := holdingBack(t, dir, j, math.MaxInt64, true)
	propose(t, n, 1, 10)
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	old := j.Reopen()
	copied, _ := old.Applied()
	mark.Store(copied)
	last := snapshotted(t, n, 10, copied+50)
	shut(t, n)
	if _, err := replication.Replay(t.Context(), dir, identity, old); !errors.Is(err, replication.ErrMismatch) {
		t.Errorf("a replay takes a state from before the log's checkpoint: %v", err)
	}
	caught := old.Reopen()
	if _, err := replication.CatchUp(t.Context(), dir, identity, caught); err != nil {
		t.Fatal(err)
	}
	if got := len(caught.IDs()); uint64(got) != last {
		t.Errorf("the copy has %d commands instead of %d", got, last)
	}
	if _, err := caught.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	n, mark = holdingBack(t, dir, caught.Reopen(), math.MaxInt64, false) // a start takes it
	mark.Store(math.MaxUint64)
	snapshotted(t, n, last, last+50)
	until(t, "the log to be cut", func() bool { return n.Status().FirstIndex > copied+1 })
	shut(t, n)
	late := old.Reopen()
	if _, err := replication.CatchUp(t.Context(), dir, identity, late); !errors.Is(err, replication.ErrCut) {
		t.Errorf("the log does not reach back, and the error is %v", err)
	}
	if at, _ := late.Applied(); at != copied {
		t.Errorf("something was applied: %d instead of %d", at, copied)
	}
}
