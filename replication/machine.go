package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage"
	"imperio/storage/command"
)

// Machine is the state that the log is applied to; *storage.Store is one.
//
// Apply is called from one goroutine, in the order of the log and without gaps. Applied, Checkpoint and Durable are
// called from others at the same time.
type Machine interface {
	// Apply carries out committed commands and returns one result for each. Several commands of one entry have its index
	// and come in one call. Those at or below the index that was applied before are skipped, with an empty result. An error
	// means a damaged disk or a bug: the node stops, and Apply is not called again. The machine must not keep the slice of
	// entries; their Data never changes and may be kept.
	Apply(entries []storage.Command) ([]command.Result, error)
	// Applied returns the last entry applied in memory. When the machine was just opened, it is durable too.
	Applied() (index, term uint64)
	// Checkpoint returns when everything that was applied at the call is durable. An error, unless ctx has ended, means
	// that the state can't be made durable any more: the node stops.
	Checkpoint(ctx context.Context) (storage.Checkpoint, error)
	// Durable returns the last durable checkpoint.
	Durable() storage.Checkpoint
}

// fsm is the machine as raft sees it.
type fsm struct{ node *Node }

var _ raft.BatchingFSM = (*fsm)(nil)

// applyFailure is the response to an entry that the machine could not apply.
type applyFailure struct{ err error }

// ApplyBatch applies entries and returns a []command.Result or an applyFailure for each.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	n := f.node
	responses := make([]any, len(logs))
	if err := n.Err(); err != nil { // the machine must not go on after it failed
		for i := range responses {
			responses[i] = applyFailure{err}
		}
		return responses
	}
	began := time.Now()
	entries := n.entries[:0]
	for _, l := range logs {
		var err error
		if entries, err = appendEntries(entries, l); err != nil {
			return f.broken(logs, err)
		}
	}
	results, err := n.machine.Apply(entries)
	if err == nil && len(results) != len(entries) {
		err = fmt.Errorf("%d results for %d commands", len(results), len(entries))
	}
	if err != nil {
		return f.broken(logs, err)
	}
	rest := entries
	for i, l := range logs {
		parts := 0
		for parts < len(rest) && rest[parts].Index == l.Index {
			parts++
		}
		responses[i] = results[:parts:parts]
		rest, results = rest[parts:], results[parts:]
	}
	commands := len(entries)
	clear(entries) // let go of the data
	n.entries = entries
	n.counters.applied(commands, time.Since(began))
	if n.observe.Applied != nil {
		n.observe.Applied(commands, time.Since(began))
	}
	return responses
}

// broken ends the node since entries could not be applied.
func (f *fsm) broken(logs []*raft.Log, err error) []any {
	err = fmt.Errorf("apply entries %d to %d: %w", logs[0].Index, logs[len(logs)-1].Index, err)
	f.node.fail(err)
	responses := make([]any, len(logs))
	for i := range responses {
		responses[i] = applyFailure{err}
	}
	return responses
}

// appendEntries appends what the machine is to apply of an entry of the log: each of its commands, or only its index.
func appendEntries(entries []storage.Command, l *raft.Log) ([]storage.Command, error) {
	if l.Type == raft.LogCommand && len(l.Data) > 0 {
		commands, err := command.Unpack(l.Data)
		if err != nil {
			return entries, fmt.Errorf("log entry %d: %w", l.Index, err)
		}
		for _, data := range commands {
			entries = append(entries, storage.Command{Index: l.Index, Term: l.Term, Data: data})
		}
		return entries, nil
	}
	return append(entries, storage.Command{Index: l.Index, Term: l.Term}), nil
}

// Apply is ApplyBatch of one.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot takes none: the state is in checkpoints already. Persist waits for one that covers this moment.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.node.Err(); err != nil {
		return nil, err
	}
	index, _ := f.node.machine.Applied()
	return &checkpointSnapshot{node: f.node, index: index}, nil
}

// Restore would replace the state by that of another node.
func (f *fsm) Restore(r io.ReadCloser) error {
	r.Close()
	return errNotStreamed
}

var errNotStreamed = errors.New("a lone node has nobody to stream its state to or from")

type checkpointSnapshot struct {
	node  *Node
	index uint64
}

// Persist returns when state.db durably holds all up to the snapshot's index. It writes nothing to the sink, which keeps
// the metadata.
func (s *checkpointSnapshot) Persist(raft.SnapshotSink) error {
	m := s.node.machine
	if s.awaitCheckpoint() {
		return nil
	}
	c, err := m.Checkpoint(s.node.life)
	if err == nil && c.Index < s.index {
		err = fmt.Errorf("it holds the state only up to entry %d", c.Index)
	}
	if err != nil {
		err = fmt.Errorf("checkpoint for the snapshot at entry %d: %w", s.index, err)
		if s.node.life.Err() == nil {
			s.node.fail(err)
		}
	}
	return err
}

// checkpointPatience is how long a snapshot waits for a checkpoint that the machine makes by itself, before it asks for
// one: each costs, and there is no hurry.
const checkpointPatience = 2 * time.Second

// awaitCheckpoint waits a while for a checkpoint that covers the snapshot, and tells whether there is one.
func (s *checkpointSnapshot) awaitCheckpoint() bool {
	deadline := time.NewTimer(checkpointPatience)
	defer deadline.Stop()
	again := time.NewTicker(checkpointPatience / 40)
	defer again.Stop()
	for s.node.machine.Durable().Index < s.index {
		select {
		case <-again.C:
		case <-deadline.C:
			return false
		case <-s.node.life.Done():
			return false
		}
	}
	return true
}

func (s *checkpointSnapshot) Release() {}
