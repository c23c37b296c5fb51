package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/time/rate"

	"imperio/replication/logstore"
	"imperio/storage"
	"imperio/storage/command"
)

// Node is a member of the cluster. All methods may be called from any goroutine.
type Node struct {
	machine Machine
	logger  *slog.Logger
	observe Observer
	log     *logstore.Store
	raft    *raft.Raft
	wire    raft.Transport // in memory if there is no network
	clock   *timekeeper
	events  atomic.Uint64 // the newest event that the machine has recorded; written by raft's machine goroutine

	network   Network // nil: the node is alone
	address   string  // where other members reach it
	contacts  []string
	program   string
	level     func() uint32
	problems  func() []string
	answer    func(ctx context.Context, from, method string, request []byte) ([]byte, error)
	admit     func(id string) error
	heartbeat time.Duration

	canaryInterval, stallLimit time.Duration
	holdBytes                  int64
	stall                      stallWatch   // used by watchDisk
	stalled                    atomic.Int64 // how long watchDisk has seen the current write, in nanoseconds

	head     atomic.Pointer[logstore.Head] // see noteHead
	leads    gate                          // open while this node leads and has applied everything committed before its term
	ledTerm  atomic.Uint64                 // the term in which leads was opened
	tokens   chan struct{}                 // one for each proposal in flight
	queue    chan *proposal                // waiting to be put into an entry
	flights  chan flight                   // sent to raft, in order
	written  chan struct{}                 // lets gather send the next entry
	entries  []storage.Command             // owned by raft's machine goroutine, reused
	unproven uint64                        // owned by raft's machine goroutine: see proveReplay; 0: nothing is left to prove
	quiet    atomic.Bool                   // see raftLogger

	leaderChange change            // another member leads, or none
	progress     change            // the machine has applied more
	sole         atomic.Bool       // this node is the only voter; see recount
	changing     sync.Mutex        // held by the leader while it changes the membership
	unsettled    atomic.Int32      // changes of the membership that raft has not answered yet
	outbox       chan *forwarded   // for the leader
	departures   departures        // calls with what was in the outbox
	arrivals     arrivals          // such calls of other members
	reads        chan *pendingRead // waiting to become current
	unanswered   memberCounters    // questions under way to each voter whether this node leads
	currentAt    atomic.Int64      // when a read was current last, by the steady clock; 0: never. See Ready
	heard        hearsay
	differs      atomic.Uint64 // the entry at which another member's digest differs; 0: none does

	copies   stateCopies                       // for other members
	incoming incoming                          // from another member
	received atomic.Pointer[logstore.Snapshot] // what incoming holds whole, between two calls of raft's; else nil
	ages     ages
	keepFor  time.Duration
	mayGo    atomic.Uint64 // the newest entry that no member needs which answers now

	life    context.Context // ends when Close begins
	end     context.CancelFunc
	failure atomic.Pointer[error]
	broken  chan struct{} // closed at the first failure
	failed  chan error    // gets the first failure, then is closed

	leadership chan bool // raft's; never blocks raft for long, since lead always reads it
	running    sync.WaitGroup
	closing    sync.Once
	closeErr   error

	counters counters
}

