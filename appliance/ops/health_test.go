package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// gives is a check with a constant result.
func gives(name string, r Result) Check {
	return Check{name, func(context.Context) (Result, bool) { return r, true }}
}

// probe requests health over a real listener.
func probe(t *testing.T, h *Health, path string) (int, map[string]any) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	answer, err := http.Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

func newHealth(t *testing.T, o HealthOptions, checks ...Check) *Health {
	h := NewHealth(o)
	for _, c := range checks {
		h.Add(c)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestHealth_IsTheWorstOfItsChecks(t *testing.T) {
	for _, c := range []struct {
		checks []Check
		status string
		code   int
	}{
		{nil, "healthy", 200},
		{[]Check{gives("store", healthy("fine"))}, "healthy", 200},
		{[]Check{gives("store", healthy("fine")), gives("clock", degraded("jumped"))}, "degraded", 200},
		{[]Check{gives("store", unhealthy("gone")), gives("clock", degraded("jumped"))}, "unhealthy", 503},
	} {
		h := newHealth(t, HealthOptions{Version: "1.2.3", Progress: func() (uint64, string) { return 77, "abcd" }}, c.checks...)
		for _, path := range []string{"/health", "/health/ready"} {
			code, body := probe(t, h, path)
			if code != c.code || body["status"] != c.status || len(body["checks"].(map[string]any)) != len(c.checks) {
				t.Errorf("%s: %d %v", path, code, body)
			}
		}
		_, body := probe(t, h, "/health")
		if body["version"] != "1.2.3" || body["applied_index"] != 77.0 || body["history_head"] != "abcd" {
			t.Errorf("%v", body)
		}
		if code, body := probe(t, h, "/health/live"); code != 200 || body["status"] != "healthy" {
			t.Errorf("alive: %d %v", code, body)
		}
	}
}

func TestHealth_EachCheckHasItsProbe(t *testing.T) {
	h := newHealth(t, HealthOptions{}, gives("store", unhealthy("gone")), gives("clock", healthy("")),
		Check{"backup_age", func(context.Context) (Result, bool) { return Result{}, false }})
	if code, body := probe(t, h, "/health/ready/store"); code != 503 || body["status"] != "unhealthy" || body["detail"] != "gone" {
		t.Errorf("%d %v", code, body)
	}
	if code, _ := probe(t, h, "/health/ready/clock"); code != 200 {
		t.Errorf("%d", code)
	}
	for _, path := range []string{"/health/ready/backup_age", "/health/ready/nothing", "/health/ready/", "/health/other"} {
		if code, body := probe(t, h, path); code != 404 || body["code"] != "not_found" {
			t.Errorf("%s: %d %v", path, code, body)
		}
	}
	if _, body := probe(t, h, "/health"); len(body["checks"].(map[string]any)) != 2 {
		t.Errorf("a check that doesn't apply is reported: %v", body)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest("POST", "/health", nil))
	if answer.Code != 405 {
		t.Errorf("POST: %d", answer.Code)
	}
}

func TestHealth_HangingChecksAreUnhealthyAndDontPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		var log bytes.Buffer
		h := newHealth(t, HealthOptions{Fresh: time.Nanosecond, Log: slog.New(slog.NewTextHandler(&log, nil))},
			Check{"log", func(context.Context) (Result, bool) { asked.Add(1); <-release; return healthy(""), true }})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 5 {
					if r, ok := h.One("log"); !ok || r.Status != Unhealthy || !strings.Contains(r.Detail, "no answer") {
						t.Errorf("%v %t", r, ok)
					}
				}
			})
		}
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times while it hung", asked.Load())
		}
		answer := httptest.NewRecorder()
		if h.ServeHTTP(answer, httptest.NewRequest("GET", "/health/live", nil)); answer.Code != 200 {
			t.Errorf("alive: %d", answer.Code)
		}
		close(release)
		synctest.Wait() // until it has answered
		if r, _ := h.One("log"); r.Status != Healthy {
			t.Errorf("it did not recover: %v", r)
		}
		_ = h.Close()
		if got := log.String(); strings.Count(got, "status=unhealthy") != 1 || strings.Count(got, "status=healthy") != 1 {
			t.Errorf("each change must be logged once:\n%s", got)
		}
	})
}

