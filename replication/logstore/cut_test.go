package logstore_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// holding is a log of small segments that holds back what is above a mark.
func holding(t *testing.T, bytes int64) (s *logstore.Store, mark *atomic.Uint64) {
	t.Helper()
	mark = new(atomic.Uint64)
	o := small
	o.Hold, o.HoldBytes = mark.Load, bytes
	return newStore(t, o), mark
}

func cutTo(t *testing.T, s *logstore.Store, high uint64) {
	t.Helper()
	first, _ := s.FirstIndex()
	if err := errors.Join(s.SaveSnapshot(logstore.Snapshot{Index: high}), s.DeleteRange(first, high)); err != nil {
		t.Fatal(err)
	}
}

func TestDeleteRange_LeavesWhatIsHeldBack(t *testing.T) {
	s, mark := holding(t, 1<<30)
	for i := uint64(1); i <= 60; i++ {
		store(t, s, i, i)
	}
	cutTo(t, s, 50)
	holds(t, s, 1, 60)
	mark.Store(20)
	cutTo(t, s, 50)
	holds(t, s, 21, 60)
	mark.Store(10) // what is cut stays cut
	cutTo(t, s, 50)
	holds(t, s, 21, 60)
	mark.Store(55)
	cutTo(t, s, 50)
	holds(t, s, 51, 60)
	mark.Store(1<<64 - 1)
	cutTo(t, s, 58)
	holds(t, s, 59, 60)
	if got := s.Unheld(); got != 0 {
		t.Errorf("entry %d was cut although it was held back", got)
	}
}

func TestDeleteRange_HoldsNothingBackInALogThatIsTooLarge(t *testing.T) {
	const limit = 20 * logstore.BlockSize
	s, mark := holding(t, limit)
	last := uint64(0)
	for s.Bytes() <= limit {
		last++
		store(t, s, last, last)
		if s.Bytes() <= limit && last > 3 {
			cutTo(t, s, last-3)
			holds(t, s, 1, last)
		}
	}
	mark.Store(2)
	cutTo(t, s, last-3)
	holds(t, s, last-2, last)
	if got := s.Unheld(); got != last-3 {
		t.Errorf("cut up to %d, told of %d", last-3, got)
	}
	if got := s.Bytes(); got > limit {
		t.Errorf("%d bytes are left", got)
	}
	cutTo(t, s, last-1) // it holds back again
	holds(t, s, last-2, last)
}

// What is not a cut that leaves something is none of the hold's business: raft empties the log, or replaces entries.
func TestDeleteRange_HoldsBackNothingAtTheEnd(t *testing.T) {
	s, _ := holding(t, 1<<30)
	store(t, s, 1, 60)
	if err := s.DeleteRange(51, 60); err != nil {
		t.Fatal(err)
	}
	holds(t, s, 1, 50)
	if err := s.DeleteRange(1, 50); err != nil {
		t.Fatal(err)
	}
	holds(t, s, 0, 0)
}

func TestBytes_IsTheSizeOfTheSegmentsInUse(t *testing.T) {
	s := newStore(t, small)
	if got := s.Bytes(); got != 4*logstore.BlockSize {
		t.Errorf("a new log takes up %d bytes", got)
	}
	for i := uint64(1); i <= 30; i++ {
		store(t, s, i, i)
	}
	live, _ := s.SegmentsForTest()
	if got, want := s.Bytes(), int64(4+8*(live-1))*logstore.BlockSize; got != want || live < 4 {
		t.Errorf("%d segments take up %d bytes, want %d", live, got, want)
	}
}

// A reader of old entries gets each one as it was written, or is told that it is gone, while entries are appended, segments are
// cut, used again and removed, and the log is closed.
func TestGetLog_WhileTheLogIsCut(t *testing.T) {
	s := newStore(t, small)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var running sync.WaitGroup
	var reads, gone atomic.Int64
	for range 3 {
		running.Go(func() {
			for {
				first, _ := s.FirstIndex()
				last, _ := s.LastIndex()
				for i := first; i <= last && i != 0; i++ {
					var l raft.Log
					switch err := s.GetLog(i, &l); {
					case errors.Is(err, raft.ErrLogNotFound):
						gone.Add(1)
					case errors.Is(err, logstore.ErrFailed) && s.Err() == nil:
						return // closed
					case err != nil || string(l.Data) != string(entry(i).Data):
						t.Errorf("entry %d: %q, %v", i, l.Data, err)
						return
					default:
						reads.Add(1)
					}
				}
			}
		})
	}
	last := uint64(0)
	deadline := time.Now().Add(time.Minute)
	for (last < 600 || reads.Load() < 1000 || gone.Load() == 0) && time.Now().Before(deadline) {
		for range 1 + random.IntN(60) {
			last++
			store(t, s, last, last)
		}
		cutTo(t, s, last-min(last-1, uint64(random.IntN(30))+1))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	running.Wait()
	if reads.Load() == 0 {
		t.Error("nothing was read")
	}
	if err := s.Err(); err != nil {
		t.Errorf("the store is broken: %v", err)
	}
}
