package network

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	// streamIdle is how long one of raft's incoming connections may be idle.
	streamIdle = 10 * time.Minute
	// streamAnswer is how long an answer on one may take to be sent.
	streamAnswer = 10 * time.Second
	// streamPool is how many idle connections raft keeps to each member.
	streamPool = 3
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
	return &stream{conn: c, limit: n.limits.stream}, nil
}

// stream is one of raft's outgoing connections. Raft sets one deadline for a message and its answer, which a large message
// would never meet on a slow link. So each piece that the link takes moves the deadline.
type stream struct {
	*conn
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
		if err = s.conn.SetWriteDeadline(time.Now().Add(s.limit)); err != nil {
			break
		}
		var n int
		n, err = s.conn.Write(b[written:min(len(b), written+streamPiece)])
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
	return s.conn.SetReadDeadline(t)
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

// transport is raft's, except that its connections are to a member at an address, not to whoever is there. A vote or a
// log entry that another member acknowledged would count twice.
type transport struct {
	*raft.NetworkTransport
}

func newTransport(s *streams, limit time.Duration, log *slog.Logger) *transport {
	t := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: s, MaxPool: streamPool, Timeout: limit,
		// Raft logs the same failures where they matter.
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, DisableTime: true, Output: debugLines{log}}),
	})
	// A snapshot is a short description of the state. The answer comes once the member has got the state by calls, which may
	// take hours. Raft gives it the timeout once for each so many bytes, so 1 KiB has 50 minutes.
	t.TimeoutScale = 1
	return &transport{t}
}

func at(id raft.ServerID, address raft.ServerAddress) raft.ServerAddress {
	return raft.ServerAddress(target(string(id), string(address)))
}

func (t *transport) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	return t.NetworkTransport.AppendEntriesPipeline(id, at(id, to))
}

func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	return t.NetworkTransport.AppendEntries(id, at(id, to), q, a)
}

func (t *transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.NetworkTransport.InstallSnapshot(id, at(id, to), q, a, data)
}

func (t *transport) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	return again(func() error { return t.NetworkTransport.RequestVote(id, at(id, to), q, a) })
}

func (t *transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	return again(func() error { return t.NetworkTransport.RequestPreVote(id, at(id, to), q, a) })
}

func (t *transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	return again(func() error { return t.NetworkTransport.TimeoutNow(id, at(id, to), q, a) })
}

// again sends a message that may arrive twice, until its connection is not one that broke while it was idle. Members
// restart, and a vote that is lost for it would cost a whole election.
func again(send func() error) (err error) {
	for range streamPool + 1 {
		if err = send(); !broken(err) {
			return err
		}
	}
	return err
}

func broken(err error) bool {
	var coded interface{ Cause() error } // an error of raft's codec, which has no Unwrap
	if errors.As(err, &coded) {
		err = coded.Cause()
	}
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// debugLines passes lines to a logger.
type debugLines struct{ to *slog.Logger }

func (d debugLines) Write(line []byte) (int, error) {
	d.to.Debug("raft's connections: " + strings.TrimSpace(string(line)))
	return len(line), nil
}
