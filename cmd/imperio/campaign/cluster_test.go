package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"imperio/cmd/imperio/clustertest"
)

const (
	clusterSize     = 3
	clusterPatience = 3 * time.Minute  // for a cluster to form, to become whole, and to stop
	clientPatience  = 30 * time.Second // of a player, for one answer
)

// runningCluster is a cluster of three processes on this machine. The first step that needs it forms it, and endCluster ends it. The first
// node was made with accounts.
func (m *campaign) runningCluster(ctx context.Context) (*clustertest.Cluster, error) {
	if m.cluster != nil {
		return m.cluster, nil
	}
	if err := m.make(ctx, &m.clustered); err != nil {
		return nil, err
	}
	m.cluster = new(clustertest.Cluster)
	for i := range clusterSize {
		n, err := clustertest.NewNode(m.program.Path, filepath.Dir(m.clustered.directory), nodeName(i), "--log-level", "warn")
		if err != nil {
			return nil, err
		}
		n.Secure = true
		m.cluster.Nodes = append(m.cluster.Nodes, n)
	}
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	if err := m.cluster.Form(ctx); err != nil {
		return nil, fmt.Errorf("form a cluster: %w", err)
	}
	return m.cluster, nil
}

// endCluster stops the cluster, if there is one, and audits what its nodes have.
func (m *campaign) endCluster(ctx context.Context) error {
	if m.cluster == nil {
		return nil
	}
	defer m.cluster.Kill()
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	if err := m.cluster.Stop(ctx); err != nil {
		return err
	}
	for _, n := range m.cluster.Nodes {
		if err := m.program.Run(ctx, io.Discard, "audit", "--data-dir", n.Dir); err != nil {
			return fmt.Errorf("audit of %s: %w", n.Name, err)
		}
	}
	m.printf("\n`imperio audit`: the books of all three nodes of the cluster are right.\n")
	return nil
}

func nodeName(i int) string { return fmt.Sprintf("node%d", i+1) }

// awaitWhole waits until all nodes are well.
func awaitWhole(ctx context.Context, c *clustertest.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	return c.AwaitWhole(ctx)
}

// crowd are clients that bet through all nodes of a cluster, each with an account of its own. A bet without an answer is sent once more, under
// the same key and to another node. A request counts as failed if that gets no answer either.
type crowd struct {
	clients []*clustertest.Client

	mu       sync.Mutex
	failed   []error // requests without an answer
	retried  int     // requests that were answered at the second try
	answered int
	broken   []error // promises
}

// gather opens accounts, which a name tells apart from others, and spreads their clients over the nodes.
func gather(ctx context.Context, c *clustertest.Cluster, name string, clients int) (*crowd, error) {
	w := new(crowd)
	for i := range clients {
		a, err := clustertest.Open(ctx, c.Nodes[i%clusterSize], fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, a.Client(0, c.Nodes, i, rand.New(rand.NewPCG(1, uint64(i))), clientPatience))
	}
	return w, nil
}

// play lets everybody bet, with a rest of up to rest between two bets. The returned function waits until they have stopped.
func (w *crowd) play(ctx context.Context, rest time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var playing sync.WaitGroup
	for _, c := range w.clients {
		playing.Go(func() {
			for ctx.Err() == nil && w.bet(ctx, c) == nil {
				time.Sleep(time.Duration(c.Random.Int64N(int64(rest)))) // of a player
			}
		})
	}
	return func() {
		cancel()
		playing.Wait()
	}
}

// bet makes one bet and counts how it went. An error is a broken promise.
func (w *crowd) bet(ctx context.Context, c *clustertest.Client) error {
	b, err := c.Bet(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, failed := errors.AsType[*clustertest.FailedError](err)
	switch {
	case err == nil && b.Tries > 1:
		w.retried++
		w.answered++
	case err == nil:
		w.answered++
	case ctx.Err() != nil: // the bet is sent again in settle
	case failed:
		w.failed = append(w.failed, err)
	default:
		w.broken = append(w.broken, err)
		return err
	}
	return nil
}

// settle sends the bets that wait for an answer again, and compares every answer with the books of every node.
func (m *campaign) settle(ctx context.Context, w *crowd, c *clustertest.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	for _, client := range w.clients {
		for client.Unanswered() && ctx.Err() == nil && len(w.broken) == 0 {
			w.bet(ctx, client)
		}
	}
	answers := 0
	for _, client := range w.clients {
		answers += len(client.Account.Bets())
		for _, n := range c.Nodes {
			if err := client.Account.Check(ctx, n); err != nil {
				w.broken = append(w.broken, err)
			}
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("compare the answers with the books: %w", context.Cause(ctx))
	}
	m.printf("\n%d answers were compared with the books of each node; broken promises: %d.\n", answers, len(w.broken))
	m.broken += len(w.broken)
	for _, err := range w.broken[:min(10, len(w.broken))] {
		m.printf("- %v\n", err)
	}
	return nil
}
