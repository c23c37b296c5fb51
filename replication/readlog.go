package replication

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
	"imperio/storage"
)

// ReadLog visits the log of a data directory that no process writes to. It visits each entry in order, as the machine
// applies it: all its commands at once. In a cluster of one, every entry in the log is committed. It writes nothing.
func ReadLog(dir string, id Identity, visit func([]storage.Command) error) error {
	return logstore.Read(filepath.Join(dir, LogDir), id, func(l *raft.Log) error {
		entries, err := entryOf(l).Commands()
		if err != nil {
			return err
		}
		return visit(entries)
	})
}

// Torn is a write at the end of a log that was never finished.
type Torn = logstore.Torn

// replayStep is how many commands Replay applies at once.
const replayStep = 1024

// Above counts the commands of the log that are above a machine's state, where they can't be replayed. It checks the log and
// the state as Replay does before it begins, and returns what Replay does as torn.
func Above(dir string, id Identity, m Machine) (commands int, torn *Torn, err error) {
	torn, err = above(dir, id, m, func(l *raft.Log) error {
		entries, err := entryOf(l).Commands()
		for _, c := range entries {
			if len(c.Data) > 0 {
				commands++
			}
		}
		return err
	}, func(*logstore.Store) error { return nil })
	return commands, torn, err
}

// Replay applies to a machine what the log of a data directory has above its state, in memory: the log must not be in use,
// and nothing is written to it. Like a start, it refuses a log and a state that do not belong together (ErrMismatch): a
// log that is older than the state, or files of copies that went on separately. torn is what it dropped at the end of the
// log; nil for nothing.
func Replay(ctx context.Context, dir string, id Identity, m Machine) (torn *Torn, err error) {
	var batch []storage.Command
	apply := func() error {
		_, err := m.Apply(batch)
		batch = batch[:0]
		return err
	}
	return above(dir, id, m, func(l *raft.Log) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if batch, err = entryOf(l).AppendCommands(batch); err != nil || len(batch) < replayStep {
			return err
		}
		return apply()
	}, func(log *logstore.Store) error {
		if err := apply(); err != nil {
			return err
		}
		return checkReplay(log, m)
	})
}

// CatchUp applies to a machine what the log of a data directory has above its state, as Replay does, even if a newer state
// has taken the log's checkpoint since: a copy of a state is brought up to the end of the log, as long as the log still
// reaches back to it. Otherwise the error is ErrCut, and nothing is applied. The log must not be in use, and nothing is
// written to it.
func CatchUp(ctx context.Context, dir string, id Identity, m Machine) (err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := reaches(log, m); err != nil {
		return err
	}
	applied, _ := m.Applied()
	var batch []storage.Command
	err = log.Each(func(l *raft.Log) (err error) {
		if l.Index <= applied {
			return nil
		}
		if batch, err = entryOf(l).AppendCommands(batch); err != nil || len(batch) < replayStep {
			return errors.Join(err, ctx.Err())
		}
		_, err = m.Apply(batch)
		batch = batch[:0]
		return errors.Join(err, ctx.Err())
	})
	if err == nil {
		_, err = m.Apply(batch)
	}
	if err == nil {
		err = checkReplay(log, m)
	}
	if err != nil {
		return fmt.Errorf("read the log above the state: %w", err)
	}
	return nil
}

// reaches checks that the log has all entries above the machine's state, and that both are of one history.
func reaches(log *logstore.Store, m Machine) error {
	first, err := log.FirstIndex()
	if err != nil {
		return err
	}
	applied, _ := m.Applied()
	if snapshot, _ := log.Snapshot(); applied >= snapshot.Index {
		return consistent(log, m)
	}
	if first == 0 || first > applied+1 {
		return fmt.Errorf("%w: the state ends with entry %d, and %s begins with entry %d", ErrCut, applied, log.Path(), first)
	}
	return checkHistory(log, m)
}

// above visits the entries of a log that are above a machine's state, if the two belong together, and then calls finish.
func above(dir string, id Identity, m Machine, visit func(*raft.Log) error, finish func(*logstore.Store) error) (torn *Torn, err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := consistent(log, m); err != nil {
		return nil, err
	}
	applied, _ := m.Applied()
	err = log.Each(func(l *raft.Log) error {
		if l.Index <= applied {
			return nil
		}
		return visit(l)
	})
	if err == nil {
		err = finish(log)
	}
	if err != nil {
		return nil, fmt.Errorf("read the log above the state: %w", err)
	}
	return log.Torn(), nil
}
