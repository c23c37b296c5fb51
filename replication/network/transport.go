package network

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// streamPool is how many idle connections raft keeps to each member.
const streamPool = 3

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

// again sends a message that may arrive twice, until its connection is not one that broke while it was idle. That happens
// when a member restarts, and a vote that is lost for it would cost a whole election.
func again(send func() error) (err error) {
	for range streamPool + 1 {
		if err = send(); !broken(err) {
			return err
		}
	}
	return err
}

// broken reports whether an open connection turned out to be closed by the other end.
func broken(err error) bool {
	var coded interface{ Cause() error } // an error of raft's codec, which has no Unwrap
	if errors.As(err, &coded) {
		err = coded.Cause()
	}
	if errors.Is(err, ErrNotReached) { // a new connection failed
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
