package replication_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/command"
)

// held is a journal whose Apply blocks from the first command on, until release is called.
func held(t *testing.T) (j *replicationtest.Journal, entered <-chan struct{}, release func()) {
	t.Helper()
	j = replicationtest.New()
	in, out := make(chan struct{}), make(chan struct{})
	enter, release := sync.OnceFunc(func() { close(in) }), sync.OnceFunc(func() { close(out) })
	j.Before = func(entries []storage.Command) error {
		for _, e := range entries {
			if len(e.Data) > 0 {
				enter()
				<-out
				break
			}
		}
		return nil
	}
	return j, in, release
}

type outcome struct {
	result command.Result
	err    error
}

func proposeLater(ctx context.Context, n *replication.Node, number uint64) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		r, err := n.Propose(ctx, replicationtest.Command(number))
		c <- outcome{r, err}
	}()
	return c
}

func answer(t *testing.T, c <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-c:
		return o
	case <-time.After(deadline):
		t.Fatal("no answer")
		return outcome{}
	}
}

func TestPropose_IsUnknownWhenTheCallerGivesUp(t *testing.T) {
	j, entered, release := held(t)
	n := create(t, t.TempDir(), j)
	defer release()
	ctx, cancel := context.WithCancel(within(t))
	c := proposeLater(ctx, n, 1)
	<-entered
	cancel()
	if o := answer(t, c); !errors.Is(o.err, command.ErrUnknown) || !errors.Is(o.err, context.Canceled) || errors.Is(o.err, command.ErrUnavailable) {
		t.Fatalf("given up while it is applied: %v", o.err)
	}
	release()
	if r, err := n.Propose(within(t), replicationtest.Command(1)); err != nil || r.Event != 1 || !r.Replayed {
		t.Fatalf("the same command again: %+v, %v", r, err)
	}
}

func TestPropose_IsUnavailableWhenItsTurnDoesNotCome(t *testing.T) {
	j, entered, release := held(t)
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: j, Create: true, MaxInFlight: 1})
	defer release()
	first := proposeLater(within(t), n, 1)
	<-entered
	ctx, cancel := context.WithCancel(within(t))
	second := proposeLater(ctx, n, 2)
	cancel()
	if o := answer(t, second); !errors.Is(o.err, command.ErrUnavailable) || errors.Is(o.err, command.ErrUnknown) {
		t.Fatalf("with no room in flight: %v", o.err)
	}
	release()
	if o := answer(t, first); o.err != nil {
		t.Fatal(o.err)
	}
	holds(t, j, 1)
}

func TestPropose_RefusesWhatIsTooLarge(t *testing.T) {
	j := replicationtest.New()
	n := create(t, t.TempDir(), j)
	c := replicationtest.Command(1)
	c.Body = command.PutValue{Name: "n", Value: make([]byte, replication.MaxCommand)}
	if _, err := n.Propose(within(t), c); err == nil || errors.Is(err, command.ErrUnknown) || errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("a command over the limit: %v", err)
	}
	propose(t, n, 1, 1)
	holds(t, j, 1)
}

func TestMachine_ErrorEndsTheNode(t *testing.T) {
	j := replicationtest.New()
	cause := errors.New("page 7 is gone")
	j.Before = func(entries []storage.Command) error {
		for _, e := range entries {
			if len(e.Data) > 0 {
				if c, err := command.Decode(e.Data); err != nil || c.ID == replicationtest.Command(3).ID {
					return cause
				}
			}
		}
		return nil
	}
	n := create(t, t.TempDir(), j)
	propose(t, n, 1, 2)
	if _, err := n.Propose(within(t), replicationtest.Command(3)); !errors.Is(err, command.ErrUnknown) || !errors.Is(err, cause) {
		t.Fatalf("the command that failed: %v", err)
	}
	if err := failed(t, n); !errors.Is(err, cause) {
		t.Fatalf("failed with %v", err)
	}
	if _, more := <-n.Failed(); more {
		t.Fatal("a second failure was told")
	}
	if _, err := n.Propose(within(t), replicationtest.Command(4)); !errors.Is(err, command.ErrUnavailable) || !errors.Is(err, cause) {
		t.Fatalf("a command afterwards: %v", err)
	}
	if err := n.Barrier(within(t)); !errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("a read afterwards: %v", err)
	}
	if s := n.Status(); s.Ready || !errors.Is(s.Err, cause) {
		t.Fatalf("the status afterwards: %+v", s)
	}
	holds(t, j, 2)
}

