package edge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"

	proxyproto "github.com/pires/go-proxyproto"
)

var errConnectionRefused = errors.New("edge: too many connections from this address")

// Listener limits the connections that come in through inner, in total and per address (an IPv6 address counts by its
// /64). It also reads the PROXY header of trusted proxies.
//
// A connection above the total is closed at once. The cap per address has two steps. Up to twice the cap, a request on
// the connection gets 429 too_many_connections and ends it, so that people learn why. Above that, the connection is
// closed at once. A connection from a trusted proxy counts for the client that its PROXY header names. Without the PROXY
// protocol, a proxy's connection carries many clients, and is not capped.
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

// connectionCounts are the open connections of all listeners of an Edge. Only clients with a connection are in the map.
type connectionCounts struct {
	mu      sync.Mutex
	total   int               // guarded by mu
	clients map[bucketKey]int // connections by client, guarded by mu
}

// Accept returns the next connection that may be served.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !l.edge.enter() {
			l.edge.observer.ConnectionRefused("total")
			reset(raw)
			continue
		}
		l.edge.observer.ConnectionOpened()
		c := &connection{Conn: raw, edge: l.edge}
		peer := addressOf(raw.RemoteAddr())
		if l.edge.options.ProxyProtocol && l.edge.proxies.trust(peer) {
			c.Conn = proxyproto.NewConn(raw, proxyproto.WithPolicy(proxyproto.REQUIRE),
				proxyproto.SetReadHeaderTimeout(l.edge.options.HeaderTimeout))
			return c, nil // counted when its header is read; Accept must not wait for that
		}
		c.known.Do(func() { c.admit(peer) })
		if c.refused != nil {
			continue
		}
		return c, nil
	}
}

// enter counts a connection in the total; false if there is no room.
func (e *Edge) enter() bool {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	if most := e.options.MaxConnections; most > 0 && e.counts.total >= most {
		return false
	}
	e.counts.total++
	return true
}

// connection is a client's connection, counted until it is closed.
type connection struct {
	net.Conn
	edge *Edge

	known   sync.Once // has admit run
	address netip.Addr
	counted bool // in edge.counts.clients; guarded by its lock
	left    bool // no longer counted in total; guarded by the same lock
	crowded bool // above the cap: answer 429 and close
	unknown bool // the PROXY header names no client, so no other header may name one
	heard   bool // the first bytes have been read; only Read uses it
	refused error

	closing sync.Once
	closed  error
}

// admit counts the connection for the client's address.
func (c *connection) admit(client netip.Addr) {
	e := c.edge
	c.address = client
	most := e.options.MaxConnectionsPerAddress
	if most <= 0 || !client.IsValid() || e.proxies.trust(client) {
		return
	}
	key := clientKey(client)
	e.counts.mu.Lock()
	n := e.counts.clients[key] + 1
	if c.left {
		e.counts.mu.Unlock()
		return
	}
	if n > 2*most {
		c.refused = errConnectionRefused
	} else {
		e.counts.clients[key] = n
		c.counted, c.crowded = true, n > most
	}
	e.counts.mu.Unlock()
	if n > most {
		e.observer.ConnectionRefused("address")
	}
	if c.refused != nil {
		c.abort()
	}
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
	n, err := c.Conn.Read(p)
	if !c.heard {
		c.heard = true
		if _, stripped := c.Conn.(*proxyproto.Conn); !stripped {
			c.edge.strangers.hear(c.address, p[:n])
		}
	}
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
		c.leave()
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
		c.leave()
	})
}

func (c *connection) leave() {
	e := c.edge
	e.counts.mu.Lock()
	e.counts.total--
	c.left = true
	if c.counted {
		key := clientKey(c.address)
		if e.counts.clients[key]--; e.counts.clients[key] <= 0 {
			delete(e.counts.clients, key)
		}
	}
	e.counts.mu.Unlock()
	e.observer.ConnectionClosed()
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
