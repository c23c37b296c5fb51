package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// How a node that stops lets go of connections. A client whose connection breaks before its request has any answer can't know
// what became of the request. So a connection is closed only when nothing is under way on it: it must have been quiet for a
// moment.
const (
	// quietTime is for a connection whose next request may be on its way, for a TLS handshake or a header that has begun, and
	// for GOAWAY to be read. Most clients ask again, and most networks carry a request, within it.
	quietTime = 500 * time.Millisecond
	// silentTime is for a connection that has said nothing yet, as browsers open some in advance. Other clients wait meanwhile.
	silentTime = 200 * time.Millisecond
	// beginTime bounds how long connections may take to begin a request. Else a slow client could hold up the end.
	beginTime = 3 * time.Second

	drainLook = 5 * time.Millisecond // between two looks at the connections
)

// draining is how an Edge ends.
type draining struct {
	on                   atomic.Bool
	since                time.Time // written before on is set
	once                 sync.Once
	quiet, silent, begin time.Duration // quietTime, silentTime and beginTime; tests on busy machines have more
	// farewells say GOAWAY on the HTTP/2 connections of one server each; see farewell.
	farewells []*http.Server
}

// Drain begins the end: each answer from now on asks the client to use another connection (Connection: close, or GOAWAY), and
// HTTP/2 connections are told at once. New connections are served all the same. It returns when quietTime is over, no
// connection is left, or ctx ends.
func (e *Edge) Drain(ctx context.Context) {
	e.drain.once.Do(func() {
		e.drain.since = time.Now()
		e.drain.on.Store(true)
	})
	e.sayFarewell()
	ctx, cancel := context.WithTimeout(ctx, e.drain.quiet)
	defer cancel()
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for e.Connections() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// Finish ends connections as soon as nothing is under way on them, and returns when none is left or ctx ends. Drain must have
// returned, and the listeners must accept no more.
func (e *Edge) Finish(ctx context.Context) {
	began := time.Now()
	quiet := make(map[*connection]time.Time) // since when
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for looks := 0; ; looks++ {
		open := e.openConnections()
		if len(open) == 0 {
			return
		}
		if looks%10 == 0 {
			e.sayFarewell() // handshakes may have ended since
		}
		now := time.Now()
		for _, c := range open {
			moved := c.moved.Swap(false)
			if c.requests.Load() > 0 || c.writing.Load() > 0 {
				quiet[c] = now
				continue
			}
			if _, seen := quiet[c]; !seen {
				// Nothing was noted before the drain began.
				quiet[c] = later(e.drain.since, e.began.Add(time.Duration(c.idleSince.Load())))
			}
			if moved || !c.reading.Load() { // else the server works on it
				quiet[c] = now
			}
			wait := e.drain.quiet
			if !c.heard.Load() {
				wait = e.drain.silent
			}
			if now.Sub(quiet[c]) >= wait || now.Sub(began) >= e.drain.begin {
				c.dismiss()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Connections is how many connections are open on all listeners.
func (e *Edge) Connections() int {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	return len(e.counts.open)
}

// Requests is how many requests are in progress, live connections (WebSocket) among them.
func (e *Edge) Requests() (n int) {
	for _, c := range e.openConnections() {
		n += int(max(0, c.requests.Load()))
	}
	return n
}

func (e *Edge) openConnections() []*connection {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	open := make([]*connection, 0, len(e.counts.open))
	for c := range e.counts.open {
		open = append(open, c)
	}
	return open
}

// dismiss makes the server close the connection, properly, unless something arrives at the last moment.
func (c *connection) dismiss() {
	c.leaving.Store(true)
	_ = c.Conn.SetReadDeadline(past)
}

var past = time.Unix(1, 0)

// SetReadDeadline leaves a connection that is to end at its end.
func (c *connection) SetReadDeadline(t time.Time) error {
	if c.leaving.Load() {
		t = past
	}
	return c.Conn.SetReadDeadline(t)
}

// lastLook reads what has arrived on a connection that dismiss was about to end. If there is something, the connection stays.
// Otherwise err is returned.
func (c *connection) lastLook(p []byte, err error) (int, error) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok || !c.leaving.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, err
	}
	raw, rawErr := tcp.SyscallConn()
	if rawErr != nil {
		return 0, err
	}
	n := 0
	var readErr error
	if rawErr = raw.Control(func(fd uintptr) { n, readErr = unix.Read(int(fd), p) }); rawErr != nil || readErr != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, io.EOF
	}
	c.moved.Store(true)
	c.leaving.Store(false)
	var next time.Time
	if wait := c.edge.options.HeaderTimeout; wait > 0 && !c.http2.Load() {
		next = time.Now().Add(wait)
	}
	_ = c.Conn.SetReadDeadline(next)
	return n, nil
}

// farewell prepares an HTTP/2 server so that GOAWAY can be said on all of its connections. net/http says it only in Shutdown,
// which at once closes idle connections, though a request may be on its way there. So the protocol is set up by a second
// http.Server, which has no listeners and no connections: its Shutdown does nothing but say GOAWAY.
func (e *Edge) farewell(s *http.Server) {
	second := &http.Server{IdleTimeout: s.IdleTimeout, HTTP2: s.HTTP2, ErrorLog: s.ErrorLog}
	_ = second.ServeTLS(noListener{}, "", "") // sets the protocol up, and fails without a certificate
	serve := second.TLSNextProto["h2"]
	if serve == nil { // GODEBUG=http2server=0
		return
	}
	s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(s *http.Server, c *tls.Conn, h http.Handler) {
			if own, ok := c.NetConn().(*connection); ok {
				own.http2.Store(true)
			}
			serve(s, c, h)
		},
	}
	e.drain.farewells = append(e.drain.farewells, second)
}

func (e *Edge) sayFarewell() {
	for _, s := range e.drain.farewells {
		_ = s.Shutdown(context.Background()) // has nothing to wait for
	}
}

// noListener accepts nothing.
type noListener struct{}

func (noListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (noListener) Close() error              { return nil }
func (noListener) Addr() net.Addr            { return &net.TCPAddr{} }
