package ops

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/storage/command"
)

// observer is the edge's interface for observers; Metrics must implement it.
type observer interface {
	RequestDone(route, method string, status int, took time.Duration, bytes int64)
	LimitDecision(zone, by string, allowed bool)
	ConnectionOpened()
	ConnectionClosed()
	ConnectionRefused(reason string)
	Panicked()
}

var _ observer = (*Metrics)(nil)

// allSources has all sources, so that every metric is exported.
func allSources(t testing.TB) Sources {
	t.Helper()
	health := NewHealth(HealthOptions{})
	health.Add(gives("store", healthy("")))
	t.Cleanup(func() { _ = health.Close() })
	now := time.Unix(1_700_000_000, 0)
	return Sources{
		Version: "1.2.3", Commit: "abcdef",
		Figures: func() command.Figures {
			return command.Figures{
				Accounts: 2, Sessions: 3, OpenRounds: 1, Events: 40, Escrow: 5, Issue: -200, Players: 185,
				Houses: map[string]command.GameFigures{
					"slots": {Rounds: 10, Staked: 50, Paid: 40, Balance: 10}, "roulette": {}, "blackjack": {},
				},
			}
		},
		Returns: map[string]float64{"slots/1": 1.2, "slots/2": 0.95, "roulette/1": 36.0 / 37, "blackjack/1": 0.995},
		Replication: func() Replication {
			return Replication{Leads: true, Voters: 3, Term: 2, LastIndex: 12, CommitIndex: 11, AppliedIndex: 10, Members: []Member{{ID: "n2", Reached: true, Voter: true, Lag: 4, Skew: 250 * time.Millisecond, Fetched: .5}}}
		},
		Checkpoints: func() Checkpoints { return Checkpoints{Count: 4, Last: time.Millisecond} },
		Certificates: func() []Certificate {
			return []Certificate{{Name: "casino.example", NotAfter: now, Problem: errors.New("x")}}
		},
		Backups: func() Backups {
			return Backups{Targets: []BackupTarget{{Name: "file:///backup", Made: now, Bytes: 100, Lag: 2 * time.Second}}}
		},
		Mirror:          func() Mirror { return Mirror{Connected: true, Event: 5, Behind: 1, Lag: time.Second} },
		Buckets:         func(f func(string, string, int)) { f("general", "address", 7) },
		DroppedLogLines: func() uint64 { return 1 },
		LiveConnections: func() int { return 2 }, PasswordsWaiting: func() int { return 3 },
		NotificationsWaiting: func() int { return 4 },
		Gate: NewGate(GateOptions{
			Space: func() (uint64, uint64, error) { return 10, 20, nil }, Log: slog.New(slog.DiscardHandler),
		}),
		Health: health,
	}
}

// tellEverything uses every method once, so that every series exists.
func tellEverything(m *Metrics) {
	m.RequestDone("/api/v1/me", "GET", 200, time.Millisecond, 100)
	m.LimitDecision("general", "address", true)
	m.LimitDecision("general", "address", false)
	m.ConnectionOpened()
	m.ConnectionRefused("total")
	m.Panicked()
	m.SignIn("")
	m.SignIn("invalid_credentials")
	m.RoundSettled("slots/2", 5, 10)
	m.LogSynced(time.Millisecond)
	m.LogGathered(3)
	m.Applied(3, time.Millisecond)
	m.BackupDone(nil)
	m.NotificationDone(KindSlack, "sent")
}

