package replication_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imperio/replication"
	"imperio/replication/replicationtest"
)

const watchLimit = 5 * time.Second

func TestStallWatch_MeasuresOneWriteByTheSteadyClock(t *testing.T) {
	w := replication.NewStallWatch(watchLimit)
	now := time.Hour
	look := func(passed time.Duration, writing bool, writes uint64) time.Duration {
		now += passed
		return w.Look(now, writing, writes)
	}
	tick := w.Tick()
	if took := look(time.Hour, true, 1); took != 0 {
		t.Errorf("a write that began since the last look has taken %v", took)
	}
	if took := look(tick, true, 1); took != tick {
		t.Errorf("after a tick: %v", took)
	}
	if took := look(10*time.Second, true, 1); took != 3*tick {
		t.Errorf("after a pause of 10 s: %v", took)
	}
	if took := look(tick, true, 2); took != 0 {
		t.Errorf("the next write: %v", took)
	}
	if took := look(tick, false, 3); took != 0 {
		t.Errorf("no write: %v", took)
	}
	if took := look(tick, true, 3); took != 0 {
		t.Errorf("the write after a pause of the log: %v", took)
	}
	for range 20 {
		look(tick, true, 3)
	}
	if took := look(tick, true, 3); took <= watchLimit {
		t.Errorf("a write that hangs: %v", took)
	}
}

// Whatever pauses there are, a write never counts as longer than it was, and a hung one is found after the limit, counted
// in ticks.
func TestStallWatch_CountsNoPause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := replication.NewStallWatch(watchLimit)
		now, awake := time.Duration(0), time.Duration(0)
		w.Look(now, true, 7)
		for n := rapid.IntRange(1, 60).Draw(t, "looks"); n > 0; n-- {
			passed := w.Tick() * time.Duration(rapid.IntRange(1, 20).Draw(t, "tenths")) / 10
			awake += passed
			if rapid.IntRange(0, 3).Draw(t, "pause") == 0 {
				passed += time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second
				awake += 2 * w.Tick() // what a pause may count for
			}
			now += passed
			if took := w.Look(now, true, 7); took > awake {
				t.Fatalf("thought to have taken %v, awake for %v", took, awake)
			}
		}
		for range 21 {
			now += w.Tick()
			w.Look(now, true, 7)
		}
		if took := w.Look(now, true, 7); took <= watchLimit {
			t.Fatalf("a write that hangs has taken %v", took)
		}
	})
}

// A process that is stopped for longer than the limit in the middle of its writes goes on afterwards.
func TestStall_APauseOfTheProcessIsNotTheDisks(t *testing.T) {
	if dir := os.Getenv("REPLICATION_TEST_PAUSED"); dir != "" {
		paused(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("takes 10 s")
	}
	t.Parallel()
	c := exec.CommandContext(within(t), os.Args[0], "-test.run=^TestStall_APauseOfTheProcessIsNotTheDisks$")
	c.Env = append(os.Environ(), "REPLICATION_TEST_PAUSED="+t.TempDir())
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait() // it was killed
	defer c.Process.Kill()
	lines := bufio.NewScanner(out)
	answered := func(atLeast uint64) (last uint64) {
		for last < atLeast {
			if !lines.Scan() {
				t.Fatalf("the node ended after %d answers", last)
			}
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				last = n
			}
		}
		return last
	}
	last := answered(20)
	if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second) // the pause itself
	if err := c.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	answered(last + 1000) // the pipe may hold some from before the pause
}

// paused proposes commands all the time, so that a write is nearly always under way.
func paused(t *testing.T, dir string) {
	n, err := replication.Open(replication.Options{Dir: dir, Machine: replicationtest.New(), Identity: identity, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); ; i++ {
		if _, err := n.Propose(context.Background(), replicationtest.Command(i)); err != nil {
			t.Fatal(err)
		}
		fmt.Println(i)
	}
}
