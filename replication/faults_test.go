package replication_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage/command"
	"imperio/storage/storagetest/faults"
)

// scenario is a short life of a node over an existing log: it starts, takes commands one by one, is cut now and then, and
// ends in order. It returns the commands that were answered.
type scenario struct {
	dir      string
	journal  *replicationtest.Journal
	from, to uint64
}

func (s scenario) options() replication.Options {
	return patient(replication.Options{Dir: s.dir, Machine: s.journal, Identity: identity,
		SnapshotEntries: 4, SnapshotInterval: 5 * time.Millisecond, TrailingEntries: 1, CanaryInterval: time.Hour})
}

// run plays the scenario while an operation of the disk may fail, and checks what the node says about it. each is called
// after each answer.
func (s scenario) run(t *testing.T, fired func() bool, each func(number uint64)) {
	t.Helper()
	n, err := replication.Open(s.options())
	if err != nil {
		if !fired() {
			t.Fatalf("the node did not open, but nothing failed: %v", err)
		}
		return
	}
	defer shut(t, n)
	for i := s.from; i <= s.to; i++ {
		r, err := n.Propose(within(t), replicationtest.Command(i))
		switch {
		case err == nil && (r.Event == 0 || r.Refusal != nil):
			t.Fatalf("command %d was answered with %+v", i, r)
		case err == nil:
			each(i)
		case !fired():
			t.Fatalf("command %d failed, but nothing else did: %v", i, err)
		case !errors.Is(err, command.ErrUnknown) && !errors.Is(err, command.ErrUnavailable):
			t.Fatalf("command %d: %v", i, err)
		case errors.Is(err, context.DeadlineExceeded):
			t.Fatalf("command %d was not answered in time: %v", i, err)
		default:
			if err := failed(t, n); !errors.Is(err, faults.ErrInjected) {
				t.Fatalf("the node failed with %v", err)
			}
			for range 2 { // it takes no more commands
				if _, err := n.Propose(within(t), replicationtest.Command(i+1)); !errors.Is(err, command.ErrUnavailable) {
					t.Fatalf("a command after the failure: %v", err)
				}
			}
			return
		}
	}
}

// recovered opens a node over what is left on the disk, and checks that all commands that were answered are there, that
// each is there once, and that the node works.
func recovered(t *testing.T, when, dir string, j *replicationtest.Journal, answered uint64) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log("this was", when)
		}
	}()
	n, err := replication.Open(scenario{dir: dir, journal: j}.options())
	if err != nil {
		t.Fatalf("after the failure: %v", err)
	}
	defer shut(t, n)
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	there := uint64(len(j.IDs()))
	if there < answered {
		t.Fatalf("%d commands were answered, %d are left", answered, there)
	}
	holds(t, j, there)
	propose(t, n, there+1, there+2)
	holds(t, j, there+2)
}

// prepare makes a log with some commands in it, of which half are in a checkpoint.
func prepare(t *testing.T) scenario {
	t.Helper()
	s := scenario{dir: t.TempDir(), journal: replicationtest.New(), from: 7, to: 20}
	o := s.options()
	o.Create = true
	n, err := replication.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	propose(t, n, 1, 3)
	if _, err := s.journal.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	propose(t, n, 4, 6)
	shut(t, n)
	return s
}

func TestFaults_NoFailedWriteOrSyncOfTheLogLosesAnAnswer(t *testing.T) {
	template := prepare(t)
	for _, mode := range faults.Modes {
		for _, sticky := range []bool{false, true} {
			if sticky && mode == faults.Persisted {
				continue // a disk that does everything and complains each time
			}
			t.Run(fmt.Sprintf("%v, sticky %t", mode, sticky), func(t *testing.T) {
				t.Parallel()
				struck := 0
				for operation := 1; ; operation++ {
					dir := t.TempDir()
					faults.CopyDirectory(t, template.dir, dir)
					disk := faults.Watch(t, dir)
					disk.Fail(faults.Fault{File: replication.LogDir, N: operation, Mode: mode, Sticky: sticky})
					s := template
					s.dir, s.journal = dir, template.journal.Reopen()
					answered := uint64(6)
					s.run(t, disk.Fired, func(number uint64) { answered = number })
					if !disk.Fired() {
						if answered != s.to {
							t.Fatalf("without a fault, %d of %d were answered", answered, s.to)
						}
						break
					}
					struck++
					if t.Failed() {
						t.Fatalf("at operation %d", operation)
					}
					disk.Heal()
					when := fmt.Sprintf("after operation %d failed", operation)
					for i, unsynced := range []faults.Unsynced{faults.Lost, faults.Random(uint64(operation))} {
						to := t.TempDir()
						disk.CutPower(t, to, disk.Now(), unsynced)
						recovered(t, fmt.Sprintf("%s and the power was cut, variant %d", when, i), to, s.journal.Reopen(), answered)
					}
					recovered(t, when, dir, s.journal.Reopen(), answered) // only the process had to be started again
				}
				if struck < 50 {
					t.Fatalf("the scenario has only %d operations", struck)
				}
			})
		}
	}
}

