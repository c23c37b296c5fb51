package backup_test

import (
	"testing"
	"time"

	"imperio/storage/backup"
)

func TestService_MakesAnArchiveAtFirstAndShipsWhatFollows(t *testing.T) {
	h, target := newHouse(t), directory(t)
	h.play()
	s := h.serve(h.options(target))
	s.wait("the first archive", func(s backup.Status) bool { return s.Targets[0].Archives == 1 })
	index := h.bet()
	s.wait("the bet's segment", has(index))
	if s.Hold() < index {
		t.Errorf("the log is held above %d, and all up to %d was shipped", s.Hold(), index)
	}
	s.stop()
	if got := h.rebuild(target); got < index {
		t.Errorf("entries up to %d can be restored, want %d", got, index)
	}
	if n := s.reports.count(backup.ArchiveMade); n != 1 {
		t.Errorf("%d archives were reported", n)
	}
}

// A machine that is stopped and given up loses nothing: the end does not wait for the interval.
func TestService_ShipsTheRestAtTheEnd(t *testing.T) {
	h, target := newHouse(t), directory(t)
	o := h.options(target)
	o.Interval = time.Hour
	s := h.serve(o)
	s.wait("the first archive", func(s backup.Status) bool { return s.Targets[0].State == backup.Shipping })
	index := h.bet()
	s.stop()
	s.Finish(t.Context(), h)
	if got := h.rebuild(target); got < index {
		t.Errorf("entries up to %d can be restored, want %d", got, index)
	}
}
