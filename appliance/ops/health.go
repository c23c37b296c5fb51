package ops

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"
)

// Status is the health of a check, or of the node.
type Status string

// The three states. A degraded node serves, but needs attention; an unhealthy one should get no requests.
const (
	Healthy   Status = "healthy"
	Degraded  Status = "degraded"
	Unhealthy Status = "unhealthy"
)

func (s Status) rank() int {
	switch s {
	case Healthy:
		return 0
	case Degraded:
		return 1
	}
	return 2
}

// Result is what a check found. Anyone who can reach the node can read it: no secrets, no paths.
type Result struct {
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"` // one line for people
}

// healthy, degraded and unhealthy make a Result with a formatted detail.
func healthy(format string, args ...any) Result { return Result{Healthy, fmt.Sprintf(format, args...)} }
func degraded(format string, args ...any) Result {
	return Result{Degraded, fmt.Sprintf(format, args...)}
}
func unhealthy(format string, args ...any) Result {
	return Result{Unhealthy, fmt.Sprintf(format, args...)}
}

// Check is one question about the node's health.
type Check struct {
	Name string // as in /health/ready/{check}: snake_case
	// Run answers the question, and should give up when ctx ends. It is called from one goroutine at a time. ok is false
	// while the question doesn't apply, e.g. the age of backups before the first one.
	Run func(ctx context.Context) (r Result, ok bool)
}

// Health runs checks and caches their answers for a moment, so that any number of probes costs little. A check that
// doesn't answer in time is unhealthy, and isn't asked again until it has answered. Health is safe for concurrent use.
// Close ends it.
type Health struct {
	o      HealthOptions
	ctx    context.Context
	cancel context.CancelFunc
	asking sync.WaitGroup

	mu     sync.Mutex
	checks map[string]*asked // guarded by mu, and so are its values
	closed bool
	// stopping means that requests should go to other nodes. Checks still run.
	stopping bool
}

// HealthOptions configure a Health.
type HealthOptions struct {
	Version string
	// Progress returns the applied index and the head of the history as hex; nil: reports have neither.
	Progress func() (appliedIndex uint64, historyHead string)
	// Fresh is how long an answer is cached; 0: a second. Patience is how long a check may take; 0: 2 seconds.
	Fresh, Patience time.Duration
	Every           time.Duration // how often Run runs all checks; 0: 15 seconds
	Log             *slog.Logger  // gets a line when a check's status changes; nil: none
	// Changed is called when a check's status changes; nil: nobody cares. It must not block, nor call back.
	Changed func(check string, was, is Status, detail string)
	Now     func() time.Time
}

// asked is a check and its latest answer.
type asked struct {
	check   Check
	pending chan struct{} // closed when the running question is answered; nil: none is running
	since   time.Time     // when the running question was asked, by the real clock
	result  Result
	ok      bool
	at      time.Time // of the answer; zero: never
	told    Status    // last logged
}

// NewHealth makes a Health without checks.
func NewHealth(o HealthOptions) *Health {
	if o.Fresh == 0 {
		o.Fresh = time.Second
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Second
	}
	if o.Every == 0 {
		o.Every = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Health{o: o, checks: make(map[string]*asked)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Run runs all checks at an interval until ctx ends, so that the log shows changes even if nobody probes.
func (h *Health) Run(ctx context.Context) {
	every(ctx, h.o.Every, func() { h.Report() })
}

// Add adds a check. It panics if there is one of this name.
func (h *Health) Add(c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, twice := h.checks[c.Name]; twice {
		panic("ops: two health checks are called " + c.Name)
	}
	h.checks[c.Name] = &asked{check: c, told: Healthy}
}

// Stop makes the node unhealthy, whatever its checks say: it finishes running requests and should get no new ones.
func (h *Health) Stop() {
	h.mu.Lock()
	h.stopping = true
	h.mu.Unlock()
}

// Close cancels running checks and waits for them.
func (h *Health) Close() error {
	h.mu.Lock()
	h.closed, h.stopping = true, true
	h.mu.Unlock()
	h.cancel()
	h.asking.Wait()
	return nil
}

// Report is the health of the node: the worst of its checks.
type Report struct {
	Status       Status            `json:"status"`
	Checks       map[string]Result `json:"checks"`
	Version      string            `json:"version"`
	AppliedIndex uint64            `json:"applied_index"`
	HistoryHead  string            `json:"history_head"`
}

// Report runs all checks at the same time, and waits at most as long as one check may take.
func (h *Health) Report() Report {
	r := Report{Status: Healthy, Checks: make(map[string]Result), Version: h.o.Version}
	for _, name := range h.names() {
		h.ask(name)
	}
	for _, name := range h.names() {
		if result, ok := h.answer(name); ok {
			r.Checks[name] = result
			if result.Status.rank() > r.Status.rank() {
				r.Status = result.Status
			}
		}
	}
	h.mu.Lock()
	if h.stopping {
		r.Status = Unhealthy
	}
	h.mu.Unlock()
	if h.o.Progress != nil {
		r.AppliedIndex, r.HistoryHead = h.o.Progress()
	}
	return r
}

// One runs one check. ok is false if there is none of this name, or its question doesn't apply.
func (h *Health) One(name string) (r Result, ok bool) {
	h.ask(name)
	return h.answer(name)
}

func (h *Health) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := make([]string, 0, len(h.checks))
	for name := range h.checks {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// ask starts a check, unless its answer is fresh or it is already running.
func (h *Health) ask(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.checks[name]
	if a == nil || h.closed || a.pending != nil || (!a.at.IsZero() && h.o.Now().Sub(a.at) < h.o.Fresh) {
		return
	}
	a.pending, a.since = make(chan struct{}), time.Now()
	h.asking.Go(func() {
		ctx, cancel := context.WithTimeout(h.ctx, h.o.Patience)
		defer cancel()
		result, ok := a.check.Run(ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		a.result, a.ok, a.at = result, ok, h.o.Now()
		close(a.pending)
		a.pending = nil
		if ok {
			h.tell(a, result)
		}
	})
}

// answer waits for the running check, until the check's patience is over. All checks start at the same time, so waiting
// for one after the other takes no longer than the slowest.
func (h *Health) answer(name string) (Result, bool) {
	h.mu.Lock()
	a := h.checks[name]
	if a == nil {
		h.mu.Unlock()
		return Result{}, false
	}
	pending := a.pending
	left := h.o.Patience - time.Since(a.since)
	h.mu.Unlock()
	if pending != nil && left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-pending:
		case <-timer.C:
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.pending != nil && a.pending == pending {
		late := unhealthy("no answer in %s", h.o.Patience)
		h.tell(a, late)
		return late, true
	}
	return a.result, a.ok
}

// tell logs when a check's status changes, and hands that on. mu is held.
func (h *Health) tell(a *asked, r Result) {
	if a.told == r.Status {
		return
	}
	level := slog.LevelWarn
	if r.Status == Healthy {
		level = slog.LevelInfo
	} else if r.Status == Unhealthy {
		level = slog.LevelError
	}
	h.o.Log.Log(h.ctx, level, "health changed", "check", a.check.Name, "status", string(r.Status), "was", string(a.told), "detail", r.Detail)
	if h.o.Changed != nil {
		h.o.Changed(a.check.Name, a.told, r.Status, r.Detail)
	}
	a.told = r.Status
}
