package replicationtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication"
)

// Network connects the nodes of a cluster in one process, and misbehaves as it is told: it cuts links, one way or both,
// drops, delays and duplicates messages. Delays and duplicates put messages out of order. Its methods may be called from
// any goroutine.
type Network struct {
	mu     sync.Mutex
	random *rand.Rand
	ends   map[string]*End    // by node
	faults map[[2]string]Link // from, to
	usual  Link
	late   int // copies that have not arrived yet
}

// Link says how messages fare on the way from one node to another.
type Link struct {
	Cut       bool
	Drop      float64       // the share of messages that get lost
	Duplicate float64       // the share of messages that arrive twice, the second time later
	Delay     time.Duration // each message takes up to as long
	Late      time.Duration // how much later the second one arrives, at most; 0: four times Delay
}

// lost is how long a sender waits for the answer to a message that got lost, at most.
const lost = 100 * time.Millisecond

// NewNetwork makes a network whose chances follow from a seed.
func NewNetwork(seed uint64) *Network {
	return &Network{random: rand.New(rand.NewPCG(seed, 1)), ends: make(map[string]*End), faults: make(map[[2]string]Link)}
}

// Always sets how all links behave that nothing else is said about.
func (w *Network) Always(l Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.usual = l
}

// Set sets how the link from one node to another behaves.
func (w *Network) Set(from, to string, l Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[[2]string{from, to}] = l
}

// Part cuts the links between nodes of different groups, both ways. Nodes that are in no group are cut off from all.
func (w *Network) Part(groups ...[]string) {
	group := make(map[string]int)
	for i, g := range groups {
		for _, id := range g {
			group[id] = i + 1
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for from := range w.ends {
		for to := range w.ends {
			if from != to && (group[from] == 0 || group[from] != group[to]) {
				w.faults[[2]string{from, to}] = Link{Cut: true}
			}
		}
	}
}

// Heal makes all links behave as usual.
func (w *Network) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.faults)
}

// fate is what becomes of one message.
func (w *Network) fate(from, to string) (arrives, twice bool, delay, later time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, ok := w.faults[[2]string{from, to}]
	if !ok {
		l = w.usual
	}
	if l.Late == 0 {
		l.Late = 4 * l.Delay
	}
	delay, later = w.upTo(l.Delay), w.upTo(l.Late)
	return !l.Cut && w.random.Float64() >= l.Drop, w.random.Float64() < l.Duplicate, delay, later
}

// Late is how many copies of messages have not arrived yet.
func (w *Network) Late() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late
}

// copies counts a copy that is under way, or one that no longer is.
func (w *Network) copies(change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late += change
}

// upTo is a duration below d by chance. Called with mu held.
func (w *Network) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(w.random.Int64N(int64(d)))
}

func (w *Network) end(id string) *End {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends[id]
}

// Connect connects a node, whose address is its id. A node that is connected again takes the place of its predecessor.
func (w *Network) Connect(id string) *End {
	e := &End{net: w, id: id, consumer: make(chan raft.RPC)}
	e.life, e.close = context.WithCancel(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[id] = e
	return e
}

// End is a node's end of the network. It is a replication.Network, and raft's transport.
type End struct {
	net      *Network
	id       string
	consumer chan raft.RPC
	life     context.Context // ends with Close
	close    context.CancelFunc
	running  sync.WaitGroup // deliveries to this end

	mu        sync.Mutex // guards all below
	closed    bool
	handler   func(ctx context.Context, from, method string, request []byte) ([]byte, error)
	heartbeat func(raft.RPC)
}

var (
	_ replication.Network = (*End)(nil)
	_ raft.Transport      = (*End)(nil)
	_ raft.WithPreVote    = (*End)(nil)
)

// Transport implements replication.Network.
func (e *End) Transport() raft.Transport { return e }

// Handle implements replication.Network.
func (e *End) Handle(h func(ctx context.Context, from, method string, request []byte) ([]byte, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handler = h
}

// Close implements replication.Network.
func (e *End) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.close()
	e.running.Wait()
	return nil
}

// enter reports whether something may be delivered to this end. If so, the caller calls running.Done afterwards.
func (e *End) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.running.Add(1)
	return true
}

var (
	errLost   = errors.New("no answer came in time")
	errClosed = errors.New("this end of the network is closed")
)

