package replication_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage/command"
)

// noon is when the clocks of these tests begin.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

var quiet = slog.New(slog.DiscardHandler)

// clockTest is a machine whose clocks are moved by hand, and the casino's time on it.
type clockTest struct {
	t     *testing.T
	clock *replicationtest.Clock
	keeps replication.Timekeeper
}

func newClockTest(t *testing.T) *clockTest {
	h := &clockTest{t: t, clock: replicationtest.NewClock(noon)}
	h.keeps = replication.StartClock(h.clock, time.Time{}, quiet)
	return h
}

func (h *clockTest) stamp() time.Time {
	h.t.Helper()
	at, err := h.keeps.Stamp()
	if err != nil {
		h.t.Fatalf("with the clock at %v: %v", h.clock.Read().Wall, err)
	}
	return at
}

// shows checks that the next entry is stamped with a time that long after noon.
func (h *clockTest) shows(after time.Duration) {
	h.t.Helper()
	if at := h.stamp(); !at.Equal(noon.Add(after)) {
		h.t.Fatalf("the casino's time is %v after the start, not %v", at.Sub(noon), after)
	}
}

func (h *clockTest) refuses() {
	h.t.Helper()
	if at, err := h.keeps.Stamp(); err == nil || !strings.Contains(err.Error(), "Set it right") {
		h.t.Fatalf("with the clock at %v: %v, %v", h.clock.Read().Wall, at, err)
	}
}

func (h *clockTest) restart() {
	newest := h.keeps.Status().Time.Truncate(time.Millisecond)
	h.keeps = replication.StartClock(h.clock, newest, quiet)
}

func TestClock_SetBackAndRightAgainIsWhereItWas(t *testing.T) {
	for _, back := range []time.Duration{time.Second, time.Minute, time.Hour, 48 * time.Hour, 50 * time.Hour, 72 * time.Hour, 365 * day} {
		t.Run(back.String(), func(t *testing.T) {
			h := newClockTest(t)
			h.shows(0)
			h.clock.Step(-back)
			h.clock.Pass(time.Second)
			h.shows(time.Second / 2) // behind: half pace
			h.clock.Step(back)
			h.shows(time.Second)
			h.clock.Pass(time.Hour)
			h.shows(time.Second + time.Hour)
		})
	}
}

func TestClock_GoesOnAtHalfPaceUntilTheWallClockHasCaughtUp(t *testing.T) {
	h := newClockTest(t)
	h.clock.Step(-10 * time.Hour)
	h.clock.Pass(10 * time.Hour)
	h.shows(5 * time.Hour)
	h.clock.Pass(10 * time.Hour)
	h.shows(10 * time.Hour)
	h.clock.Pass(time.Hour) // they have met
	h.shows(11 * time.Hour)
}

func TestClock_FollowsUpToADayAndBelievesNoMore(t *testing.T) {
	h := newClockTest(t)
	h.clock.Step(day)
	h.shows(day)
	h.clock.Step(time.Second)
	h.refuses()
	h.clock.Pass(time.Hour)
	h.refuses()
	h.clock.Step(-time.Second)
	h.shows(day + time.Hour)
	h.clock.Step(-day) // as it was
	h.clock.Pass(2 * day)
	h.shows(2*day + time.Hour)
	h.clock.Step(400 * day)
	h.refuses()
	h.restart() // somebody says that it is right
	h.shows(402*day + time.Hour)
}

func TestClock_StepsAheadDoNotAddUp(t *testing.T) {
	h := newClockTest(t)
	h.clock.Step(20 * time.Hour)
	h.shows(20 * time.Hour)
	h.clock.Pass(time.Hour)
	h.clock.Step(20 * time.Hour)
	h.refuses()
	h.clock.Step(-40 * time.Hour)
	h.shows(21 * time.Hour) // it went on while the clock was not believed
	h.clock.Pass(2 * day)
	h.shows(2*day + time.Hour)
}

func TestClock_FollowsAfterASuspensionOfUpToADay(t *testing.T) {
	h := newClockTest(t)
	awake := time.Duration(0)
	for night := range 30 {
		h.clock.Suspend(10 * time.Hour)
		h.clock.Pass(time.Second)
		awake += time.Second
		h.shows(time.Duration(night+1)*10*time.Hour + awake) // suspensions, other than steps, may add up
	}
	h.clock.Suspend(3 * day)
	h.refuses()
	h.restart()
	h.shows(300*time.Hour + awake + 3*day)
}

