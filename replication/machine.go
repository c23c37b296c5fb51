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

// Machine is the state that the log is applied to. *storage.Store is one.
//
// The node calls Apply from one goroutine, in the order of the log and without gaps. It calls the other methods from other
// goroutines at the same time.
type Machine interface {
	// Apply carries out committed commands and returns one result for each. Commands of one entry have its index and come in
	// one call. Those at or below the index that was applied before are skipped, with an empty result. An error means a
	// damaged disk or a bug: the node stops, and does not call Apply again. The machine must not keep the slice. It may keep
	// the commands' Data, which never changes.
	Apply(entries []storage.Command) ([]command.Result, error)
	// Applied returns the last entry applied in memory. Right after the machine was opened, it is durable too.
	Applied() (index, term uint64)
	// Time is that of the newest entry applied; zero before the first. It never goes back.
	Time() time.Time
	// Head returns the number of the newest event of the history, and its hash.
	Head() (event uint64, hash [32]byte)
	// Checkpoint returns once everything that was applied before the call is durable. An error, unless ctx has ended, means
	// that the state can't be made durable any more: the node stops.
	Checkpoint(ctx context.Context) (storage.Checkpoint, error)
	// Durable returns the last durable checkpoint.
	Durable() storage.Checkpoint
	// CopyTo writes a consistent copy of a durable checkpoint into a new file, and syncs it.
	CopyTo(ctx context.Context, path string) (storage.Copy, error)
	// Replace replaces the state by the one in a file that CopyTo of another member has written, which it takes over. It
	// verifies the file first, and changes nothing if it refuses. It is called from the goroutine of Apply.
	Replace(ctx context.Context, path string, want storage.Checkpoint) error
	// Digests returns the newest samples of a running digest of all changes, oldest first. All members sample after the same
	// entries.
	Digests() []storage.Digest
	// EventHash returns the hash of an event of the history, and false if there is no such event.
	EventHash(event uint64) (hash [32]byte, found bool, err error)
}

// fsm is the machine as raft sees it.
type fsm struct{ node *Node }

var _ raft.BatchingFSM = (*fsm)(nil)

// applyFailure is the response to an entry that the machine couldn't apply.
type applyFailure struct{ err error }

// ApplyBatch applies entries. It returns a []command.Result or an applyFailure for each.
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
		if entries, err = entryOf(l).AppendCommands(entries); err != nil {
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
	n.note(entries, results)
	rest := entries
	for i, l := range logs {
		parts := 0
		for parts < len(rest) && rest[parts].Index == l.Index {
			parts++
		}
		responses[i] = results[:parts:parts]
		rest, results = rest[parts:], results[parts:]
	}
	if err := n.proveReplay(); err != nil {
		return f.broken(logs, err)
	}
	n.noteHead()
	n.progress.happened()
	commands := len(entries)
	clear(entries) // let go of the data
	n.entries = entries
	n.counters.applied(commands, time.Since(began))
	if n.observe.Applied != nil {
		n.observe.Applied(commands, time.Since(began))
	}
	return responses
}

// note remembers the newest time and the newest event, which later entries go on from.
func (n *Node) note(entries []storage.Command, results []command.Result) {
	var at time.Time
	for i := range entries {
		if entries[i].Time.After(at) {
			at = entries[i].Time
		}
	}
	n.clock.saw(at)
	newest := n.events.Load()
	for _, r := range results {
		newest = max(newest, r.Event)
	}
	n.events.Store(newest)
}

// broken fails the node because entries couldn't be applied.
func (f *fsm) broken(logs []*raft.Log, err error) []any {
	err = fmt.Errorf("apply entries %d to %d: %w", logs[0].Index, logs[len(logs)-1].Index, err)
	f.node.fail(err)
	responses := make([]any, len(logs))
	for i := range responses {
		responses[i] = applyFailure{err}
	}
	return responses
}

// entryOf is what the machine gets of an entry of the log.
func entryOf(l *raft.Log) storage.Entry {
	e := storage.Entry{Index: l.Index, Term: l.Term}
	if l.Type == raft.LogCommand {
		e.Data = l.Data
	}
	return e
}

// Apply is ApplyBatch of one.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot copies nothing: the state is in checkpoints already. Persist waits for one that covers this moment.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.node.Err(); err != nil {
		return nil, err
	}
	index, _ := f.node.machine.Applied()
	return &checkpointSnapshot{node: f.node, index: index}, nil
}

// Restore replaces the state by another member's, which was fetched before.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	received := f.node.received.Swap(nil)
	if received == nil {
		return errNotStreamed
	}
	return f.node.install(*received)
}

var errNotStreamed = errors.New("the state is not sent and received here")

type checkpointSnapshot struct {
	node  *Node
	index uint64
}

// Persist returns once state.db durably holds everything up to the snapshot's index. The sink keeps the metadata, so
// nothing is written to it.
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
// one. Checkpoints cost something, and there is no hurry.
const checkpointPatience = 2 * time.Second

// awaitCheckpoint waits a while for a checkpoint that covers the snapshot, and reports whether there is one.
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
