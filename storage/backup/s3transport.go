package backup

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// s3Transport makes connections to a target that end if nothing moves on them for the given time. How long a whole
// request takes has no bound: archives may be large, and lines slow.
func s3Transport(stall time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: min(stall, 15*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				// What lies in the system's buffer counts as moved. On a slow line a larger one would take longer than stall.
				if err := tcp.SetWriteBuffer(1 << 20); err != nil {
					conn.Close()
					return nil, err
				}
			}
			return &stallConn{Conn: conn, limit: stall}, nil
		},
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   min(stall, 15*time.Second),
		ResponseHeaderTimeout: stall,
		IdleConnTimeout:       stall / 2, // before the connection's own deadline
		MaxIdleConnsPerHost:   4,
		DisableCompression:    true, // objects are read as they lie there
	}
}

// stallConn fails a read or a write when the connection has not moved for the limit. One deadline serves both directions:
// while a long body is written, a read waits for the answer, and must not end before it.
type stallConn struct {
	net.Conn
	limit time.Duration
}

// Read reads with the deadline set anew.
func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write writes in small pieces, each with the deadline set anew: a slow line is no stalled one.
func (c *stallConn) Write(p []byte) (int, error) {
	const piece = 64 << 10
	written := 0
	for {
		if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:min(len(p), written+piece)])
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}