func TestClock_AStartBelievesTheWallClockButNotBehindTheNewestEntry(t *testing.T) {
	h := newClockTest(t)
	h.clock.Step(-40 * day)
	h.restart()
	h.shows(0)
	h.clock.Pass(10 * time.Minute)
	h.shows(5 * time.Minute)
	h.clock.Step(100 * day) // the correction that it waited for
	h.shows(60*day + 10*time.Minute)
	h.clock.Step(2 * day) // that was one
	h.refuses()
}

// A synchronized clock is right, and the newest entry's was ahead: there is no correction to wait for.
func TestClock_AStartWithASynchronizedClockIsNotBehind(t *testing.T) {
	h := newClockTest(t)
	h.clock.Step(20 * time.Hour)
	h.shows(20 * time.Hour)
	h.clock.Step(-20 * time.Hour)
	h.clock.Synchronize(true)
	h.restart()
	h.clock.Pass(time.Hour)
	h.shows(20*time.Hour + 30*time.Minute)
	h.clock.Step(30 * time.Hour)
	h.refuses()
	h.clock.Step(-8 * time.Hour) // 22 hours ahead
	h.shows(23 * time.Hour)
}

func TestClock_AStartBeforeThisProgramWasWrittenIsBehind(t *testing.T) {
	clock := replicationtest.NewClock(time.Unix(7, 0).UTC())
	keeps := replication.StartClock(clock, time.Time{}, quiet)
	at, err := keeps.Stamp()
	if err != nil || at.Year() != 2026 {
		t.Fatalf("started in 1970: %v, %v", at, err)
	}
	clock.Step(noon.Sub(clock.Read().Wall))
	if at, err := keeps.Stamp(); err != nil || !at.Equal(noon) {
		t.Fatalf("after the correction: %v, %v", at, err)
	}
}

func TestClock_AStartBeforeSynchronizationBelievesTheStepThatItBrings(t *testing.T) {
	h := newClockTest(t)
	h.clock.Synchronize(false)
	h.restart()
	h.clock.Pass(time.Minute)
	h.clock.Step(30 * day)
	h.refuses() // by hand, it may be wrong
	h.clock.Synchronize(true)
	h.shows(30*day + time.Minute)
	h.clock.Step(30 * day)
	h.refuses() // only the first

	h.restart()
	h.clock.Synchronize(false) // lost it later
	h.clock.Step(2 * day)
	h.clock.Synchronize(true)
	h.refuses()

	h.clock.Synchronize(false)
	h.restart()
	h.clock.Synchronize(true)
	h.keeps.Tell() // it was right without a step
	h.clock.Step(2 * day)
	h.refuses()
}

func TestClock_GoesOnFromTheEntriesOfOtherLeaders(t *testing.T) {
	h := newClockTest(t)
	h.keeps.Saw(noon.Add(time.Hour))
	h.keeps.Lead()
	h.shows(time.Hour)
	h.clock.Pass(2 * time.Hour)
	h.shows(2 * time.Hour)
	h.clock.Step(30 * day) // another term is no restart
	h.keeps.Lead()
	h.refuses()
}

func TestClock_TellsTheLogOnceWhatIsWrong(t *testing.T) {
	var lines bytes.Buffer
	clock := replicationtest.NewClock(noon)
	keeps := replication.StartClock(clock, time.Time{}, slog.New(slog.NewTextHandler(&lines, nil)))
	says := func(what ...string) {
		t.Helper()
		for range 3 {
			keeps.Tell()
		}
		got := strings.Count(lines.String(), "\n")
		for _, w := range what {
			if !strings.Contains(lines.String(), w) {
				t.Errorf("the log lacks %q: %s", w, lines.String())
			}
		}
		if want := min(len(what), 1); got != want {
			t.Errorf("%d lines: %s", got, lines.String())
		}
		lines.Reset()
	}
	says()
	clock.Step(-time.Hour)
	says("level=WARN", "half pace")
	clock.Step(time.Hour)
	says("level=INFO", "agree")
	clock.Step(30 * day)
	says("level=ERROR", "720h0m0s ahead", "Set it right", "restart")
	clock.Step(-30 * day)
	says("level=INFO", "agree")
}

