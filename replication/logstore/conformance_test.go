package logstore_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// What raft expects from a log store. The cases come from the tests of raft itself, raft-boltdb and raft-wal, for a
// monotonic store. They cover each boundary of ours: between batches, between segments, and at the checkpoint.

func TestDeleteRange_RemovesASuffixAtEachBoundary(t *testing.T) {
	const batches, each = 20, 3 // batches fill 3 segments
	for low := uint64(1); low <= batches*each+1; low++ {
		if testing.Short() && low%5 != 1 {
			continue // each store syncs some dozen times
		}
		for _, beyond := range []uint64{0, 1, 1000} {
			s := newStore(t, small)
			for b := range uint64(batches) {
				store(t, s, b*each+1, (b+1)*each)
			}
			last := uint64(batches * each)
			if err := s.DeleteRange(low, last+beyond); err != nil {
				t.Fatalf("remove %d to %d: %v", low, last+beyond, err)
			}
			first := uint64(1)
			if last = min(last, low-1); last == 0 {
				first = 0
			}
			for range 2 {
				holds(t, s, first, last)
				s = reopenAs(t, s, small)
			}
			store(t, s, last+1, last+2)
			store(t, s, last+3, last+30)
			holds(t, reopenAs(t, s, small), 1, last+30)
			s.Close()
		}
	}
}

// A follower's entries that another leader has replaced are removed, though no checkpoint holds them. That is no cut.
func TestDeleteRange_TellsAConflictFromACut(t *testing.T) {
	const held = 50
	for _, c := range []struct {
		low, high uint64
		ok        bool
	}{
		{51, 100, true},   // all above the checkpoint
		{51, 1000, true},  // and beyond the end
		{99, 100, true},   // the last two
		{100, 100, true},  // the last one
		{101, 200, true},  // nothing
		{50, 100, false},  // an entry that is applied
		{1, 100, false},   // all, of which the checkpoint holds a half
		{1, 51, false},    // a cut too far
		{1, 50, true},     // a cut
		{0, 1, true},      // the first one
		{60, 90, false},   // a hole
		{49, 50, false},   // a hole
		{51, 99, false},   // a hole up to the last one
		{1, 1000, false},  // all and more
		{2, 1000, false},  // all but the first
		{50, 1000, false}, // one too many
	} {
		s := newStore(t, logstore.Options{MayCut: func() uint64 { return held }})
		store(t, s, 1, 100)
		err := s.DeleteRange(c.low, c.high)
		if (err == nil) != c.ok {
			t.Errorf("remove %d to %d: %v", c.low, c.high, err)
		}
		if err != nil {
			holds(t, s, 1, 100)
		}
		if s.Err() != nil {
			t.Errorf("a refusal broke the store: %v", s.Err())
		}
		s.Close()
	}
	// All of the log above the checkpoint, as a new follower has it.
	s := newStore(t, logstore.Options{MayCut: func() uint64 { return 0 }})
	store(t, s, 1, 10)
	if err := s.DeleteRange(1, 10); err != nil {
		t.Errorf("all of the log is in conflict: %v", err)
	}
	holds(t, s, 0, 0)
	// All of the log below it, as after a snapshot of the leader.
	s = newStore(t, logstore.Options{MayCut: func() uint64 { return 20 }})
	store(t, s, 1, 10)
	if err := s.DeleteRange(1, 10); err != nil {
		t.Errorf("all of the log is in the checkpoint: %v", err)
	}
	holds(t, s, 0, 0)
}

