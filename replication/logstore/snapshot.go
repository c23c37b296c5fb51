package logstore

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Snapshot is the metadata of the last snapshot. The bytes of the state are not here: they are the checkpoint in state.db.
type Snapshot struct {
	Index, Term        uint64
	Configuration      raft.Configuration
	ConfigurationIndex uint64
}

// errOlder means that a snapshot would take the place of a newer state that came from another member.
var errOlder = errors.New("a newer state was installed meanwhile")

// SaveSnapshot stores the metadata of a snapshot and replaces the previous one. It refuses one that was begun before another
// member's newer state was installed. It is durable when it returns nil.
func (s *Store) SaveSnapshot(m Snapshot) error {
	return s.save(m, false)
}

// SaveInstalled is SaveSnapshot for a state that came from another member: the entries that this log has are not those that
// lead there. They count for nothing from then on; the caller removes them all, or else the next Open does.
func (s *Store) SaveInstalled(m Snapshot) error { return s.save(m, true) }

func (s *Store) save(m Snapshot, installed bool) error {
	older := false
	err := s.update(func(r *record) bool {
		if older = !installed && r.Snapshot != nil && r.Snapshot.Installed && r.Snapshot.Index > m.Index; older {
			return false
		}
		r.Snapshot = &snapshotRecord{
			Index: m.Index, Term: m.Term,
			Configuration:      raft.EncodeConfiguration(m.Configuration),
			ConfigurationIndex: m.ConfigurationIndex,
			Installed:          installed,
		}
		return true
	})
	if err == nil && older {
		err = fmt.Errorf("save the snapshot at entry %d: %w", m.Index, errOlder)
	}
	return err
}

// replaces reports whether the snapshot takes the place of a log that begins with the entry first. An installed one takes that
// of any log that does not go on from it.
func (r *record) replaces(first uint64) bool {
	return r.Snapshot != nil && r.Snapshot.Installed && first != 0 && first <= r.Snapshot.Index
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
