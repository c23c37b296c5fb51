package replication

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Clock reads the clocks of the machine that the node runs on. Its methods may be called from any goroutine.
type Clock interface {
	// Read must be quick: it is called for each entry of the log and each request.
	Read() Reading
	// Slept is how long the machine was suspended, in all. 0 where the system doesn't say.
	Slept() time.Duration
	// Synchronized reports whether something, NTP for example, keeps the wall clock right. known is false where the system
	// doesn't say.
	Synchronized() (yes, known bool)
}

// Reading is what a machine's clocks show at one moment.
type Reading struct {
	// Wall is the time of day. It can be set, wrongly too.
	Wall time.Time
	// Steady is the time since some moment in the past. Nobody sets it. It stops while the machine is suspended.
	Steady time.Duration
}

// maxLead is how far the wall clock may be ahead of where it should be before the node stops believing it.
const maxLead = 24 * time.Hour

// noticeable is the smallest step of the wall clock that is reported.
const noticeable = 2 * time.Second

// earliest is a time at which this program did not exist yet. A clock that shows an earlier one is behind.
var earliest = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// timekeeper keeps the casino's time on this node. A leader stamps the entries of the log with it.
//
// The rules, in the order in which advance applies them:
//
//   - The casino's time never goes back. A start takes it from the wall clock or the newest entry, whichever is later.
//   - From then on it runs by the steady clock.
//   - While the wall clock is behind, it runs at half pace until the two meet.
//   - When the wall clock is ahead by up to maxLead, it follows at once: that is a step of NTP, or the machine was suspended.
//     "Ahead" is counted from where the wall clock should be: from what the start believed, and the time since then. So
//     several steps together get no further than one.
//   - When the wall clock is further ahead, it is not believed, and no entry is stamped. That ends when somebody sets the
//     clock right, or with a restart.
//   - A start may find the clock behind: behind the newest entry without being synchronized, or not synchronized yet.
//     Then the first correction is believed, however large: in the second case the one that comes with synchronization.
type timekeeper struct {
	source Clock
	log    *slog.Logger

	mu    sync.Mutex // guards all below
	last  Reading
	slept time.Duration // what Slept said last
	now   time.Time     // the casino's time at the last reading
	due   time.Time     // where the wall clock should be
	leap  time.Duration // how far it is ahead of that, while it is not believed; else 0

	led            bool // this node has led since the start
	behind         bool // the first term began with a wall clock behind the newest entry, and it has been since
	unsynchronized bool // nothing kept the wall clock right at the start, nor since

	step      time.Duration // the last noticeable step of the wall clock
	steppedAt time.Duration // by the steady clock
	stepped   bool
	told      clockState
}

// clockState is what was logged last.
type clockState uint8

const (
	clockRight clockState = iota
	clockBehind
	clockUnbelieved
)

// ClockStatus says how this machine's wall clock stands to the casino's time.
type ClockStatus struct {
	Time time.Time // the casino's
	Wall time.Time // this machine's

	Behind time.Duration // how far the wall clock is behind the casino's time, if that is noticeable; else 0
	Leap   time.Duration // how far it is ahead of where it should be, if so far that no command is taken; else 0
	Step   time.Duration // its last noticeable step, suspensions included; 0: there was none
	Ago    time.Duration // how long ago that step was
}

// startClock begins to keep time. It believes the wall clock.
func startClock(c Clock, log *slog.Logger) *timekeeper {
	r := c.Read()
	yes, known := c.Synchronized()
	k := &timekeeper{source: c, log: log, last: r, slept: c.Slept(), now: r.Wall, due: r.Wall, unsynchronized: known && !yes}
	k.catchUp(earliest)
	return k
}

// saw takes note of a committed entry's time. It is ahead of this node's when another leader stamped it.
func (k *timekeeper) saw(t time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.catchUp(t)
}

func (k *timekeeper) catchUp(t time.Time) {
	if t.After(k.now) {
		k.now = t
	}
	if t.After(k.due) {
		k.due = t
	}
}

// lead begins a term as leader. The caller has passed the newest entry's time to saw.
func (k *timekeeper) lead() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.advance()
	if k.led || !k.last.Wall.Before(k.now) {
		k.led = true
		return
	}
	k.led = true
	if yes, known := k.source.Synchronized(); known && yes {
		k.due = k.last.Wall // it is right: the newest entry was stamped by a clock that was ahead
	} else {
		k.behind = true
	}
}

