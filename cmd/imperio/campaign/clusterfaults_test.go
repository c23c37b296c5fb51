package campaign

import (
	"context"
	"fmt"
	"slices"
	"time"

	"imperio/cmd/imperio/clustertest"
)

const (
	failoverClients = 16
	failoverRest    = 20 * time.Millisecond // the longest between two bets of a client
	rollingRest     = 50 * time.Millisecond
)

// measureFailover kills the leader again and again under play, and measures how long it takes until every player's bets succeed again.
func (m *campaign) measureFailover(ctx context.Context) error {
	c, err := m.runningCluster(ctx)
	if err != nil {
		return err
	}
	w, err := gather(ctx, c, "failover", failoverClients)
	if err != nil {
		return err
	}
	m.printf("\n## When the leader is killed\n\nThree processes on this machine. %d players bet through all of them. A bet without an answer is sent once more at once, to another node, and so on. "+
		"Measured from kill -9 of the leader to the first answer to a bet that was sent after it: for the first player, and for the last one.\n\n"+
		"| kill | first player | last player | bets meanwhile | whole again after |\n|---:|---:|---:|---:|---:|\n", failoverClients)
	stop := w.play(ctx, failoverRest)
	var firsts, lasts []float64
	for kill := range m.kills {
		first, last, err := m.killLeader(ctx, c, w, kill+1)
		if err != nil {
			stop()
			return err
		}
		firsts, lasts = append(firsts, first.Seconds()), append(lasts, last.Seconds())
	}
	stop()
	m.printf("\nKills: %d. Last player: median **%.2f s**, worst **%.2f s**; first player: median %.2f s, worst %.2f s. %d bets were answered, %d of them at the second try; %d requests got no answer at two nodes in a row.\n",
		m.kills, median(lasts), slices.Max(lasts), median(firsts), slices.Max(firsts), w.answered, w.retried, len(w.failed))
	m.goal(median(lasts) <= 2, "every player's bets succeed again after kill -9 of the leader, median", "within 2 s", "%.2f s", median(lasts))
	m.goal(slices.Max(lasts) <= 5, fmt.Sprintf("the same, worst of %d", m.kills), "within 5 s", "%.2f s", slices.Max(lasts))
	return m.settle(ctx, w, c)
}

// killLeader kills the leader, and starts it again once all players get answers.
func (m *campaign) killLeader(ctx context.Context, c *clustertest.Cluster, w *crowd, number int) (first, last time.Duration, err error) {
	_, leader, err := leaderOf(ctx, c)
	if err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, m.turn/5); err != nil {
		return 0, 0, err
	}
	known := make([]int, len(w.clients))
	for i, client := range w.clients {
		known[i] = len(client.Account.Bets())
	}
	killed := time.Now()
	leader.Kill()
	var waits []time.Duration
	bets := 0
	for i, client := range w.clients {
		wait, answered, err := awaitBet(ctx, client, known[i], killed)
		if err != nil {
			return 0, 0, err
		}
		waits = append(waits, wait)
		bets += answered
	}
	if err := leader.Start(); err != nil {
		return 0, 0, err
	}
	if err := awaitWhole(ctx, c); err != nil {
		return 0, 0, err
	}
	first, last = slices.Min(waits), slices.Max(waits)
	m.printf("| %d | %.2f s | %.2f s | %d | %.1f s |\n", number, first.Seconds(), last.Seconds(), bets, time.Since(killed).Seconds())
	return first, last, nil
}

// awaitBet waits until a client gets an answer to a bet that it sent after a moment. It returns how long after that the answer came, and
// how many bets were answered until then. The first known bets are skipped.
func awaitBet(ctx context.Context, client *clustertest.Client, known int, after time.Time) (wait time.Duration, answered int, err error) {
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	for {
		bets := client.Account.Bets()[known:]
		if i := slices.IndexFunc(bets, func(b clustertest.Bet) bool { return !b.Sent.Before(after) }); i >= 0 {
			return bets[i].Answered.Sub(after), i + 1, nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return 0, 0, fmt.Errorf("%s gets no answer any more: %w", client.Account.Name, err)
		}
	}
}

// measureRolling restarts all nodes under play, one after the other and the leader last.
func (m *campaign) measureRolling(ctx context.Context) error {
	c, err := m.runningCluster(ctx)
	if err != nil {
		return err
	}
	w, err := gather(ctx, c, "rolling", m.connections)
	if err != nil {
		return err
	}
	m.printf("\n## Rolling restarts\n\nThree processes on this machine. %d players bet through all of them, and send a bet without an answer once more, under the same key and to another node. "+
		"Each node is stopped and started again, the leader last. The gap is the longest time that a player waited for an answer.\n\n"+
		"| restart of all nodes | took | bets | at the second try | failed | gap |\n|---:|---:|---:|---:|---:|---:|\n", m.connections)
	stop := w.play(ctx, rollingRest)
	for restart := range m.restarts {
		if err := m.rollOver(ctx, c, w, restart+1); err != nil {
			stop()
			return err
		}
	}
	stop()
	for _, err := range w.failed[:min(5, len(w.failed))] {
		m.printf("- %v\n", err)
	}
	m.goal(len(w.failed) == 0, "failed requests at rolling restarts, of clients that retry once", "0", "%d of %d", len(w.failed), w.answered)
	return m.settle(ctx, w, c)
}

// rollOver restarts all nodes once.
func (m *campaign) rollOver(ctx context.Context, c *clustertest.Cluster, w *crowd, number int) error {
	_, leader, err := leaderOf(ctx, c)
	if err != nil {
		return err
	}
	began := time.Now()
	w.mu.Lock()
	answered, retried, failed := w.answered, w.retried, len(w.failed)
	w.mu.Unlock()
	order := append(slices.DeleteFunc(slices.Clone(c.Nodes), func(n *clustertest.Node) bool { return n == leader }), leader)
	for _, n := range order {
		stopping, cancel := context.WithTimeout(ctx, clusterPatience)
		err := n.Stop(stopping)
		cancel()
		if err != nil {
			return err
		}
		if err := n.Start(); err != nil {
			return err
		}
		if err := awaitWhole(ctx, c); err != nil {
			return err
		}
	}
	var gap time.Duration
	for _, client := range w.clients {
		for _, b := range client.Account.Bets() {
			if b.Answered.After(began) {
				gap = max(gap, b.Answered.Sub(b.Sent))
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m.printf("| %d | %.1f s | %d | %d | %d | %.2f s |\n", number, time.Since(began).Seconds(), w.answered-answered, w.retried-retried, len(w.failed)-failed, gap.Seconds())
	return nil
}
