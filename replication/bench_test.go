package replication_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"imperio/replication/replicationtest"
)

// BenchmarkPropose measures small commands by 64 callers, from Propose to the answer.
func BenchmarkPropose(b *testing.B) {
	n := create(b, b.TempDir(), replicationtest.New())
	ctx := b.Context()
	if err := n.Barrier(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Uint64
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for {
				i := next.Add(1)
				if i > uint64(b.N) {
					return
				}
				if _, err := n.Propose(ctx, replicationtest.Command(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	b.StopTimer()
	s := n.Status()
	b.ReportMetric(float64(b.N)/float64(s.Entries), "commands/entry")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
