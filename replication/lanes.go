package replication

import (
	"context"
	"sync"
)

// A refusal must be final: a player who was told that a bet is refused must not find it played later. The machine forgets
// refused commands, so it would carry out a copy that arrives late. The leader keeps such copies out:
//
//   - A call with commands says for which term it is. A leader takes none for another term. What a leader of an earlier term
//     takes late is never committed.
//   - Each sender of a member makes one call after the other, in its lane, and numbers them. A leader takes no call twice,
//     and none of which it has turned down a copy.
//   - A call says which calls of all lanes are over, because they were answered or given up. A leader takes nothing more of those.
//     So before a command is sent again, its earlier call counts for nothing.

// lane says where a call stands among those of its sender.
type lane struct {
	Term    uint64          `cbor:"1,keyasint"` // the term of the leader that it is for
	Process uint64          `cbor:"2,keyasint"` // a random number of the sender's process
	Lane    uint8           `cbor:"3,keyasint"` // below senders
	Number  uint64          `cbor:"4,keyasint"` // from 1
	Over    [senders]uint64 `cbor:"5,keyasint"` // by lane: all calls up to this number are over
}

// departures number the calls with commands that this node makes.
type departures struct {
	process uint64
	mu      sync.Mutex
	number  [senders]uint64 // under mu: the newest call of each lane
	over    [senders]uint64 // under mu
}

// begin begins a call for a term.
func (d *departures) begin(i uint8, term uint64) lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number[i]++
	return lane{Term: term, Process: d.process, Lane: i, Number: d.number[i], Over: d.over}
}

// end says that the lane's call is over. It comes before anybody learns what became of its commands.
func (d *departures) end(i uint8) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over[i] = d.number[i]
}

// arrivals are the calls with commands that this node has got for the newest term of which it has got any.
type arrivals struct {
	mu   sync.Mutex
	term uint64              // under mu
	of   map[uint64]*callsOf // under mu: by process
}

// callsOf is what is known of one process's calls.
type callsOf struct {
	arrived, over [senders]uint64 // by lane
}

// arrive takes note of a call, and reports whether this is its first copy. Only that may be taken, and only that may be told that
// it was not.
func (a *arrivals) arrive(l lane) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if int(l.Lane) >= senders || l.Term < a.term {
		return false
	}
	if l.Term > a.term {
		a.term, a.of = l.Term, make(map[uint64]*callsOf)
	}
	p := a.of[l.Process]
	if p == nil {
		p = &callsOf{}
		a.of[l.Process] = p
	}
	for i, over := range l.Over {
		p.over[i] = max(p.over[i], over)
	}
	if l.Number <= p.arrived[l.Lane] || l.Number <= p.over[l.Lane] {
		return false
	}
	p.arrived[l.Lane] = l.Number
	return true
}

// enterInTurn is enter for a command of another member's call. It fails if the call is over.
func (n *Node) enterInTurn(ctx context.Context, l lane, data []byte) (*proposal, error) {
	if err := n.reserve(ctx); err != nil {
		return nil, err
	}
	a := &n.arrivals
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.term != l.Term || a.of[l.Process].over[l.Lane] >= l.Number {
		<-n.tokens
		return nil, &notTaken{errOver}
	}
	p := &proposal{data: data, term: l.Term, done: make(chan struct{}, 1)}
	n.push(p)
	return p, nil
}
