package replication_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/network"
	"imperio/replication/replicationtest"
	"imperio/storage/command"
)

// secured connects the nodes of a cluster over TLS on loopback.
func secured(t testing.TB) func(id string) (replication.Network, string) {
	t.Helper()
	authority, err := network.NewAuthority(replicationtest.ClusterID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return func(id string) (replication.Network, string) {
		key, err := network.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		csr, err := network.NewRequest(key)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := authority.Sign(csr, id, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		credentials, err := network.NewCredentials(certificate, key, authority.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		n, err := network.Listen(network.Options{Listen: "127.0.0.1:0", Credentials: credentials})
		if err != nil {
			t.Fatal(err)
		}
		return n, n.Addr().String()
	}
}

// BenchmarkCluster measures a read that is made current, and a bet, by 64 callers, on a lone node, and in a cluster of three
// in one process through the leader and through a follower.
func BenchmarkCluster(b *testing.B) {
	for _, members := range []int{1, 3} {
		c := replicationtest.NewCluster(b, 1)
		c.Connect = secured(b)
		c.Change = func(o *replication.Options) { o.Heartbeat = 700 * time.Millisecond }
		nodes := c.Grow(members)
		var players []command.AccountID
		for i := range 64 {
			players = append(players, c.Open(nodes[0], fmt.Sprint("player", i), 1_000_000_000))
		}
		through := map[string]*replicationtest.Node{"leader": c.Leader()}
		for _, n := range nodes {
			if n != c.Leader() {
				through["follower"] = n
			}
		}
		for name, n := range through {
			b.Run(fmt.Sprintf("members=%d/through=%s", members, name), func(b *testing.B) {
				var next atomic.Int64
				var callers sync.WaitGroup
				for _, player := range players {
					callers.Go(func() {
						for next.Add(1) <= int64(b.N) {
							if err := n.Barrier(b.Context()); err != nil {
								b.Error(err)
								return
							}
							if r, err := bet(b.Context(), n, player); err != nil || r.Refusal != nil {
								b.Errorf("%+v, %v", r, err)
								return
							}
						}
					})
				}
				callers.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bets/s")
			})
		}
	}
}