// stamp returns the time for an entry that is sent now, to the millisecond. It fails while the wall clock is not believed.
func (k *timekeeper) stamp() (time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.advance()
	if k.leap > 0 {
		return time.Time{}, leapError(k.leap)
	}
	return k.now.Truncate(time.Millisecond), nil
}

func leapError(leap time.Duration) error {
	return fmt.Errorf("this machine's clock is %v ahead of where it should be by the time that has passed. "+
		"Set it right; if it is right now, restart the casino", leap.Round(time.Second))
}

// status reads the clocks and says how they stand.
func (k *timekeeper) status() ClockStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.advance()
	return k.describe()
}

func (k *timekeeper) describe() ClockStatus {
	s := ClockStatus{Time: k.now, Wall: k.last.Wall, Leap: k.leap}
	if behind := k.now.Sub(k.last.Wall); behind >= noticeable {
		s.Behind = behind
	}
	if k.stepped {
		s.Step, s.Ago = k.step, k.last.Steady-k.steppedAt
	}
	return s
}

// time returns the casino's time now.
func (k *timekeeper) time() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.advance()
	return k.now
}

// look is status that also notices when the wall clock becomes synchronized.
func (k *timekeeper) look() ClockStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	synchronized := false
	if k.unsynchronized {
		synchronized, _ = k.source.Synchronized() // before the clocks are read, so that they show the step that came with it
	}
	k.advance()
	if synchronized {
		k.unsynchronized = false
	}
	return k.describe()
}

// advance reads the clocks and moves the casino's time on. It is called with mu held.
func (k *timekeeper) advance() {
	r := k.source.Read()
	ran := max(r.Steady-k.last.Steady, 0)
	k.due = k.due.Add(ran)
	if step := r.Wall.Sub(k.last.Wall) - ran; step.Abs() >= noticeable {
		k.stepped, k.step, k.steppedAt = true, step, r.Steady
		slept := k.source.Slept()
		if d := slept - k.slept; d <= maxLead { // after a longer sleep somebody has to look at the clock
			k.due = k.due.Add(d)
		}
		k.slept = slept
	}
	k.last = r

	k.leap = 0
	if ahead := r.Wall.Sub(k.due); ahead > maxLead {
		if !k.behind && !k.synchronizedNow() {
			k.leap = ahead
			k.now = k.now.Add(ran)
			return
		}
		k.due = r.Wall // the correction that was waited for
	}
	if k.now = k.now.Add(ran / 2); !r.Wall.Before(k.now) {
		k.now, k.behind = r.Wall, false
	}
}

// synchronizedNow reports whether the wall clock has just become synchronized.
func (k *timekeeper) synchronizedNow() bool {
	if !k.unsynchronized {
		return false
	}
	yes, _ := k.source.Synchronized()
	k.unsynchronized = !yes
	return yes
}

// Now is the casino's time: what an entry of the log would be stamped with now.
func (n *Node) Now() time.Time { return n.clock.time() }

// watchClock reads the clocks each second, so that a step is noticed even if nobody bets, and logs it. A leader whose clock is
// not believed takes no commands, so it lets another member lead.
func (n *Node) watchClock() {
	n.every(time.Second, func() {
		n.clock.tell()
		if n.clock.status().Leap > 0 && n.Leads() && n.voters() > 1 {
			if err := n.transfer(""); err != nil {
				n.logger.Warn("this machine's clock is not believed, and leadership could not be handed over", "error", err)
			}
		}
	})
}

// tell logs when the wall clock becomes wrong, and when it is right again.
func (k *timekeeper) tell() {
	s := k.look()
	is := clockRight
	switch {
	case s.Leap > 0:
		is = clockUnbelieved
	case s.Behind > 0:
		is = clockBehind
	}
	if is == k.told {
		return
	}
	k.told = is
	switch is {
	case clockUnbelieved:
		k.log.Error("no commands are taken", "error", leapError(s.Leap))
	case clockBehind:
		k.log.Warn("this machine's clock is behind the casino's time, which goes on at half pace until the two meet. Check time synchronization",
			"clock", s.Wall, "time", s.Time)
	case clockRight:
		k.log.Info("this machine's clock and the casino's time agree", "time", s.Time)
	}
}
