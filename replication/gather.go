package replication

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"imperio/storage/command"
)

// proposal is one command on its way through the log.
type proposal struct {
	data []byte        // empty: an entry without a command
	term uint64        // in which alone it may be sent to raft; 0: any
	done chan struct{} // receives when result and err are set
	// Set by settle.
	result command.Result
	err    error
}

// flight is an entry on its way through raft, with its proposals.
type flight struct {
	proposals []*proposal
	future    raft.ApplyFuture
}

// Bounds of one entry. Its last command may exceed maxEntryBytes by up to MaxCommand, which the log still takes.
const (
	maxEntryCommands = maxInFlight
	maxEntryBytes    = 256 << 10
)

// gather makes entries of the waiting proposals and hands them to raft, one at a time. What comes in while one is being
// written goes into the next. It returns when the queue is closed.
func (n *Node) gather() {
	defer close(n.flights)
	for first := range n.queue {
		f := flight{proposals: n.ofThisTerm(n.collect(first))}
		if len(f.proposals) == 0 {
			continue
		}
		select {
		case <-n.written: // left over from an entry of raft's own
		default:
		}
		f.future = n.send(f.proposals)
		n.flights <- f
		select {
		case <-n.written:
		case <-n.broken:
		}
	}
}

// collect takes what waits in the queue behind first. While more keeps coming, it yields before it looks again, so that
// requests that are being read still get into this entry. On an idle processor that costs next to nothing. On a busy one
// a larger entry saves more than the moment costs.
func (n *Node) collect(first *proposal) []*proposal {
	list := append(make([]*proposal, 0, 64), first)
	size := len(first.data)
	for had := 0; had < len(list); {
		had = len(list)
		runtime.Gosched()
		for more := true; more; {
			if len(list) == maxEntryCommands || size >= maxEntryBytes {
				return list
			}
			select {
			case p, open := <-n.queue:
				if more = open; open {
					list = append(list, p)
					size += len(p.data)
				}
			default:
				more = false
			}
		}
	}
	return list
}

// ofThisTerm turns away proposals that were for an earlier term, and returns the rest.
func (n *Node) ofThisTerm(list []*proposal) []*proposal {
	var now uint64
	return slices.DeleteFunc(list, func(p *proposal) bool {
		if p.term == 0 {
			return false
		}
		if now == 0 {
			now = n.raft.CurrentTerm()
		}
		if p.term == now {
			return false
		}
		p.err = raft.ErrNotLeader
		p.done <- struct{}{}
		<-n.tokens
		return true
	})
}

// send stamps an entry with the casino's time and proposes it to raft. The stamp is made here and not when a command is
// proposed: so a slow request carries no old time into the log.
func (n *Node) send(list []*proposal) raft.ApplyFuture {
	commands := make([][]byte, 0, len(list))
	for _, p := range list {
		if len(p.data) > 0 {
			commands = append(commands, p.data)
		}
	}
	if n.observe.Gathered != nil && len(commands) > 0 {
		n.observe.Gathered(len(commands))
	}
	if len(commands) == 0 {
		return n.raft.Apply(nil, 0)
	}
	at, err := n.clock.stamp()
	if err != nil {
		return refusedFuture{err}
	}
	entry, err := command.Pack(at, commands)
	if err != nil {
		return refusedFuture{err}
	}
	return n.raft.Apply(entry, 0) // raft's queue has room: few entries are in flight at a time
}

// refusedFuture is the future of an entry that raft never saw.
type refusedFuture struct{ err error }

func (f refusedFuture) Error() error  { return &notTaken{f.err} }
func (f refusedFuture) Response() any { return nil }
func (f refusedFuture) Index() uint64 { return 0 }

// settle waits for raft's answers in the order of the entries, and hands them to the callers. One goroutine does so for
// all, so that each caller can give up waiting.
func (n *Node) settle() {
	for f := range n.flights {
		results, err := outcome(f.future)
		if err != nil {
			n.nextEntry() // it may never have been written
		}
		for _, p := range f.proposals {
			switch {
			case err != nil:
				p.err = err
			case len(p.data) > 0:
				p.result, results = results[0], results[1:]
			}
			p.done <- struct{}{}
			<-n.tokens
		}
	}
}

// outcome waits for an entry, and returns a result for each of its commands.
func outcome(f raft.ApplyFuture) ([]command.Result, error) {
	if err := f.Error(); err != nil {
		return nil, err
	}
	switch r := f.Response().(type) {
	case []command.Result:
		return r, nil
	case applyFailure:
		return nil, r.err
	default:
		return nil, fmt.Errorf("the machine answered with a %T", r)
	}
}

// nextEntry lets gather send the next entry.
func (n *Node) nextEntry() {
	select {
	case n.written <- struct{}{}:
	default:
	}
}

func (n *Node) synced(entries int, took time.Duration) {
	if entries > 0 {
		n.nextEntry()
	}
	n.counters.synced(entries, took)
	if n.observe.Synced != nil {
		n.observe.Synced(took)
	}
}
