package replication_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/storagetest"
)

var sole = []replication.Member{{ID: "node-1", Address: "10.0.0.1:7000"}}

// survivor is the directory of a member whose cluster is lost: it had applied five commands, and has three more.
func survivor(t *testing.T) *writtenLog {
	t.Helper()
	w := writeLog(t).members("node-1", "node-2", "node-3").commands(5).applies().commands(3)
	w.write()
	return w
}

func TestSurvey_TellsWhatAMemberHas(t *testing.T) {
	w := survivor(t)
	r, err := replication.Survey(w.dir, identity, replicationtest.New())
	if err != nil {
		t.Fatal(err)
	}
	if r.LastIndex != 9 || r.LastTerm != 1 || r.Committed != 6 || r.Uncertain != 3 || r.Commands != 3 || len(r.Members) != 3 || r.Time.Unix() != 8 {
		t.Errorf("%+v", r)
	}
}

func TestRecover_MakesALoneNodeOfWhatAMemberHas(t *testing.T) {
	w := survivor(t)
	j := replicationtest.New()
	if err := replication.Recover(t.Context(), w.dir, identity, j, sole); err != nil {
		t.Fatal(err)
	}
	holds(t, j, 8)
	members, err := replication.ReadMembers(w.dir, identity)
	if err != nil || len(members) != 1 || members[0].Address != "10.0.0.1:7000" || !members[0].Voter {
		t.Errorf("members %+v, %v", members, err)
	}
	j = j.Reopen()
	n := open(t, replication.Options{Dir: w.dir, Machine: j})
	propose(t, n, 9, 20)
	holds(t, j, 20)
	shut(t, n)
	n = open(t, replication.Options{Dir: w.dir, Machine: j.Reopen()})
	if err := n.Barrier(within(t)); err != nil {
		t.Error(err)
	}
}

func TestRecover_RefusesWhatCanNotWork(t *testing.T) {
	w := survivor(t)
	before := content(t, w.dir)
	for name, members := range map[string][]replication.Member{
		"without this node":  {{ID: "node-2", Address: "10.0.0.2:7000"}},
		"without an address": {{ID: "node-1"}},
		"nobody":             nil,
		"one address twice":  {{ID: "node-1", Address: "10.0.0.1:7000"}, {ID: "node-2", Address: "10.0.0.1:7000"}},
	} {
		if err := replication.Recover(t.Context(), w.dir, identity, replicationtest.New(), members); err == nil {
			t.Errorf("%s: it is done", name)
		}
	}
	if string(content(t, w.dir)) != string(before) {
		t.Error("a refused recovery changed the log")
	}
	n := create(t, t.TempDir(), replicationtest.New())
	defer shut(t, n)
	j := replicationtest.New()
	applyTo(t, j, w.entries)
	other := writeLog(t).members("node-1", "node-2")
	other.write()
	if err := replication.Recover(t.Context(), other.dir, identity, j, sole); !errors.Is(err, replication.ErrMismatch) {
		t.Errorf("the state of another log: %v", err)
	}
}

// Between the moment that entries are taken as committed and the new configuration, no node may start: it would go on in the
// old cluster.
func TestRecover_InterruptedIsCompletedBeforeANodeStarts(t *testing.T) {
	for _, at := range []string{"while it applies", "at the checkpoint"} {
		t.Run(at, func(t *testing.T) {
			w := survivor(t)
			j := replicationtest.New()
			ctx, cancel := context.WithCancel(t.Context())
			j.BeforeCheckpoint = func() error { cancel(); return ctx.Err() }
			if at == "while it applies" {
				cancel()
			}
			if err := replication.Recover(ctx, w.dir, identity, j, sole); !errors.Is(err, context.Canceled) {
				t.Fatalf("interrupted: %v", err)
			}
			j = j.Reopen()
			if _, err := replication.Open(replication.Options{Dir: w.dir, Machine: j, Identity: identity}); !errors.Is(err, replication.ErrRecovering) {
				t.Fatalf("a start: %v", err)
			}
			if err := replication.Recover(t.Context(), w.dir, identity, j, sole); err != nil {
				t.Fatal(err)
			}
			n := open(t, replication.Options{Dir: w.dir, Machine: j.Reopen()})
			propose(t, n, 9, 9)
		})
	}
}

// Two survivors of five form a cluster again: the one that is behind gets what the other has.
func TestRecover_SurvivorsFormAClusterAgain(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(5)
	player := c.Open(nodes[0], "ada", 1000)
	c.Stop("n5")
	for range 20 {
		mustBet(t, nodes[3], player)
	}
	coins := coinsOn(t, nodes[3], player)
	for _, id := range []string{"n1", "n2", "n3", "n4"} {
		c.Kill(id)
	}
	left := []*replicationtest.Node{nodes[3], nodes[4]}
	members := []replication.Member{{ID: "n4", Address: "n4"}, {ID: "n5", Address: "n5"}}
	for _, n := range left {
		recoverCasino(t, n, members)
	}
	for i, n := range left {
		left[i] = c.Start(n.ID)
	}
	for _, n := range left {
		if got := coinsOn(t, n, player); got != coins {
			t.Errorf("%s has %d coins instead of %d", n.ID, got, coins)
		}
		mustBet(t, n, player)
		coins = coinsOn(t, n, player)
	}
	if got := len(left[0].Members()); got != 2 {
		t.Errorf("there are %d members", got)
	}
}

// A lone survivor takes new members, as any casino does.
func TestRecover_ALoneSurvivorGrowsAgain(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1000)
	mustBet(t, nodes[0], player)
	coins := coinsOn(t, nodes[2], player)
	for _, n := range nodes {
		c.Kill(n.ID)
	}
	recoverCasino(t, nodes[2], []replication.Member{{ID: "n3", Address: "n3"}})
	for _, n := range nodes[:2] { // as new machines
		if err := os.RemoveAll(n.Dir); err != nil {
			t.Fatal(err)
		}
	}
	survivor := c.Start("n3")
	if got := coinsOn(t, survivor, player); got != coins {
		t.Errorf("the survivor has %d coins instead of %d", got, coins)
	}
	next := c.Start("n1")
	if got := coinsOn(t, next, player); got != coins {
		t.Errorf("a new member has %d coins instead of %d", got, coins)
	}
	mustBet(t, next, player)
}

// recoverCasino recovers a node of a cluster of casinos, which must not run.
func recoverCasino(t *testing.T, n *replicationtest.Node, members []replication.Member) {
	t.Helper()
	store, err := storage.Open(n.Dir, storagetest.Keys, storage.Options{StallLimit: deadline})
	if err != nil {
		t.Fatal(err)
	}
	id := replication.Identity{NodeID: n.ID, ClusterID: replicationtest.ClusterID}
	if err := errors.Join(replication.Recover(t.Context(), n.Dir, id, store, members), store.Close()); err != nil {
		t.Fatalf("recover %s: %v", n.ID, err)
	}
}
