package replication

import (
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// snapshots is raft's snapshot store: only the metadata of the last snapshot, kept in the log's own file. What it
// describes is the checkpoint in state.db.
type snapshots struct{ log *logstore.Store }

var _ raft.SnapshotStore = snapshots{}

// Create begins a snapshot; closing its sink makes the metadata durable.
func (s snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("snapshot version %d, known is 1", version)
	}
	return &snapshotSink{log: s.log, meta: logstore.Snapshot{
		Index: index, Term: term, Configuration: configuration, ConfigurationIndex: configurationIndex,
	}}, nil
}

// List returns the last snapshot.
func (s snapshots) List() ([]*raft.SnapshotMeta, error) {
	m, ok := s.log.Snapshot()
	if !ok {
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
