package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"imperio/replication"
	"imperio/replication/network"
	"imperio/storage/command"
)

// State is what this package reads of the state. Its methods are safe for concurrent use.
type State interface {
	Value(name string) (command.Stored, bool, error)
	ValueNames(prefix string) ([]string, error)
	Level() uint32
}

// Node is this member as raft sees it.
type Node interface {
	Members() []replication.Member
	Leads() bool
	Now() time.Time // the casino's time
	Barrier(ctx context.Context) error
	Promote(ctx context.Context, id string) error
	Demote(ctx context.Context, id string, force bool) error
	RemoveMember(ctx context.Context, id string, force bool) error
	Transfer(ctx context.Context, to string) error
}

// Keys seal the authority's key with the casino's key.
type Keys interface {
	SealAuthority(key []byte) []byte
	OpenAuthority(sealed []byte) ([]byte, error)
	ID() command.KeyID
}

// Options configure a Cluster.
type Options struct {
	State State
	Keys  Keys
	// CasinoKey returns the casino's key in hexadecimal, for nodes that join.
	CasinoKey   func() (string, error)
	Dir         string // the data directory
	File        *File  // what is in its cluster.json; the Cluster changes it
	Credentials *network.Credentials
	Program     string // the version of this program
	Newest      uint32 // the newest feature level that it knows
	// ReapAfter is after how long without an answer a member is removed, as long as MinVoters stay; 0: never.
	ReapAfter time.Duration
	MinVoters int
	// Fail is called at most once, when this node can't be a member any more. It must not block.
	Fail func(error)
	Log  *slog.Logger
	// Wall is this machine's clock; nil: time.Now.
	Wall func() time.Time
}

// Cluster is the cluster as this member sees it. It works once it is attached to the node. It is safe for concurrent use.
type Cluster struct {
	o        Options
	node     Node                                                              // set by Attach, before anything else is called
	proposer func(ctx context.Context, b command.Body) (command.Result, error) // set by Attach

	attached chan struct{} // closed by Attach
	acting   sync.Mutex    // held by acts that take the lock of the cluster

	// Of Run alone:
	well   map[string]time.Time // since when members without a vote have been well
	silent map[string]time.Time // since when members have not answered
	told   string               // the last problem that was logged
	failed bool
}

// New makes a Cluster.
func New(o Options) *Cluster {
	if o.Wall == nil {
		o.Wall = time.Now
	}
	return &Cluster{o: o, attached: make(chan struct{}), well: make(map[string]time.Time), silent: make(map[string]time.Time)}
}

// Attach gives it the node. propose puts a command through the log; a refusal is an error.
func (c *Cluster) Attach(n Node, propose func(context.Context, command.Body) (command.Result, error)) {
	c.node, c.proposer = n, propose
	close(c.attached)
}

// The names of values.
const (
	authorityName = "cluster/authority"
	memberPrefix  = "cluster/members/"
	removedPrefix = "cluster/removed/"
	tokenPrefix   = "cluster/tokens/"
	lockName      = "cluster"
)

// member is a node that was admitted.
type member struct {
	Address  string    `json:"address"`
	Key      string    `json:"key,omitempty"` // names the key that it joined with
	Admitted time.Time `json:"admitted"`
	// Joined says that raft's configuration has had it. Should it not have it any more, the member was removed.
	Joined bool `json:"joined,omitempty"`
	// Demoted says that an operator took its vote, so that it is not promoted by itself.
	Demoted bool `json:"demoted,omitempty"`
}

// removed is a node that was removed.
type removed struct {
	Address string    `json:"address"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Reason  string    `json:"reason"`
}

// read reads a value. ok is false if there is none.
func read[T any](c *Cluster, name string) (v T, ok bool, err error) {
	stored, ok, err := c.o.State.Value(name)
	if err == nil && ok {
		err = json.Unmarshal(stored.Value, &v)
	}
	if err != nil {
		err = fmt.Errorf("read %s: %w", name, err)
	}
	return v, ok, err
}

// Removed reports whether a node was removed from the cluster.
func (c *Cluster) Removed(id string) bool {
	_, ok, err := c.o.State.Value(removedPrefix + id)
	return ok && err == nil
}

// Admit refuses a node that is not to be added to raft's configuration. It is for replication.Options.
func (c *Cluster) Admit(id string) error {
	<-c.attached // the node asks as soon as it runs
	if id == c.o.File.NodeID {
		return nil
	}
	m, ok, err := read[member](c, memberPrefix+id)
	if err != nil {
		return err
	}
	if !ok || c.Removed(id) {
		return replication.ErrRemoved
	}
	if m.Joined && !c.isMember(id) { // by a recovery, say, after which it may hold another history
		return replication.ErrRemoved
	}
	return nil
}

func (c *Cluster) isMember(id string) bool {
	for _, m := range c.node.Members() {
		if m.ID == id {
			return true
		}
	}
	return false
}

// lockTime is how long an act holds the lock at most.
const lockTime = 30 * time.Second

// act does something that reads and changes values, while no other member does.
func (c *Cluster) act(ctx context.Context, do func(a *acting) error) (err error) {
	c.acting.Lock() // one of this member's at a time
	defer c.acting.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lockTime/2)
	defer cancel()
	var held *command.LockHeld
	for {
		r, err := c.proposer(ctx, command.AcquireLock{Name: lockName, Holder: c.o.File.NodeID, TTL: lockTime})
		if err == nil {
			held, err = command.ValueOf[command.LockHeld](r)
		}
		if err == nil {
			break
		}
		if refusal, ok := errors.AsType[*command.Refusal](err); !ok || refusal.Code != "lock_held" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another change of the cluster is under way: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	err = do(&acting{c: c, ctx: ctx, fence: held.Fence})
	// If this fails, the lock ends by itself.
	if _, released := c.proposer(ctx, command.ReleaseLock{Name: lockName, Fence: held.Fence}); released != nil {
		c.o.Log.Debug("the lock of the cluster was not released", "error", released)
	}
	return err
}

// acting is an act under way. Its writes fail once the lock was lost.
type acting struct {
	c     *Cluster
	ctx   context.Context
	fence uint64
}

func (a *acting) put(name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = a.c.proposer(a.ctx, command.PutValue{Name: name, Value: data, Lock: lockName, Fence: a.fence})
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// drop deletes a value, which may be gone already.
func (a *acting) drop(name string) error {
	_, err := a.c.proposer(a.ctx, command.DeleteValue{Name: name, Lock: lockName, Fence: a.fence})
	if refusal, ok := errors.AsType[*command.Refusal](err); ok && refusal.Code == "not_found" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// record notes the act in the history.
func (a *acting) record(e command.RecordAct) error {
	if _, err := a.c.proposer(a.ctx, e); err != nil {
		return fmt.Errorf("record %s: %w", e.Act, err)
	}
	return nil
}

// each visits the values with a prefix.
func each[T any](c *Cluster, prefix string, visit func(id string, v T) error) error {
	names, err := c.o.State.ValueNames(prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		v, ok, err := read[T](c, name)
		if err == nil && ok {
			err = visit(strings.TrimPrefix(name, prefix), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
