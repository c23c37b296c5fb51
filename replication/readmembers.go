package replication

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// ReadMembers returns the members of the cluster as the log of a data directory that no process writes to has them, sorted
// by id: this node's newest knowledge, which others may have gone beyond. A lone node is its only member. There are none in
// the log of a node that waits to be added. Only ID, Address, Voter and Self are set. It writes nothing.
func ReadMembers(dir string, id Identity) (members []Member, err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return membersOf(log)
}

// membersOf returns the members by the newest configuration of a log that was just opened.
func membersOf(log *logstore.Store) ([]Member, error) {
	last, err := log.LastIndex()
	if err != nil {
		return nil, err
	}
	snapshot, _ := log.Snapshot()
	configurations, err := log.ConfigurationsFrom(max(last, snapshot.Index))
	if err != nil || len(configurations) == 0 {
		return nil, err
	}
	var members []Member
	for _, s := range configurations[0].Servers {
		members = append(members, Member{
			ID: string(s.ID), Address: string(s.Address),
			Voter: s.Suffrage == raft.Voter, Self: string(s.ID) == log.Identity().NodeID,
		})
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return members, nil
}
