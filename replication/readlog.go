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

// The log of a lone node holds only what is committed. That of a cluster's member may end with entries that a majority does
// not have: another leader may have replaced them since. So what reads the log of a member stops at the newest entry that
// is known to be committed, because this node had applied it, and says how many entries it left out.

// LeftOut is what reading a log leaves out at its end.
type LeftOut struct {
	Torn      *Torn  // a write that was never finished; nil: none
	Uncertain uint64 // entries of a cluster's member that nothing on this machine proves to be committed
}

// Torn is a write at the end of a log that was never finished.
type Torn = logstore.Torn

// TellUncertain says which entries are uncertain, and why; "" if none is.
func (l LeftOut) TellUncertain() string {
	if l.Uncertain == 0 {
		return ""
	}
	return fmt.Sprintf("the last %d entries of the log: this node is a member of a cluster, and only the other members know whether they count", l.Uncertain)
}

// ReadLog visits the log of a data directory that no process writes to. It visits each entry in order, as the machine
// applies it: all its commands at once. Entries up to the index applied are known to be committed, because a state holds
// them; 0: there is no such state. It writes nothing.
func ReadLog(dir string, id Identity, applied uint64, visit func([]storage.Command) error) (left LeftOut, err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return eachCommitted(log, applied, func(l *raft.Log) error {
		entries, err := entryOf(l).Commands()
		if err != nil {
			return err
		}
		return visit(entries)
	})
}

// replayStep is how many commands Replay applies at once.
const replayStep = 1024

// Above counts the commands of the log that are above a machine's state, where they can't be replayed. It checks the log and
// the state as Replay does before it begins, and leaves out what Replay does.
func Above(dir string, id Identity, m Machine) (commands int, left LeftOut, err error) {
	left, err = above(dir, id, m, func(l *raft.Log) error {
		entries, err := entryOf(l).Commands()
		for _, c := range entries {
			if len(c.Data) > 0 {
				commands++
			}
		}
		return err
	}, func(*logstore.Store) error { return nil })
	return commands, left, err
}

// Replay applies to a machine what the log of a data directory has above its state, in memory: the log must not be in use,
// and nothing is written to it. Like a start, it refuses a log and a state that do not belong together (ErrMismatch): a
// log that is older than the state, or files of copies that went on separately.
func Replay(ctx context.Context, dir string, id Identity, m Machine) (LeftOut, error) {
	r := replay{ctx: ctx, machine: m}
	return above(dir, id, m, r.visit, r.finish)
}

// CatchUp applies to a machine what the log of a data directory has above its state, as Replay does, even if a newer state
// has taken the log's checkpoint since: a copy of a state is brought up to the end of the log, as long as the log still
// reaches back to it. Otherwise the error is ErrCut, and nothing is applied. The log must not be in use, and nothing is
// written to it.
func CatchUp(ctx context.Context, dir string, id Identity, m Machine) (left LeftOut, err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := reaches(log, m); err != nil {
		return left, err
	}
	r := replay{ctx: ctx, machine: m}
	return eachAbove(log, m, r.visit, r.finish)
}

// replay applies entries to a machine, many at a time.
type replay struct {
	ctx     context.Context
	machine Machine
	batch   []storage.Command
}

func (r *replay) visit(l *raft.Log) (err error) {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.batch, err = entryOf(l).AppendCommands(r.batch); err != nil || len(r.batch) < replayStep {
		return err
	}
	return r.apply()
}

func (r *replay) apply() error {
	_, err := r.machine.Apply(r.batch)
	r.batch = r.batch[:0]
	return err
}

// finish applies the rest, and checks that the history has led to where the log says.
func (r *replay) finish(log *logstore.Store) error {
	if err := r.apply(); err != nil {
		return err
	}
	return checkReplay(log, r.machine)
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

// above opens the log of a directory, and visits the entries that are above a machine's state, if the two belong together.
// Then it calls finish.
func above(dir string, id Identity, m Machine, visit func(*raft.Log) error, finish func(*logstore.Store) error) (left LeftOut, err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := consistent(log, m); err != nil {
		return left, err
	}
	return eachAbove(log, m, visit, finish)
}

// eachAbove visits the entries that are above a machine's state and certainly committed, and then calls finish.
func eachAbove(log *logstore.Store, m Machine, visit func(*raft.Log) error, finish func(*logstore.Store) error) (LeftOut, error) {
	applied, _ := m.Applied()
	left, err := eachCommitted(log, applied, func(l *raft.Log) error {
		if l.Index <= applied {
			return nil
		}
		return visit(l)
	})
	if err == nil {
		err = finish(log)
	}
	if err != nil {
		return left, fmt.Errorf("read the log above the state: %w", err)
	}
	return left, nil
}

// eachCommitted visits the entries of a log that are certainly committed. Those up to the index applied are.
func eachCommitted(log *logstore.Store, applied uint64, visit func(*raft.Log) error) (LeftOut, error) {
	left := LeftOut{Torn: log.Torn()}
	end, err := committedEnd(log, applied)
	if err != nil {
		return left, err
	}
	err = log.Each(func(l *raft.Log) error {
		if l.Index > end {
			left.Uncertain++
			return nil
		}
		return visit(l)
	})
	return left, err
}

// committedEnd returns the last entry of a log that is certainly committed. Those up to the index applied are.
func committedEnd(log *logstore.Store, applied uint64) (uint64, error) {
	last, err := log.LastIndex()
	if err != nil {
		return 0, err
	}
	end := max(log.Committed(), applied)
	configurations, err := log.ConfigurationsFrom(end)
	if err != nil {
		return 0, err
	}
	if len(configurations) == 0 {
		return end, nil // it waits for a leader to add it
	}
	for _, c := range configurations {
		if !votesAlone(c, log.Identity().NodeID) {
			return end, nil
		}
	}
	return max(last, end), nil
}

// votesAlone reports whether a node is the only voter: what is in its log is committed.
func votesAlone(c raft.Configuration, node string) bool {
	alone := false
	for _, s := range c.Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		if string(s.ID) != node {
			return false
		}
		alone = true
	}
	return alone
}
