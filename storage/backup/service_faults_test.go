package backup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"imperio/storage/backup"
)

// settled waits until the first archive is made and all is shipped.
func (r *running) settled(h *house) {
	r.t.Helper()
	r.wait("the first backup", has(h.bet()))
}

func TestService_ATargetThatIsDown_DelaysNoOtherAndCatchesUp(t *testing.T) {
	h := newHouse(t)
	h.play()
	good, bad := directory(t), &moody{Target: directory(t)}
	s := h.serve(h.options(good, bad))
	s.settled(h)
	before := s.Status().Targets[1].Index
	bad.set(func(context.Context, string, string) error { return errDown })
	s.wait("the failure", func(s backup.Status) bool { return s.Targets[1].State == backup.Failing })
	index := h.bet()
	v := s.wait("the bet in the good target", func(s backup.Status) bool { return s.Targets[0].Index >= index })
	down := v.Targets[1]
	if !strings.Contains(down.Error, errDown.Error()) || down.Since.IsZero() || down.Errors == 0 || down.Index < before {
		t.Errorf("the failing target: %+v", down)
	}
	if s.Hold() != down.Index {
		t.Errorf("the log is held above %d, and the failing target has all up to %d", s.Hold(), down.Index)
	}
	bad.set(nil)
	s.wait("the bet in the other target", has(index))
	s.stop()
	for _, target := range []backup.Target{good, bad} {
		if got := h.rebuild(target); got < index {
			t.Errorf("%s: entries up to %d can be restored, want %d", target, got, index)
		}
	}
}

// A target that is down from the start gets its archive once it answers.
func TestService_ATargetThatIsDownAtFirst(t *testing.T) {
	h, bad := newHouse(t), &moody{Target: directory(t)}
	bad.set(func(context.Context, string, string) error { return errDown })
	s := h.serve(h.options(bad))
	s.wait("the failure", func(s backup.Status) bool { return s.Targets[0].State == backup.Failing })
	if s.Hold() != 0 {
		t.Errorf("the log is held above %d, and what the target has is not known", s.Hold())
	}
	bad.set(nil)
	s.wait("the first archive", has(h.bet()))
}

func TestService_ATargetThatHangs_IsLeft(t *testing.T) {
	for _, what := range []string{"list", "create", "write", "commit", "open"} {
		t.Run(what, func(t *testing.T) {
			h, slow := newHouse(t), &moody{Target: directory(t)}
			h.play()
			good := directory(t)
			o := h.options(good, slow)
			o.Patience = 100 * time.Millisecond
			release := make(chan struct{})
			slow.set(func(_ context.Context, asked, _ string) error {
				if asked == what {
					<-release // whatever its context says, like a network file system
				}
				return nil
			})
			s := h.serve(o)
			s.wait("the failure", func(s backup.Status) bool {
				for _, r := range s.Run.Results {
					if r.Target == slow.String() && r.Error != "" {
						return true
					}
				}
				return s.Targets[1].Error != "" || what == "open" && s.Targets[1].State == backup.Shipping
			})
			index := h.bet()
			s.wait("the bet in the good target", func(s backup.Status) bool { return s.Targets[0].Index >= index })
			s.stop() // waits for nothing that hangs
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			close(release)
		})
	}
}

func TestService_AWriteThatFailsOnce_IsRepeated(t *testing.T) {
	for _, what := range []string{"create", "write", "commit", "list"} {
		for _, kind := range []string{".archive", ".segment"} {
			t.Run(what+kind, func(t *testing.T) {
				h, bad := newHouse(t), &moody{Target: directory(t)}
				h.play()
				failed := make(chan struct{})
				bad.set(func(_ context.Context, asked, name string) error {
					if asked != what || what != "list" && !strings.HasSuffix(name, kind) {
						return nil
					}
					select {
					case <-failed:
						return nil
					default:
						close(failed)
						return errDown
					}
				})
				s := h.serve(h.options(bad))
				<-failed
				index := h.bet()
				s.wait("the bet", has(index))
				s.stop()
				if got := h.rebuild(bad); got < index {
					t.Errorf("entries up to %d can be restored, want %d", got, index)
				}
			})
		}
	}
}

