package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// dialLimit bounds the time to open a connection, greeting included.
const dialLimit = 3 * time.Second

// target names a member and where to reach it, as one word: connections are pooled by it, so that none to one member is
// used for another at the same address.
func target(id, address string) string { return id + "@" + address }

func splitTarget(target string) (id, address string) {
	id, address, _ = strings.Cut(target, "@") // no id has one, see checkID
	return id, address
}

// dial opens a connection for a protocol to a target. With an empty id any member of the cluster may answer. Its errors wrap
// ErrNotReached.
func (n *Network) dial(ctx context.Context, to, protocol string) (*conn, error) {
	id, address := splitTarget(to)
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	c, err := n.greeted(ctx, id, address, protocol)
	if err == nil && !n.open.add(c) {
		c.NetConn().Close()
		err = net.ErrClosed
	}
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrNotReached, address, err)
	}
	return c, nil
}

func memberName(id string) string {
	if id == "" {
		return "a member"
	}
	return "member " + id
}

// greeted opens a connection on which each end has accepted the other.
func (n *Network) greeted(ctx context.Context, id, address, protocol string) (*conn, error) {
	c := &conn{}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol},
		InsecureSkipVerify: true, // a member is known by its id, not by a host name: VerifyConnection checks that
		VerifyConnection: func(s tls.ConnectionState) (err error) {
			c.peer, err = n.credentials.verifyMember(s.PeerCertificates, n.now())
			if err == nil && id != "" && c.peer != id {
				err = fmt.Errorf("member %s answered instead", c.peer)
			}
			return err
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return n.credentials.current(), nil },
	}
	secured, err := dialTLS(ctx, address, config)
	c.Conn = secured
	return c, err
}

// dialTLS opens a connection, and waits until the listener greets. ctx must have a deadline.
func dialTLS(ctx context.Context, address string, config *tls.Config) (*tls.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: keepAlive}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, config)
	if err := beGreeted(ctx, secured, config.NextProtos[0]); err != nil {
		raw.Close()
		return nil, err
	}
	return secured, nil
}

func beGreeted(ctx context.Context, c *tls.Conn, protocol string) error {
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	if c.ConnectionState().NegotiatedProtocol != protocol {
		return fmt.Errorf("%w: it speaks another protocol", ErrForeign)
	}
	defer context.AfterFunc(ctx, func() { c.NetConn().Close() })()
	err := readGreeting(c)
	if ctx.Err() != nil { // then the connection may be closed
		return fmt.Errorf("wait for its greeting: %w", ctx.Err())
	}
	return err
}

func readGreeting(c *tls.Conn) error {
	greeting := make([]byte, greetingSize)
	if _, err := io.ReadFull(c, greeting); err != nil {
		if alert := (*net.OpError)(nil); errors.As(err, &alert) && alert.Op == "remote error" {
			return fmt.Errorf("it refuses this node's certificate; its log says why: %w", err)
		}
		return fmt.Errorf("wait for its greeting: %w", err)
	}
	switch greeting[0] {
	case welcome:
		return nil
	case refusedGone:
		return ErrRemoved
	case refusedFull:
		return errors.New("it has too many connections of this node; they end within a minute")
	default:
		return fmt.Errorf("it greets with %q, which this version does not know", greeting)
	}
}
