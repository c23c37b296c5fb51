package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/storage/backup"
	"imperio/storage/command"
)

// wall is a clock on the wall that a test sets.
type wall struct {
	mu sync.Mutex
	at time.Time
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *wall) set(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
}

func schedule(t *testing.T, text string) backup.Schedule {
	t.Helper()
	s, err := backup.ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.In(time.UTC)
}

// archives waits for a number of archives, and then for some rounds in which no other may come.
func (r *running) archives(h *house, n int) {
	r.t.Helper()
	r.wait(fmt.Sprint(n, " archives"), func(s backup.Status) bool { return s.Targets[0].Archives == n })
	for range 3 {
		r.wait("a bet", has(h.bet()))
	}
	time.Sleep(50 * time.Millisecond) // several looks at the schedule
	if got := r.Status().Targets[0].Archives; got != n {
		r.t.Fatalf("there are %d archives, want %d", got, n)
	}
}

// One archive a slot, whatever the clock does. A slot that was missed is made up.
func TestService_TheScheduleAndAClockThatSteps(t *testing.T) {
	h, target := newHouse(t), directory(t)
	clock := &wall{at: time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)} // noon, tomorrow
	noon := clock.now()
	o := h.options(target)
	o.Now, o.Archives = clock.now, schedule(t, "0 2 * * *")
	s := h.serve(o)
	s.archives(h, 1)
	clock.set(noon.Add(15 * time.Hour)) // 03:00 of the next day
	s.archives(h, 2)
	clock.set(noon.Add(13 * time.Hour)) // 01:00 again
	s.archives(h, 2)
	clock.set(noon.Add(14*time.Hour + time.Minute)) // 02:01 again
	s.archives(h, 2)
	clock.set(noon.Add(39 * time.Hour)) // 03:00 of the day after
	s.archives(h, 3)
	s.stop()
	clock.set(noon.Add(100 * time.Hour)) // some slots were missed
	s = h.serve(o)
	s.archives(h, 4)
	clock.set(noon.Add(365 * 24 * time.Hour)) // wrong for a moment
	s.archives(h, 5)
	clock.set(noon.Add(101 * time.Hour))
	s.archives(h, 5)
	clock.set(noon.Add(125 * time.Hour)) // the schedule does not wait for a year
	s.archives(h, 6)
}

func TestService_ABackupOnDemand(t *testing.T) {
	h, one, two := newHouse(t), directory(t), &moody{Target: directory(t)}
	s := h.serve(h.options(one, two))
	s.settled(h)
	two.set(func(_ context.Context, what, name string) error {
		if what == "create" && strings.HasSuffix(name, ".archive") {
			return errDown
		}
		return nil
	})
	h.bet()
	run := s.startArchives()
	v := s.wait("the run", func(s backup.Status) bool { return s.Run.Number == run && !s.Run.Finished.IsZero() })
	if r := v.Run.Results; !v.Run.Asked || len(r) != 2 || r[0].Error != "" || r[0].Name == "" || !strings.Contains(r[1].Error, errDown.Error()) {
		t.Errorf("%+v", v.Run)
	}
	// Nothing has happened since, so there is nothing to write.
	run = s.startArchives()
	v = s.wait("the next run", func(s backup.Status) bool { return s.Run.Number == run && !s.Run.Finished.IsZero() })
	if r := v.Run.Results[0]; r.Error != "" || !r.Unchanged {
		t.Errorf("%+v", r)
	}
}

func TestService_ASecondBackupAtOnce_IsRefused(t *testing.T) {
	h, target := newHouse(t), &moody{Target: directory(t)}
	s := h.serve(h.options(target))
	s.settled(h)
	release := make(chan struct{})
	target.set(func(_ context.Context, what, name string) error {
		if what == "create" && strings.HasSuffix(name, ".archive") {
			<-release
		}
		return nil
	})
	h.bet()
	s.startArchives()
	s.wait("the work", func(s backup.Status) bool { return len(s.Running) == 1 && s.Running[0].What == "archive" })
	if _, err := s.StartArchives(); err != backup.ErrRunning {
		t.Errorf("got %v", err)
	}
	close(release)
	s.wait("the end", func(s backup.Status) bool { return len(s.Running) == 0 })
}

