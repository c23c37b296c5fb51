package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/tls/certs"
)

// site is a real HTTPS server with the TLS of a Source.
type site struct {
	addr string
	name string // SNI
}

// serve listens on a free loopback port and serves a fixed answer until the test ends.
func serve(t *testing.T, source *certs.Source, name string) site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, ln, source, name)
}

func serveOn(t *testing.T, ln net.Listener, source *certs.Source, name string) site {
	t.Helper()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s resumed=%v", r.Proto, r.TLS.DidResume)
		}),
		TLSConfig:         source.TLSConfig(),
		ReadHeaderTimeout: patience,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return site{addr: ln.Addr().String(), name: name}
}

// dial shakes hands with the site and returns the state of the connection.
func (s site) dial(config *tls.Config) (tls.ConnectionState, error) {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = s.name
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: config}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

// leaf is the certificate that the site serves, trusted or not.
func (s site) leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	state, err := s.dial(&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	return state.PeerCertificates[0]
}

// get asks the site over a client of its own and returns the body.
func (s site) get(client *http.Client) (string, error) {
	response, err := client.Get("https://" + s.addr + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// patience is how long a test waits for something before it fails. CertMagic waits one, two and two minutes between attempts that
// fail, as one may on a busy machine.
const patience = 10 * time.Minute

// await waits until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// clock is a clock that the test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logBook keeps what was logged.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// await waits until the log contains all parts: a line may be written after the state that it reports is visible.
func (b *logBook) await(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		await(t, "the log to say "+part, func() bool { return strings.Contains(b.String(), part) })
	}
}

func (b *logBook) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func trust(t *testing.T, pem []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("not a certificate: %q", pem)
	}
	return pool
}

func newSource(t *testing.T, options certs.Options) *certs.Source {
	t.Helper()
	source, err := certs.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source
}