// Open opens the node's log, checks that it and the machine belong together, and starts. It returns before the node
// leads; Propose and Barrier wait for that. A refused Open changes nothing on disk.
func Open(o Options) (*Node, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("options of the node: %w", err)
	}
	n := &Node{
		machine: o.Machine, logger: o.Logger, observe: o.Observer,
		canaryInterval: o.CanaryInterval, stallLimit: o.StallLimit, stall: newStallWatch(o.StallLimit), holdBytes: o.HoldBytes,
		tokens:     make(chan struct{}, o.MaxInFlight),
		queue:      make(chan *proposal, o.MaxInFlight),
		flights:    make(chan flight, o.MaxInFlight),
		written:    make(chan struct{}, 1),
		broken:     make(chan struct{}),
		failed:     make(chan error, 1),
		leadership: make(chan bool, 1),
		network:    o.Network, address: o.Address, contacts: o.Contacts, program: o.Program, level: o.Level,
		problems: o.Problems, answer: o.Answer, admit: o.Admit, heartbeat: o.Heartbeat,
		outbox:  make(chan *forwarded, o.MaxInFlight),
		reads:   make(chan *pendingRead, o.MaxInFlight),
		keepFor: o.KeepFor,
	}
	n.copies.dir, n.incoming.dir = filepath.Join(o.Dir, TransferDir), filepath.Join(o.Dir, TransferDir)
	n.copies.rate = rate.NewLimiter(rate.Limit(o.TransferRate), maxPart)
	n.departures.process = rand.Uint64()
	n.clock = startClock(o.Clock, o.Logger)
	n.clock.saw(o.Machine.Time())
	newest, _ := o.Machine.Head()
	n.events.Store(newest)
	n.leads.init()
	n.quiet.Store(true)
	n.life, n.end = context.WithCancel(context.Background())

	n.noteHead()
	path := filepath.Join(o.Dir, LogDir)
	storeOptions := logstore.Options{
		Identity: o.Identity,
		MayCut:   func() uint64 { return o.Machine.Durable().Index },
		Hold:     o.Hold, HoldBytes: o.HoldBytes, Keep: n.kept,
		Head:   func() logstore.Head { return *n.head.Load() },
		Failed: n.fail,
		Synced: n.synced,
		Logger: o.Logger,
	}
	config := n.raftConfig(o)
	if n.network != nil {
		n.wire = patientTransport{n.network.Transport(), n.life}
	} else {
		_, n.wire = raft.NewInmemTransport(raft.ServerAddress(o.Identity.NodeID))
	}
	if o.Create {
		self := raft.Configuration{Servers: []raft.Server{{ID: config.LocalID, Address: n.selfAddress(), Suffrage: raft.Voter}}}
		fill := func(log *logstore.Store) error { return begin(log, config, n.wire, self, o.Machine) }
		if o.Join {
			fill = nil // the leader's log begins it
		}
		if err := logstore.Create(path, storeOptions, fill); err != nil {
			return nil, err
		}
	}
	var err error
	if n.log, err = logstore.Open(path, storeOptions); err != nil {
		return nil, err
	}
	n.unproven = newestHead(n.log, math.MaxUint64).Index
	if err := n.start(config, o); err != nil {
		n.end()
		return nil, errors.Join(err, n.log.Discard())
	}
	return n, nil
}

// selfAddress is this node's address in a new configuration.
func (n *Node) selfAddress() raft.ServerAddress {
	if n.network != nil {
		return raft.ServerAddress(n.address)
	}
	return n.wire.LocalAddr()
}

// begin writes the beginning of a new log: this node is the whole cluster, and the log starts at the first entry. If the
// machine has a history (a restored backup), the log starts after it.
func begin(log *logstore.Store, config *raft.Config, transport raft.Transport, self raft.Configuration, m Machine) error {
	index, term := m.Applied()
	if index == 0 {
		return raft.BootstrapCluster(config, log, log, snapshots{log: log}, transport, self)
	}
	if err := log.SetUint64([]byte("CurrentTerm"), term); err != nil {
		return err
	}
	if err := log.SaveSnapshot(logstore.Snapshot{Index: index, Term: term, Configuration: self, ConfigurationIndex: index}); err != nil {
		return err
	}
	return log.Err()
}

// loneHeartbeat is the timeout of a lone node. It is long because it has no peers: a leader's loop wakes four times a second.
// The first election doesn't wait for it, see start.
const loneHeartbeat = 500 * time.Millisecond

// commitDelay is how soon followers learn that an entry is committed, if no other entry follows it. Reads on a follower wait
// for that.
const commitDelay = 10 * time.Millisecond

// maxSent is how many entries are sent to a member at once. An entry has up to maxEntryBytes.
const maxSent = 128

func (n *Node) raftConfig(o Options) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(o.Identity.NodeID)
	c.Logger = newRaftLogger(o.Logger, &n.quiet)
	if n.network == nil {
		n.heartbeat = loneHeartbeat
	}
	c.HeartbeatTimeout = n.heartbeat + time.Millisecond
	c.ElectionTimeout = n.heartbeat + time.Millisecond
	c.LeaderLeaseTimeout = n.heartbeat / 2
	c.BatchApplyCh = true
	c.MaxAppendEntries = maxInFlight
	if n.network != nil {
		c.MaxAppendEntries = maxSent
		c.CommitTimeout = commitDelay
	}
	c.NoSnapshotRestoreOnStart = true // state.db holds the state; consistent checks that it does
	c.NoLegacyTelemetry = true
	c.SnapshotThreshold = o.SnapshotEntries
	c.SnapshotInterval = o.SnapshotInterval
	c.TrailingLogs = o.TrailingEntries
	c.NotifyCh = n.leadership
	return c
}

