package logstore

import (
	"fmt"
	"slices"

	"github.com/hashicorp/raft"

	"imperio/storage/engine"
)

// ConfigurationAt returns the cluster's configuration as of the entry index, and which entry holds it.
func (s *Store) ConfigurationAt(index uint64) (raft.Configuration, uint64, error) {
	snapshot, taken := s.Snapshot()
	// No entry between the one that holds the snapshot's configuration and the snapshot's last one holds another.
	taken = taken && min(snapshot.Index, snapshot.ConfigurationIndex) <= index
	for _, at := range slices.Backward(s.configured()) {
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

// configured are the entries of the log that hold a configuration.
func (s *Store) configured() []uint64 {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.configurations
}

// noteConfigurations remembers which of the new entries hold a configuration. Called with view held for writing.
func (s *Store) noteConfigurations(logs []*raft.Log) {
	for _, l := range logs {
		if l.Type == raft.LogConfiguration {
			s.configurations = append(slices.Clip(s.configurations), l.Index)
		}
	}
}

// ConfigurationsFrom returns the cluster's configuration as of the entry index, if there was one yet, and all later ones in
// the log, committed or not.
func (s *Store) ConfigurationsFrom(index uint64) (all []raft.Configuration, err error) {
	snapshot, taken := s.Snapshot()
	configurations := s.configured()
	if len(configurations) > 0 && configurations[0] <= index || taken && snapshot.Index <= index {
		c, _, err := s.ConfigurationAt(index)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for _, at := range configurations {
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
