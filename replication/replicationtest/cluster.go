package replicationtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"imperio/games"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// Deadline bounds how long a cluster waits for something. Nothing takes nearly as long.
const Deadline = 3 * time.Minute

// ClusterID is the id of all clusters of tests.
const ClusterID = "casino-under-test"

// Cluster is a cluster in one process: whole casinos, connected by a Network. Unless a test says otherwise, at its end all
// nodes that run must reach the same state, which is audited.
type Cluster struct {
	Net *Network
	// Change changes the options of nodes that are started from then on; nil: nothing.
	Change func(*replication.Options)
	// Connect connects a node to another network than Net, and returns its address there; nil: to Net.
	Connect func(id string) (replication.Network, string)

	t      testing.TB
	dir    string
	mu     sync.Mutex
	nodes  map[string]*Node // under mu: those that run
	failed bool
}

// Node is one node of a Cluster.
type Node struct {
	*replication.Node
	ID    string
	Dir   string
	Store *storage.Store

	address string
}

// NewCluster makes a cluster of one node, "n1".
func NewCluster(t testing.TB, seed uint64) *Cluster {
	t.Helper()
	c := &Cluster{Net: NewNetwork(seed), t: t, dir: t.TempDir(), nodes: make(map[string]*Node)}
	t.Cleanup(c.finish)
	t.Cleanup(func() { t.Logf("the seed of the network was %d", seed) })
	return c
}

// Heartbeat of nodes in tests: short, since elections wait for it, and long enough for a busy machine.
const Heartbeat = 150 * time.Millisecond

// Start starts a node: the first one as a new casino, others as nodes that join, and each that ran before as it is.
func (c *Cluster) Start(id string) *Node {
	c.t.Helper()
	n, err := c.TryStart(id)
	if err != nil {
		c.t.Fatalf("start %s: %v", id, err)
	}
	return n
}

// TryStart is Start that may fail.
func (c *Cluster) TryStart(id string) (*Node, error) {
	dir := filepath.Join(c.dir, id)
	_, err := os.Stat(filepath.Join(dir, replication.LogDir))
	create := err != nil
	c.mu.Lock()
	first := len(c.nodes) == 0
	var contacts []string
	for _, other := range c.nodes {
		contacts = append(contacts, other.address)
	}
	c.mu.Unlock()
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		identity := storage.Identity{NodeID: id, ClusterID: ClusterID, Format: storage.FormatVersion}
		if err := storage.Create(dir, identity, storagetest.Keys.ID()); err != nil {
			return nil, err
		}
	}
	store, err := storage.Open(dir, storagetest.Keys, storage.Options{CheckpointInterval: 100 * time.Millisecond, StallLimit: Deadline})
	if err != nil {
		return nil, err
	}
	connect := c.Connect
	if connect == nil {
		connect = func(id string) (replication.Network, string) { return c.Net.Connect(id), id }
	}
	network, address := connect(id)
	o := replication.Options{
		Dir: dir, Machine: store, Identity: replication.Identity{NodeID: id, ClusterID: ClusterID}, Create: create, Join: create && !first,
		Network: network, Address: address, Contacts: contacts, Heartbeat: Heartbeat, StallLimit: Deadline, Logger: c.log(id),
		Program: "test", Level: store.Level,
	}
	if c.Change != nil {
		c.Change(&o)
	}
	node, err := replication.Open(o)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	n := &Node{Node: node, ID: id, Dir: dir, Store: store, address: address}
	c.mu.Lock()
	c.nodes[id] = n
	c.mu.Unlock()
	return n, nil
}

// log writes the lines of a node to the test's log, with what raft has to say.
func (c *Cluster) log(id string) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{c.t}, &slog.HandlerOptions{Level: slog.LevelInfo})).With("node", id)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p[:len(p)-1])
	return len(p), nil
}

// Within is a context that ends when the cluster would wait no longer.
func (c *Cluster) Within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	c.t.Cleanup(cancel)
	return ctx
}