func TestMachine_FailedCheckpointEndsTheNode(t *testing.T) {
	j := replicationtest.New()
	cause := errors.New("no space left")
	j.BeforeCheckpoint = func() error { return cause }
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: j, Create: true, SnapshotEntries: 2, SnapshotInterval: 5 * time.Millisecond})
	if err := failed(t, n); !errors.Is(err, cause) { // the entries of the start are enough for a snapshot
		t.Fatalf("failed with %v", err)
	}
	if _, err := n.Propose(within(t), replicationtest.Command(1)); !errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("a command afterwards: %v", err)
	}
	if s := n.Status(); s.FirstIndex != 1 || s.SnapshotIndex != 0 {
		t.Fatalf("the log was cut without a checkpoint: %+v", s)
	}
}

func TestClose_WaitsForWhatIsInFlightAndRefusesTheRest(t *testing.T) {
	dir := t.TempDir()
	j, entered, release := held(t)
	n := create(t, dir, j)
	var inFlight []<-chan outcome
	for i := range uint64(20) {
		inFlight = append(inFlight, proposeLater(within(t), n, i+1))
	}
	<-entered
	until(t, "all to be in flight", func() bool { return n.Status().InFlight == 20 })
	closed := make(chan error, 1)
	go func() { closed <- n.Close(within(t)) }()
	until(t, "the node to close its door", func() bool { return n.Barrier(within(t)) != nil })
	if _, err := n.Propose(within(t), replicationtest.Command(99)); !errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("while it closes: %v", err)
	}
	select {
	case err := <-closed:
		t.Fatalf("closed (%v) with commands in flight", err)
	default:
	}
	release()
	for i, c := range inFlight {
		if o := answer(t, c); o.err != nil {
			t.Fatalf("command %d in flight: %v", i+1, o.err)
		}
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if _, err := n.Propose(within(t), replicationtest.Command(99)); !errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("after Close: %v", err)
	}
	if err := n.Barrier(within(t)); !errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("a read after Close: %v", err)
	}
	if len(j.IDs()) != 20 {
		t.Fatalf("%d commands were applied", len(j.IDs()))
	}
	open(t, replication.Options{Dir: dir, Machine: replicationtest.New()}) // the log was unlocked
}

func TestClose_GivesUpWithItsContext(t *testing.T) {
	j, entered, release := held(t)
	n, err := replication.Open(patient(replication.Options{Dir: t.TempDir(), Machine: j, Create: true, Identity: identity}))
	if err != nil {
		t.Fatal(err)
	}
	c := proposeLater(within(t), n, 1)
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("closed with %v", err)
	}
	release()
	answer(t, c)
}

func TestCanary_WritesOnlyWhenNobodyElseDoes(t *testing.T) {
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: replicationtest.New(), Create: true, CanaryInterval: 2 * time.Millisecond})
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	before := n.Status()
	until(t, "some writes of the canary", func() bool { return n.Status().Syncs > before.Syncs+3 })
	if after := n.Status(); after.Entries != before.Entries || after.LastIndex != before.LastIndex {
		t.Fatalf("the canary left entries in the log: %+v", after)
	}
}

// A killed process loses nothing that it has answered.
func TestKill_LosesNothingThatWasAnswered(t *testing.T) {
	if dir := os.Getenv("REPLICATION_TEST_CHILD"); dir != "" {
		child(t, dir)
		return
	}
	dir := t.TempDir()
	answered := uint64(0)
	for round := range 3 {
		c := exec.CommandContext(within(t), os.Args[0], "-test.run=^TestKill_LosesNothingThatWasAnswered$")
		c.Env = append(os.Environ(), "REPLICATION_TEST_CHILD="+dir, fmt.Sprintf("REPLICATION_TEST_FROM=%d", answered+1))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for stop := answered + 50 + uint64(round)*37; answered < stop && lines.Scan(); {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				answered = n
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had answered when it died
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				answered = n
			}
		}
		c.Wait() // says that it was killed
		if answered == 0 {
			t.Fatal("the child answered nothing")
		}
		j := replicationtest.New()
		n := open(t, replication.Options{Dir: dir, Machine: j})
		if err := n.Barrier(within(t)); err != nil {
			t.Fatal(err)
		}
		got := uint64(len(j.IDs()))
		if got < answered || got > answered+1 {
			t.Fatalf("%d commands were answered, %d are in the log", answered, got)
		}
		holds(t, j, got)
		answered = got
		shut(t, n)
	}
}

func child(t *testing.T, dir string) {
	from, err := strconv.ParseUint(os.Getenv("REPLICATION_TEST_FROM"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	n, err := replication.Open(patient(replication.Options{Dir: dir, Machine: replicationtest.New(), Identity: identity, Create: from == 1}))
	if err != nil {
		t.Fatal(err)
	}
	for i := from; ; i++ {
		if _, err := n.Propose(context.Background(), replicationtest.Command(i)); err != nil {
			t.Fatal(err)
		}
		fmt.Println(i)
	}
}
