package replication

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// patientTransport sends entries to a member that does not answer again and again, for a while, before it tells raft. Raft
// itself waits twice as long after each failure, up to ten seconds: a member that comes back would wait as long for entries.
type patientTransport struct {
	raft.Transport
	life context.Context
}

var _ interface {
	raft.WithPreVote
	raft.WithClose
} = patientTransport{}

const (
	sendPatience = 30 * time.Second       // before raft is told
	sendAgain    = 100 * time.Millisecond // between two tries
)

// AppendEntries implements raft.Transport. Entries may arrive twice. Heartbeats are sent once: raft has its own rhythm for
// them.
func (t patientTransport) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	began := time.Now()
	for {
		err := t.Transport.AppendEntries(id, to, q, a)
		if err == nil || isHeartbeat(q) || t.life.Err() != nil || time.Since(began) > sendPatience {
			return err
		}
		select {
		case <-time.After(sendAgain):
		case <-t.life.Done():
			return err
		}
	}
}

// isHeartbeat reports what raft sends for a heartbeat.
func isHeartbeat(q *raft.AppendEntriesRequest) bool {
	return len(q.Entries) == 0 && q.PrevLogEntry == 0 && q.PrevLogTerm == 0 && q.LeaderCommitIndex == 0
}

// RequestPreVote implements raft.WithPreVote.
func (t patientTransport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	if p, ok := t.Transport.(raft.WithPreVote); ok {
		return p.RequestPreVote(id, to, q, a)
	}
	return errors.ErrUnsupported
}

// Close implements raft.WithClose.
func (t patientTransport) Close() error {
	if c, ok := t.Transport.(raft.WithClose); ok {
		return c.Close()
	}
	return nil
}
