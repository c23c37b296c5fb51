package replication

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// snapshots is raft's snapshot store: only the metadata of the last snapshot, kept in the log's own file. What it
// describes is the checkpoint in state.db. For another member, a copy of the checkpoint is made; see statecopy.go.
type snapshots struct {
	log *logstore.Store
	// found is the checkpoint that the node started from. It serves as a snapshot, and is usually newer than the last one:
	// raft need not read the entries below it.
	found logstore.Snapshot
	// node sends and receives states; nil where nobody does.
	node *Node
}

// foundCheckpoint describes the state that the machine was opened with as a snapshot.
func foundCheckpoint(log *logstore.Store, m Machine) (logstore.Snapshot, error) {
	index, term := m.Applied()
	if index == 0 {
		return logstore.Snapshot{}, nil
	}
	configuration, at, err := log.ConfigurationAt(index)
	if err != nil {
		return logstore.Snapshot{}, err
	}
	return logstore.Snapshot{Index: index, Term: term, Configuration: configuration, ConfigurationIndex: at}, nil
}

var _ raft.SnapshotStore = snapshots{}

// Create begins a snapshot; closing its sink makes the metadata durable, or accepts another member's state.
func (s snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("snapshot version %d is unknown; this version knows 1", version)
	}
	return &snapshotSink{store: s, meta: logstore.Snapshot{
		Index: index, Term: term, Configuration: configuration, ConfigurationIndex: configurationIndex,
	}}, nil
}

// List returns the newest snapshot.
func (s snapshots) List() ([]*raft.SnapshotMeta, error) {
	m := s.newest()
	if m.Index == 0 {
		return nil, nil
	}
	return []*raft.SnapshotMeta{metaOf(m)}, nil
}

// newest is the newest snapshot; the zero Snapshot if there is none.
func (s snapshots) newest() logstore.Snapshot {
	m, _ := s.log.Snapshot()
	if m.Index < s.found.Index {
		m = s.found
	}
	return m
}

func metaOf(m logstore.Snapshot) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version: 1, ID: snapshotID(m), Index: m.Index, Term: m.Term,
		Configuration: m.Configuration, ConfigurationIndex: m.ConfigurationIndex,
	}
}

// Open returns the message to a member that needs the state. It may be of an older one than was asked for: a copy that is
// there already. After a state was received, it returns nothing to read: the state is in its place.
func (s snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if s.node == nil {
		return nil, nil, fmt.Errorf("open snapshot %s: %w", id, errNotStreamed)
	}
	if received := s.node.received.Load(); received != nil && snapshotID(*received) == id {
		return metaOf(*received), io.NopCloser(bytes.NewReader(nil)), nil
	}
	return s.node.openCopy(s.newest().Index)
}

func snapshotID(m logstore.Snapshot) string { return fmt.Sprintf("%d-%d", m.Term, m.Index) }

// logOfRaft is the log as raft reads it.
type logOfRaft struct{ *logstore.Store }

// GetLog also finds the entry at which the newest snapshot ends, without its data, when it is cut from the log. A leader whose
// own log goes on right after it asks for its term. Without an answer, the leader would send the state, in vain: this node
// has that already. Raft reads the data of that entry only to send the log from its very beginning, so never of a later one.
func (l logOfRaft) GetLog(index uint64, to *raft.Log) error {
	err := l.Store.GetLog(index, to)
	if s, ok := l.Snapshot(); ok && index == s.Index && index > 1 && errors.Is(err, raft.ErrLogNotFound) {
		*to = raft.Log{Index: index, Term: s.Term, Type: raft.LogNoop}
		return nil
	}
	return err
}

// snapshotSink takes this node's own snapshot, of which nothing is written, or the message about another member's state.
type snapshotSink struct {
	store   snapshots
	meta    logstore.Snapshot
	message []byte
}

func (s *snapshotSink) ID() string { return snapshotID(s.meta) }

// maxMessage bounds the message about a state, in bytes.
const maxMessage = 4 << 10

// Write takes a part of the message about another member's state.
func (s *snapshotSink) Write(b []byte) (int, error) {
	if s.store.node == nil {
		return 0, errNotStreamed
	}
	if len(s.message)+len(b) > maxMessage {
		return 0, fmt.Errorf("the message about a state has more than %d bytes", maxMessage)
	}
	s.message = append(s.message, b...)
	return len(b), nil
}

func (s *snapshotSink) Close() error {
	if len(s.message) == 0 {
		return s.store.log.SaveSnapshot(s.meta)
	}
	if err := s.store.node.receive(s.meta, s.message); err != nil {
		return err
	}
	s.store.node.received.Store(&s.meta)
	return nil
}

func (s *snapshotSink) Cancel() error { return nil }
