package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Status is what 'imperio cluster status --json' prints.
type Status struct {
	ClusterID string   `json:"cluster_id"`
	NodeID    string   `json:"node_id"`
	Leader    string   `json:"leader"` // its id; "": none is known
	Term      uint64   `json:"term"`
	Voters    int      `json:"voters"`
	Members   []Member `json:"members"`
}

// Member is a member in a Status.
type Member struct {
	ID           string   `json:"id"`
	Address      string   `json:"address"`
	Role         string   `json:"role"` // leader, voter or non-voter
	Self         bool     `json:"self"`
	Reached      bool     `json:"reached"`
	Error        string   `json:"error"`
	Ready        bool     `json:"ready"`
	LastIndex    uint64   `json:"last_index"`
	CommitIndex  uint64   `json:"commit_index"`
	AppliedIndex uint64   `json:"applied_index"`
	ClockSkew    float64  `json:"clock_skew_seconds"`
	Level        uint32   `json:"feature_level"`
	Version      string   `json:"version"`
	Problems     []string `json:"problems"`
}

// Status asks the running node how it sees the cluster.
func (n *Node) Status(ctx context.Context) (s Status, err error) {
	out, err := n.Run(ctx, "cluster", "status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &s)
	}
	if err != nil {
		return s, fmt.Errorf("status of %s: %w", n.Name, err)
	}
	return s, nil
}

// Token makes a token with which one node can join.
func (n *Node) Token(ctx context.Context) (string, error) {
	out, err := n.Run(ctx, "cluster", "token")
	return strings.TrimSpace(out), err
}

// Cluster is a cluster of nodes.
type Cluster struct{ Nodes []*Node }

// Form starts the first node as a lone casino. Then the others join, one by one, and Form waits until all vote.
func (c *Cluster) Form(ctx context.Context) error {
	first := c.Nodes[0]
	if err := first.Start(); err != nil {
		return err
	}
	if err := first.AwaitReady(ctx); err != nil {
		return err
	}
	for _, n := range c.Nodes[1:] {
		if err := c.Join(ctx, n, first); err != nil {
			return err
		}
	}
	return c.AwaitWhole(ctx)
}

// Join starts a node on an empty directory, which joins through a member and serves.
func (c *Cluster) Join(ctx context.Context, n, through *Node) error {
	token, err := through.Token(ctx)
	if err != nil {
		return err
	}
	if err := n.Start("--join", "https://"+through.Peers, "--join-token", token); err != nil {
		return err
	}
	return n.AwaitReady(ctx)
}

// view is how a node sees the cluster, or why it doesn't say.
type view struct {
	node   *Node
	status Status
	err    error
}

// self is what the node says of itself.
func (v *view) self() (m Member) {
	for _, m := range v.status.Members {
		if m.Self {
			return m
		}
	}
	return m
}

// Leader waits until a running node says that it leads, and returns it. Of two that say so, it is the one with the higher term.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	leading, err := c.leading(ctx)
	return leading.node, err
}

func (c *Cluster) leading(ctx context.Context) (leading view, err error) {
	err = c.await(ctx, "a leader", func(views []view) error {
		leading = view{}
		for _, v := range views {
			if v.err == nil && v.status.Leader == v.status.NodeID && v.status.Term >= leading.status.Term {
				leading = v
			}
		}
		if leading.node == nil {
			return errors.New("no node leads")
		}
		return nil
	})
	return leading, err
}

// AwaitWhole waits until every node says that it serves players and has applied what was committed when the wait began, all
// follow one leader, and that reaches all of them and counts them as voters.
func (c *Cluster) AwaitWhole(ctx context.Context) error {
	leading, err := c.leading(ctx)
	if err != nil {
		return err
	}
	committed := leading.self().CommitIndex
	return c.await(ctx, "all nodes to be well", func(views []view) error {
		for _, v := range views {
			// What a node says of itself is new. What others say of it may be from before it was started again.
			self := v.self()
			switch {
			case v.err != nil:
				return v.err
			case v.status.Leader != views[0].status.Leader:
				return fmt.Errorf("%s follows %q, and %s %q", v.node.Name, v.status.Leader, views[0].node.Name, views[0].status.Leader)
			case !self.Ready || self.AppliedIndex < committed:
				return fmt.Errorf("%s: ready %t, applied %d of %d", v.node.Name, self.Ready, self.AppliedIndex, committed)
			case v.status.Voters != len(c.Nodes) || len(v.status.Members) != len(c.Nodes):
				return fmt.Errorf("%s sees %d members, of which %d vote", v.node.Name, len(v.status.Members), v.status.Voters)
			}
			for _, m := range v.status.Members {
				if v.status.Leader == v.status.NodeID && !m.Self && !m.Reached {
					return fmt.Errorf("%s does not reach %s: %s", v.node.Name, m.Address, m.Error)
				}
			}
		}
		return nil
	})
}

const (
	statusPatience = 10 * time.Second       // for one question: a node that is paused never answers
	statusInterval = 100 * time.Millisecond // between two rounds of questions, each of them a process
)

// await asks all nodes at once, again and again, until ok accepts what they say.
func (c *Cluster) await(ctx context.Context, what string, ok func([]view) error) error {
	again := time.NewTicker(statusInterval)
	defer again.Stop()
	for {
		err := ok(c.views(ctx))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			for _, n := range c.Nodes {
				err = fmt.Errorf("%w\n%s", err, n.Log())
			}
			return fmt.Errorf("waiting for %s: %w: %w", what, context.Cause(ctx), err)
		case <-again.C:
		}
	}
}

// views asks all nodes at once how they see the cluster.
func (c *Cluster) views(ctx context.Context) []view {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	views := make([]view, len(c.Nodes))
	var asked sync.WaitGroup
	for i, n := range c.Nodes {
		views[i] = view{node: n, err: fmt.Errorf("%s does not run", n.Name)}
		if n.Running() {
			asked.Go(func() { views[i].status, views[i].err = n.Status(ctx) })
		}
	}
	asked.Wait()
	return views
}

// Kill ends all processes at once. It is for the end of a test; it may be called more than once.
func (c *Cluster) Kill() {
	for _, n := range c.Nodes {
		n.Kill()
	}
}

// Stop stops all nodes, the leader last, so that the others have all that it did.
func (c *Cluster) Stop(ctx context.Context) error {
	leader, err := c.Leader(ctx)
	if err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if n != leader && n.Running() {
			err = errors.Join(err, n.Stop(ctx))
		}
	}
	return errors.Join(err, leader.Stop(ctx))
}
