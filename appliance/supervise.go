package appliance

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"imperio/replication"
)

// How the supervisor is told about a start and a life. It restarts a casino whose start takes too long, or that does not live.
const (
	superviseEvery = time.Second
	// startExtension is how much longer a start may take, counted from the last sign of progress that was told.
	startExtension = 30 * time.Second
	// stillPatience is how long a replay may stand still and still get more time; openPatience is for opening the state, which may
	// migrate it or complete a restore and does not show how far it is.
	stillPatience = time.Minute
	openPatience  = time.Hour
)

// progress tells the supervisor what a part of the start does, and asks for more time, until stop is called. look returns what people
// read, and a number that changes while the work goes on; after patience without a change there is no more time. patience 0 is
// for ever.
func (a *App) progress(patience time.Duration, look func() (status string, done uint64)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var owned group
	owned.run(func() {
		tick := time.NewTicker(superviseEvery)
		defer tick.Stop()
		_, last := look()
		moved := time.Now()
		for {
			status, done := look()
			a.supervisor.Status(status)
			moves := done != last
			if moves {
				last, moved = done, time.Now()
			}
			if moves || patience == 0 || time.Since(moved) < patience {
				a.supervisor.ExtendTime(startExtension)
				a.supervisor.Alive() // a restart is watched like a life
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() { cancel(); owned.wait() }
}

// tellReady tells the supervisor that the casino serves.
func (a *App) tellReady() {
	status := "serving operators only"
	if url := a.URL(); url != "" {
		status = "serving " + url
	}
	a.supervisor.Ready(status)
}

// opening is what a start does before the log is read.
func opening() (string, uint64) { return "opening the state", 0 }

// replaying says how far the log is read.
func (a *App) replaying() (string, uint64) {
	s := a.dir.node.Status()
	return fmt.Sprintf("replaying the log: entry %s of %s", thousands(s.AppliedIndex), thousands(s.LastIndex)), s.AppliedIndex
}

// thousands writes a number for people, as 1,234,567.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// proveLife tells the supervisor that the casino lives, until ctx ends. It says so only after the log has written something since
// the last time, be it only its canary, and while the machine applies what was written. So a disk that hangs, or a deadlock, leads
// to a restart. A process that was paused goes on to write, and lives.
func (a *App) proveLife(ctx context.Context) {
	interval := a.supervisor.WatchdogInterval()
	if interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 6)
	defer tick.Stop()
	var last pulse
	for {
		now := pulseOf(a.dir.node.Status())
		if now.alive(last) {
			last = now
			a.supervisor.Alive()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// pulse is what changes in a casino that lives.
type pulse struct{ syncs, committed, applied uint64 }

func pulseOf(s replication.Status) pulse { return pulse{s.Syncs, s.CommitIndex, s.AppliedIndex} }

// alive says whether a casino with an earlier pulse has done its work since.
func (p pulse) alive(earlier pulse) bool {
	return p.syncs != earlier.syncs && (p.applied != earlier.applied || p.applied >= earlier.committed)
}
