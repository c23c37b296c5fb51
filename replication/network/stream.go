package network

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// streamIdle is how long one of raft's incoming connections may be idle.
	streamIdle = 10 * time.Minute
	// streamAnswer is how long an answer on one may take to be sent.
	streamAnswer = 10 * time.Second
)

// streams is where raft's connections come from.
type streams struct {
	*queue
	dial func(to raft.ServerAddress, timeout time.Duration) (net.Conn, error)
}

func (s *streams) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return s.dial(to, timeout)
}

func (n *Network) dialStream(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(n.life, timeout)
	defer cancel()
	c, err := n.dial(ctx, string(to), raftProtocol)
	if err != nil {
		return nil, err
	}
	return &stream{Conn: c, limit: n.limits.stream}, nil
}

// stream is one of raft's outgoing connections. Raft sets one deadline for a message and its answer, which a large message
// would never meet on a slow link. So each piece that the link takes moves the deadline.
type stream struct {
	net.Conn
	limit time.Duration // for each piece, and for an answer

	mu       sync.Mutex // guards all below
	sent     int        // bytes of the message so far
	answered time.Time  // the deadline for the answer
}

const (
	// streamPiece is what is sent at once, in bytes. A link must take it within a stream's limit. When the system's buffer is
	// full, that means until a third of the buffer is free.
	streamPiece = 64 << 10
	// A link should carry streamRate, in bytes a second. So the answer to a message has as much more time as the end of it
	// needs that may still be in the system's buffer, which is up to streamBuffer bytes.
	streamRate   = 1 << 20
	streamBuffer = 4 << 20
)

func (s *stream) Write(b []byte) (written int, err error) {
	for err == nil && written < len(b) {
		if err = s.Conn.SetWriteDeadline(time.Now().Add(s.limit)); err != nil {
			break
		}
		var n int
		n, err = s.Conn.Write(b[written:min(len(b), written+streamPiece)])
		written += n
		if err == nil {
			err = s.took(n)
		}
	}
	return written, err
}

// took moves the deadline for the answer, after the link took some bytes.
func (s *stream) took(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += n
	return s.await(time.Now().Add(s.limit))
}

// await sets the deadline for the answer, unless it is later already. It is called with mu held.
func (s *stream) await(t time.Time) error {
	t = t.Add(time.Duration(min(s.sent, streamBuffer)) * time.Second / streamRate)
	if !t.After(s.answered) {
		return nil
	}
	s.answered = t
	return s.Conn.SetReadDeadline(t)
}

// SetReadDeadline is called when raft begins to wait for an answer.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = time.Time{}
	return s.await(t)
}

// SetWriteDeadline is called when raft begins to send a message.
func (s *stream) SetWriteDeadline(time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = 0
	return nil
}

// SetDeadline is called when raft begins to send a message whose answer it waits for.
func (s *stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetWriteDeadline(t), s.SetReadDeadline(t))
}
