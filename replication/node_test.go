package replication_test

import (
	"context"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
)

var identity = replication.Identity{ClusterID: "cluster-1", NodeID: "node-1"}

// deadline bounds what a test waits for. It is far above what anything takes, and no test waits for it to pass.
const deadline = 30 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// open opens a node and closes it when the test ends.
func open(t testing.TB, o replication.Options) *replication.Node {
	t.Helper()
	o.Identity = identity
	n, err := replication.Open(o)
	if err != nil {
		t.Fatalf("open the node: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := n.Close(ctx); err != nil && n.Err() == nil {
			t.Errorf("close the node: %v", err)
		}
	})
	return n
}

func create(t testing.TB, dir string, m replication.Machine) *replication.Node {
	t.Helper()
	return open(t, replication.Options{Dir: dir, Machine: m, Create: true})
}

func TestPropose_ReturnsTheResultOfTheMachine(t *testing.T) {
	n := create(t, t.TempDir(), replicationtest.New())
	for i := uint64(1); i <= 10; i++ {
		r, err := n.Propose(within(t), replicationtest.Command(i))
		if err != nil {
			t.Fatal(err)
		}
		if r.Event != i {
			t.Fatalf("command %d got number %d", i, r.Event)
		}
	}
}