func TestFaults_CreateFailsCleanlyAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	for _, mode := range faults.Modes {
		for operation := 1; ; operation++ {
			dir := t.TempDir()
			disk := faults.Watch(t, dir)
			disk.Fail(faults.Fault{N: operation, Mode: mode})
			o := scenario{dir: dir, journal: replicationtest.New()}.options()
			o.Create = true
			n, err := replication.Open(o)
			if err == nil {
				disk.Heal()
				shut(t, n)
				if operation < 10 {
					t.Fatalf("only %d operations to create a log", operation-1)
				}
				break
			}
			if !strings.Contains(err.Error(), faults.ErrInjected.Error()) { // bbolt wraps some errors by their text alone
				t.Fatalf("operation %d, %v: %v", operation, mode, err)
			}
			disk.Heal()
			if n, err = replication.Open(o); errors.Is(err, replication.ErrExists) {
				o.Create = false // the fault came after the log had its name
				n, err = replication.Open(o)
			}
			if err != nil {
				t.Fatalf("again after operation %d, %v: %v", operation, mode, err)
			}
			propose(t, n, 1, 2)
			shut(t, n)
		}
	}
}

func TestPowerCut_LosesNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	template := prepare(t)
	disk := faults.Watch(t, template.dir)
	s := template
	s.journal = template.journal.Reopen()

	// The answers given, and the content of state.db, by how many operations the disk had done.
	type answer struct {
		operations int
		number     uint64
	}
	type checkpoint struct {
		operations int
		journal    *replicationtest.Journal
	}
	answers := []answer{{0, 6}}
	checkpoints := []checkpoint{{0, s.journal.Reopen()}}
	s.journal.AfterCheckpoint = func() { // raft's snapshots call it, one at a time
		checkpoints = append(checkpoints, checkpoint{disk.Now(), s.journal.Reopen()})
	}
	s.run(t, func() bool { return false }, func(number uint64) { answers = append(answers, answer{disk.Now(), number}) })
	total := disk.Now()
	if total < 50 {
		t.Fatalf("the scenario has only %d operations", total)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d operations, seed %d", total, seed)
	for at := 0; at <= total; at++ {
		answered, state := answers[0].number, checkpoints[0].journal
		for _, a := range answers {
			if a.operations <= at {
				answered = a.number
			}
		}
		for _, c := range checkpoints {
			if c.operations <= at {
				state = c.journal
			}
		}
		for i, unsynced := range []faults.Unsynced{faults.Lost, faults.Kept, faults.Random(seed + uint64(at)), faults.Random(seed ^ uint64(at)<<20)} {
			to := t.TempDir()
			disk.CutPower(t, to, at, unsynced)
			recovered(t, fmt.Sprintf("a power cut after operation %d of %d, variant %d, seed %d", at, total, i, seed), to, state.Reopen(), answered)
		}
	}
}

// stallLimit is for the tests of a hung disk. Before they stall the disk, it must stay below this limit even on a busy
// machine.
const stallLimit = 10 * time.Second

func TestStall_EndsTheNodeWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := faults.Watch(t, dir)
	j := replicationtest.New()
	n, err := replication.Open(replication.Options{Dir: dir, Machine: j, Identity: identity, Create: true,
		StallLimit: stallLimit, CanaryInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	propose(t, n, 1, 3)
	release := disk.Stall("sync")
	defer release()
	if _, err := n.Propose(within(t), replicationtest.Command(4)); !errors.Is(err, command.ErrUnknown) || !errors.Is(err, replication.ErrStalled) {
		t.Fatalf("a command on a disk that hangs: %v", err)
	}
	if err := failed(t, n); !errors.Is(err, replication.ErrStalled) {
		t.Fatalf("failed with %v", err)
	}
	if s := n.Status(); s.Writing < s.StallLimit {
		t.Errorf("the status shows a write under way for %v", s.Writing)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("closed over a disk that hangs: %v", err)
	}
	release()
	holds(t, j, 3)
}

func TestCanary_NoticesADiskThatHangsWhileNobodyBets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := faults.Watch(t, dir)
	n := open(t, replication.Options{Dir: dir, Machine: replicationtest.New(), Create: true,
		StallLimit: stallLimit, CanaryInterval: time.Millisecond})
	propose(t, n, 1, 3)
	release := disk.Stall("sync")
	defer release()
	if err := failed(t, n); !errors.Is(err, replication.ErrStalled) {
		t.Fatalf("failed with %v", err)
	}
}

// readClock counts how often it is read.
type readClock struct {
	*replicationtest.Clock
	reads atomic.Int64
}

func (c *readClock) Read() replication.Reading {
	c.reads.Add(1)
	return c.Clock.Read()
}

// The wall clock says nothing about the disk: setting it ahead by more than the limit during a write does not fail the
// node. The steady clock of the test stands still until the test moves it.
func TestStall_AClockThatIsSetAheadIsNotTheDisks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := faults.Watch(t, dir)
	clock := &readClock{Clock: replicationtest.NewClock(noon)}
	const limit = 100 * time.Millisecond
	n := open(t, replication.Options{Dir: dir, Machine: replicationtest.New(), Create: true, Clock: clock,
		StallLimit: limit, CanaryInterval: time.Hour})
	propose(t, n, 1, 1)
	release := disk.Stall("sync")
	defer release()
	c := proposeLater(within(t), n, 2)
	until(t, "a write to be under way", func() bool { return n.Status().Writing > 0 })
	clock.Step(6 * time.Second)
	looks := clock.reads.Load()
	until(t, "some looks at it", func() bool { return clock.reads.Load() > looks+3 })
	if err := n.Err(); err != nil {
		t.Fatalf("a clock 6 s ahead: %v", err)
	}
	release()
	if o := answer(t, c); o.err != nil {
		t.Fatal(o.err)
	}

	release = disk.Stall("sync")
	defer release()
	c = proposeLater(within(t), n, 3)
	until(t, "the disk to count as hung", func() bool {
		clock.Pass(limit / 20)
		return n.Err() != nil
	})
	if o := answer(t, c); !errors.Is(o.err, replication.ErrStalled) {
		t.Fatalf("on a disk that hangs: %v", o.err)
	}
	release()
}