func TestHealth_AnswersAreUsedAgainForAMoment(t *testing.T) {
	var asked atomic.Int32
	now := time.Unix(1_700_000_000, 0)
	h := newHealth(t, HealthOptions{Now: func() time.Time { return now }},
		Check{"store", func(context.Context) (Result, bool) { asked.Add(1); return healthy(""), true }})
	for range 100 {
		h.Report()
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	now = now.Add(time.Second)
	h.Report()
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestHealth_ChangesAreLoggedWhereNobodyProbes(t *testing.T) {
	said := make(lines, 10)
	h := newHealth(t, HealthOptions{Every: time.Millisecond, Log: slog.New(slog.NewTextHandler(said, nil))}, gives("store", unhealthy("gone")))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.Run(ctx) }()
	if line := <-said; !strings.Contains(line, "check=store status=unhealthy") {
		t.Error(line)
	}
	cancel()
	<-done
}

// lines is a writer that passes on each line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestHealth_AClosedNodeIsUnhealthy(t *testing.T) {
	for name, end := range map[string]func(*Health){"closed": func(h *Health) { _ = h.Close() }, "stopping": (*Health).Stop} {
		h := newHealth(t, HealthOptions{}, gives("store", healthy("")))
		end(h)
		if code, body := probe(t, h, "/health/ready"); code != 503 {
			t.Errorf("%s: %d %v", name, code, body)
		}
		if code, _ := probe(t, h, "/health/live"); code != 200 {
			t.Errorf("%s: /health/live says %d", name, code)
		}
	}
}

