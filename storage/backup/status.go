package backup

import "time"

// Status is what the service does, and how it stands. It is for health checks, metrics and operators.
type Status struct {
	Targets     []TargetStatus
	Running     []Work
	Run         RunStatus   // the archives that are made now, or were made last
	NextArchive time.Time   // zero: none is scheduled
	NextDrill   time.Time   // zero: none is scheduled
	LastDrill   DrillResult // by this process; At is zero if there was none
	// LastGoodDrill is when an archive was last restored and found right, by any process; zero: never.
	LastGoodDrill time.Time
	// DrillFailed means that the last drill in some target found that a backup is not right, or could not be made.
	DrillFailed bool
	// DrillDue is when there should have been a good drill at the latest: two intervals after the last good one. Zero: never.
	DrillDue time.Time
}

// State says how a target stands.
type State string

// The states of targets.
const (
	Connecting State = "connecting" // it has not answered yet
	Shipping   State = "shipping"   // all is well
	Failing    State = "failing"    // it can't be written or read; it is tried again
	Gap        State = "gap"        // entries are missing, until the next archive is made
	NoArchive  State = "no-archive" // the first archive of the lineage is not made yet
	Differs    State = "differs"    // it holds another continuation of the casino: nothing is written to it
	Standby    State = "standby"    // another node leads, and ships
)

// TargetStatus is how a target stands. Index and Time tell up to where everything is in it.
type TargetStatus struct {
	Name     string
	State    State
	Lineage  string
	Index    uint64
	Time     time.Time     // the casino's
	Lag      time.Duration // the newest that happened so long ago may be missing; 0 with nothing new
	Error    string        // of the last attempt; empty: it worked
	Since    time.Time     // since when attempts fail
	Gap      bool          // entries before the next archive are missing
	GapSince time.Time     // when that was noticed
	Differs  string        // why its history is not the casino's own; empty: it is

	Archives        int
	Oldest          time.Time // the casino's time from which on something can be restored; zero: nothing
	Newest          string    // the name of the newest archive; empty: there is none
	NewestTime      time.Time // the casino's time in it
	NewestIndex     uint64
	NewestBytes     int64
	NewestMade      time.Time // by the wall clock
	ArchiveDue      time.Time // when the next archive is due; zero: no schedule
	ArchiveError    string    // of the last attempt to make an archive; empty: it worked
	LastDrill       time.Time // as its records in the target say, as does the next
	LastGoodDrill   time.Time
	ShippedBytes    uint64 // since the start, as are the next two
	ShippedSegments uint64
	Errors          uint64
}

// Work is what is under way.
type Work struct {
	What        string // "archive" or "drill"
	Target      string
	Began       time.Time
	Done, Total int64 // bytes of the state; Total is 0 while it is not known
}

// RunStatus is a run of the archiver over targets.
type RunStatus struct {
	Number   uint64 // 1 is the first of this process; 0: there was none
	Asked    bool   // an operator asked for it
	Started  time.Time
	Finished time.Time // zero: it goes on
	Results  []ArchiveResult
}

// ArchiveResult is what became of an archive.
type ArchiveResult struct {
	Target    string
	Error     string // empty: it was made
	Name      string
	Bytes     int64
	Index     uint64
	Time      time.Time // the casino's, in it
	Took      time.Duration
	Unchanged bool // it was there already, and nothing has happened since
}

// Status returns how the service stands. It waits for nothing.
func (s *Service) Status() Status {
	s.mu.Lock()
	v := Status{Run: s.run, NextArchive: s.nextArchive, NextDrill: s.nextDrill, LastDrill: s.lastDrill}
	v.Run.Results = append([]ArchiveResult(nil), s.run.Results...)
	for _, w := range []*Work{s.archiving, s.drilling} {
		if w != nil {
			v.Running = append(v.Running, *w)
		}
	}
	s.mu.Unlock()
	first := s.began
	v.DrillFailed = !v.LastDrill.At.IsZero() && !v.LastDrill.OK
	for _, at := range s.sites {
		t := at.status()
		v.DrillFailed = v.DrillFailed || t.LastDrill.After(t.LastGoodDrill)
		t.ArchiveDue = s.o.Archives.Next(t.NewestMade)
		if t.NewestMade.IsZero() {
			t.ArchiveDue = s.began
		}
		if t.LastGoodDrill.After(v.LastGoodDrill) {
			v.LastGoodDrill = t.LastGoodDrill
		}
		if !t.Oldest.IsZero() && t.Oldest.Before(first) {
			first = t.Oldest
		}
		v.Targets = append(v.Targets, t)
	}
	base := v.LastGoodDrill
	if base.IsZero() {
		base = first
	}
	if due := s.o.Drills.Next(base); !due.IsZero() {
		v.DrillDue = s.o.Drills.Next(due)
	}
	return v
}

func (s *site) status() TargetStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := TargetStatus{
		Name: s.target.String(), Lineage: s.lineage, Index: s.index, Time: s.at, Since: s.since, Gap: s.gap, GapSince: s.gapSince, Differs: s.differs,
		Archives: s.archives, Oldest: s.oldest, Newest: s.newest.Object.Name, NewestTime: s.newest.Time, NewestIndex: s.newest.Index,
		NewestBytes: s.newest.Object.Size, NewestMade: s.takenAt, LastDrill: s.lastDrill, LastGoodDrill: s.lastGoodDrill,
		ShippedBytes: s.bytes.Load(), ShippedSegments: s.segments.Load(), Errors: s.errors.Load(),
		Lag: time.Since(s.caughtUp), State: Shipping,
	}
	if s.err != nil {
		t.Error = s.err.Error()
	}
	if s.archiveErr != nil {
		t.ArchiveError = s.archiveErr.Error()
	}
	if !s.gap {
		t.GapSince = time.Time{}
	}
	switch {
	case s.differs != "":
		t.State = Differs
	case s.standby:
		t.State, t.Lag = Standby, 0
	case s.gap:
		t.State = Gap
	case s.err != nil:
		t.State = Failing
	case !s.known:
		t.State = Connecting
	case s.needs:
		t.State = NoArchive
	}
	return t
}
