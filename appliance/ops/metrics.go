package ops

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"imperio/games"
)

// Metrics are the node's metrics, in a registry of their own. Events are counted by methods, which return at once and are
// safe for concurrent use. State is read from Sources at each scrape. Every label has a bounded set of values: routes are
// patterns, and nothing that a client sends becomes a label.
type Metrics struct {
	registry *prometheus.Registry
	rules    map[string]string // rules → game, of the known ones

	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	bytes     *prometheus.CounterVec
	limits    *prometheus.CounterVec
	refused   *prometheus.CounterVec
	gaveWay   *prometheus.CounterVec
	opened    prometheus.Gauge
	panics    prometheus.Counter
	signIns   *prometheus.CounterVec
	rounds    *prometheus.CounterVec
	staked    *prometheus.CounterVec
	paid      *prometheus.CounterVec
	syncs     prometheus.Histogram
	commands  prometheus.Histogram
	applies   prometheus.Histogram
	backups   *prometheus.CounterVec
	notified  *prometheus.CounterVec

	mu     sync.RWMutex
	series map[series]*routeMetrics // guarded by mu
	routes map[string]bool          // guarded by mu: those that have series, at most maxRoutes
}

// series are the labels of a request's metrics.
type series struct {
	route, method string
	status        int
}

// routeMetrics are the metrics of a series, looked up once.
type routeMetrics struct {
	count    prometheus.Counter
	duration prometheus.Observer
	bytes    prometheus.Counter
}

// maxRoutes bounds the label route, in case a handler ever passes something other than a pattern.
const maxRoutes = 256

// latencies are buckets from half a millisecond to ten seconds, denser around the goal of 15 ms.
var latencies = []float64{.0005, .001, .002, .003, .005, .0075, .01, .015, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewMetrics makes the registry and registers everything.
func NewMetrics(s Sources) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), rules: make(map[string]string), series: make(map[series]*routeMetrics), routes: make(map[string]bool),

		requests: counters("imperio_http_requests_total", "Requests answered, by route, method and status.", "route", "method", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imperio_http_request_duration_seconds", Help: "Time from a request's header to the end of its answer, by route. WebSockets are left out.", Buckets: latencies,
		}, []string{"route"}),
		bytes:   counters("imperio_http_response_bytes_total", "Bytes of answers' bodies as sent, by route.", "route"),
		limits:  counters("imperio_limiter_decisions_total", "Requests that a limit counted, by zone, by what was counted (address or account), and decision.", "zone", "by", "decision"),
		refused: counters("imperio_http_connections_refused_total", "Connections refused, by reason: the total cap, the cap per address, or a missing PROXY header.", "reason"),
		gaveWay: counters("imperio_http_connections_gave_way_total", "Idle connections closed in favour of new ones, by reason: the total is nearly full, or the address is at its cap.", "reason"),
		opened:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "imperio_http_connections", Help: "Open connections of clients."}),
		panics:  prometheus.NewCounter(prometheus.CounterOpts{Name: "imperio_http_panics_total", Help: "Panics of handlers. Each is a bug."}),

		signIns: counters("imperio_sign_ins_total", "Sign-in attempts, by result.", "result"),
		rounds:  counters("imperio_rounds_settled_total", "Rounds settled through this node since it started, by game and rules.", "game", "rules"),
		staked:  counters("imperio_round_stakes_coins_total", "Coins staked in those rounds, by game and rules.", "game", "rules"),
		paid:    counters("imperio_round_payouts_coins_total", "Coins paid out in those rounds, by game and rules.", "game", "rules"),

		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imperio_log_sync_duration_seconds", Help: "Time to write and sync a batch to the log.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}),
		commands: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imperio_log_entry_commands", Help: "Commands in an entry of the log; they are written and synced together.", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		applies: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imperio_apply_duration_seconds", Help: "Time to apply a batch to the state in memory.",
			Buckets: []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1},
		}),
		backups:  counters("imperio_backups_total", "Backups made or tried by this node since it started, by result.", "result"),
		notified: counters("imperio_notifications_total", "Notifications since the node started, one for each destination, by kind of destination and result: sent, failed, dropped or repeated.", "kind", "result"),
	}
	for rules := range s.Returns {
		m.rules[rules] = games.NameOf(rules)
	}
	m.registry.MustRegister(
		m.requests, m.durations, m.bytes, m.limits, m.refused, m.gaveWay, m.opened, m.panics, m.signIns, m.rounds, m.staked, m.paid,
		m.syncs, m.commands, m.applies, m.backups, m.notified, newState(s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	// Counters that alerts use start at 0, so that their first increase is seen.
	for _, result := range [...]string{"ok", "failed"} {
		m.backups.WithLabelValues(result)
	}
	for _, kind := range notifyKinds {
		for _, result := range notifyResults {
			m.notified.WithLabelValues(kind, result)
		}
	}
	for _, reason := range [...]string{"total", "address", "proxy_header"} {
		m.refused.WithLabelValues(reason)
	}
	for _, reason := range [...]string{"total", "address"} {
		m.gaveWay.WithLabelValues(reason)
	}
	for _, result := range signInResults {
		m.signIns.WithLabelValues(result)
	}
	return m
}

// RequestDone counts an answered request. route must be a pattern.
func (m *Metrics) RequestDone(route, method string, status int, took time.Duration, bytes int64) {
	key := series{route, method, status}
	m.mu.RLock()
	found := m.series[key]
	m.mu.RUnlock()
	if found == nil {
		found = m.addSeries(key)
	}
	found.count.Inc()
	if status != http.StatusSwitchingProtocols { // a WebSocket's request ends hours later
		found.duration.Observe(took.Seconds())
	}
	found.bytes.Add(float64(bytes))
}

func (m *Metrics) addSeries(key series) *routeMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	label := key.route
	if !m.routes[label] && len(m.routes) >= maxRoutes {
		label = "other"
	}
	m.routes[label] = true
	status := "other"
	if key.status >= 100 && key.status <= 599 {
		status = strconv.Itoa(key.status)
	}
	r := &routeMetrics{
		count: m.requests.WithLabelValues(label, key.method, status), duration: m.durations.WithLabelValues(label), bytes: m.bytes.WithLabelValues(label),
	}
	if len(m.series) < 16*maxRoutes {
		m.series[key] = r
	}
	return r
}