func (n *Node) start(config *raft.Config, o Options) error {
	if err := errors.Join(n.completeInstall(), n.clearTransfer()); err != nil {
		return err
	}
	if err := unfinished(n.log); err != nil {
		return err
	}
	if err := consistent(n.log, n.machine); err != nil {
		return err
	}
	n.logger.Info("log opened", "path", n.log.Path(), "entries", n.describeLog())
	if err := n.startRaft(config); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	n.recount()
	if n.network == nil && !n.Alone() {
		n.raft.Shutdown().Error()
		return fmt.Errorf("%w: it has %d members. Start it with --cluster-addr, the address at which the others reach it", ErrMember, len(n.configuration().Servers))
	}
	if n.sole.Load() {
		// A follower whose timeout is shortened checks at once whether its leader is gone. So a node that decides alone stands
		// for election now instead of waiting for its timeout.
		soon := n.raft.ReloadableConfig()
		soon.HeartbeatTimeout, soon.ElectionTimeout = n.heartbeat, n.heartbeat
		if err := n.raft.ReloadConfig(soon); err != nil {
			n.raft.Shutdown().Error()
			return fmt.Errorf("set raft's timeouts: %w", err)
		}
	}
	if n.network != nil {
		n.network.Handle(n.handle)
		for lane := range uint8(senders) {
			n.running.Go(func() { n.sendOn(lane) })
		}
		for _, run := range []func(){n.cutOff, n.askForReads, n.watchLeadership, n.listen, n.introduce, n.stayCurrent} {
			n.running.Go(run)
		}
	}
	n.running.Go(n.gather)
	n.running.Go(n.settle)
	n.running.Go(n.lead)
	n.running.Go(n.canary)
	n.running.Go(n.watchDisk)
	n.running.Go(n.watchFiles)
	n.running.Go(n.watchClock)
	if o.Hold != nil || n.network != nil {
		n.running.Go(func() { n.every(o.SnapshotInterval, func() { n.trim(o.TrailingEntries) }) })
	}
	return nil
}

// startRaft is NewRaft without its panics: NewRaft panics on an entry that it can't read.
func (n *Node) startRaft(config *raft.Config) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	found, err := foundCheckpoint(n.log, n.machine)
	if err != nil {
		return err
	}
	n.raft, err = raft.NewRaft(config, &fsm{n}, logOfRaft{n.log}, n.log, snapshots{log: n.log, found: found, node: n}, n.wire)
	return err
}

func (n *Node) describeLog() string {
	first, _ := n.log.FirstIndex()
	last, _ := n.log.LastIndex()
	applied, _ := n.machine.Applied()
	return fmt.Sprintf("%d to %d, %d of them to replay", first, last, max(last, applied)-applied)
}

// consistent checks that the log goes on where the machine's state ends.
func consistent(log *logstore.Store, m Machine) error {
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	snapshot, _ := log.Snapshot()
	applied, term := m.Applied()
	switch end := max(last, snapshot.Index); {
	case applied > end:
		return fmt.Errorf("%w: state.db holds the state up to entry %d, but %s ends with entry %d: the log is older than the state. "+
			"Nothing was changed. Put back the log that belongs to this state.db, or restore the latest backup",
			ErrMismatch, applied, log.Path(), end)
	case applied < snapshot.Index:
		return fmt.Errorf("%w: state.db holds the state up to entry %d, but %s was cut at entry %d: the state is older than the log, "+
			"and entries in between are gone. Nothing was changed. Put back the state.db that belongs to this log, or restore the latest backup",
			ErrMismatch, applied, log.Path(), snapshot.Index)
	case applied == 0:
		return nil
	}
	expect := snapshot.Term
	if applied != snapshot.Index {
		var l raft.Log
		if err := log.GetLog(applied, &l); err != nil {
			return fmt.Errorf("read the last applied entry: %w", err)
		}
		expect = l.Term
	}
	if expect != term {
		return fmt.Errorf("%w: entry %d is of term %d in %s and of term %d in state.db: they have different histories. "+
			"Nothing was changed. Put back the files that belong together, or restore the latest backup",
			ErrMismatch, applied, expect, log.Path(), term)
	}
	return checkHistory(log, m)
}