func TestChecks_JudgeWhatTheyAreTold(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	failure := errors.New("secret path /x")
	certificates := func(all ...Certificate) Check {
		return CertificateCheck(func() []Certificate { return all }, clock)
	}
	certificate := func(left time.Duration, problem error) Certificate {
		return Certificate{Name: "casino.example", NotBefore: now.Add(left - 90*24*time.Hour), NotAfter: now.Add(left), Problem: problem}
	}
	lag := func(c, a uint64) Check { return ApplyLagCheck(func() (uint64, uint64) { return c, a }) }
	latency := func(last, writing time.Duration) Check {
		return DiskLatencyCheck(func() (time.Duration, time.Duration) { return last, writing })
	}
	log := func(err error, writing time.Duration) Check {
		return LogCheck(func() (time.Duration, time.Duration, error) { return writing, 5 * time.Second, err })
	}
	leader := func(state, leader string, ready bool) Check {
		return LeaderCheck(func() (string, string, bool) { return state, leader, ready })
	}
	backups := func(targets ...BackupTarget) func() Backups {
		return func() Backups { return Backups{Targets: targets, Interval: 5 * time.Second} }
	}
	good := BackupTarget{Name: "secret", Made: now.Add(-23 * time.Hour), Due: now.Add(time.Hour), Lag: 5 * time.Second}
	other := func(change func(*BackupTarget)) BackupTarget {
		t := good
		change(&t)
		return t
	}
	drill := func(drilled, due time.Time, failed bool) Check {
		return BackupDrillCheck(func() Backups { return Backups{Drilled: drilled, DrillDue: due, DrillFailed: failed} }, clock)
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		check Check
		want  Status // "": doesn't apply
	}{
		{StoreCheck(func() error { return nil }), Healthy},
		{StoreCheck(func() error { return failure }), Unhealthy},
		{CheckpointCheck(func() time.Duration { return 0 }), Healthy},
		{CheckpointCheck(func() time.Duration { return 9 * time.Second }), Healthy},
		{CheckpointCheck(func() time.Duration { return 10 * time.Second }), Degraded},
		{CheckpointCheck(func() time.Duration { return 30 * time.Second }), Unhealthy},
		{log(nil, time.Second), Healthy},
		{log(nil, 6*time.Second), Unhealthy},
		{log(failure, 0), Unhealthy},
		{leader("leader", "n1", true), Healthy},
		{leader("leader", "n1", false), Degraded},
		{leader("follower", "n2", true), Healthy},
		{leader("follower", "n2", false), Unhealthy},
		{leader("candidate", "", false), Unhealthy},
		{lag(100, 100), Healthy},
		{lag(100, 101), Healthy},
		{lag(20_000, 100), Degraded},
		{lag(2_000_000, 100), Unhealthy},
		{latency(time.Millisecond, 0), Healthy},
		{latency(time.Millisecond, 300*time.Millisecond), Degraded},
		{latency(6*time.Second, 0), Unhealthy},
		{certificates(), ""},
		{certificates(certificate(60*day, nil)), Healthy},
		{certificates(certificate(60*day, failure)), Degraded},
		{certificates(certificate(60*day, nil), certificate(6*day, nil)), Degraded},
		{certificates(certificate(60*day, nil), certificate(-1, nil)), Degraded},
		{certificates(certificate(60*day, nil), Certificate{Name: "www.casino.example"}), Degraded},
		{certificates(certificate(-1, nil)), Unhealthy},
		{certificates(certificate(-1, nil), Certificate{Name: "www.casino.example"}), Unhealthy},
		{certificates(certificate(91*day, nil)), Unhealthy}, // it is valid from tomorrow on
		{certificates(Certificate{Name: "casino.example", Challenged: true}), Degraded},
		{certificates(Certificate{Name: "casino.example", NotAfter: now, Challenged: true}), Degraded},
		{ProxyCheck(func() string { return "" }), ""},
		{ProxyCheck(func() string { return "X-Forwarded-For" }), Healthy},
		{BackupAgeCheck(backups(good, good), clock), Healthy},
		{BackupAgeCheck(backups(good, other(func(t *BackupTarget) { t.Due = now.Add(-3 * time.Hour) })), clock), Degraded},
		{BackupAgeCheck(backups(other(func(t *BackupTarget) { t.Due = now.Add(-time.Hour) })), clock), Healthy}, // it is being made
		{BackupAgeCheck(backups(good, other(func(t *BackupTarget) { t.Made, t.Due = time.Time{}, now.Add(-3*time.Hour) })), clock), Degraded},
		{BackupAgeCheck(backups(good, other(func(t *BackupTarget) { t.Made, t.Due = time.Time{}, now })), clock), ""},
		{BackupAgeCheck(backups(other(func(t *BackupTarget) { t.Due = time.Time{} })), clock), Healthy}, // no schedule
		{BackupAgeCheck(backups(other(func(t *BackupTarget) { t.Due, t.Standby = now.Add(-day), true })), clock), Healthy},
		{BackupShippingCheck(backups(good, good)), Healthy},
		{BackupShippingCheck(backups(good, other(func(t *BackupTarget) { t.Lag = 66 * time.Second }))), Degraded},
		{BackupShippingCheck(backups(other(func(t *BackupTarget) { t.Lag, t.Fails = 66*time.Second, true }))), Degraded},
		{BackupShippingCheck(backups(other(func(t *BackupTarget) { t.Fails = true }))), Healthy}, // it is tried again
		{BackupShippingCheck(backups(other(func(t *BackupTarget) { t.Gap = true }))), Degraded},
		{BackupShippingCheck(backups(other(func(t *BackupTarget) { t.Differs = true }))), Degraded},
		{drill(now.Add(-day), now.Add(day), false), Healthy},
		{drill(now.Add(-day), now.Add(day), true), Degraded},
		{drill(now.Add(-15*day), now.Add(-1), false), Degraded},
		{drill(time.Time{}, now.Add(-1), false), Degraded},
		{drill(time.Time{}, now.Add(day), false), ""},
	} {
		r, ok := c.check.Run(context.Background())
		if r.Status != c.want || ok != (c.want != "") {
			t.Errorf("%s: %v %t, wanted %q", c.check.Name, r, ok, c.want)
		}
		if strings.Contains(r.Detail, "secret") {
			t.Errorf("%s reveals an internal error: %s", c.check.Name, r.Detail)
		}
	}
}

// What is worse must not hide behind a certificate that merely expires soon.
func TestCertificateCheck_NamesTheWorst(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := []Certificate{{Name: "a.example", NotAfter: now.Add(time.Hour)}, {Name: "b.example"}, {Name: "c.example", NotAfter: now.Add(time.Hour)}}
	r, _ := CertificateCheck(func() []Certificate { return all }, func() time.Time { return now }).Run(t.Context())
	if want := "there is no certificate for b.example yet"; r.Status != Degraded || r.Detail != want {
		t.Errorf("%+v, want %q", r, want)
	}
}

func TestClockCheck_SaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		clock Clock
		want  Status
		says  string
	}{
		{Clock{}, Healthy, ""},
		{Clock{Step: time.Hour, Ago: 10 * time.Minute}, Healthy, ""},
		{Clock{Step: -time.Hour, Ago: 9 * time.Minute}, Degraded, "jumped by -1h0m0s. Check time synchronization"},
		{Clock{Behind: 30 * time.Minute, Step: -time.Hour, Ago: time.Minute}, Degraded, "30m0s behind the casino's time, which goes on at half pace until the two meet, in 1h0m0s. Check"},
		{Clock{Leap: 25 * time.Hour, Step: 25 * time.Hour}, Unhealthy, "25h0m0s ahead of where it should be, and players' commands are refused. Set it right; if it is right now, restart"},
	} {
		r, ok := ClockCheck(func() Clock { return c.clock }).Run(context.Background())
		if !ok || r.Status != c.want || !strings.Contains(r.Detail, c.says) || (c.says == "") != (r.Detail == "") {
			t.Errorf("%+v: %v", c.clock, r)
		}
	}
}