// What a target lists late is shipped again, which does no harm.
func TestService_ATargetThatListsLate(t *testing.T) {
	h, late := newHouse(t), &moody{Target: directory(t)}
	first := h.serve(h.options(late))
	first.settled(h)
	for range 3 {
		first.wait("a bet", has(h.bet()))
	}
	first.stop()
	segments := 0
	late.mu.Lock()
	late.hides = func(name string) bool {
		if strings.HasSuffix(name, ".segment") {
			segments++
		}
		return segments > 1 // only the oldest shows
	}
	late.mu.Unlock()
	index := h.bet()
	second := h.serve(h.options(late))
	second.wait("the bet", has(index))
	second.stop()
	late.mu.Lock()
	late.hides = nil
	late.mu.Unlock()
	if got := h.rebuild(late); got < index {
		t.Errorf("entries up to %d can be restored, want %d", got, index)
	}
}

// Other files in a target are nobody's business.
func TestService_LeavesOtherFilesAlone(t *testing.T) {
	h, target := newHouse(t), directory(t)
	others := []string{"README", "casino-other/origin/archives/20300101T000000.000Z-00000000000000099999.archive",
		casinoID + "/notes.txt", casinoID + "/origin/archives/half.archive", casinoID + "/origin/segments/2026-11-20/x.segment"}
	for _, name := range others {
		put(t, target, name, "something else")
	}
	o := h.options(target)
	o.Keep = &backup.Keep{Days: 1}
	s := h.serve(o)
	s.settled(h)
	s.stop()
	list := names(t, target)
	for _, name := range others {
		if count(list, name) != 1 {
			t.Errorf("%s is gone", name)
		}
	}
	h.rebuild(target)
}

func put(t *testing.T, target backup.Target, name, content string) {
	t.Helper()
	u, err := target.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(t.Context(), noCheck); err != nil {
		t.Fatal(err)
	}
}

// An empty object under the name of an archive is none.
func TestService_AnEmptyArchiveNeverCounts(t *testing.T) {
	h, target := newHouse(t), directory(t)
	put(t, target, casinoID+"/origin/archives/20261123T205900.000Z-00000000000000000001.archive", "")
	s := h.serve(h.options(target))
	s.settled(h)
	v := s.Status().Targets[0]
	if v.NewestBytes == 0 || strings.Contains(v.Newest, "T205900") {
		t.Errorf("the newest archive is %s with %d bytes", v.Newest, v.NewestBytes)
	}
}

func TestService_AFullDataDisk_EndsAnArchive(t *testing.T) {
	h, target := newHouse(t), directory(t)
	h.play()
	full := errors.New("the disk of the data directory is full")
	room := make(chan error, 1)
	room <- full
	o := h.options(target)
	o.Room = func(int64) error {
		err := <-room
		room <- err
		return err
	}
	s := h.serve(o)
	v := s.wait("the failure", func(s backup.Status) bool { return s.Targets[0].ArchiveError != "" })
	if !strings.Contains(v.Targets[0].ArchiveError, full.Error()) {
		t.Errorf("it fails with %q", v.Targets[0].ArchiveError)
	}
	if list := names(t, target); len(list) != 0 {
		t.Errorf("there is %v", list)
	}
	<-room
	room <- nil
	s.settled(h)
	if v := s.Status().Targets[0]; v.ArchiveError != "" {
		t.Errorf("it still says %q", v.ArchiveError)
	}
	if s.reports.count(backup.ArchiveFailed) != 1 {
		t.Errorf("the failure was reported %d times", s.reports.count(backup.ArchiveFailed))
	}
}

func TestService_AFullTarget_LeavesNoHalfArchive(t *testing.T) {
	h, target := newHouse(t), &moody{Target: directory(t)}
	h.play()
	target.set(func(_ context.Context, what, _ string) error {
		if what == "write" {
			return fmt.Errorf("write: %w", syscall.ENOSPC)
		}
		return nil
	})
	s := h.serve(h.options(target))
	s.wait("the failure", func(s backup.Status) bool { return s.Targets[0].ArchiveError != "" })
	if list := names(t, target); len(list) != 0 {
		t.Errorf("there is %v", list)
	}
	target.set(nil)
	s.settled(h)
}

