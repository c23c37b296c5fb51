// Package replicationtest holds what tests of replication need: a trivial machine that reveals every lost, doubled or
// reordered entry, and clocks that a test moves.
package replicationtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"imperio/storage"
	"imperio/storage/command"
)

// Journal is a machine that numbers the commands it applies. It answers a command that it has seen before with its first
// number. It checks the contract of replication.Machine: entries come in order, without gaps, one Apply at a time, and
// their times rise.
type Journal struct {
	// Before, if set, is called at the start of each Apply. Its error becomes that of Apply.
	Before func([]storage.Command) error
	// BeforeCheckpoint, if set, is called at the start of each Checkpoint. Its error becomes that of Checkpoint.
	BeforeCheckpoint func() error
	// Forge makes a history of other hashes out of the same commands.
	Forge bool
	// AfterCheckpoint, if set, is called at the end of each Checkpoint.
	AfterCheckpoint func()

	applying sync.Mutex // held through Apply, to notice a second one

	mu      sync.Mutex
	ids     []command.ID          // under mu: in the order in which they were applied
	hashes  [][32]byte            // under mu: by number, as far as they were asked for
	numbers map[command.ID]uint64 // under mu: from 1
	marks   []mark                // under mu: after each batch
	durable int                   // under mu: index into marks of the last checkpoint, plus one
	failed  bool                  // under mu
	retries int                   // under mu
}

// mark is how far the journal had come after a batch.
type mark struct {
	index, term uint64
	commands    int
	at          time.Time // of the newest entry
}

// New makes an empty journal.
func New() *Journal { return &Journal{numbers: map[command.ID]uint64{}} }

// Reopen returns the journal as a crash now would leave it: as of its last checkpoint.
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
	now := j.now()
	for i, e := range entries {
		if e.Index <= applied {
			continue
		}
		if e.Index < index {
			return nil, fmt.Errorf("entry %d follows entry %d", e.Index, index)
		}
		// Raft keeps the first entry of a term to itself. So indexes may skip, but only where the term changes.
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
		if e.Time.Before(now) {
			return nil, fmt.Errorf("entry %d of %v follows one of %v", e.Index, e.Time, now)
		}
		now = e.Time
		c, err := command.Decode(e.Data)
		if err != nil {
			return nil, err
		}
		n, seen := j.numbers[c.ID]
		if c.Retry {
			if seen && n <= c.Since {
				return nil, fmt.Errorf("a retry looks for its first attempt after command %d, and that was %d", c.Since, n)
			}
			j.retries++
		}
		if !seen {
			j.ids = append(j.ids, c.ID)
			n = uint64(len(j.ids))
			j.numbers[c.ID] = n
		}
		results[i] = command.Result{Event: n, Replayed: seen}
	}
	j.marks = append(j.marks, mark{index, term, len(j.ids), now})
	return results, nil
}

func (j *Journal) applied() (index, term uint64) {
	if len(j.marks) == 0 {
		return 0, 0
	}
	m := j.marks[len(j.marks)-1]
	return m.index, m.term
}

func (j *Journal) now() time.Time {
	if len(j.marks) == 0 {
		return time.Time{}
	}
	return j.marks[len(j.marks)-1].at
}

// Time implements replication.Machine.
func (j *Journal) Time() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now()
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

// Head implements replication.Machine.
func (j *Journal) Head() (event uint64, hash [32]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	event = uint64(len(j.ids))
	return event, j.hash(event)
}

// CopyTo implements replication.Machine. A journal is never sent.
func (j *Journal) CopyTo(context.Context, string) (storage.Copy, error) {
	return storage.Copy{}, errors.ErrUnsupported
}

// Replace implements replication.Machine. A journal is never replaced.
func (j *Journal) Replace(context.Context, string, storage.Checkpoint) error {
	return errors.ErrUnsupported
}

// Digests implements replication.Machine. A journal has none.
func (j *Journal) Digests() []storage.Digest { return nil }

// EventHash implements replication.Machine.
func (j *Journal) EventHash(event uint64) (hash [32]byte, found bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if event == 0 || event > uint64(len(j.ids)) {
		return hash, false, nil
	}
	return j.hash(event), true, nil
}

// hash pins the first n commands. Called with mu held.
func (j *Journal) hash(n uint64) [32]byte {
	for ; uint64(len(j.hashes)) <= n; j.hashes = append(j.hashes, j.next()) {
	}
	return j.hashes[n]
}

func (j *Journal) next() [32]byte {
	n := len(j.hashes)
	if n == 0 {
		return [32]byte{}
	}
	event := append(j.hashes[n-1][:], j.ids[n-1][:]...)
	if j.Forge {
		event = append(event, "forged"...)
	}
	return sha256.Sum256(event)
}

// Retries returns how many commands came that had been proposed before.
func (j *Journal) Retries() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.retries
}

// IDs returns the commands in the order in which they were first applied.
func (j *Journal) IDs() []command.ID {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]command.ID(nil), j.ids...)
}

// Command makes a command that has the given number in its id.
func Command(n uint64) command.Command {
	c := command.Command{Body: command.PutValue{Name: "n", Value: []byte("v")}}
	for i := range 8 {
		c.ID[i] = byte(n >> (8 * i))
	}
	c.ID[15] = 1 // the zero id means none
	return c
}
