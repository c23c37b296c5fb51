package replication_test

import (
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
)

// A leader may have to know the term of the last entry before a cut, when the entries above it are of different leaders.
func TestSnapshots_ALogGoesOnFromItsCut(t *testing.T) {
	t.Parallel()
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: replicationtest.New(), Create: true,
		SnapshotEntries: 4, SnapshotInterval: 10 * time.Millisecond, TrailingEntries: 1, CanaryInterval: time.Hour})
	next := uint64(1)
	for end := time.Now().Add(deadline); ; {
		propose(t, n, next, next)
		next++
		if s := n.Status(); s.FirstIndex == s.SnapshotIndex+1 && s.LastIndex > s.SnapshotIndex {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the log was never cut at the snapshot")
		}
	}
	cut := n.Status().SnapshotIndex
	if taken, err := n.FollowsOn(cut); err != nil || !taken {
		t.Errorf("entries after entry %d, at which the log was cut, are taken: %v, %v", cut, taken, err)
	}
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
}