// scrape reads /metrics as text.
func scrape(t testing.TB, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetrics_TellWhatHappenedAndWhatThereIs(t *testing.T) {
	m := NewMetrics(allSources(t))
	tellEverything(m)
	text := scrape(t, m)
	for _, want := range []string{
		`imperio_http_requests_total{method="GET",route="/api/v1/me",status="200"} 1`,
		`imperio_http_request_duration_seconds_bucket{route="/api/v1/me",le="0.001"} 1`,
		`imperio_http_response_bytes_total{route="/api/v1/me"} 100`,
		`imperio_limiter_decisions_total{by="address",decision="refused",zone="general"} 1`,
		`imperio_limiter_clients{by="address",zone="general"} 7`,
		`imperio_http_connections 1`,
		`imperio_http_connections_refused_total{reason="total"} 1`,
		`imperio_sign_ins_total{result="ok"} 1`,
		`imperio_sign_ins_total{result="busy"} 0`,
		`imperio_rounds_settled_total{game="slots",rules="slots/2"} 1`,
		`imperio_round_payouts_coins_total{game="slots",rules="slots/2"} 10`,
		`imperio_bets_total{game="slots"} 10`,
		`imperio_return_theoretical_ratio{game="slots",rules="slots/2"} 0.95`,
		`imperio_return_actual_ratio{game="slots"} 0.8`,
		`imperio_ledger_sum_coins 0`,
		`imperio_ledger_issued_coins 200`,
		`imperio_ledger_invariant_holds{invariant="sum_is_zero"} 1`,
		`imperio_open_rounds 1`,
		`imperio_raft_apply_lag_entries 1`,
		`imperio_raft_follower_lag_entries{member="n2"} 4`,
		`imperio_cluster_member_up{member="n2"} 1`,
		`imperio_cluster_member_votes{member="n2"} 1`,
		`imperio_cluster_clock_skew_seconds{member="n2"} 0.25`,
		`imperio_cluster_fetched_ratio{member="n2"} 0.5`,
		`imperio_log_entry_commands_sum 3`,
		`imperio_certificate_expiry_timestamp_seconds{domain="casino.example"} 1.7e+09`,
		`imperio_certificate_problem{domain="casino.example"} 1`,
		`imperio_backup_last_timestamp_seconds 1.7e+09`,
		`imperio_health_status{check="store"} 1`,
		`imperio_notifications_total{kind="mail",result="failed"} 0`,
		`imperio_notifications_total{kind="slack",result="sent"} 1`,
		`imperio_notifications_waiting 4`,
		`imperio_bets_accepted 1`,
		`imperio_build_info{commit="abcdef",go_version=`,
		`go_goroutines `,
		`process_start_time_seconds `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestMetrics_LeaveOutWhatIsNotThere(t *testing.T) {
	text := scrape(t, NewMetrics(Sources{Version: "1"}))
	for _, not := range []string{"imperio_backup_last", "imperio_ledger", "imperio_raft", "imperio_certificate"} {
		if strings.Contains(text, not) {
			t.Errorf("%s is exported without a source", not)
		}
	}
}

func TestMetrics_SeeABrokenLedger(t *testing.T) {
	s := Sources{Figures: func() command.Figures { return command.Figures{LedgerSum: 1, Players: 1} }}
	if text := scrape(t, NewMetrics(s)); !strings.Contains(text, `imperio_ledger_invariant_holds{invariant="sum_is_zero"} 0`) {
		t.Error("an extra coin goes unnoticed")
	}
}

func TestMetrics_WebSocketsAreNoLatency(t *testing.T) {
	m := NewMetrics(Sources{})
	m.RequestDone("/api/v1/live", "GET", 401, time.Millisecond, 0)
	m.RequestDone("/api/v1/live", "GET", 101, time.Hour, 0)
	text := scrape(t, m)
	for _, want := range []string{
		`imperio_http_request_duration_seconds_count{route="/api/v1/live"} 1`,
		`imperio_http_requests_total{method="GET",route="/api/v1/live",status="101"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
}

// The number of series is bounded, whatever clients send.
func TestMetrics_HaveBoundedLabels(t *testing.T) {
	m := NewMetrics(allSources(t))
	count := func() int { return strings.Count(scrape(t, m), "\n") }
	for i := range 5000 {
		m.RequestDone(fmt.Sprintf("/%d", i), "GET", 200, 0, 0)
		m.RequestDone("/", "GET", i, 0, 0)
		m.SignIn(fmt.Sprint(i))
		m.RoundSettled(fmt.Sprintf("slots/%d", i+10), 1, 1)
	}
	before := count()
	for i := range 5000 {
		m.RequestDone(fmt.Sprintf("/more/%d", i), "GET", 200, 0, 0)
		m.RequestDone("/", "GET", i+5000, 0, 0)
		m.SignIn(fmt.Sprint("more", i))
		m.RoundSettled(fmt.Sprintf("other/%d", i), 1, 1)
	}
	if after := count(); after != before || before > 10_000 {
		t.Errorf("%d lines, then %d", before, after)
	}
	if len(m.series) > 16*maxRoutes {
		t.Errorf("%d series are kept", len(m.series))
	}
}

func TestMetrics_AreSafeForMany(t *testing.T) {
	m := NewMetrics(allSources(t))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				tellEverything(m)
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			scrape(t, m)
		}
	})
	wg.Wait()
	if text := scrape(t, m); !strings.Contains(text, `imperio_http_requests_total{method="GET",route="/api/v1/me",status="200"} 1600`) {
		t.Error("requests were lost")
	}
}

func TestGuard_LetsOperatorsThroughOnly(t *testing.T) {
	address := netip.MustParseAddr("198.51.100.1")
	for _, c := range []struct {
		name   string
		guard  Guard
		header string
		want   int
	}{
		{"nobody is allowed", Guard{}, "", 403},
		{"an empty token allows nobody", Guard{}, "Bearer ", 403},
		{"a network", Guard{Allow: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, "", 200},
		{"another network", Guard{Allow: Loopback()}, "", 403},
		{"the token", Guard{Token: "0123456789abcdef"}, "Bearer 0123456789abcdef", 200},
		{"another token", Guard{Token: "0123456789abcdef"}, "Bearer 0123456789abcdeg", 403},
		{"a longer token", Guard{Token: "0123456789abcdef"}, "Bearer 0123456789abcdef0", 403},
		{"no bearer", Guard{Token: "0123456789abcdef"}, "0123456789abcdef", 403},
	} {
		c.guard.Address = func(*http.Request) netip.Addr { return address }
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/metrics", nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		Protect(func() Guard { return c.guard }, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d", c.name, w.Code)
		}
	}
}

func TestServer_AnswersOperatorsOnTheirListener(t *testing.T) {
	sources := allSources(t)
	m := NewMetrics(sources)
	headers := http.Header{"X-Content-Type-Options": {"nosniff"}, "X-Frame-Options": {"DENY"}}
	server := NewServer(m, sources.Health, func() Guard { return Guard{Allow: Loopback()} }, OwnHosts([]string{"casino.example"}), headers, slog.New(slog.DiscardHandler))
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Error("something is unbounded")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	for path, want := range map[string]int{"/metrics": 200, "/health": 200, "/health/live": 200, "/health/ready/store": 200, "/": 404, "/debug/pprof/": 404} {
		answer, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		for name := range headers {
			if answer.Header.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
	}
	ask := func(host, path string) (int, string) {
		r, _ := http.NewRequest("GET", "http://"+l.Addr().String()+path, nil)
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		if id := answer.Header.Get("X-Request-Id"); id == "" || answer.Header.Get("Content-Type") == "application/problem+json" && !strings.Contains(string(body), `"request_id":"`+id+`"`) {
			t.Errorf("%s%s: request id %q, %s", host, path, id, body)
		}
		return answer.StatusCode, answer.Header.Get("Content-Type")
	}
	for host, want := range map[string]int{
		"localhost": 200, "localhost:9190": 200, "127.0.0.1:9190": 200, "[::1]:9190": 200, "[::1]": 200, "casino.example": 200, "casino.example:9190": 200,
		"evil.example": 421, "evil.example:9190": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		if status, _ := ask(host, "/metrics"); status != want {
			t.Errorf("%s: %d", host, status)
		}
	}
	if status, kind := ask("localhost", "/nothing"); status != 404 || kind != "application/problem+json" {
		t.Errorf("%d %s", status, kind)
	}
	_ = server.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func BenchmarkRequestDone(b *testing.B) {
	m := NewMetrics(Sources{})
	b.ReportAllocs()
	for b.Loop() {
		m.RequestDone("/api/v1/games/slots/spins", "POST", 201, time.Millisecond, 500)
	}
}
