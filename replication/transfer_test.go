package replication_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/command"
)

// forgetful makes nodes that keep next to nothing in the log, so that whoever is away needs the whole state.
func forgetful(o *replication.Options) {
	o.SnapshotEntries, o.SnapshotInterval, o.TrailingEntries = 4, 10*time.Millisecond, 1
	o.KeepFor, o.HoldBytes = time.Nanosecond, 128<<10 // eight times as much stays for members that just catch up
}

// playOn bets through a node until the leader's log no longer begins where it does now.
func playOn(t *testing.T, c *replicationtest.Cluster, n *replicationtest.Node, player command.AccountID) {
	t.Helper()
	from := n.Status().LastIndex
	c.Until("the log to be cut", func() bool {
		mustBet(t, n, player)
		return c.Leader().Status().FirstIndex > from+1
	})
}

func TestTransfer_AMemberThatWasAwayGetsTheWholeState(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	c.Change = forgetful
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1_000_000)
	away := others(c.Leader().ID)[0]
	for range 2 {
		c.Stop(away)
		here := c.All()[0]
		playOn(t, c, here, player)
		back := c.Start(away)
		if got, want := coinsOn(t, back, player), coinsOn(t, here, player); got != want {
			t.Fatalf("%s is back with %d coins of %d", away, got, want)
		}
		c.Until("the state to go on", func() bool { return back.Status().AppliedIndex >= here.Status().AppliedIndex })
	}
	// It starts again from what it has.
	c.Stop(away)
	coinsOn(t, c.Start(away), player)
}

func TestTransfer_ANodeJoinsACasinoWhoseLogWasCut(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	c.Change = forgetful
	first := c.Grow(1)[0]
	player := c.Open(first, "ada", 1_000_000)
	c.Until("the log to be cut", func() bool {
		mustBet(t, first, player)
		return first.Status().FirstIndex > 5
	})
	nodes := c.Grow(3)
	if got, want := coinsOn(t, nodes[2], player), coinsOn(t, first, player); got != want {
		t.Errorf("the new member has %d coins of %d", got, want)
	}
}

// receiving makes a cluster in which a member begins to receive a state of several parts. They go slowly to and from the nodes that run.
func receiving(t *testing.T) (c *replicationtest.Cluster, back *replicationtest.Node, player command.AccountID) {
	t.Helper()
	c = replicationtest.NewCluster(t, seedOfTest())
	c.Change = func(o *replication.Options) {
		forgetful(o)
		o.TransferRate = 1 << 20 // the first part goes at once, the others a second later each
	}
	nodes := c.Grow(3)
	for i := range 300 {
		c.Open(nodes[0], fmt.Sprintf("player%d", i), 1000)
	}
	player = c.Open(nodes[0], "ada", 1_000_000)
	away := others(c.Leader().ID)[0]
	c.Stop(away)
	playOn(t, c, c.All()[0], player)
	back = c.Start(away)
	c.Change = forgetful
	return c, back, player
}

func TestTransfer_IsResumedAfterTheReceiverWasStopped(t *testing.T) {
	t.Parallel()
	c, back, player := receiving(t)
	part := func() (bytes int64) {
		for _, path := range incoming(t, back.Dir) {
			if fi, err := os.Stat(path); err == nil {
				bytes = max(bytes, fi.Size())
			}
		}
		return bytes
	}
	c.Until("a part of the state", func() bool { return part() > 0 })
	c.Stop(back.ID)
	before := part()
	if before == 0 {
		t.Fatal("nothing is left of the part")
	}
	coinsOn(t, c.Start(back.ID), player)
	t.Logf("the receiver was stopped with %d bytes", before)
}

// incoming lists the files of states that a node has received or is receiving.
func incoming(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, replication.TransferDir, "incoming-*.db"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// A file that is not what was promised replaces nothing; it is fetched again.
func TestTransfer_ADamagedStateIsNotTaken(t *testing.T) {
	t.Parallel()
	c, back, player := receiving(t)
	c.Until("a part of the state", func() bool { return len(incoming(t, back.Dir)) > 0 })
	c.Stop(back.ID)
	for _, path := range incoming(t, back.Dir) {
		damage(t, path)
	}
	coinsOn(t, c.Start(back.ID), player)
	if left := incoming(t, back.Dir); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
}

// damage changes the first byte of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{0xff}, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A member that was away for a moment gets entries, not the state.
func TestKeep_AShortAbsenceCostsNoTransfer(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	cut := func(o *replication.Options) {
		o.SnapshotEntries, o.SnapshotInterval, o.TrailingEntries = 4, 10*time.Millisecond, 1
	}
	c.Change = cut
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1_000_000)
	away := others(c.Leader().ID)[0]
	c.Stop(away)
	here := c.All()[0]
	missed := c.Leader().Status().LastIndex
	c.Until("snapshots that could cut the log", func() bool {
		mustBet(t, here, player)
		return c.Leader().Status().SnapshotIndex > missed+100
	})
	var times atomic.Int32
	c.Change = func(o *replication.Options) { // on a busy machine, others may have needed a state while they joined
		cut(o)
		o.Machine = replaced{o.Machine.(*storage.Store), &times}
	}
	back := c.Start(away)
	coinsOn(t, back, player)
	if times.Load() > 0 {
		t.Error("the whole state was sent")
	}
}

// losesInstalls is a node's network that loses the first answers to messages about a state.
type losesInstalls struct {
	*replicationtest.End
	left *atomic.Int32
}

func (l losesInstalls) Transport() raft.Transport { return l }

func (l losesInstalls) InstallSnapshot(id raft.ServerID, at raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	err := l.End.InstallSnapshot(id, at, args, resp, data)
	if err == nil && l.left.Add(-1) >= 0 {
		return errors.New("the answer got lost")
	}
	return err
}

// replaced is a machine that counts how often its state was replaced.
type replaced struct {
	*storage.Store
	times *atomic.Int32
}

func (r replaced) Replace(ctx context.Context, path string, want storage.Checkpoint) error {
	r.times.Add(1)
	return r.Store.Replace(ctx, path, want)
}

// A leader that does not hear that the state was taken offers it again. Then the member only confirms it.
func TestTransfer_IsConfirmedAgainIfTheAnswerWasLost(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	var left, times atomic.Int32
	c.Change = func(o *replication.Options) {
		forgetful(o)
		o.Network = losesInstalls{o.Network.(*replicationtest.End), &left}
		o.Machine = replaced{o.Machine.(*storage.Store), &times}
	}
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1_000_000)
	away := others(c.Leader().ID)[0]
	c.Stop(away)
	here := c.All()[0]
	playOn(t, c, here, player)
	var before replication.Status
	c.Until("the log to be at rest", func() bool { // so that one copy of the state will do
		before = c.Leader().Status()
		return before.Durable.Index == before.LastIndex && before.LastIndex < before.SnapshotIndex+4
	})
	times.Store(0)
	left.Store(3)
	back := c.Start(away)
	if got, want := coinsOn(t, back, player), coinsOn(t, here, player); got != want {
		t.Errorf("%s is back with %d coins of %d", away, got, want)
	}
	if after := c.Leader().Status(); after.Term == before.Term && times.Load() > 1 { // another leader makes its own copy
		t.Errorf("the state was replaced %d times", times.Load())
	}
}
