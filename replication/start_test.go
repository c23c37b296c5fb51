package replication_test

import (
	"testing"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
)

// What a checkpoint holds is not even looked at: the start takes as long as what is above it.
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
	j.Before = func(entries []storage.Entry) error {
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
