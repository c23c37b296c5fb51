package replication_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
)

// witness sees what the machines of all nodes carry out, and checks what must hold whatever fails: no command is carried out
// twice, all nodes answer it alike, and time neither goes back nor runs ahead of the clocks. Its methods may be called from
// any goroutine.
type witness struct {
	t      testing.TB
	clocks *clocks // nil: those of the system

	mu       sync.Mutex
	executed map[command.ID]execution // under mu
	times    map[uint64]time.Time     // under mu: by entry
}

// execution is what a command did when it was carried out.
type execution struct {
	event uint64
	effect
}

func newWitness(t testing.TB) *witness {
	return &witness{t: t, executed: make(map[command.ID]execution), times: make(map[uint64]time.Time)}
}

// attend lets the witness see what a node that is about to be opened does.
func (w *witness) attend(o *replication.Options) {
	o.Machine = &witnessed{Store: o.Machine.(*storage.Store), witness: w, node: o.Identity.NodeID}
	if w.clocks != nil {
		o.Clock = w.clocks.of(o.Identity.NodeID)
	}
}

// execution returns what a command did, and whether it was carried out at all.
func (w *witness) execution(id command.ID) (execution, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.executed[id]
	return e, ok
}

// witnessed is the machine of one node.
type witnessed struct {
	*storage.Store
	witness *witness
	node    string
}

// Apply implements replication.Machine.
func (m *witnessed) Apply(entries []storage.Command) ([]command.Result, error) {
	before := m.Store.Time()
	results, err := m.Store.Apply(entries)
	if err != nil {
		return nil, err
	}
	if after := m.Store.Time(); after.Before(before) {
		m.witness.t.Errorf("%s: time went back from %v to %v", m.node, before, after)
	}
	for i, e := range entries {
		if len(e.Data) == 0 {
			continue
		}
		if err := m.witness.see(e, results[i]); err != nil {
			m.witness.t.Errorf("%s: entry %d: %v", m.node, e.Index, err)
		}
	}
	return results, nil
}

// see takes note of a command that a machine was given, and of the result.
func (w *witness) see(e storage.Command, r command.Result) error {
	if w.clocks != nil {
		if furthest := w.clocks.furthest(); e.Time.After(furthest) {
			return fmt.Errorf("its time %v is ahead of %v, the furthest of all clocks", e.Time, furthest)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, seen := w.times[e.Index]; seen && !at.Equal(e.Time) {
		return fmt.Errorf("its time is %v, and %v on another node", e.Time, at)
	}
	w.times[e.Index] = e.Time
	if r.Refusal != nil || r.Replayed || r.Event == 0 {
		return nil
	}
	c, err := command.Decode(e.Data)
	if err != nil {
		return err
	}
	x := execution{event: r.Event}
	switch r.Value.(type) {
	case *command.RoundResult, *command.CoinsGranted:
		x.effect = effectOf(r)
	}
	if before, seen := w.executed[c.ID]; seen && before != x {
		return fmt.Errorf("the command %x was carried out as event %d (%v), and as event %d (%v)", c.ID, before.event, before.effect, x.event, x.effect)
	}
	w.executed[c.ID] = x
	return nil
}