// lead follows raft's leadership. It opens the node's gate only once everything that was committed before is applied.
func (n *Node) lead() {
	for {
		select {
		case <-n.life.Done():
			return
		case leads := <-n.leadership:
			if !leads {
				n.leads.close()
				continue
			}
		}
		// Entries are applied in order. So once this one is, everything that earlier terms left behind is. It reaches the
		// machine as an entry without data.
		term := n.raft.CurrentTerm()
		if _, err := n.attempt(n.life, nil); err != nil {
			continue // leadership is lost already, or the node is failing or closing
		}
		if n.raft.CurrentTerm() != term {
			continue // raft tells of the next term, too
		}
		n.quiet.Store(false)
		if n.changing.TryLock() { // else a change of an earlier term is just ending, and recounts; it may wait for members
			n.recount()
			n.changing.Unlock()
		}
		n.clock.lead()
		n.ledTerm.Store(term)
		n.leads.open()
		index, _ := n.machine.Applied()
		n.logger.Info("ready", "node", n.log.Identity().NodeID, "term", n.raft.CurrentTerm(), "applied", index)
	}
}

// fail ends the node's service for good. Only the first failure counts.
func (n *Node) fail(err error) {
	if !n.failure.CompareAndSwap(nil, &err) {
		return
	}
	n.quiet.Store(true)
	n.logger.Error("the node has failed and takes no more commands", "error", err)
	n.leads.close()
	close(n.broken)
	n.failed <- err
	close(n.failed)
}

// Failed yields the error that ended the node, once, and is then closed. It yields nothing while the node works. Whoever
// started the node should stop the process: the node does not recover.
func (n *Node) Failed() <-chan error { return n.failed }

// Err is the error that ended the node; nil while it works.
func (n *Node) Err() error {
	if p := n.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Close takes no more commands, waits for those in flight, stops raft, and closes the log. It leaves the machine open: a
// checkpoint after Close covers everything that was answered. If ctx ends first (a disk that hangs), Close returns its
// error and leaves the rest to the end of the process. After a failure Close writes nothing.
func (n *Node) Close(ctx context.Context) error {
	n.closing.Do(func() { n.closeErr = n.close(ctx) })
	return n.closeErr
}

func (n *Node) close(ctx context.Context) error {
	n.handOver(ctx)
	n.quiet.Store(true)
	n.end()
	n.leads.close()
	// Once close holds every token, nothing is in flight, and nothing can follow.
	for taken := 0; taken < cap(n.tokens); taken++ {
		select {
		case n.tokens <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("close the node: commands in flight: %w", ctx.Err())
		}
	}
	close(n.queue)
	stopped := make(chan error, 1)
	n.running.Go(func() { stopped <- n.raft.Shutdown().Error() })
	done := make(chan struct{})
	go func() {
		n.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("close the node: stop raft: %w", ctx.Err())
	}
	if err := <-stopped; err != nil {
		return errors.Join(fmt.Errorf("stop raft: %w", err), n.closeNetwork(), n.log.Close())
	}
	return errors.Join(n.closeNetwork(), n.log.Close())
}

// cutOff ends the network's connections once the node has failed: raft must not go on leading by its heartbeats alone.
func (n *Node) cutOff() {
	select {
	case <-n.broken:
		if err := n.network.Close(); err != nil {
			n.logger.Warn("close the connections to other members", "error", err)
		}
	case <-n.life.Done():
	}
}

func (n *Node) closeNetwork() error {
	if n.network == nil {
		return nil
	}
	return n.network.Close()
}

// unavailable and unknown say what became of a command.
func unavailable(cause error) error { return fmt.Errorf("%w: %w", command.ErrUnavailable, cause) }
func unknown(cause error) error     { return fmt.Errorf("%w: %w", command.ErrUnknown, cause) }
