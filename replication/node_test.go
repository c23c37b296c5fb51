package replication_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage/command"
)

var identity = replication.Identity{ClusterID: "cluster-1", NodeID: "node-1"}

// deadline bounds how long a test waits for something. Nothing takes nearly as long, and no test waits for it to pass.
const deadline = 5 * time.Minute

// patient allows writes to take minutes: on a busy machine a write takes seconds, and the node must not fail.
func patient(o replication.Options) replication.Options {
	if o.StallLimit == 0 {
		o.StallLimit = deadline
	}
	return o
}

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
	n, err := replication.Open(patient(o))
	if err != nil {
		t.Fatalf("open the node: %v", err)
	}
	t.Cleanup(func() { shut(t, n) })
	return n
}

func create(t testing.TB, dir string, m replication.Machine) *replication.Node {
	t.Helper()
	return open(t, replication.Options{Dir: dir, Machine: m, Create: true})
}

func shut(t testing.TB, n *replication.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := n.Close(ctx); err != nil && n.Err() == nil {
		t.Errorf("close the node: %v", err)
	}
}

// propose commits the commands numbered from to to, one after the other.
func propose(t testing.TB, n *replication.Node, from, to uint64) {
	t.Helper()
	for i := from; i <= to; i++ {
		r, err := n.Propose(within(t), replicationtest.Command(i))
		if err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
		if r.Event == 0 {
			t.Fatalf("command %d has no result", i)
		}
	}
}

// holds checks that the machine has applied the commands numbered 1 to last in order, once each.
func holds(t testing.TB, j *replicationtest.Journal, last uint64) {
	t.Helper()
	ids := j.IDs()
	if uint64(len(ids)) != last {
		t.Fatalf("the machine holds %d commands, not %d", len(ids), last)
	}
	for i, id := range ids {
		if id != replicationtest.Command(uint64(i+1)).ID {
			t.Fatalf("command number %d is %x", i+1, id)
		}
	}
}

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !condition(); {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func failed(t testing.TB, n *replication.Node) error {
	t.Helper()
	select {
	case err := <-n.Failed():
		if err == nil {
			t.Fatal("the failure has no error")
		}
		return err
	case <-time.After(deadline):
		t.Fatal("the node did not fail")
		return nil
	}
}

func TestPropose_ReturnsTheResultOfTheMachine(t *testing.T) {
	j := replicationtest.New()
	n := create(t, t.TempDir(), j)
	for i := uint64(1); i <= 10; i++ {
		r, err := n.Propose(within(t), replicationtest.Command(i))
		if err != nil {
			t.Fatal(err)
		}
		if r.Event != i || r.Replayed {
			t.Fatalf("command %d: %+v", i, r)
		}
	}
	r, err := n.Propose(within(t), replicationtest.Command(3))
	if err != nil || r.Event != 3 || !r.Replayed {
		t.Fatalf("command 3 again: %+v, %v", r, err)
	}
	holds(t, j, 10)
}

func TestPropose_ByManyCallersAnswersEachOnceAndKeepsTheirOrder(t *testing.T) {
	const callers, each = 64, 200
	j := replicationtest.New()
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: j, Create: true, MaxInFlight: 40})
	ctx := within(t)
	numbers := make([][]uint64, callers)
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for i := range each {
				r, err := n.Propose(ctx, replicationtest.Command(uint64(caller*each+i+1)))
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
				numbers[caller] = append(numbers[caller], r.Event)
			}
		})
	}
	running.Wait()
	seen := map[uint64]bool{}
	ids := j.IDs()
	for caller, got := range numbers {
		if !slices.IsSorted(got) {
			t.Errorf("caller %d got its answers out of order: %v", caller, got)
		}
		for i, number := range got {
			if seen[number] {
				t.Fatalf("number %d was answered twice", number)
			}
			seen[number] = true
			if ids[number-1] != replicationtest.Command(uint64(caller*each+i+1)).ID {
				t.Fatalf("caller %d got the answer of another", caller)
			}
		}
	}
	if len(seen) != callers*each || len(ids) != callers*each {
		t.Fatalf("%d answers and %d commands of %d", len(seen), len(ids), callers*each)
	}
	if s := n.Status(); s.Applied < 4*s.Entries {
		t.Errorf("%d commands took %d entries: too little was gathered", s.Applied, s.Entries)
	}
}

func TestPropose_AnswersEachCommandOnceAcrossLostLeadership(t *testing.T) {
	const callers, each = 16, 60
	j := replicationtest.New()
	n := create(t, t.TempDir(), j)
	ctx := within(t)
	term := n.Status().Term
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for i := range each {
				if _, err := n.Propose(ctx, replicationtest.Command(uint64(caller*each+i+1))); err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
			}
		})
	}
	for lost := range uint64(3) {
		if err := n.Barrier(ctx); err != nil {
			t.Fatal(err)
		}
		if err := n.Depose(); err != nil {
			t.Fatal(err)
		}
		until(t, "the next election", func() bool { s := n.Status(); return s.Term >= term+2*(lost+1) && s.State == "leader" })
	}
	running.Wait()
	if got := len(j.IDs()); got != callers*each {
		t.Fatalf("%d commands were applied, not %d", got, callers*each)
	}
	if s := n.Status(); s.Term < term+6 || s.Err != nil {
		t.Fatalf("leadership was not lost: %+v", s)
	}
	t.Logf("%d commands were proposed again", j.Retries()) // Journal checks where each looks for its first attempt
}

func TestLog_SaysNothingAlarmingAndNothingOfCommands(t *testing.T) {
	var mu sync.Mutex
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(lockedWriter{&mu, &lines}, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: replicationtest.New(), Create: true, Logger: logger,
		SnapshotEntries: 2, SnapshotInterval: 5 * time.Millisecond, TrailingEntries: 1})
	c := replicationtest.Command(1)
	c.Body = command.PutValue{Name: "name-of-it", Value: []byte("secret-of-it")}
	if _, err := n.Propose(within(t), c); err != nil {
		t.Fatal(err)
	}
	propose(t, n, 2, 20)
	until(t, "a snapshot", func() bool { return n.Status().SnapshotIndex > 0 })
	shut(t, n)
	mu.Lock()
	defer mu.Unlock()
	text := lines.String()
	if !strings.Contains(text, "msg=ready") || !strings.Contains(text, "raft: ") {
		t.Fatalf("the log lacks what it should say:\n%s", text)
	}
	for _, bad := range []string{"level=WARN", "level=ERROR", "secret-of-it", "name-of-it", fmt.Sprintf("%x", "secret-of-it")} {
		if strings.Contains(text, bad) {
			t.Errorf("the log holds %s:\n%s", bad, text)
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}
