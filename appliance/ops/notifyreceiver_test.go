package ops

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// received is a request that a receiver got.
type received struct {
	method, path string
	headers      http.Header
	body         []byte
	user, pass   string
}

// receiver is an HTTP server that notes what it gets, and answers as the test says.
type receiver struct {
	*httptest.Server
	got chan received
}

// newReceiver starts a receiver with TLS. answer may be nil: 200.
func newReceiver(t *testing.T, answer func(w http.ResponseWriter, n int)) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 1000)}
	var mu sync.Mutex
	n := 0
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		user, pass, _ := q.BasicAuth()
		mu.Lock()
		n++
		now := n
		mu.Unlock()
		r.got <- received{q.Method, q.URL.RequestURI(), q.Header.Clone(), body, user, pass}
		if answer != nil {
			answer(w, now)
		}
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

// next waits for the next request.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case got := <-r.got:
		return got
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		return received{}
	}
}

// to is a destination at the receiver. path may have a query; user may be nil.
func (r *receiver) to(t *testing.T, kind, path string, user *url.Userinfo) NotifyDestination {
	t.Helper()
	u, err := url.Parse(r.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	u.User = user
	return NotifyDestination{Kind: kind, URL: u}
}

// trusts has the certificate of all test servers. It is for example.com, 127.0.0.1 and ::1.
func trusts(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// counted counts the results of a notifier.
type counted struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counted) observe(kind, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[kind+" "+result]++
}

func (c *counted) of(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[key]
}

// await waits until a result was counted so often.
func (c *counted) await(t *testing.T, key string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); c.of(key) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d, want %d", key, c.of(key), n)
		}
	}
}

// logged is a log that several goroutines write.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until the log has a text.
func (l *logged) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(l.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is missing in\n%s", text, l.String())
		}
	}
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// newNotifier makes a notifier that retries within milliseconds, and closes it.
func newNotifier(t *testing.T, o NotifierOptions) *Notifier {
	t.Helper()
	if o.First == 0 {
		o.First = time.Millisecond
	}
	if o.Longest == 0 {
		o.Longest = 10 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Casino == "" {
		o.Casino, o.Version = "casino.example", "1.2.3"
	}
	n, err := NewNotifier(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what waits is not wanted any more
		_ = n.Close(ctx)
	})
	return n
}

// deadPort is an address on loopback where nobody listens.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// failing is a message about a failed backup.
var failing = Message{
	Topic: TopicBackupFailed, Status: StatusAlarm, Subject: "s3://backups", Title: "a backup failed", Text: "The target <s3> & all is down.",
	Time: time.Date(2026, 11, 29, 2, 0, 0, 123456789, time.UTC), Details: map[string]string{"target": "s3://backups"},
}