// world is what a property test does to a casino: it sets the machine's clock, suspends the machine, freezes it with all
// its clocks, and restarts the casino.
type world struct {
	real  time.Duration // that has passed
	clock *replicationtest.Clock
	keeps replication.Timekeeper

	before replication.Reading // at the last stamp of this run
	last   time.Time           // the casino's time then
	limit  time.Time           // the casino's time can't be past this, as things are now
	excuse bool                // this run began with a clock that was known to be behind, and it has been since
	unsync bool                // this run began with a clock that was not synchronized, and that was no excuse yet
}

func (w *world) act(t *rapid.T) {
	long := func(name string, most time.Duration) time.Duration {
		unit := rapid.SampledFrom([]time.Duration{2 * time.Millisecond, time.Second, time.Minute, time.Hour, day}).Draw(t, "unit of "+name)
		return min(unit*time.Duration(rapid.IntRange(0, 60).Draw(t, name)), most)
	}
	passes := func(d time.Duration) {
		w.real += d
		w.limit = w.limit.Add(d)
	}
	switch rapid.IntRange(0, 7).Draw(t, "what happens") {
	case 0, 1, 2:
		d := long("runs for", 30*day)
		w.clock.Pass(d)
		passes(d)
	case 3:
		d := long("is suspended for", 3*day)
		w.clock.Suspend(d)
		passes(d)
	case 4:
		passes(long("is frozen for", 2*day)) // and no clock knows
	case 5:
		w.clock.Step(long("is set ahead by", 500*day))
	case 6:
		w.clock.Step(-long("is set back by", 500*day))
	case 7: // to what is right
		w.setRight()
	}
}

func (w *world) setRight() { w.clock.Step(noon.Add(w.real).Sub(w.clock.Read().Wall)) }

// start begins a run. It believes its clock.
func (w *world) start() {
	w.before = w.clock.Read()
	wall := w.before.Wall
	yes, known := w.clock.Synchronized()
	w.excuse, w.unsync = wall.Before(w.last) && !(known && yes), known && !yes
	w.keeps = replication.StartClock(w.clock, w.last.Truncate(time.Millisecond), quiet)
	if most := wall.Add(day); most.After(w.limit) {
		w.limit = most
	}
	if most := w.last.Add(day); most.After(w.limit) {
		w.limit = most
	}
}

// check checks a stamp against the rules, as the design states them.
func (w *world) check(t *rapid.T) {
	status := w.keeps.Status()
	now := w.clock.Read()
	ran := now.Steady - w.before.Steady
	wall, at := now.Wall, status.Time
	if at.Before(w.last) {
		t.Fatalf("it went back by %v", w.last.Sub(at))
	}
	if w.excuse && !wall.Before(at) { // whatever corrected it is believed, once
		w.excuse = false
		if most := wall.Add(day); most.After(w.limit) {
			w.limit = most
		}
	}
	if yes, _ := w.clock.Synchronized(); w.unsync && yes && wall.After(w.limit) {
		w.unsync, w.limit = false, wall.Add(day)
	}
	switch passed := at.Sub(w.last); {
	case status.Leap > 0:
		if status.Leap <= day {
			t.Fatalf("a lead of %v is refused", status.Leap)
		}
		if passed != ran {
			t.Fatalf("while commands are refused, %v passed in %v", passed, ran)
		}
	case wall.Before(at):
		if passed != ran/2 {
			t.Fatalf("behind the casino's time by %v, %v passed in %v", at.Sub(wall), passed, ran)
		}
	case !wall.Equal(at):
		t.Fatalf("a clock that is %v ahead is not followed", wall.Sub(at))
	}
	if at.After(w.limit) {
		t.Fatalf("it is %v ahead of the furthest clock that a start has believed, and a day", at.Sub(w.limit))
	}
	stamp, err := w.keeps.Stamp()
	if (err != nil) != (status.Leap > 0) || err == nil && !stamp.Equal(at.Truncate(time.Millisecond)) {
		t.Fatalf("stamped with %v, %v: the status is %+v", stamp, err, status)
	}
	w.before, w.last = now, at
}

