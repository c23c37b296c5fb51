package campaign

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"imperio/appliance"
	"imperio/appliance/bench"
	"imperio/appliance/control"
	"imperio/cmd/imperio/clustertest"
)

// measureClusterSpeed plays spins against a lone casino and a cluster in turns: through the leader, and through each follower.
func (m *campaign) measureClusterSpeed(ctx context.Context) error {
	c, err := m.runningCluster(ctx)
	if err != nil {
		return err
	}
	return m.withCasino(ctx, &m.few, func(lone *casino) error { return m.compareWithLone(ctx, lone, c) })
}

func (m *campaign) compareWithLone(ctx context.Context, lone *casino, c *clustertest.Cluster) error {
	before, leader, err := leaderOf(ctx, c)
	if err != nil {
		return err
	}
	m.printf("\n## Durable spins in a cluster\n\nThree processes on this machine, which share its cores and its disk with the players and with a lone casino. %d accounts in each, %d connections, turns of %s. "+
		"Processor time is that of all three nodes.\n\n", m.clustered.accounts, m.connections, m.turn)
	m.printf("| through | a second | lone node | ratio | from | to | p99 ms | lone node | processor time a bet | lone node |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	var notes []*bench.Report
	for _, n := range slices.Concat([]*clustertest.Node{leader}, slices.DeleteFunc(slices.Clone(c.Nodes), func(n *clustertest.Node) bool { return n == leader })) {
		played, err := bench.Alternate(ctx, m.side(lone, m.few.playing(m.playing)), m.clusterSide(c, n, m.clustered.playing(m.playing)), m.turns, m.turn)
		if err != nil {
			return err
		}
		what, least := "a follower", 0.25
		if n == leader {
			what, least = "the leader", 0.35
		}
		ratio := m.clusterRow(what, played)
		m.goal(ratio >= least, "durable spins through "+what+" of three nodes on one machine", fmt.Sprintf("at least %.2f of a lone node's throughput", least), "%.2f", ratio)
		notes = append(notes, played[0].Report, played[1].Report)
	}
	after, _, err := leaderOf(ctx, c)
	if err != nil {
		return err
	}
	if after.Term != before.Term {
		m.printf("\nCaveat: leadership moved meanwhile, from term %d to %d.\n", before.Term, after.Term)
	}
	for _, r := range notes {
		m.note(r)
	}
	return nil
}

// clusterRow reports a comparison, and returns the median ratio.
func (m *campaign) clusterRow(what string, played [2]bench.Played) float64 {
	var ratios, rates, loneRates, costs, loneCosts []float64
	for i, lone := range played[0].Turns {
		turn := played[1].Turns[i]
		ratios = append(ratios, turn.Rate()/lone.Rate())
		rates, loneRates = append(rates, turn.Rate()), append(loneRates, lone.Rate())
		costs, loneCosts = append(costs, microseconds(turn.Cost())), append(loneCosts, microseconds(lone.Cost()))
	}
	m.printf("| %s | %.0f | %.0f | **%.3f** | %.3f | %.3f | %.1f | %.1f | %.0f µs | %.0f µs |\n", what, median(rates), median(loneRates), median(ratios), slices.Min(ratios), slices.Max(ratios),
		played[1].Report.Casino.Latency.P99, played[0].Report.Casino.Latency.P99, median(costs), median(loneCosts))
	return median(ratios)
}

// leaderOf is the node that leads, and how it sees the cluster.
func leaderOf(ctx context.Context, c *clustertest.Cluster) (clustertest.Status, *clustertest.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	leader, err := c.Leader(ctx)
	if err != nil {
		return clustertest.Status{}, nil, err
	}
	s, err := leader.Status(ctx)
	return s, leader, err
}

// clusterSide is the cluster's side in a comparison by turns, through one of its nodes. The cost of a turn includes the checkpoints of all nodes.
func (m *campaign) clusterSide(c *clustertest.Cluster, n *clustertest.Node, tokens []string) bench.Side {
	options := bench.Options{
		URL: n.URL(), TLS: n.TLS(), Connections: m.connections, Tokens: tokens, Mix: bench.Mix{Slots: 1}, Stake: 2, Patience: clientPatience, Progress: m.progress,
	}
	return bench.Side{Options: options, Rest: func(ctx context.Context) (total time.Duration, err error) {
		for _, n := range c.Nodes {
			if err := writeCheckpoint(ctx, n.Dir); err != nil {
				return 0, err
			}
			used, err := processorTime(n.Pid())
			if err != nil {
				return 0, err
			}
			total += used
		}
		return total, nil
	}}
}

// writeCheckpoint lets the casino on a directory write a checkpoint, and waits for it.
func writeCheckpoint(ctx context.Context, directory string) error {
	client, err := control.Dial(ctx, filepath.Join(directory, appliance.SocketFile))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = control.WriteCheckpoint.Call(ctx, client, control.None{})
	return err
}