// LimitDecision counts a decision of a limit.
func (m *Metrics) LimitDecision(zone, by string, allowed bool) {
	decision := "allowed"
	if !allowed {
		decision = "refused"
	}
	m.limits.WithLabelValues(zone, by, decision).Inc()
	if zone == signInZone && !allowed {
		m.SignIn("rate_limited") // the limit refused it
	}
}

// signInZone is the limit on requests to sign in.
const signInZone = "sign-in"

// ConnectionOpened counts a connection in.
func (m *Metrics) ConnectionOpened() { m.opened.Inc() }

// ConnectionClosed counts a connection out.
func (m *Metrics) ConnectionClosed() { m.opened.Dec() }

// ConnectionRefused counts a connection that was refused, by reason.
func (m *Metrics) ConnectionRefused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// ConnectionGaveWay counts an idle connection that was closed in favour of a new one, by reason.
func (m *Metrics) ConnectionGaveWay(reason string) { m.gaveWay.WithLabelValues(reason).Inc() }

// Panicked counts a panic of a handler.
func (m *Metrics) Panicked() { m.panics.Inc() }

// signInResults are the values of the label result: "ok", or the code of the refusal.
var signInResults = [...]string{"ok", "invalid_credentials", "sign_in_throttled", "account_locked", "excluded", "rate_limited", "busy", "other"}

// SignIn counts an attempt to sign in, by the code of its refusal; "" means success.
func (m *Metrics) SignIn(code string) {
	if code == "" {
		code = "ok"
	}
	for _, known := range signInResults {
		if code == known {
			m.signIns.WithLabelValues(code).Inc()
			return
		}
	}
	m.signIns.WithLabelValues("other").Inc()
}

// RoundSettled counts a round once, when it is settled. Don't call it for replayed answers.
func (m *Metrics) RoundSettled(rules string, staked, paid int64) {
	game, known := m.rules[rules]
	if !known {
		game, rules = "other", "other"
	}
	m.rounds.WithLabelValues(game, rules).Inc()
	m.staked.WithLabelValues(game, rules).Add(float64(max(0, staked)))
	m.paid.WithLabelValues(game, rules).Add(float64(max(0, paid)))
}

// LogSynced records a durable write of the log, and how long it took.
func (m *Metrics) LogSynced(took time.Duration) { m.syncs.Observe(took.Seconds()) }

// LogGathered records the number of commands in one log entry.
func (m *Metrics) LogGathered(commands int) { m.commands.Observe(float64(commands)) }

// Applied records a batch that the machine applied.
func (m *Metrics) Applied(_ int, took time.Duration) { m.applies.Observe(took.Seconds()) }

// BackupDone counts a backup that was made, or failed.
func (m *Metrics) BackupDone(err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.backups.WithLabelValues(result).Inc()
}

// NotificationDone counts what became of a message to one destination. It is for NotifierOptions.Observe.
func (m *Metrics) NotificationDone(kind, result string) {
	m.notified.WithLabelValues(kind, result).Inc()
}
