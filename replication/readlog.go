package replication

import (
	"path/filepath"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
	"imperio/storage"
)

// ReadLog visits the log of a data directory that no process has open. It visits each entry in order, as the machine
// applies it: all its commands at once. In a cluster of one, every entry in the log is committed. It writes nothing.
func ReadLog(dir string, id Identity, visit func([]storage.Command) error) error {
	return logstore.Read(filepath.Join(dir, LogFile), id, func(l *raft.Log) error {
		entries, err := appendEntries(nil, l)
		if err != nil {
			return err
		}
		return visit(entries)
	})
}