func TestGate_ClosesBeforeTheDiskIsFullAndOpensWithRoomToSpare(t *testing.T) {
	const mib = 1 << 20
	free, failure := uint64(1000*mib), error(nil)
	var log bytes.Buffer
	g := NewGate(GateOptions{
		Space: func() (uint64, uint64, error) { return free, 2000 * mib, failure }, Reserve: 256 * mib, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	check := DiskSpaceCheck(g)
	for _, c := range []struct {
		free uint64
		err  error
		open bool
		want Status
	}{
		{1000 * mib, nil, true, Healthy},
		{256 * mib, nil, true, Healthy},
		{256*mib - 1, nil, false, Degraded},
		{319 * mib, nil, false, Degraded}, // not yet
		{320 * mib, nil, true, Healthy},
		{300 * mib, nil, true, Healthy},
		{100 * mib, nil, false, Degraded},
		{0, nil, false, Unhealthy},
		{0, errors.New("gone"), false, Degraded}, // stays as it was
		{1000 * mib, nil, true, Healthy},
	} {
		free, failure = c.free, c.err
		g.Look()
		r, _ := check.Run(context.Background())
		refusal := g.NewBets()
		if g.Open() != c.open || r.Status != c.want || (refusal == nil) != c.open || (refusal != nil && refusal.Code != "low_disk_space") {
			t.Errorf("%d MiB free: open %t, %v, refusal %v", c.free/mib, g.Open(), r, refusal)
		}
		if c.err != nil {
			continue
		}
		if (g.Writes() == nil) != c.open || (g.Spare() == nil) != (c.free >= 128*mib) {
			t.Errorf("%d MiB free: other writes are refused with %v, sign-ins with %v", c.free/mib, g.Writes(), g.Spare())
		}
	}
	if n := strings.Count(log.String(), "new bets are refused"); n != 2 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

func TestGate_RunsUntilItIsStopped(t *testing.T) {
	looks := make(chan struct{}, 100)
	g := NewGate(GateOptions{
		Space: func() (uint64, uint64, error) {
			select {
			case looks <- struct{}{}:
			default:
			}
			return 1, 1, nil
		},
		Every: time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	for range 3 {
		<-looks
	}
	cancel()
	<-done
}

func TestSpaceOf_TellsOfARealDisk(t *testing.T) {
	free, total, err := SpaceOf(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("free space can't be asked for on this system; needs Linux or macOS")
	}
	if err != nil || free == 0 || total < free {
		t.Errorf("%d of %d: %v", free, total, err)
	}
	if _, _, err := SpaceOf("/does/not/exist"); err == nil {
		t.Error("a directory that is not there has space")
	}
}

// These checks wait for each other, so they answer only if all run at the same time; one after the other, each would be late.
func TestHealth_ChecksAreAskedAtTheSameTime(t *testing.T) {
	names := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	var all sync.WaitGroup
	all.Add(len(names))
	h := newHealth(t, HealthOptions{Patience: 5 * time.Minute})
	for _, name := range names {
		h.Add(Check{name, func(context.Context) (Result, bool) { all.Done(); all.Wait(); return healthy(""), true }})
	}
	if r := h.Report(); r.Status != Healthy || len(r.Checks) != len(names) {
		t.Errorf("%v", r)
	}
}

// Patience counts from the start of each check, so many hanging checks take no longer than one.
func TestHealth_ManyHangingChecksAreWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := newHealth(t, HealthOptions{Patience: time.Minute})
		for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			h.Add(Check{name, func(context.Context) (Result, bool) { <-release; return healthy(""), true }})
		}
		t.Cleanup(func() { close(release) }) // before Close
		start := time.Now()
		if r := h.Report(); r.Status != Unhealthy || len(r.Checks) != 26 {
			t.Errorf("%v", r)
		}
		if took := time.Since(start); took != time.Minute { // by the clock of this test, which stands still while anything runs
			t.Errorf("took %s", took)
		}
	})
}
