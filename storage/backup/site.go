package backup

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// site is a target, and what the service knows of it.
type site struct {
	target Target
	// hold is the newest entry that the target has: see Service.Hold. 0: not known, so all are held. All ones: the target
	// needs none of those that there are.
	hold atomic.Uint64
	left atomic.Int32  // attempts that hung and were left behind
	wake chan struct{} // the shipper has something to do

	segments, bytes, errors atomic.Uint64 // shipped, and failed attempts, since the start

	mu       sync.Mutex
	known    bool   // guarded by mu, as all below: the target's list was read, and its history is the casino's own
	standby  bool   // another node leads
	lineage  string // that this is about, as LineageName writes it
	index    uint64 // up to this entry the target has all
	at       time.Time
	differs  string // why the target's history is not the casino's own; "": it is
	needs    bool   // an archive, since there is none, or entries after it are missing
	making   bool   // that archive is being written. What follows it is shipped already
	gap      bool   // entries are missing: the log was cut before they were shipped
	gapSince time.Time

	caughtUp time.Time // when the target last had all there was, by the monotonic clock
	err      error     // of the last attempt to ship; nil: it worked
	since    time.Time // when attempts began to fail
	told     bool      // Report was told that they fail

	archives    int
	oldest      time.Time // casino's time from which on the target's archives go
	newest      ArchiveInfo
	takenAt     time.Time // of the newest archive, by the wall clock of its machine; zero: there is none
	base        time.Time // the next archive is due after this
	archiveErr  error     // of the last attempt to make an archive; nil: it worked
	retryAt     time.Time // no attempt to make an archive before
	failures    int       // of archives, in a row
	undeletable bool      // it was told that nothing may be deleted

	lastDrill     time.Time // as its records in the target say
	lastGoodDrill time.Time
}

// holdNothing lets the log be cut.
const holdNothing = math.MaxUint64

func (s *site) isStuck() bool { return s.left.Load() > 0 }

// forget makes the shipper read the target's list again.
func (s *site) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.differs == "" {
		s.known, s.standby, s.caughtUp = false, true, time.Now()
		s.hold.Store(0)
	}
}

// found takes over what a look at the target has found.
func (s *site) found(f *finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archives, s.oldest, s.newest, s.takenAt = f.archives, f.oldest, f.newest, f.manifest.TakenAt
	s.base = later(s.base, s.takenAt)
	s.lastDrill, s.lastGoodDrill = f.lastDrill, f.lastGoodDrill
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// reached notes where the target's entries end, as its list says. Without an archive of the lineage it needs one.
func (s *site) reached(f *finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.standby, s.lineage, s.index, s.at = true, false, f.lineage, f.index, f.at
	s.needs = f.newest.Index == 0 || f.unclear
	if s.needs {
		s.hold.Store(holdNothing)
	} else {
		s.hold.Store(s.index)
	}
}

// shipped notes that the target has the entries of a segment.
func (s *site) shipped(g SegmentInfo) {
	s.segments.Add(1)
	s.bytes.Add(uint64(g.Object.Size))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.at = g.Last, g.To
	s.hold.Store(g.Last)
}

// caught notes that the target has all that there was at a moment.
func (s *site) caught(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caughtUp = at
}

// cut notes that entries are gone from the log. It reports whether that is news.
func (s *site) cut(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := !s.gap
	if news {
		s.gapSince = now
	}
	s.gap, s.needs, s.making = true, true, false
	s.hold.Store(holdNothing)
	return news
}

// writing notes that the archive is being written that the target needs. It may take minutes, so the shipper begins after it at
// once: the log need not keep all that comes meanwhile.
func (s *site) writing(lineage string, index uint64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.needs {
		s.making, s.known, s.lineage, s.index, s.at = true, true, lineage, index, at
		s.hold.Store(index)
	}
}

// archived notes a new archive. It reports whether that closed a gap.
func (s *site) archived(a ArchiveInfo, takenAt time.Time) (closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Object.Name != s.newest.Object.Name {
		s.archives++
	}
	if s.oldest.IsZero() {
		s.oldest = a.Time
	}
	s.newest, s.takenAt, s.base = a, takenAt, takenAt
	s.archiveErr, s.failures, s.retryAt = nil, 0, time.Time{}
	if !s.making && (s.needs || !s.known || s.lineage != a.Lineage) {
		s.known, s.lineage, s.index, s.at = true, a.Lineage, a.Index, a.Time
		s.hold.Store(a.Index)
	}
	closed = s.gap
	s.needs, s.gap, s.making = false, false, false
	return closed
}

// place is where the shipper goes on.
type place struct {
	known, needs bool
	differs      string
	lineage      string
	index        uint64
	at           time.Time
}

func (s *site) place() place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return place{s.known, s.needs && !s.making, s.differs, s.lineage, s.index, s.at}
}