// A casino in which nothing happens costs targets nothing.
func TestService_WithoutNews_WritesNothing(t *testing.T) {
	h, target := newHouse(t), &moody{Target: directory(t)}
	s := h.serve(h.options(target))
	s.settled(h)
	var mu sync.Mutex
	asked := 0
	target.set(func(context.Context, string, string) error { mu.Lock(); asked++; mu.Unlock(); return nil })
	time.Sleep(100 * time.Millisecond) // ten intervals
	mu.Lock()
	defer mu.Unlock()
	if asked != 0 {
		t.Errorf("the target was asked %d times", asked)
	}
	if lag := s.Status().Targets[0].Lag; lag > deadline/2 {
		t.Errorf("it counts as %s behind", lag)
	}
}

func TestService_ANodeThatDoesNotLead_WritesNothingAndHoldsAll(t *testing.T) {
	h, target := newHouse(t), directory(t)
	h.absent.Store(true)
	s := h.serve(h.options(target))
	s.wait("standby", func(s backup.Status) bool { return s.Targets[0].State == backup.Standby })
	if list := names(t, target); len(list) != 0 || s.Hold() != 0 {
		t.Errorf("there is %v, held above %d", list, s.Hold())
	}
	h.absent.Store(false)
	s.settled(h)
	h.absent.Store(true)
	s.wait("standby", func(s backup.Status) bool { return s.Targets[0].State == backup.Standby })
	if s.Hold() != 0 {
		t.Errorf("held above %d", s.Hold())
	}
}

// A backlog needs several segments. The machine's record is known only after the last one.
func TestService_ABacklogOfSeveralSegments(t *testing.T) {
	h, bad := newHouse(t), &moody{Target: directory(t)}
	s := h.serve(h.options(bad))
	s.settled(h)
	bad.set(func(context.Context, string, string) error { return errDown })
	value := bytes.Repeat([]byte("x"), 1<<20-100)
	for i := range 2*backup.MaxSegment>>20 + 2 {
		h.mu.Lock()
		h.c.One(command.Command{Body: command.PutValue{Name: fmt.Sprint("value ", i%2), Value: value}})
		h.mu.Unlock()
	}
	s.wait("the failure", func(s backup.Status) bool { return s.Targets[0].State == backup.Failing })
	bad.set(nil)
	index := h.bet()
	s.wait("the backlog", has(index))
	s.stop()
	if n := count(names(t, bad), ".segment"); n < 3 {
		t.Errorf("there are %d segments", n)
	}
	if got := h.rebuild(bad); got < index {
		t.Errorf("entries up to %d can be restored, want %d", got, index)
	}
	// The process ended within the backlog: the newest segment has no figures.
	list := names(t, bad)
	last := ""
	for _, name := range list {
		if strings.HasSuffix(name, ".segment") {
			last = name
		}
	}
	if err := bad.Delete(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	again := h.serve(h.options(bad))
	again.wait("the rest", has(h.bet()))
	again.stop()
	h.rebuild(bad)
}

func TestService_ADrill(t *testing.T) {
	h, target := newHouse(t), directory(t)
	h.play()
	o := h.options(target)
	s := h.serve(o)
	s.settled(h)
	s.wait("some segments", has(h.bet()))
	if err := s.StartDrill(); err != nil {
		t.Fatal(err)
	}
	v := s.wait("the drill", func(s backup.Status) bool { return !s.LastDrill.At.IsZero() && len(s.Running) == 0 })
	if d := v.LastDrill; !d.OK || d.Archive != v.Targets[0].Newest || d.Segments == 0 || d.Entries == 0 {
		t.Errorf("%+v", d)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, backup.DrillDir)); !os.IsNotExist(err) {
		t.Errorf("the drill has left its directory: %v", err)
	}
	s.stop()
	if n := count(names(t, target), "/drills/"); n != 1 {
		t.Errorf("there are %d records", n)
	}
	// The next process knows of it.
	again := h.serve(h.options(target))
	next := again.wait("the contact", func(s backup.Status) bool { return s.Targets[0].State == backup.Shipping })
	if !next.LastGoodDrill.Equal(v.LastDrill.At) || next.DrillFailed {
		t.Errorf("the last good drill was %s, want %s", next.LastGoodDrill, v.LastDrill.At)
	}
}

