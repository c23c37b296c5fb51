package replication_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"imperio/replication"
	"imperio/replication/replicationtest"
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

// Two survivors of five form a cluster again: the one with less gets the other's state.
func TestRecover_SurvivorsFormAClusterAgain(t *testing.T) {
	network := replicationtest.NewNetwork(14)
	ids := []string{"node-1", "node-2"}
	var members []replication.Member
	for _, id := range ids {
		members = append(members, replication.Member{ID: id, Address: id})
	}
	journals := make(map[string]*replicationtest.Journal)
	nodes := make(map[string]*replication.Node)
	for i, id := range ids {
		w := writeLog(t)
		w.id.NodeID = id
		w.members("node-1", "node-2", "node-3", "node-4", "node-5").commands(5).applies().commands(3 * i)
		w.write()
		j := replicationtest.New()
		if err := replication.Recover(t.Context(), w.dir, w.id, j, members); err != nil {
			t.Fatal(err)
		}
		journals[id] = j.Reopen()
		n, err := replication.Open(patient(replication.Options{
			Dir: w.dir, Machine: journals[id], Identity: w.id, Network: network.Connect(id), Address: id,
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, n)
		nodes[id] = n
	}
	propose(t, nodes["node-1"], 9, 20)
	for id, j := range journals {
		if err := nodes[id].Barrier(within(t)); err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprintf("%s to have all", id), func() bool { return len(j.IDs()) == 20 })
		holds(t, j, 20)
	}
}
