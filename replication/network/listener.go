package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// The application protocols (ALPN). The listener tells by them what a connection is for.
const (
	raftProtocol = "imperio-raft/1"
	callProtocol = "imperio-call/1"
	joinProtocol = "imperio-join/1"
)

// The first byte that the listener sends on a connection, after the handshake.
const (
	welcome      = 'w'
	refusedFull  = 'f' // the caller has too many connections
	refusedGone  = 'g' // the caller has been removed
	greetingSize = 1
)

// accept takes connections until the port is closed.
func (n *Network) accept() {
	for {
		raw, err := n.listener.Accept()
		if n.life.Err() != nil {
			if err == nil {
				raw.Close()
			}
			return
		}
		if err != nil { // no file descriptors, for example
			n.tell("the cluster port can't take a connection", "error", err)
			select {
			case <-n.life.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		from := hostOf(raw)
		if !n.door.enter(from) {
			raw.Close()
			n.tell("the cluster port is busy with handshakes and refuses a connection", "from", raw.RemoteAddr())
			continue
		}
		n.work.Go(func() {
			c, to, err := n.receive(raw)
			n.door.leave(from)
			switch {
			case err != nil:
				raw.Close()
				if n.life.Err() == nil {
					n.tell("the cluster port refused a connection", "from", raw.RemoteAddr(), "error", err)
				}
			case !to.give(c):
				c.Close()
			}
		})
	}
}

// receive finds out who opened a connection and what for, and greets them.
func (n *Network) receive(raw net.Conn) (*conn, *queue, error) {
	ctx, cancel := context.WithTimeout(n.life, n.limits.handshake)
	defer cancel()
	secured := tls.Server(raw, n.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	if err := secured.SetDeadline(time.Now().Add(n.limits.handshake)); err != nil {
		return nil, nil, err
	}
	c, to := &conn{Conn: secured, incoming: true}, n.requests
	state := secured.ConnectionState()
	switch state.NegotiatedProtocol {
	case raftProtocol:
		c.idle, to = streamIdle, n.streams.queue
	case callProtocol:
	case joinProtocol:
		c.idle = joinLimit
	default:
		return nil, nil, errors.New("it does not say what it is for")
	}
	if state.NegotiatedProtocol != joinProtocol {
		var err error
		if _, c.peer, err = identityOf(state.PeerCertificates[0]); err != nil { // verified in the handshake
			return nil, nil, err
		}
		if n.removed(c.peer) {
			return nil, nil, errors.Join(fmt.Errorf("member %s has been removed", c.peer), greet(secured, refusedGone))
		}
	}
	if !n.open.add(c) {
		return nil, nil, errors.Join(fmt.Errorf("member %q has too many connections", c.peer), greet(secured, refusedFull))
	}
	err := greet(secured, welcome)
	if err == nil {
		err = secured.SetDeadline(time.Time{})
	}
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, to, nil
}

// greet sends a greeting. After any other than welcome it closes the connection.
func greet(c net.Conn, greeting byte) error {
	if _, err := c.Write([]byte{greeting}); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	if greeting != welcome {
		return c.Close()
	}
	return nil
}

// serverTLS asks for certificates of members, except from those who join.
func (n *Network) serverTLS() *tls.Config {
	own := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return n.credentials.current(), nil }
	joining := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{joinProtocol}, GetCertificate: own, SessionTicketsDisabled: true,
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{raftProtocol, callProtocol}, GetCertificate: own,
		SessionTicketsDisabled: true, // a session would outlive its certificate
		ClientAuth:             tls.RequireAnyClientCert,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := n.credentials.verifyMember(s.PeerCertificates, n.now())
			return err
		},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, joinProtocol) {
				return joining, nil
			}
			return nil, nil
		},
	}
}

// tell logs what somebody on the network can cause, a bounded number of times.
func (n *Network) tell(message string, args ...any) {
	if n.told.Allow() {
		n.log.Warn(message, args...)
	}
}