// No sequence of steps, suspensions, freezes and restarts breaks a rule.
func TestClock_HoldsTheRulesWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{clock: replicationtest.NewClock(noon), last: noon, limit: noon.Add(day)}
		w.start()
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			switch rapid.IntRange(0, 9).Draw(t, "starts") {
			case 0:
				w.start()
			case 1:
				w.clock.Synchronize(rapid.Bool().Draw(t, "synchronized"))
			default:
				w.act(t)
			}
			w.check(t)
		}
		// Whatever happened: once the clock is right and stays so, the casino's time comes to agree with it.
		w.setRight()
		w.start()
		w.check(t)
		d := 2 * w.last.Sub(w.clock.Read().Wall)
		w.clock.Pass(d)
		w.limit = w.limit.Add(d)
		w.check(t)
		if wall := w.clock.Read().Wall; wall.Sub(w.last).Abs() > time.Microsecond {
			t.Fatalf("the clock has been right for %v, and the casino's time is off by %v", d, w.last.Sub(wall))
		}
	})
}

// As long as each start finds the clock right, and knows it or finds it past the newest entry, the casino's time gets no
// further ahead of the real time than a day, whatever is done to the clock in between and however often. So nothing that
// ends with time, an exclusion or a used key, ends earlier than that.
func TestClock_IsNeverMoreThanADayAheadIfEachStartFoundItRight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{clock: replicationtest.NewClock(noon), last: noon, limit: noon.Add(day)}
		synchronized := rapid.Bool().Draw(t, "synchronized")
		if synchronized {
			w.clock.Synchronize(true)
		}
		w.start()
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			w.act(t)
			right := noon.Add(w.real)
			if rapid.IntRange(0, 5).Draw(t, "starts") == 0 && (synchronized || !w.last.After(right)) {
				w.setRight()
				w.start()
			}
			at := w.keeps.Status().Time
			if ahead := at.Sub(right); ahead > day {
				t.Fatalf("%v ahead", ahead)
			}
			w.last = at
		}
	})
}

func TestPropose_RefusesWhileTheClockIsNotBelieved(t *testing.T) {
	clock := replicationtest.NewClock(noon)
	j := replicationtest.New()
	dir := t.TempDir()
	n := open(t, replication.Options{Dir: dir, Machine: j, Create: true, Clock: clock})
	propose(t, n, 1, 2)
	if !j.Time().Equal(noon) {
		t.Fatalf("stamped with %v", j.Time())
	}
	clock.Pass(time.Hour)
	propose(t, n, 3, 3)
	if want := noon.Add(time.Hour); !j.Time().Equal(want) || !n.Now().Equal(want) {
		t.Fatalf("stamped with %v, now is %v", j.Time(), n.Now())
	}
	clock.Step(25 * time.Hour)
	_, err := n.Propose(within(t), replicationtest.Command(4))
	if !errors.Is(err, command.ErrUnavailable) || errors.Is(err, command.ErrUnknown) || !strings.Contains(err.Error(), "25h0m0s ahead") {
		t.Fatalf("with a clock that leapt: %v", err)
	}
	if err := n.Barrier(within(t)); err != nil {
		t.Fatalf("a read needs no clock: %v", err)
	}
	if s := n.Status(); s.Clock.Leap != 25*time.Hour || s.Clock.Step != 25*time.Hour || s.Err != nil || s.InFlight != 0 {
		t.Fatalf("status: %+v", s)
	}
	clock.Step(-25 * time.Hour)
	propose(t, n, 4, 4)
	holds(t, j, 4)
	clock.Step(-10 * time.Hour)
	shut(t, n)
	n = open(t, replication.Options{Dir: dir, Machine: j, Clock: clock})
	clock.Pass(time.Minute)
	propose(t, n, 5, 5)
	if want := noon.Add(time.Hour + 30*time.Second); !j.Time().Equal(want) {
		t.Fatalf("after a start with a clock that was set back: %v, not %v", j.Time(), want)
	}
}

// All commands of an entry have one time, and later entries no earlier one. Journal checks that.
func TestPropose_StampsEntriesInTheirOrder(t *testing.T) {
	clock := replicationtest.NewClock(noon)
	j := replicationtest.New()
	n := open(t, replication.Options{Dir: t.TempDir(), Machine: j, Create: true, Clock: clock})
	ctx := within(t)
	done := make(chan error)
	for caller := range 8 {
		go func() {
			for i := range 50 {
				clock.Step(time.Duration(i%5-2) * time.Minute)
				if _, err := n.Propose(ctx, replicationtest.Command(uint64(caller*50+i+1))); err != nil {
					done <- fmt.Errorf("caller %d: %w", caller, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := n.Depose(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Propose(ctx, replicationtest.Command(401)); err != nil {
		t.Fatal(err)
	}
}
