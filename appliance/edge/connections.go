package edge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

var errConnectionRefused = errors.New("edge: too many connections from this address")

// Listener limits the connections that come in through inner, in total and per address (an IPv6 address counts by its
// /64, and its /48 as a whole at 16 times as much). It also reads the PROXY header of trusted proxies.
//
// Idle connections give way: once the total is at 95 % of its cap, each new connection closes those that have been idle
// longest. So does a new connection of an address at its cap, among the address's own. A connection is idle while no request
// is in progress on it, whether or not one ever was.
//
// If nothing idle is left, a connection above the total is closed at once. The cap per address then has two steps. Up to
// twice the cap, a request on the connection gets 429 too_many_connections and ends it, so that people learn why. Above that,
// the connection is closed at once. A connection from a trusted proxy counts for the client that its PROXY header names.
// Without the PROXY protocol, a proxy's connection carries many clients: it is not capped, and gives way to nobody.
//
// All listeners of an Edge count together. TLS goes on top: tls.NewListener(e.Listener(tcp), config), or
// http.Server.ServeTLS.
func (e *Edge) Listener(inner net.Listener) net.Listener {
	return &listener{Listener: inner, edge: e}
}

type listener struct {
	net.Listener
	edge *Edge
}

// Accept returns the next connection that may be served.
func (l *listener) Accept() (net.Conn, error) {
	e := l.edge
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := addressOf(raw.RemoteAddr())
		c := &connection{Conn: raw, edge: e, proxy: e.proxies.trust(peer) && !e.options.ProxyProtocol}
		c.idleSince.Store(int64(time.Since(e.began)))
		if !e.enter(c) {
			e.observer.ConnectionRefused("total")
			reset(raw)
			continue
		}
		e.observer.ConnectionOpened()
		if e.options.ProxyProtocol && e.proxies.trust(peer) {
			c.Conn = proxyproto.NewConn(raw, proxyproto.WithPolicy(proxyproto.REQUIRE),
				proxyproto.SetReadHeaderTimeout(e.options.HeaderTimeout))
			return c, nil // counted when its header is read; Accept must not wait for that
		}
		c.known.Do(func() { c.admit(peer) })
		if c.refused != nil {
			continue
		}
		return c, nil
	}
}

// connection is a client's connection, counted until it is closed.
type connection struct {
	net.Conn
	edge  *Edge
	proxy bool // of a proxy that carries many clients

	known   sync.Once // has admit run
	address netip.Addr
	groups  [2]bucketKey // its client and its network; guarded by edge.counts.mu, as are:
	counted int          // how many of the groups it is in
	left    bool         // no longer in the counts
	crowded bool         // above the cap: answer 429 and close
	unknown bool         // the PROXY header names no client, so no other header may name one
	refused error

	heard   atomic.Bool  // the first bytes have been read
	http2   atomic.Bool  // it speaks HTTP/2
	moved   atomic.Bool  // bytes went either way since the drain has last looked
	writing atomic.Int32 // writes under way
	reading atomic.Bool  // the server waits for bytes
	leaving atomic.Bool  // it ends unless something arrives

	requests  atomic.Int64 // in progress; far below 0 once the connection has given way
	idleSince atomic.Int64 // the end of its last request, or its opening: nanoseconds since the edge began

	closing sync.Once
	closed  error
}

// gaveWay is far from any number of requests.
const gaveWay = -1 << 32

// begin notes that a request is in progress; false if the connection has given way and is being closed.
func (c *connection) begin() bool { return c.requests.Add(1) > 0 }

// end notes that a request is done.
func (c *connection) end() {
	c.idleSince.Store(int64(time.Since(c.edge.began)))
	c.requests.Add(-1)
}

// admit counts the connection for the client's address.
func (c *connection) admit(client netip.Addr) {
	e := c.edge
	c.address = client
	if e.settings.Load().MaxConnectionsPerAddress <= 0 || !client.IsValid() || e.proxies.trust(client) {
		return
	}
	room := e.join(c)
	if room != roomy {
		e.observer.ConnectionRefused("address")
	}
	if room == full {
		c.refused = errConnectionRefused
		c.abort()
	}
	c.crowded = room == crowded
}

// identify waits for the PROXY header, where one is required, and counts the connection.
func (c *connection) identify() {
	c.known.Do(func() {
		pc, ok := c.Conn.(*proxyproto.Conn)
		if !ok {
			return
		}
		if pc.ProxyHeader() == nil { // missing or malformed
			c.edge.observer.ConnectionRefused("proxy_header")
			c.refused = errors.New("edge: a trusted proxy sent no PROXY header")
			c.abort()
			return
		}
		c.unknown = pc.ProxyHeader().Command.IsLocal()
		c.admit(addressOf(pc.RemoteAddr()))
	})
}

// Read reads what the client sent after the PROXY header.
func (c *connection) Read(p []byte) (int, error) {
	c.identify()
	if c.refused != nil {
		return 0, c.refused
	}
	c.reading.Store(true)
	n, err := c.Conn.Read(p)
	c.reading.Store(false)
	if n == 0 && err != nil {
		n, err = c.lastLook(p, err)
	}
	if c.edge.drain.on.Load() && n > 0 {
		c.moved.Store(true)
	}
	if !c.heard.Load() && n > 0 {
		c.heard.Store(true)
		if _, stripped := c.Conn.(*proxyproto.Conn); !stripped {
			c.edge.strangers.hear(c.address, p[:n])
		}
	}
	return n, err
}

// Write writes, and lets the drain know.
func (c *connection) Write(p []byte) (int, error) {
	c.writing.Add(1)
	n, err := c.Conn.Write(p)
	if c.edge.drain.on.Load() {
		c.moved.Store(true)
	}
	c.writing.Add(-1)
	return n, err
}

// RemoteAddr is the client's address. It waits for the PROXY header, if there is one. http.Server calls it on the
// connection's own goroutine.
func (c *connection) RemoteAddr() net.Addr {
	c.identify()
	return c.Conn.RemoteAddr()
}

// Close closes the connection and frees its place.
func (c *connection) Close() error {
	c.closing.Do(func() {
		c.closed = c.Conn.Close()
		c.edge.leave(c)
	})
	return c.closed
}

// abort closes a connection that is not served, without lingering.
func (c *connection) abort() {
	c.closing.Do(func() {
		raw := c.Conn
		if pc, ok := raw.(*proxyproto.Conn); ok {
			raw = pc.Raw()
		}
		reset(raw)
		c.edge.leave(c)
	})
}

// reset closes a connection without leaving it in TIME_WAIT.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

type connectionKey struct{}

// withConnection puts the connection into the context of its requests. http.Server calls it while accepting, so it must
// not wait for a PROXY header.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = over.NetConn()
	}
	if own, ok := c.(*connection); ok {
		return context.WithValue(ctx, connectionKey{}, own)
	}
	return ctx
}

// peerOf is the address at the other end of a request's connection. The PROXY header has been read by now.
func peerOf(c *connection, r *http.Request) netip.Addr {
	if c != nil {
		return c.address
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(ap.Addr())
}
