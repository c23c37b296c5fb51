package backup

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"filippo.io/age"

	"imperio/storage"
	"imperio/storage/machine"
)

// ErrCut says that entries are no longer in the log.
var ErrCut = errors.New("these entries are no longer in the log")

// Source is the running casino, as far as backups need it. All methods are safe for concurrent use.
type Source interface {
	// Leads reports whether this node leads and has applied all that was committed before. Only then it makes backups.
	Leads() bool
	// Position returns the machine's record, and the entry of the log after which it stands so.
	Position() (index, term uint64, r machine.Record, err error)
	// Entries visits applied entries of the log in order. The error wraps ErrCut if some are no longer in it.
	Entries(ctx context.Context, from, to uint64, visit func(storage.Entry) error) error
	Snapshot(ctx context.Context) (*storage.Snapshot, error)
	// EventHash is the hash of an event of the history; false if there is no such event.
	EventHash(event uint64) (hash [32]byte, ok bool, err error)
}

// ServiceOptions configure a Service. Zero means the default, or nothing, for all that have no other remark.
type ServiceOptions struct {
	Targets []Target // must be given; Close closes them
	Writing Writing  // of archives; segments are written faster. Progress is not used
	// Keys open the backups for drills: the house, where they are encrypted.
	Keys []age.Identity
	// Dir is the data directory. Drills restore into a directory in it.
	Dir string
	// Interval is how often new entries are shipped; default 5 s.
	Interval time.Duration
	// Archives and Drills say when they are made.
	Archives, Drills Schedule
	// OnDemand means that archives are made only when somebody asks, whatever a target needs.
	OnDemand bool
	// Keep says how long backups are kept; nil: nothing is ever deleted.
	Keep *Keep
	// Room returns an error that says what to do, if the data directory's disk would get short after so many more bytes.
	Room func(bytes int64) error
	// Audit proves a restored state: state.db in dir must be what the manifest says. It calls rest again and again, after some
	// milliseconds of work, which leaves the processor to bets. rest's error ends it.
	Audit func(ctx context.Context, dir string, m *Manifest, rest func() error) error
	// Report is told what the operator should hear of. It must not block.
	Report func(Report)
	Log    *slog.Logger
	// Patience is how long a target may do nothing before it counts as hung; default 2 min.
	Patience time.Duration
	// RetryFrom and RetryMost are the shortest and the longest wait after a failure; default 1 s and 5 min.
	RetryFrom, RetryMost time.Duration
	// Now is the wall clock, for schedules; nil: time.Now.
	Now func() time.Time
}

// Service makes backups of a running casino: it ships the log's entries, makes archives, and restores one for practice. Nothing
// that it does or waits for holds up a bet. Its methods are safe for concurrent use.
type Service struct {
	o     ServiceOptions
	sites []*site
	began time.Time
	wake  chan struct{} // the archiver has something to do

	mu          sync.Mutex
	run         RunStatus // guarded by mu: the archives that are made or were made last
	asked       bool      // guarded by mu: somebody asked for archives, and they are not begun
	drillAsked  bool      // guarded by mu
	drillWake   chan struct{}
	archiving   *Work       // guarded by mu
	drilling    *Work       // guarded by mu
	lastDrill   DrillResult // guarded by mu: zero: none by this process
	drillFrom   time.Time   // guarded by mu: the next drill is due after this; see drillBase
	drillRetry  time.Time   // guarded by mu: no drill before
	nextArchive time.Time   // guarded by mu
	nextDrill   time.Time   // guarded by mu
}

// NewService makes a service. It does nothing before Run, but Hold keeps the log.
func NewService(o ServiceOptions) *Service {
	setDefault(&o.Interval, 5*time.Second)
	setDefault(&o.Patience, 2*time.Minute)
	setDefault(&o.RetryFrom, time.Second)
	setDefault(&o.RetryMost, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Room == nil {
		o.Room = func(int64) error { return nil }
	}
	if o.Report == nil {
		o.Report = func(Report) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, began: o.Now(), wake: make(chan struct{}, 1), drillWake: make(chan struct{}, 1)}
	for _, t := range o.Targets {
		s.sites = append(s.sites, &site{target: t, caughtUp: time.Now(), wake: make(chan struct{}, 1)})
	}
	return s
}

func setDefault(v *time.Duration, to time.Duration) {
	if *v == 0 {
		*v = to
	}
}

// Run makes backups until ctx ends. It returns within seconds after that: what hangs in a target is left to the end of the
// process. It is called once.
func (s *Service) Run(ctx context.Context, source Source) {
	var running sync.WaitGroup
	for _, at := range s.sites {
		sh := &shipper{service: s, site: at, source: source}
		running.Go(func() { sh.run(ctx) })
	}
	running.Go(func() { (&archiver{service: s, source: source}).run(ctx) })
	running.Go(func() { (&driller{service: s, source: source}).run(ctx) })
	running.Wait()
}

// Finish ships what is left, after Run has returned and nobody bets any more. A target that does not take it until ctx ends gets
// it after the next start.
func (s *Service) Finish(ctx context.Context, source Source) {
	var shipping sync.WaitGroup
	for _, at := range s.sites {
		if at.place().known {
			x := &shipper{service: s, site: at, source: source}
			shipping.Go(func() {
				if err := x.ship(ctx); err != nil {
					s.o.Log.Warn("a target lacks the newest entries; the next start ships them", "target", at.target.String(), "error", err)
				}
			})
		}
	}
	shipping.Wait()
}

// Close lets go of the targets, after Run. It does not wait for a target that hangs.
func (s *Service) Close() error {
	var errs []error
	for _, at := range s.sites {
		if !at.isStuck() {
			errs = append(errs, at.target.Close())
		}
	}
	return errors.Join(errs...)
}

// Hold is the newest entry that all targets have: the log must keep those above it. It costs nothing, and waits for nothing.
func (s *Service) Hold() uint64 {
	lowest := uint64(math.MaxUint64)
	for _, at := range s.sites {
		lowest = min(lowest, at.hold.Load())
	}
	return lowest
}

// ErrRunning says that the work that was asked for is under way already.
var ErrRunning = errors.New("it is under way already")

// StartArchives begins an archive in each target, and returns the number of the run, which Status tells the outcome of. The
// error is ErrRunning while archives are being made.
func (s *Service) StartArchives() (run uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked || s.archiving != nil {
		return 0, ErrRunning
	}
	s.asked = true
	nudge(s.wake)
	return s.run.Number + 1, nil
}

// StartDrill begins a drill. The error is ErrRunning while one is under way.
func (s *Service) StartDrill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drillAsked || s.drilling != nil {
		return ErrRunning
	}
	s.drillAsked = true
	nudge(s.drillWake)
	return nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ReportKind is what a report is about.
type ReportKind string

// The kinds of reports.
const (
	ArchiveMade    ReportKind = "backup_made"
	ArchiveFailed  ReportKind = "backup_failed"
	TargetFailing  ReportKind = "backup_target_failing"
	TargetWorks    ReportKind = "backup_target_works"
	GapBegun       ReportKind = "backup_gap"
	GapClosed      ReportKind = "backup_gap_closed"
	HistoryDiffers ReportKind = "backup_history_differs"
	DrillPassed    ReportKind = "backup_drill_passed"
	DrillFailed    ReportKind = "backup_drill_failed"
)

// Report is something that the operator should hear of.
type Report struct {
	Kind   ReportKind
	Target string // what it is about, as Target.String names it
	Text   string // for people: what happened, and what to do
}

// pause waits, and reports false if ctx ends first.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-t.C:
	}
	return ctx.Err() == nil
}
