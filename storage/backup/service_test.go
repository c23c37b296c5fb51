package backup_test

import (
	"context"
	"log/slog"
	"strings"
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

// Where the casino was restored elsewhere, the target shows it. The old one goes on with its own lineage, and says so.
func TestService_TellsOfANewerLineage(t *testing.T) {
	h, target := newHouse(t), directory(t)
	put(t, target, casinoID+"/20301120T100000Z-4f3a9c21/archives/20301120T100000.000Z-00000000000000000009.archive", "an archive")
	o, logs := h.options(target), &lines{}
	o.Log = slog.New(slog.NewTextHandler(logs, nil))
	s := h.serve(o)
	s.settled(h)
	if !strings.Contains(logs.text(), "restored elsewhere") {
		t.Errorf("the log says:\n%s", logs.text())
	}
}

// The first archive of a large casino takes minutes. What happens meanwhile is shipped at once, so that the log need not keep
// it all, and can be restored as soon as the archive is there.
func TestService_ShipsWhileTheFirstArchiveIsWritten(t *testing.T) {
	h, target := newHouse(t), &moody{Target: directory(t)}
	h.play()
	written := make(chan struct{})
	target.set(func(ctx context.Context, what, name string) error {
		if what == "commit" && strings.HasSuffix(name, ".archive") {
			select {
			case <-written:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	})
	s := h.serve(h.options(target))
	s.wait("the archive's begin", func(v backup.Status) bool { return len(v.Running) > 0 && v.Running[0].Done > 0 })
	index := h.bet()
	if v := s.wait("the bet's segment", func(v backup.Status) bool { return v.Targets[0].Index >= index }); v.Targets[0].Archives != 0 {
		t.Fatalf("the archive was written already: %+v", v.Targets[0])
	}
	if s.Hold() < index {
		t.Errorf("the log is held above %d, and all up to %d was shipped", s.Hold(), index)
	}
	close(written)
	s.wait("the archive", func(v backup.Status) bool { return v.Targets[0].State == backup.Shipping })
	last := h.bet()
	s.wait("another bet", has(last))
	s.stop()
	if got := h.rebuild(target); got < last {
		t.Errorf("entries up to %d can be restored, want %d", got, last)
	}
}
