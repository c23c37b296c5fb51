package logstore

import "github.com/hashicorp/raft"

// Snapshot is the metadata of the last snapshot. The bytes of the state are not here: they are the checkpoint in state.db.
type Snapshot struct {
	Index, Term        uint64
	Configuration      raft.Configuration
	ConfigurationIndex uint64
}

// SaveSnapshot stores the metadata of a snapshot and replaces the previous one. It is durable when it returns nil.
func (s *Store) SaveSnapshot(m Snapshot) error {
	return s.update(func(r *record) bool {
		r.Snapshot = &snapshotRecord{
			Index: m.Index, Term: m.Term,
			Configuration:      raft.EncodeConfiguration(m.Configuration),
			ConfigurationIndex: m.ConfigurationIndex,
		}
		return true
	})
}

// Snapshot returns the metadata of the last snapshot, and false if there has been none.
func (s *Store) Snapshot() (Snapshot, bool) {
	s.view.RLock()
	defer s.view.RUnlock()
	m := s.rec.Snapshot
	if m == nil {
		return Snapshot{}, false
	}
	return Snapshot{
		Index: m.Index, Term: m.Term,
		Configuration:      raft.DecodeConfiguration(m.Configuration),
		ConfigurationIndex: m.ConfigurationIndex,
	}, true
}
