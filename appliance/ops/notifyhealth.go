package ops

import (
	"strings"
	"sync"
	"time"
)

// Alarms turns what the node finds about itself into messages: changes of health checks, of the books, and of the leader. A
// change of health must hold for a while before it is told, so that a check that flaps sends no flood. It is safe for
// concurrent use. Close ends it.
type Alarms struct {
	o AlarmsOptions

	mu     sync.Mutex
	checks map[string]*watched // guarded by mu, and so are its values
	leader string              // guarded by mu: the last that was seen
	closed bool                // guarded by mu
}

// AlarmsOptions configure Alarms.
type AlarmsOptions struct {
	Notify func(Message) // must not block, nor call back
	Hold   time.Duration // how long a change of health must hold; 0: 30 seconds
	// Speaks reports whether this node tells of its health. A change stays due until it does. nil: it always does. It must not
	// block.
	Speaks func() bool
}

// watched is what is known of one health check.
type watched struct {
	told, is Status
	detail   string
	timer    *time.Timer // tells that told is no longer so; nil: it is
	turn     int         // counts timers: a stopped one may have fired already
	// changes are the times of the changes told within the last hour. With each, the next one must hold twice as long.
	changes []time.Time
}

const (
	alarmHold     = 30 * time.Second
	mostDoublings = 5 // so that by default a change holds for 16 minutes at most
)

// NewAlarms makes an Alarms that takes every check as healthy.
func NewAlarms(o AlarmsOptions) *Alarms {
	if o.Hold == 0 {
		o.Hold = alarmHold
	}
	return &Alarms{o: o, checks: make(map[string]*watched)}
}

// HealthChanged takes the change of a check. It is for HealthOptions.Changed.
func (a *Alarms) HealthChanged(check string, _, is Status, detail string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	w := a.checks[check]
	if w == nil {
		w = &watched{told: Healthy}
		a.checks[check] = w
	}
	w.is, w.detail = is, detail
	switch {
	case w.is == w.told && w.timer != nil:
		w.timer.Stop()
		w.timer = nil
	case w.is != w.told && w.timer == nil:
		w.turn++
		turn := w.turn
		w.timer = time.AfterFunc(w.hold(a.o.Hold), func() { a.tellHealth(check, w, turn) })
	}
}

// hold is how long the next change must hold.
func (w *watched) hold(least time.Duration) time.Duration {
	for len(w.changes) > 0 && time.Since(w.changes[0]) > time.Hour {
		w.changes = w.changes[1:]
	}
	return least << min(len(w.changes), mostDoublings)
}

// tellHealth tells what has become of a check since told, unless its timer was stopped meanwhile.
func (a *Alarms) tellHealth(check string, w *watched, turn int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || w.timer == nil || w.turn != turn {
		return
	}
	if a.o.Speaks != nil && !a.o.Speaks() {
		w.timer = time.AfterFunc(a.o.Hold, func() { a.tellHealth(check, w, turn) })
		return
	}
	w.timer = nil
	w.told = w.is
	w.changes = append(w.changes, time.Now())
	m := Message{
		Topic: topicOf(check), Subject: check, Title: "health check " + check, Text: w.detail,
		Details: map[string]string{"check": check, "health": string(w.is)},
	}
	switch w.is {
	case Healthy:
		m.Status = StatusOK
	case Degraded:
		m.Status = StatusWarning
	default:
		m.Status = StatusAlarm
	}
	a.o.Notify(m)
}

// topicOf is the topic of a health check.
func topicOf(check string) Topic {
	switch check {
	case "disk_space":
		return TopicLowDisk
	case "certificate_expiry":
		return TopicCertificate
	case "clock":
		return TopicClock
	case "leader":
		return TopicLeader
	case "backup_drill":
		return TopicDrillFailed
	}
	if strings.HasPrefix(check, "backup") {
		return TopicBackupFailed
	}
	return TopicHealth
}

// BooksChanged takes whether the books and the open rounds agree, when that has changed. It is for EscrowOptions.Changed.
func (a *Alarms) BooksChanged(agree bool) {
	m := Message{Topic: TopicLedger, Title: "the books and the open rounds disagree about stakes", Status: StatusAlarm,
		Text: "Stop the casino, keep its data directory, and run 'imperio audit' on a copy."}
	if agree {
		m.Status, m.Title, m.Text = StatusOK, "the books and the open rounds agree again", ""
	}
	a.notify(m)
}

// LeaderSeen takes which node leads; "" if none does. Of a change only the new leader tells, so that each is told once. The
// first leader that a node sees is no change.
func (a *Alarms) LeaderSeen(leader string, leads bool) {
	if leader == "" {
		return // the health check tells it if that lasts
	}
	a.mu.Lock()
	before := a.leader
	a.leader = leader
	a.mu.Unlock()
	if before != "" && before != leader && leads {
		a.notify(Message{
			Topic: TopicLeader, Status: StatusWarning, Title: "another node leads", Text: leader + " leads now, and " + before + " did before.",
			Subject: leader, Details: map[string]string{"leader": leader, "before": before},
		})
	}
}

// Stopped tells that the node stops because something failed.
func (a *Alarms) Stopped() {
	a.notify(Message{
		Topic: TopicHealth, Status: StatusAlarm, Subject: "stopped", Title: "the casino stopped because a part failed",
		Text: "The last lines of its log say why. A supervisor such as systemd starts it again.",
	})
}

func (a *Alarms) notify(m Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.o.Notify(m)
	}
}

// Close ends it: nothing is told any more.
func (a *Alarms) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, w := range a.checks {
		if w.timer != nil {
			w.timer.Stop()
		}
	}
	return nil
}
