package replication_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/command"
)

// gated is a machine that applies nothing while its gate is held.
type gated struct {
	*storage.Store
	gate *sync.RWMutex
}

func (g gated) Apply(commands []storage.Command) ([]command.Result, error) {
	g.gate.RLock()
	defer g.gate.RUnlock()
	return g.Store.Apply(commands)
}

// A follower may apply a command before its leader does, and answer from there. Then the leader must not answer from before it.
func TestBarrier_TheLeaderIsNotBehindWhatAFollowerHasAnswered(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	gates := make(map[string]*sync.RWMutex)
	var mu sync.Mutex
	c.Change = func(o *replication.Options) {
		mu.Lock()
		defer mu.Unlock()
		gates[o.Identity.NodeID] = new(sync.RWMutex)
		o.Machine = gated{o.Machine.(*storage.Store), gates[o.Identity.NodeID]}
	}
	c.Grow(3)
	leader := c.Leader()
	player := c.Open(leader, "ada", 1000)
	follower := c.Running(others(leader.ID)[0])
	before := coinsOn(t, leader, player)
	mu.Lock()
	gate := gates[leader.ID]
	mu.Unlock()
	gate.Lock()
	answered := make(chan error, 1)
	go func() {
		_, err := bet(within(t), leader, player)
		answered <- err
	}()
	c.Until("the follower to apply the bet, ahead of the leader", func() bool {
		a, ok, err := follower.Store.Account(player)
		return ok && err == nil && a.Coins != before
	})
	ctx, cancel := context.WithTimeout(within(t), 300*time.Millisecond)
	defer cancel()
	if err := leader.Barrier(ctx); err == nil {
		t.Error("the leader answers reads, though it has not applied what a follower shows")
	}
	gate.Unlock()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if on, ahead := coinsOn(t, leader, player), coinsOn(t, follower, player); on != ahead {
		t.Errorf("the leader shows %d coins, the follower %d", on, ahead)
	}
}
