package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAccessLog_TellsWhatHappened(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		NoteRoute(r.Context(), "/api/v1/me/rounds/:id")
		NoteAccount(r.Context(), "1001")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "12345")
	}), trustLoopback)
	answer, _ := h.ask(t, "GET", "/api/v1/me/rounds/77", "", "X-Forwarded-For", "198.51.100.1")
	eventually(t, "a line", func() bool { return h.access.String() != "" })
	var line map[string]any
	if err := json.Unmarshal([]byte(h.access.String()), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "method": "GET", "route": "/api/v1/me/rounds/:id", "status": 404.0, "bytes": 5.0,
		"account": "1001", "address": "198.51.100.1", "request_id": answer.Header.Get("X-Request-Id"),
	} {
		if line[name] != want {
			t.Errorf("%s is %v, wanted %v", name, line[name], want)
		}
	}
	if us, ok := line["latency_us"].(float64); !ok || us < 0 {
		t.Errorf("latency %v", line["latency_us"])
	}
}

func TestAccessLog_HasNoHealthChecks(t *testing.T) {
	h := open(t, "http", says("{}"), nil)
	for _, path := range []string{"/health", "/health/live", "/health/ready", "/health/ready/store"} {
		h.ask(t, "GET", path, "")
	}
	h.ask(t, "GET", "/healthy", "")
	eventually(t, "the last request is logged", func() bool { return h.access.String() != "" })
	if n := strings.Count(h.access.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// A flood of refused requests must not fill the disk with log lines.
func TestAccessLog_TellsOfAFloodInFewLines(t *testing.T) {
	h := open(t, "http", says("{}"), nil)
	for range 2000 {
		h.ask(t, "GET", "/api/v1/games", "")
	}
	h.clock.move(time.Hour)
	h.ask(t, "GET", "/api/v1/games", "") // allowed, so it is logged all the same
	lines := func(status string) int { return strings.Count(h.access.String(), `"status":`+status) }
	eventually(t, "all allowed requests are logged", func() bool { return lines("200") == 61 })
	if n := lines("429"); n != limitedLinesBurst {
		t.Errorf("%d lines about refused requests", n)
	}
}

// Nor must requests that no limit counts: files, and large headers.
func TestAccessLog_TellsOfUncountedFloodsInFewLines(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) {
		trustLoopback(o)
		o.Uncounted = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/assets/") }
	})
	for range 1000 {
		h.ask(t, "GET", "/assets/app.js", "", "X-Forwarded-For", "198.51.100.1")
	}
	// All of another client's files are logged, and a minute later so are the first one's.
	for range 40 {
		h.ask(t, "GET", "/assets/app.js", "", "X-Forwarded-For", "198.51.100.2")
	}
	h.clock.move(time.Minute)
	for range 40 {
		h.ask(t, "HEAD", "/assets/app.js", "", "X-Forwarded-For", "198.51.100.1")
	}
	h.ask(t, "GET", "/", "")
	lines := func(part string) int { return strings.Count(h.access.String(), part) }
	eventually(t, "the last request is logged", func() bool { return lines(`"address":"127.0.0.1"`) == 1 })
	if a, b := lines(`"address":"198.51.100.1"`), lines(`"address":"198.51.100.2"`); a != fileLinesBurst+40 || b != 40 {
		t.Errorf("%d and %d lines", a, b)
	}
	for range 2000 {
		h.ask(t, "GET", "/", "", "X-Large", strings.Repeat("x", 17<<10))
	}
	h.ask(t, "GET", "/", "", "X-Forwarded-For", "198.51.100.3")
	eventually(t, "the last request is logged", func() bool { return lines(`"address":"198.51.100.3"`) == 1 })
	if n := lines(`"status":431`); n != limitedLinesBurst {
		t.Errorf("%d lines about large headers", n)
	}
}

// No log holds anything that the client sent, or that came back.
func TestLogs_NeverHoldSecrets(t *testing.T) {
	const secret = "Zq7secret"
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		w.Header().Set("Set-Cookie", "imperio="+secret)
		w.Header().Set("Location", "/?token="+secret)
		_, _ = io.WriteString(w, `{"server_seed": "`+secret+`"}`)
	}), func(o *Options) { o.MaxBodyBytes = 100 })
	for _, path := range []string{"/api/v1/sessions", "/" + secret, "/?token=" + secret, "/api/v1/me/rounds/" + secret} {
		h.ask(t, "POST", path, `{"password": "`+secret+`"}`, "Authorization", "Bearer "+secret, "Cookie", "imperio="+secret,
			"User-Agent", secret, "Referer", "https://x/?"+secret, "X-Request-Id", secret, "Idempotency-Key", secret)
		h.ask(t, "POST", path, strings.Repeat(secret, 100))
		h.ask(t, "POST", path, "{}", "Origin", "https://"+secret+".example")
	}
	r, _ := http.NewRequest(secret, h.url+"/", nil)
	if answer, err := h.client.Do(r); err == nil {
		answer.Body.Close()
	}
	eventually(t, "all are logged", func() bool { return strings.Count(h.access.String(), "\n") == 13 })
	if logs := h.access.String() + h.log.String(); strings.Contains(logs, secret) {
		t.Errorf("a secret is in\n%s", logs)
	}
	h.seen.read(func() {
		if all := strings.Join(h.seen.requests, "\n"); strings.Contains(all, secret) {
			t.Errorf("a secret is in labels of metrics:\n%s", all)
		}
	})
}

func TestLogBuffer_WritesAllAndInOrder(t *testing.T) {
	var out safeBuffer
	b := NewLogBuffer(&out, 1<<20)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				_, _ = b.Write([]byte("a line\n"))
			}
		})
	}
	wg.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != strings.Repeat("a line\n", 8000) || b.Dropped() != 0 {
		t.Errorf("%d bytes, %d dropped", len(got), b.Dropped())
	}
	_, _ = b.Write([]byte("late\n"))
	if b.Dropped() != 1 {
		t.Error("a line after the end was not counted as dropped")
	}
}

// stuck is a writer that hangs until it is released.
type stuck struct {
	entered, release chan struct{}
	out              bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.release
	return s.out.Write(p)
}

func TestLogBuffer_DropsInsteadOfWaiting(t *testing.T) {
	w := &stuck{entered: make(chan struct{}, 1), release: make(chan struct{})}
	b := NewLogBuffer(w, 10)
	_, _ = b.Write([]byte("123456789\n"))
	<-w.entered // the writer hangs
	for range 3 {
		_, _ = b.Write([]byte("abcde\n")) // one fits
	}
	if b.Dropped() != 2 {
		t.Errorf("%d dropped", b.Dropped())
	}
	close(w.release)
	_ = b.Close()
	if got := w.out.String(); got != "123456789\nabcde\n" {
		t.Errorf("wrote %q", got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestLogBuffer_CountsWhatTheWriterLoses(t *testing.T) {
	b := NewLogBuffer(broken{}, 100)
	_, _ = b.Write([]byte("1\n"))
	_ = b.Close()
	if b.Dropped() != 1 {
		t.Errorf("%d dropped", b.Dropped())
	}
}
