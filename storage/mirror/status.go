package mirror

import (
	"sync"
	"time"
)

// State says how the mirror stands.
type State string

// The states of a mirror.
const (
	Connecting  State = "connecting"   // it was not reached yet
	CatchingUp  State = "catching-up"  // it is written, and lacks events
	Following   State = "following"    // it has all, or all but the newest
	Failing     State = "failing"      // it can't be reached or written; it is tried again
	OtherCasino State = "other-casino" // it holds another history: nothing is written to it
	Standby     State = "standby"      // another node leads, and mirrors
)

// Status is how the mirror stands.
type Status struct {
	Database string // host, port and name, without a password
	Schema   string
	State    State
	Error    string    // of the last attempt, in words; "": it worked
	Since    time.Time // since when attempts fail; zero: they don't
	Event    uint64    // the newest event that is in the tables; 0: none, or not known
	Time     time.Time // when it happened, by the casino's time
	Accounts uint64    // the event after which the accounts stand so
	Head     uint64    // the newest event of the casino
	// Lag is how long ago the mirror had all that there was; 0 if it has all.
	Lag time.Duration
	// Since the start of the process:
	Events, Rows, Batches, Errors uint64
}

// progress is what the loop notes of its work.
type progress struct {
	mu        sync.Mutex
	s         Status    // guarded by mu
	caughtUp  time.Time // guarded by mu: the mirror had all that there was then
	seenHead  uint64    // guarded by mu: the newest event at seenAt
	seenAt    time.Time // guarded by mu
	everKnown bool      // guarded by mu: s.Event is known
}

// look is the status at a time.
func (p *progress) look(head uint64, now time.Time) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notice(head, now)
	s := p.s
	s.Head = head
	if s.State != Standby && (!p.everKnown || s.Event != head) {
		s.Lag = now.Sub(p.caughtUp)
	}
	if s.State == Following && s.Lag > followingLag {
		s.State = CatchingUp
	}
	return s
}

// followingLag is the most that a mirror lags behind while it follows.
const followingLag = 15 * time.Second

// notice remembers where the history ended at a time, to know later how late the mirror is.
func (p *progress) notice(head uint64, now time.Time) {
	if p.seenAt.IsZero() || p.s.Event >= p.seenHead && p.everKnown {
		if !p.seenAt.IsZero() {
			p.caughtUp = p.seenAt
		}
		p.seenHead, p.seenAt = head, now
	}
	if p.everKnown && p.s.Event >= head {
		p.caughtUp = now
	}
}

// reached notes the mirror's position.
func (p *progress) reached(at position, b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Event, p.s.Time, p.s.Accounts, p.everKnown = at.event, at.time, at.accounts, true
	p.s.State, p.s.Error, p.s.Since = Following, "", time.Time{}
	if b != nil {
		p.s.Batches++
		p.s.Events += b.events
		p.s.Rows += b.rows
	}
}

// failed notes a failure. It reports whether that is news.
func (p *progress) failed(state State, err error, now time.Time) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = p.s.State != state || p.s.Error != err.Error()
	p.s.State, p.s.Error = state, err.Error()
	if p.s.Since.IsZero() {
		p.s.Since = now
	}
	p.s.Errors++
	return news
}

// standBy notes that another node mirrors.
func (p *progress) standBy(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.State, p.s.Error, p.s.Since = Standby, "", time.Time{}
	p.caughtUp, p.seenAt = now, time.Time{}
}
