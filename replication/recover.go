package replication

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
	"imperio/storage"
)

// Remains is what a stopped node knows of its cluster.
type Remains struct {
	Members   []Member  // as ReadMembers returns them
	LastIndex uint64    // the newest entry
	LastTerm  uint64    // its term
	Time      time.Time // of the newest entry that holds commands, as the leader stamped it; zero: the log has none
	Committed uint64    // the newest entry that is certainly committed
	Uncertain uint64    // entries above that one
	Commands  int       // commands in those
}

// Survey reads what a stopped node has of its cluster. A machine's state says which entries are certainly committed, beside
// the log itself. It writes nothing.
func Survey(dir string, id Identity, m Machine) (r Remains, err error) {
	log, err := logstore.OpenReadOnly(filepath.Join(dir, LogDir), id)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := consistent(log, m); err != nil {
		return r, err
	}
	if r.Members, err = membersOf(log); err != nil {
		return r, err
	}
	applied, term := m.Applied()
	if r.Committed, err = committedEnd(log, applied); err != nil {
		return r, err
	}
	r.LastIndex, r.LastTerm = applied, term
	if snapshot, _ := log.Snapshot(); snapshot.Index > r.LastIndex {
		r.LastIndex, r.LastTerm = snapshot.Index, snapshot.Term
	}
	err = log.Each(func(l *raft.Log) error {
		if l.Index > r.LastIndex {
			r.LastIndex, r.LastTerm = l.Index, l.Term
		}
		if l.Index > r.Committed {
			r.Uncertain++
		}
		commands, err := entryOf(l).Commands()
		for _, c := range commands {
			if len(c.Data) == 0 {
				continue
			}
			r.Time = c.Time
			if l.Index > r.Committed {
				r.Commands++
			}
		}
		return err
	})
	return r, err
}

// recovering is the value in the log that says that Recover has begun and has not ended.
var recovering = []byte("Recovering")

// unfinished refuses a log on which Recover was interrupted: the state may hold what the old cluster never committed.
func unfinished(log *logstore.Store) error {
	begun, err := log.Get(recovering)
	if err != nil || len(begun) == 0 {
		return nil // no such value
	}
	return fmt.Errorf("%s: %w. Run 'imperio cluster recover' again", log.Path(), ErrRecovering)
}

// Recover makes a cluster of the given members out of what a stopped node has, where the old one has lost its majority for
// good. This node must be one of them. All entries in its log are taken as committed, and are applied to the machine. The log
// must not be in use.
//
// Whoever calls it must know that the other old members never come back with their old data: they could form the old cluster
// again. A Recover that is interrupted must be called again; no node starts on the directory before that.
func Recover(ctx context.Context, dir string, id Identity, m Machine, members []Member) (err error) {
	configuration, err := recovered(id, members)
	if err != nil {
		return err
	}
	log, err := logstore.Open(filepath.Join(dir, LogDir), logstore.Options{
		Identity: id,
		MayCut:   func() uint64 { return m.Durable().Index },
		Head: func() logstore.Head {
			event, hash := m.Head()
			index, _ := m.Applied()
			return logstore.Head{Event: event, Hash: hash, Index: index}
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := consistent(log, m); err != nil {
		return err
	}
	index, term := m.Applied()
	if err := log.Set(recovering, []byte{1}); err != nil {
		return err
	}
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(id.NodeID)
	config.NoLegacyTelemetry = true
	config.Logger = newRaftLogger(slog.New(slog.DiscardHandler), new(atomic.Bool))
	_, wire := raft.NewInmemTransport(raft.ServerAddress(id.NodeID))
	replay := &recovery{ctx: ctx, machine: m}
	kept := stateAsSnapshot{snapshots{log: log, found: logstore.Snapshot{Index: index, Term: term}}}
	if err := raft.RecoverCluster(config, replay, log, log, kept, wire, configuration); err != nil {
		return fmt.Errorf("recover the cluster: %w", cmp.Or(replay.err, err))
	}
	if err := checkReplay(log, m); err != nil {
		return err
	}
	return log.Set(recovering, nil)
}

// recovered is the configuration of the recovered cluster.
func recovered(id Identity, members []Member) (c raft.Configuration, err error) {
	self, taken := false, make(map[string]bool)
	for _, m := range members {
		if taken[m.ID] || taken[m.Address] {
			return c, fmt.Errorf("member %q at %q: its id or its address is another member's, too", m.ID, m.Address)
		}
		taken[m.ID], taken[m.Address] = true, true
		if m.ID == "" || m.Address == "" || strings.TrimSpace(m.ID) != m.ID {
			return c, fmt.Errorf("member %q at %q: a member needs an id and an address", m.ID, m.Address)
		}
		self = self || m.ID == id.NodeID
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Address)})
	}
	if !self {
		return c, fmt.Errorf("this node is %s, and is not among the members to recover", id.NodeID)
	}
	return c, nil
}

// recovery is the machine as raft.RecoverCluster sees it. Raft takes no error of Apply, and tells others only as text: the
// first one is kept.
type recovery struct {
	ctx     context.Context
	machine Machine
	err     error
}

// Apply applies one entry.
func (r *recovery) Apply(l *raft.Log) any {
	if r.err == nil {
		r.err = r.apply(entryOf(l))
	}
	return nil
}

func (r *recovery) apply(e storage.Entry) error {
	commands, err := e.Commands()
	if err == nil {
		_, err = r.machine.Apply(commands)
	}
	return errors.Join(err, r.ctx.Err())
}

// Restore has nothing to do: the machine has its state.
func (r *recovery) Restore(from io.ReadCloser) error { return from.Close() }

// Snapshot is asked for once all entries are applied.
func (r *recovery) Snapshot() (raft.FSMSnapshot, error) { return r, r.err }

// Persist makes the state durable up to the snapshot's entry, which may be one of raft's own that the machine never saw.
func (r *recovery) Persist(to raft.SnapshotSink) error {
	r.err = r.persist(to.(*snapshotSink).meta)
	return r.err
}

func (r *recovery) persist(meta logstore.Snapshot) error {
	if applied, _ := r.machine.Applied(); applied < meta.Index {
		if err := r.apply(storage.Entry{Index: meta.Index, Term: meta.Term}); err != nil {
			return err
		}
	}
	c, err := r.machine.Checkpoint(r.ctx)
	if err == nil && c.Index < meta.Index {
		err = fmt.Errorf("the checkpoint holds the state only up to entry %d of %d", c.Index, meta.Index)
	}
	return err
}

// Release has nothing to do.
func (r *recovery) Release() {}

// stateAsSnapshot is the state that the machine has, as the newest snapshot.
type stateAsSnapshot struct{ snapshots }

// Open returns no content: the machine has it.
func (s stateAsSnapshot) Open(string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	return nil, io.NopCloser(bytes.NewReader(nil)), nil
}
