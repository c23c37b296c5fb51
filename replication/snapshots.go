package replication

import (
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// snapshots is raft's snapshot store: only the metadata of the last snapshot, kept in the log's own file. What it
// describes is the checkpoint in state.db.
type snapshots struct {
	log *logstore.Store
	// found is the checkpoint that the node started from. It serves as a snapshot, and is usually newer than the last one:
	// raft need not read the entries below it.
	found logstore.Snapshot
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

// Create begins a snapshot; closing its sink makes the metadata durable.
func (s snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("snapshot version %d is unknown; this version knows 1", version)
	}
	return &snapshotSink{log: s.log, meta: logstore.Snapshot{
		Index: index, Term: term, Configuration: configuration, ConfigurationIndex: configurationIndex,
	}}, nil
}

// List returns the newest snapshot.
func (s snapshots) List() ([]*raft.SnapshotMeta, error) {
	m, _ := s.log.Snapshot()
	if m.Index < s.found.Index {
		m = s.found
	}
	if m.Index == 0 {
		return nil, nil
	}
	return []*raft.SnapshotMeta{{
		Version: 1, ID: snapshotID(m), Index: m.Index, Term: m.Term,
		Configuration: m.Configuration, ConfigurationIndex: m.ConfigurationIndex,
	}}, nil
}

// Open would stream the state to a follower; a lone node has none.
func (s snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	return nil, nil, fmt.Errorf("open snapshot %s: %w", id, errNotStreamed)
}

func snapshotID(m logstore.Snapshot) string { return fmt.Sprintf("%d-%d", m.Term, m.Index) }

type snapshotSink struct {
	log  *logstore.Store
	meta logstore.Snapshot
}

func (s *snapshotSink) ID() string { return snapshotID(s.meta) }

// Write refuses the state of another node.
func (s *snapshotSink) Write([]byte) (int, error) { return 0, errNotStreamed }

func (s *snapshotSink) Close() error { return s.log.SaveSnapshot(s.meta) }

func (s *snapshotSink) Cancel() error { return nil }
