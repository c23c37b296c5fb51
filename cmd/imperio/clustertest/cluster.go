package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// Leader waits until a running node says that it leads, and returns it.
func (c *Cluster) Leader(ctx context.Context) (leader *Node, err error) {
	err = c.await(ctx, "a leader", func(n *Node, s Status) error {
		if leader = nil; s.Leader != s.NodeID || s.NodeID == "" {
			return fmt.Errorf("%s does not lead, but %q", n.Name, s.Leader)
		}
		leader = n
		return nil
	})
	return leader, err
}

// AwaitWhole waits until the leader says that every node is a member that votes, serves players and has applied all that was committed.
func (c *Cluster) AwaitWhole(ctx context.Context) error {
	return c.await(ctx, "all nodes to be members", func(n *Node, s Status) error {
		if s.Leader != s.NodeID {
			return fmt.Errorf("%s does not lead, but %q", n.Name, s.Leader)
		}
		return s.whole(len(c.Nodes))
	})
}

// whole returns why this is not a cluster of that many nodes which are all well, or nil.
func (s *Status) whole(nodes int) error {
	var committed uint64
	for _, m := range s.Members {
		if m.Self {
			committed = m.CommitIndex
		}
	}
	if len(s.Members) != nodes || s.Voters != nodes {
		return fmt.Errorf("it has %d members, of which %d vote, and not %d", len(s.Members), s.Voters, nodes)
	}
	for _, m := range s.Members {
		if !m.Reached && !m.Self || !m.Ready || m.AppliedIndex < committed {
			return fmt.Errorf("%s at %s: reached %t, ready %t, applied %d of %d: %s", m.ID, m.Address, m.Reached, m.Ready, m.AppliedIndex, committed, m.Error)
		}
	}
	return nil
}

const (
	statusPatience = 10 * time.Second       // for one question: a node that is paused never answers
	statusInterval = 100 * time.Millisecond // between two rounds of questions, each of them a process
)

// await asks the running nodes in turn until ok accepts what one of them says.
func (c *Cluster) await(ctx context.Context, what string, ok func(*Node, Status) error) error {
	again := time.NewTicker(statusInterval)
	defer again.Stop()
	for {
		var refusals []error
		for _, n := range c.Nodes {
			if !n.Running() {
				continue
			}
			asking, cancel := context.WithTimeout(ctx, statusPatience)
			s, err := n.Status(asking)
			cancel()
			if err == nil {
				err = ok(n, s)
			}
			if err == nil {
				return nil
			}
			refusals = append(refusals, err)
		}
		select {
		case <-ctx.Done():
			for _, n := range c.Nodes {
				refusals = append(refusals, errors.New(n.Log()))
			}
			return fmt.Errorf("waiting for %s: %w\n%w", what, context.Cause(ctx), errors.Join(refusals...))
		case <-again.C:
		}
	}
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