// send sends a message to another end, where deliver is called, once or twice. It returns what the first call does.
func send[A any](ctx context.Context, e *End, to string, deliver func(ctx context.Context, at *End) (A, error)) (answer A, err error) {
	if e.life.Err() != nil {
		return answer, fmt.Errorf("%w: %w", replication.ErrNotReached, errClosed)
	}
	arrives, twice, delay, later := e.net.fate(e.id, to)
	at := e.net.end(to)
	if at == nil || !arrives {
		pause(ctx, e.life, lost)
		return answer, errLost
	}
	if twice && at.enter() {
		e.net.copies(1)
		go func() {
			defer at.running.Done()
			defer e.net.copies(-1)
			if pause(at.life, at.life, delay+later) {
				_, _ = deliver(at.life, at)
			}
		}()
	}
	if !pause(ctx, e.life, delay) {
		return answer, errors.Join(errLost, ctx.Err())
	}
	if !at.enter() {
		return answer, fmt.Errorf("%w: %w", replication.ErrNotReached, errClosed)
	}
	type result struct {
		answer A
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer at.running.Done()
		a, err := deliver(at.life, at)
		done <- result{a, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		return answer, ctx.Err()
	case <-e.life.Done():
		return answer, errClosed
	}
	returns, _, back, _ := e.net.fate(to, e.id)
	if !pause(ctx, e.life, back) || !returns {
		pause(ctx, e.life, lost)
		return answer, errLost
	}
	return r.answer, r.err
}

// pause waits, unless either context ends before.
func pause(a, b context.Context, d time.Duration) bool {
	if d <= 0 {
		return a.Err() == nil && b.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-a.Done():
	case <-b.Done():
	}
	return false
}

// Call implements replication.Network.
func (e *End) Call(ctx context.Context, id, address, method string, request []byte) ([]byte, error) {
	if id == "" {
		id = address
	}
	request = bytes.Clone(request)
	return send(ctx, e, id, func(ctx context.Context, at *End) ([]byte, error) {
		at.mu.Lock()
		h := at.handler
		at.mu.Unlock()
		if h == nil {
			return nil, &replication.CallError{Message: "it does not take calls yet"}
		}
		answer, err := h(ctx, e.id, method, request)
		if err != nil {
			return nil, &replication.CallError{Message: err.Error()}
		}
		return bytes.Clone(answer), nil
	})
}

// rpcPatience is how long a message of raft's waits for its answer.
const rpcPatience = 3 * time.Second

// rpc delivers one of raft's messages, and copies the answer into response.
func rpc[R any](e *End, to raft.ServerID, command any, data []byte, response *R) error {
	ctx, cancel := context.WithTimeout(e.life, rpcPatience)
	defer cancel()
	r, err := send(ctx, e, string(to), func(ctx context.Context, at *End) (*R, error) {
		answer := make(chan raft.RPCResponse, 1)
		message := raft.RPC{Command: command, RespChan: answer}
		if data != nil {
			message.Reader = bytes.NewReader(data)
		}
		at.mu.Lock()
		heartbeat := at.heartbeat
		at.mu.Unlock()
		if heartbeat != nil && isHeartbeat(command) {
			heartbeat(message)
		} else {
			select {
			case at.consumer <- message:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		select {
		case r := <-answer:
			if r.Error != nil {
				return nil, r.Error
			}
			return r.Response.(*R), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	if err != nil {
		return err
	}
	*response = *r
	return nil
}

// isHeartbeat reports what raft's own transport takes for a heartbeat.
func isHeartbeat(command any) bool {
	a, ok := command.(*raft.AppendEntriesRequest)
	return ok && a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// Consumer implements raft.Transport.
func (e *End) Consumer() <-chan raft.RPC { return e.consumer }

// LocalAddr implements raft.Transport.
func (e *End) LocalAddr() raft.ServerAddress { return raft.ServerAddress(e.id) }

// AppendEntriesPipeline implements raft.Transport: there is none.
func (e *End) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries implements raft.Transport.
func (e *End) AppendEntries(id raft.ServerID, _ raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	sent := *args // raft uses its request again while a copy of the message is still under way
	return rpc(e, id, &sent, nil, resp)
}

// RequestVote implements raft.Transport.
func (e *End) RequestVote(id raft.ServerID, _ raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return rpc(e, id, args, nil, resp)
}

// RequestPreVote implements raft.WithPreVote.
func (e *End) RequestPreVote(id raft.ServerID, _ raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return rpc(e, id, args, nil, resp)
}

// TimeoutNow implements raft.Transport.
func (e *End) TimeoutNow(id raft.ServerID, _ raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return rpc(e, id, args, nil, resp)
}

// InstallSnapshot implements raft.Transport.
func (e *End) InstallSnapshot(id raft.ServerID, _ raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	return rpc(e, id, args, b, resp)
}

// EncodePeer implements raft.Transport.
func (e *End) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }

// DecodePeer implements raft.Transport.
func (e *End) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler implements raft.Transport.
func (e *End) SetHeartbeatHandler(h func(raft.RPC)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heartbeat = h
}
