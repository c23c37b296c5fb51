package replication

import (
	"path/filepath"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
	"imperio/storage"
)

// ReadLog visits the commands in the log of a data directory that no process has open, in order. In a cluster of one
// every entry that is in the log is committed. It writes nothing.
func ReadLog(dir string, id Identity, visit func(storage.Entry) error) error {
	return logstore.Read(filepath.Join(dir, LogFile), id, func(l *raft.Log) error {
		if l.Type != raft.LogCommand {
			return visit(storage.Entry{Index: l.Index, Term: l.Term})
		}
		return visit(storage.Entry{Index: l.Index, Term: l.Term, Data: l.Data})
	})
}
