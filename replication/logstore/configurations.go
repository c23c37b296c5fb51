package logstore

import (
	"fmt"
	"slices"

	"github.com/hashicorp/raft"

	"imperio/storage/engine"
)

// ConfigurationAt returns the cluster's configuration as of the entry index, among those that were in the log when it was
// opened, and which entry holds it.
func (s *Store) ConfigurationAt(index uint64) (raft.Configuration, uint64, error) {
	snapshot, taken := s.Snapshot()
	taken = taken && snapshot.Index <= index
	for _, at := range slices.Backward(s.configurations) {
		if at > index {
			continue
		}
		if taken && at <= snapshot.Index {
			break // the snapshot's is the newest up to there
		}
		c, err := s.configurationIn(at)
		return c, at, err
	}
	if taken {
		return snapshot.Configuration, snapshot.ConfigurationIndex, nil
	}
	return raft.Configuration{}, 0, &engine.DamageError{File: s.dir, What: fmt.Sprintf("no configuration at or below entry %d", index)}
}

// ConfigurationsFrom returns the cluster's configuration as of the entry index, if there was one yet, and all later ones in
// the log, committed or not, as Open found them.
func (s *Store) ConfigurationsFrom(index uint64) (all []raft.Configuration, err error) {
	snapshot, taken := s.Snapshot()
	if len(s.configurations) > 0 && s.configurations[0] <= index || taken && snapshot.Index <= index {
		c, _, err := s.ConfigurationAt(index)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for _, at := range s.configurations {
		if at <= index {
			continue
		}
		c, err := s.configurationIn(at)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (s *Store) configurationIn(at uint64) (raft.Configuration, error) {
	var l raft.Log
	if err := s.GetLog(at, &l); err != nil {
		return raft.Configuration{}, fmt.Errorf("read the configuration in entry %d: %w", at, err)
	}
	return raft.DecodeConfiguration(l.Data), nil
}