// The process may end at any step. No half object has a name, and the next process goes on.
func TestService_KilledAtEachStep_GoesOn(t *testing.T) {
	for step := 1; step <= 24; step++ {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			h, target := newHouse(t), &moody{Target: directory(t)}
			h.play()
			left, reached := step, make(chan struct{})
			target.set(func(ctx context.Context, _, _ string) error {
				if left--; left == 0 {
					close(reached)
				}
				if left <= 0 {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			})
			// One goroutine at a time asks the target, so that step counts steps.
			first := h.serve(h.options(serial(target)))
			<-reached
			first.stop()
			target.set(nil)
			for _, name := range names(t, target) {
				if strings.Contains(name, "unfinished") {
					t.Errorf("%s is listed", name)
				}
			}
			index := h.bet()
			second := h.serve(h.options(target))
			second.wait("the bet", has(index))
			second.stop()
			if got := h.rebuild(target); got < index {
				t.Errorf("entries up to %d can be restored, want %d", got, index)
			}
		})
	}
}

func TestService_AGapIsClosedByAnArchive(t *testing.T) {
	h, target := newHouse(t), &moody{Target: directory(t)}
	s := h.serve(h.options(target))
	s.settled(h)
	target.set(func(context.Context, string, string) error { return errDown })
	for range 5 {
		h.bet()
	}
	s.wait("the failure", func(s backup.Status) bool { return s.Targets[0].State == backup.Failing })
	lost := h.bet()
	h.cut(lost) // the target was down for so long that the log became too large
	s.wait("the gap", func(s backup.Status) bool { return s.Targets[0].Gap })
	if s.Hold() < lost {
		t.Errorf("the log is held above %d, which helps nobody any more", s.Hold())
	}
	target.set(nil)
	v := s.wait("the archive", func(s backup.Status) bool { return s.Targets[0].Archives == 2 && !s.Targets[0].Gap })
	if v.Targets[0].NewestIndex < lost {
		t.Errorf("the new archive ends with entry %d", v.Targets[0].NewestIndex)
	}
	s.wait("the next bet", has(h.bet()))
	if s.reports.count(backup.GapBegun) != 1 || s.reports.count(backup.GapClosed) != 1 {
		t.Errorf("reported: %+v", s.reports.all)
	}
}

// Somebody put back an older copy of the data directory, and did not say so by a restore.
func TestService_AnOlderCopyOfTheCasino_WritesNothing(t *testing.T) {
	target := directory(t)
	h := newHouse(t)
	s := h.serve(h.options(target))
	s.settled(h)
	for range 20 {
		h.bet()
	}
	s.wait("the bets", has(h.bet()))
	s.stop()
	before := names(t, target)

	for _, c := range []struct {
		name string
		bets int
		says string
	}{{"behind the target", 3, "only those up to"}, {"past the target", 200, "goes on differently"}} {
		t.Run(c.name, func(t *testing.T) {
			copied := newHouse(t) // the same until here
			copied.c.Player("Bob", 1)
			for range c.bets {
				copied.bet()
			}
			o := copied.options(target)
			o.Keep = &backup.Keep{Days: 1}
			s := copied.serve(o)
			v := s.wait("the finding", func(s backup.Status) bool { return s.Targets[0].State == backup.Differs })
			if !strings.Contains(v.Targets[0].Differs, c.says) || s.Hold() == 0 {
				t.Errorf("%+v, held above %d", v.Targets[0], s.Hold())
			}
			run := s.startArchives()
			v = s.wait("the refusal", func(s backup.Status) bool { return s.Run.Number == run && !s.Run.Finished.IsZero() })
			if !strings.Contains(v.Run.Results[0].Error, "imperio backup restore") {
				t.Errorf("an archive was not refused: %+v", v.Run)
			}
			copied.bet() // bets go on
			s.stop()
			if after := names(t, target); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("the target has changed:\n%v\n%v", before, after)
			}
			if s.reports.count(backup.HistoryDiffers) != 1 {
				t.Errorf("it was reported %d times", s.reports.count(backup.HistoryDiffers))
			}
		})
	}
}