// Until waits for a condition.
func (c *Cluster) Until(what string, condition func() bool) {
	c.t.Helper()
	for end := time.Now().Add(Deadline); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// Grow starts nodes and makes them voters, until there are count, named n1, n2, ….
func (c *Cluster) Grow(count int) []*Node {
	c.t.Helper()
	var nodes []*Node
	for i := 1; i <= count; i++ {
		id := fmt.Sprintf("n%d", i)
		n := c.Running(id)
		if n == nil {
			n = c.Start(id)
		}
		nodes = append(nodes, n)
		if i == 1 {
			if err := n.Barrier(c.Within()); err != nil {
				c.t.Fatal(err)
			}
			continue
		}
		c.Until(id+" to become a voter", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			for _, m := range nodes[0].Members() {
				if m.ID == id && m.Voter {
					return true
				}
			}
			return nodes[0].Promote(ctx, id) == nil
		})
	}
	return nodes
}

// Running returns a node that runs, or nil.
func (c *Cluster) Running(id string) *Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[id]
}

// All returns the nodes that run.
func (c *Cluster) All() (all []*Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		all = append(all, n)
	}
	return all
}

// Leader waits for a node that leads.
func (c *Cluster) Leader() (leader *Node) {
	c.t.Helper()
	c.Until("a leader", func() bool {
		for _, n := range c.All() {
			if n.Leads() {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// Stop stops a node as its process would.
func (c *Cluster) Stop(id string) {
	c.t.Helper()
	c.mu.Lock()
	n := c.nodes[id]
	delete(c.nodes, id)
	c.mu.Unlock()
	if n == nil {
		return
	}
	if err := n.Close(c.Within()); err != nil && n.Err() == nil {
		c.t.Errorf("close %s: %v", id, err)
	}
	if err := n.Store.Close(); err != nil && n.Store.Err() == nil {
		c.t.Errorf("close the state of %s: %v", id, err)
	}
}

// Kill ends a node without any goodbye: first nobody hears it any more.
func (c *Cluster) Kill(id string) {
	c.t.Helper()
	if n := c.Running(id); n != nil {
		c.Net.end(id).Close()
	}
	c.Stop(id)
}

// Open opens a player's account through a node.
func (c *Cluster) Open(n *Node, name string, coins games.Coins) command.AccountID {
	c.t.Helper()
	cmd := command.Command{ID: NewID(), Entropy: make([]byte, 2*command.SeedSize)}
	copy(cmd.Entropy, name)
	cmd = storagetest.Keys.Command(cmd)
	cmd.Body = command.OpenAccount{Username: name, UsernameKey: name, PasswordHash: "hash", Role: command.RolePlayer, WelcomeCoins: coins}
	r, err := n.Propose(c.Within(), cmd)
	if err != nil || r.Refusal != nil {
		c.t.Fatalf("open the account of %s: %+v, %v", name, r, err)
	}
	return r.Value.(*command.AccountOpened).Account.ID
}

// Expelled says that nodes which have failed are expected.
func (c *Cluster) Expelled() { c.failed = true }

// finish waits until all nodes have the same state, audits it, and closes everything.
func (c *Cluster) finish() {
	c.Net.Heal()
	c.Net.Always(Link{})
	if !c.t.Failed() {
		c.agree()
	}
	for _, n := range c.All() {
		c.Stop(n.ID)
	}
}

// agree waits until all nodes hold the same state: what was given up by its caller may still be under way.
func (c *Cluster) agree() {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	var why error
	for ctx.Err() == nil {
		if why = c.differ(ctx, c.Leader()); why == nil {
			return
		}
	}
	c.t.Errorf("the nodes do not come to the same state: %v", why)
}

// differ compares the states of all nodes with the leader's.
func (c *Cluster) differ(ctx context.Context, leader *Node) error {
	want, err := stateOf(ctx, leader)
	if err != nil {
		return err
	}
	for _, n := range c.All() {
		if err := n.Err(); err != nil {
			if !c.failed {
				c.t.Fatalf("%s has failed: %v", n.ID, err)
			}
			continue
		}
		got, err := stateOf(ctx, n)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("the state of %s is not that of %s", n.ID, leader.ID)
		}
	}
	return nil
}

// stateOf audits a node's current state, and returns its hash.
func stateOf(ctx context.Context, n *Node) (hash [32]byte, err error) {
	if err := n.Barrier(ctx); err != nil {
		return hash, err
	}
	snapshot, err := n.Store.Snapshot(ctx)
	if err != nil {
		return hash, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	if _, err := audit.Run(ctx, snapshot, audit.Options{Workers: 1}); err != nil {
		return hash, fmt.Errorf("audit %s: %w", n.ID, err)
	}
	return snapshot.Hash()
}

// NewID makes a command's id.
func NewID() (id command.ID) {
	rand.Read(id[:]) // never fails
	return id
}