// Raft itself removes a suffix: the entries of a leader that was cut off are replaced by the next leader's.
func TestRaft_ReplacesTheEntriesOfALeaderThatWasCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for elections, whose timeouts are long so that a busy machine deposes no leader")
	}
	t.Parallel() // it mostly waits for elections
	c := newCluster(t, 3)
	old := c.leader(t)
	c.apply(t, old, "one")
	c.cutOff(old)
	for i := range 5 { // taken, but never committed
		old.raft.Apply(fmt.Appendf(nil, "lost %d", i), 0)
	}
	until(t, "the old leader to write what is never committed", func() bool { last, _ := old.log.LastIndex(); return last >= 5 })
	next := c.leader(t)
	c.apply(t, next, "two")
	c.apply(t, next, "three")
	c.join(old)
	want := []string{"one", "two", "three"}
	for _, m := range c.members {
		until(t, m.name+" to have what was committed", func() bool { return slices.Equal(m.applied(), want) })
	}
	until(t, "the logs to be one", func() bool {
		a, _ := old.log.LastIndex()
		b, _ := next.log.LastIndex()
		return a == b
	})
	last, _ := next.log.LastIndex()
	for i := uint64(1); i <= last; i++ {
		var a, b raft.Log
		if err := old.log.GetLog(i, &a); err != nil {
			t.Fatal(err)
		}
		if err := next.log.GetLog(i, &b); err != nil {
			t.Fatal(err)
		}
		if a.Term != b.Term || !bytes.Equal(a.Data, b.Data) {
			t.Errorf("entry %d is %q of term %d, and %q of term %d", i, a.Data, a.Term, b.Data, b.Term)
		}
	}
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// member is a node of raft over a store of ours. No checkpoint holds anything: nothing may be cut.
type member struct {
	name string
	raft *raft.Raft
	log  *logstore.Store
	wire *raft.InmemTransport
	off  bool

	mu   sync.Mutex
	said []string
}

func (m *member) Apply(l *raft.Log) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = append(m.said, string(l.Data))
	return nil
}

func (m *member) Snapshot() (raft.FSMSnapshot, error) { return nil, raft.ErrNothingNewToSnapshot }
func (m *member) Restore(r io.ReadCloser) error       { return r.Close() }

func (m *member) applied() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

type cluster struct{ members []*member }

func newCluster(t *testing.T, size int) *cluster {
	t.Helper()
	c := &cluster{}
	var configuration raft.Configuration
	for i := range size {
		m := &member{name: fmt.Sprint("node-", i), log: newStore(t, logstore.WithSegments(logstore.Options{MayCut: func() uint64 { return 0 }}, 4, 8))}
		_, m.wire = raft.NewInmemTransport(raft.ServerAddress(m.name))
		configuration.Servers = append(configuration.Servers, raft.Server{ID: raft.ServerID(m.name), Address: m.wire.LocalAddr()})
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		o := raft.DefaultConfig()
		o.LocalID, o.Logger = raft.ServerID(m.name), hclog.NewNullLogger()
		// Long enough that a busy machine deposes no leader in the middle of the test.
		o.HeartbeatTimeout, o.ElectionTimeout, o.LeaderLeaseTimeout = 4*time.Second, 4*time.Second, 4*time.Second
		snapshots := raft.NewInmemSnapshotStore()
		if err := raft.BootstrapCluster(o, m.log, m.log, snapshots, m.wire, configuration); err != nil {
			t.Fatal(err)
		}
		var err error
		if m.raft, err = raft.NewRaft(o, m, m.log, m.log, snapshots, m.wire); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.raft.Shutdown().Error() })
	}
	for _, m := range c.members {
		c.join(m)
	}
	return c
}

func (c *cluster) join(m *member) {
	m.off = false
	for _, other := range c.members {
		if other != m && !other.off {
			m.wire.Connect(other.wire.LocalAddr(), other.wire)
			other.wire.Connect(m.wire.LocalAddr(), m.wire)
		}
	}
}

func (c *cluster) cutOff(m *member) {
	m.off = true
	m.wire.DisconnectAll()
	for _, other := range c.members {
		other.wire.Disconnect(m.wire.LocalAddr())
	}
}

func (c *cluster) leader(t *testing.T) (leader *member) {
	t.Helper()
	until(t, "a leader", func() bool {
		for _, m := range c.members {
			if !m.off && m.raft.State() == raft.Leader && m.raft.VerifyLeader().Error() == nil {
				leader = m
				return true
			}
		}
		return false
	})
	return leader
}

func (c *cluster) apply(t *testing.T, m *member, data string) {
	t.Helper()
	if err := m.raft.Apply([]byte(data), time.Minute).Error(); err != nil {
		t.Fatal(err)
	}
}