func TestService_ADrillOfADamagedArchive(t *testing.T) {
	h := newHouse(t)
	root := t.TempDir()
	target, err := backup.OpenDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	s := h.serve(h.options(target))
	s.settled(h)
	path := filepath.Join(root, s.Status().Targets[0].Newest)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[500] ^= 1 // in the state
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.StartDrill(); err != nil {
		t.Fatal(err)
	}
	v := s.wait("the drill", func(s backup.Status) bool { return !s.LastDrill.At.IsZero() && len(s.Running) == 0 })
	if d := v.LastDrill; d.OK || !strings.Contains(d.Found, "damaged") || !v.DrillFailed {
		t.Errorf("%+v", d)
	}
	if s.reports.count(backup.DrillFailed) != 1 {
		t.Error("it was not reported")
	}
	s.wait("bets go on", has(h.bet()))
	s.stop()
	again := h.serve(h.options(target))
	if next := again.wait("the contact", func(s backup.Status) bool { return s.Targets[0].State == backup.Shipping }); !next.DrillFailed {
		t.Error("the next process does not know that the drill failed")
	}
}

func TestService_ADrillFindsAMissingSegment(t *testing.T) {
	h, target := newHouse(t), directory(t)
	s := h.serve(h.options(target))
	s.settled(h)
	for range 3 {
		s.wait("a bet", has(h.bet()))
	}
	for _, name := range names(t, target) {
		if strings.HasSuffix(name, ".segment") {
			if err := target.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if err := s.StartDrill(); err != nil {
		t.Fatal(err)
	}
	v := s.wait("the drill", func(s backup.Status) bool { return !s.LastDrill.At.IsZero() && len(s.Running) == 0 })
	if d := v.LastDrill; d.OK || !strings.Contains(d.Found, "are in no segment") {
		t.Errorf("%+v", d)
	}
}

// Drills go round: each time another target has its turn. They are made when the schedule says so.
func TestService_DrillsOnSchedule(t *testing.T) {
	h, one, two := newHouse(t), directory(t), directory(t)
	clock := &wall{at: time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)}
	noon := clock.now()
	o := h.options(one, two)
	o.Now, o.Drills = clock.now, schedule(t, "0 4 * * *")
	s := h.serve(o)
	s.settled(h)
	drilled := make(map[string]bool)
	for day := 1; day <= 2; day++ {
		clock.set(noon.Add(time.Duration(day) * 24 * time.Hour))
		v := s.wait("the drill", func(s backup.Status) bool { return s.LastDrill.At.Equal(clock.now()) && len(s.Running) == 0 })
		if !v.LastDrill.OK {
			t.Fatalf("%+v", v.LastDrill)
		}
		drilled[v.LastDrill.Target] = true
		s.wait("the record", func(backup.Status) bool {
			return count(names(t, one), "/drills/")+count(names(t, two), "/drills/") >= day
		})
	}
	if len(drilled) != 2 {
		t.Errorf("drilled were %v", drilled)
	}
}

func TestService_DeletesWhatNeedNotBeKept(t *testing.T) {
	for _, refused := range []bool{false, true} {
		t.Run(fmt.Sprint("refused ", refused), func(t *testing.T) {
			h, target := newHouse(t), &moody{Target: directory(t)}
			if refused { // the bucket's own rules delete, and the casino may only add
				target.set(func(_ context.Context, what, name string) error {
					if what == "delete" {
						return &fs.PathError{Op: "delete", Path: name, Err: fs.ErrPermission}
					}
					return nil
				})
			}
			o := h.options(target)
			o.Keep = &backup.Keep{Days: 1}
			logs := &lines{}
			o.Log = slog.New(slog.NewTextHandler(logs, nil))
			s := h.serve(o)
			s.settled(h)
			for range 3 {
				h.bet()
				run := s.startArchives()
				v := s.wait("the run", func(s backup.Status) bool { return s.Run.Number == run && !s.Run.Finished.IsZero() })
				if v.Run.Results[0].Error != "" {
					t.Fatalf("%+v", v.Run)
				}
			}
			s.wait("the last bet", has(h.bet()))
			s.stop()
			archives := count(names(t, target), ".archive")
			// The casino's time is of long ago, so only the newest archive is needed.
			if refused && archives != 4 || !refused && archives != 1 {
				t.Errorf("there are %d archives", archives)
			}
			if told := strings.Count(logs.text(), "refuses to delete"); refused && told != 1 || !refused && told != 0 {
				t.Errorf("it was told %d times", told)
			}
			h.rebuild(target)
		})
	}
}

// lines gathers a log.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
