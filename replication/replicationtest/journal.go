// Package replicationtest holds what tests of replication need: a machine that is trivial, and yet shows every entry that
// was lost, doubled or reordered.
package replicationtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"imperio/storage"
	"imperio/storage/command"
)

// Journal is a machine that numbers the commands it applies, and answers a command that it has seen with the number that
// it got the first time. It checks the contract of replication.Machine: entries come in order, without gaps, one Apply at
// a time.
type Journal struct {
	// Before, if set, is called at the start of each Apply. Its error becomes that of Apply.
	Before func([]storage.Command) error
	// BeforeCheckpoint, if set, is called at the start of each Checkpoint. Its error becomes that of Checkpoint.
	BeforeCheckpoint func() error
	// AfterCheckpoint, if set, is called at the end of each Checkpoint.
	AfterCheckpoint func()

	applying sync.Mutex // held through Apply, to notice a second one

	mu      sync.Mutex
	ids     []command.ID          // under mu: in the order in which they were applied
	numbers map[command.ID]uint64 // under mu: from 1
	marks   []mark                // under mu: after each batch
	durable int                   // under mu: index into marks of the last checkpoint, plus one
	failed  bool                  // under mu
}

// mark is how far the journal had come after some batch.
type mark struct {
	index, term uint64
	commands    int
	at          time.Time
}

// New makes an empty journal.
func New() *Journal { return &Journal{numbers: map[command.ID]uint64{}} }

// Reopen returns the journal as it would be found after a crash now: as it was at its last checkpoint.
func (j *Journal) Reopen() *Journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := New()
	if j.durable == 0 {
		return c
	}
	m := j.marks[j.durable-1]
	c.ids = append(c.ids, j.ids[:m.commands]...)
	for i, id := range c.ids {
		c.numbers[id] = uint64(i + 1)
	}
	c.marks, c.durable = []mark{m}, 1
	return c
}

// Apply implements replication.Machine. Result.Event is the number of the command.
func (j *Journal) Apply(entries []storage.Command) ([]command.Result, error) {
	if !j.applying.TryLock() {
		return nil, fmt.Errorf("a second Apply at the same time")
	}
	defer j.applying.Unlock()
	if j.Before != nil {
		if err := j.Before(entries); err != nil {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.failed = true
			return nil, err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed {
		return nil, fmt.Errorf("Apply after it failed")
	}
	results := make([]command.Result, len(entries))
	index, term := j.applied()
	applied := index
	for i, e := range entries {
		if e.Index <= applied {
			continue
		}
		if e.Index < index {
			return nil, fmt.Errorf("entry %d follows entry %d", e.Index, index)
		}
		// Entries that raft keeps to itself (of new terms) are not shown to the machine, so indexes may skip, but only
		// where the term changes.
		if e.Index > index+1 && e.Term == term {
			return nil, fmt.Errorf("entry %d follows entry %d in the same term %d", e.Index, index, term)
		}
		if e.Term < term {
			return nil, fmt.Errorf("entry %d of term %d follows term %d", e.Index, e.Term, term)
		}
		index, term = e.Index, e.Term
		if len(e.Data) == 0 {
			continue
		}
		c, err := command.Decode(e.Data)
		if err != nil {
			return nil, err
		}
		n, seen := j.numbers[c.ID]
		if !seen {
			j.ids = append(j.ids, c.ID)
			n = uint64(len(j.ids))
			j.numbers[c.ID] = n
		}
		results[i] = command.Result{Event: n, Replayed: seen}
	}
	j.marks = append(j.marks, mark{index, term, len(j.ids), time.Now()})
	return results, nil
}

func (j *Journal) applied() (index, term uint64) {
	if len(j.marks) == 0 {
		return 0, 0
	}
	m := j.marks[len(j.marks)-1]
	return m.index, m.term
}

// Applied implements replication.Machine.
func (j *Journal) Applied() (index, term uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.applied()
}

// Checkpoint implements replication.Machine.
func (j *Journal) Checkpoint(ctx context.Context) (storage.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return storage.Checkpoint{}, err
	}
	if j.BeforeCheckpoint != nil {
		if err := j.BeforeCheckpoint(); err != nil {
			return storage.Checkpoint{}, err
		}
	}
	j.mu.Lock()
	j.marks = j.marks[max(0, len(j.marks)-1):]
	j.durable = len(j.marks)
	c := j.checkpoint()
	j.mu.Unlock()
	if j.AfterCheckpoint != nil {
		j.AfterCheckpoint()
	}
	return c, nil
}

// Durable implements replication.Machine.
func (j *Journal) Durable() storage.Checkpoint {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.checkpoint()
}

func (j *Journal) checkpoint() storage.Checkpoint {
	if j.durable == 0 {
		return storage.Checkpoint{}
	}
	m := j.marks[j.durable-1]
	return storage.Checkpoint{Index: m.index, Term: m.term, At: m.at}
}

// IDs returns the commands in the order in which they were first applied.
func (j *Journal) IDs() []command.ID {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]command.ID(nil), j.ids...)
}

// Command makes a command that has the given number in its id.
func Command(n uint64) command.Command {
	c := command.Command{Time: time.UnixMilli(1_700_000_000_000).UTC(), Body: command.PutValue{Name: "n", Value: []byte("v")}}
	for i := range 8 {
		c.ID[i] = byte(n >> (8 * i))
	}
	c.ID[15] = 1 // the zero id means none
	return c
}
