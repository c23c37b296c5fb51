package network_test

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"imperio/replication/network"
)

// member is a member of a raft cluster, with all its state in memory.
type member struct {
	t       *testing.T
	id      string
	network *network.Network
	raft    *raft.Raft
	stores  *raft.InmemStore
	snaps   *raft.InmemSnapshotStore
	machine *entries
}

// entries is a machine that keeps what it is given.
type entries struct {
	mu  sync.Mutex
	all []string // mu
}

func (e *entries) Apply(l *raft.Log) any {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, string(l.Data))
	return nil
}

func (e *entries) has(want []string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Equal(e.all, want)
}

func (e *entries) Snapshot() (raft.FSMSnapshot, error) { return nil, io.ErrUnexpectedEOF }
func (e *entries) Restore(io.ReadCloser) error         { return io.ErrUnexpectedEOF }

// start runs a member with the stores that it has, on a new network.
func (m *member) start(n *network.Network) {
	m.t.Helper()
	m.network, m.machine = n, &entries{}
	o := raft.DefaultConfig()
	o.LocalID, o.Logger = raft.ServerID(m.id), hclog.NewNullLogger()
	o.HeartbeatTimeout, o.ElectionTimeout, o.LeaderLeaseTimeout = time.Second, time.Second, time.Second
	o.CommitTimeout = 20 * time.Millisecond
	var err error
	if m.raft, err = raft.NewRaft(o, m.machine, m.stores, m.stores, m.snaps, n.Transport()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) stop() {
	m.t.Helper()
	if err := m.raft.Shutdown().Error(); err != nil {
		m.t.Error(err)
	}
	if err := m.network.Close(); err != nil {
		m.t.Error(err)
	}
}

// three are the members of a raft cluster over real connections.
type three struct {
	*cluster
	members []*member
}

func newThree(t *testing.T) *three {
	c := &three{cluster: newCluster(t, "casino-1")}
	var servers raft.Configuration
	for _, id := range []string{"a", "b", "c"} {
		n := c.member(id)
		c.members = append(c.members, &member{t: t, id: id, network: n, stores: raft.NewInmemStore(), snaps: raft.NewInmemSnapshotStore()})
		servers.Servers = append(servers.Servers, raft.Server{ID: raft.ServerID(id), Address: n.Transport().LocalAddr()})
	}
	for _, m := range c.members {
		m.start(m.network)
	}
	if err := c.members[0].raft.BootstrapCluster(servers).Error(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, m := range c.members {
			m.stop()
		}
	})
	return c
}

// leader waits for one among some members.
func (c *three) leader(among ...*member) (leader *member) {
	c.t.Helper()
	until(c.t, "a leader", func() bool {
		at := slices.IndexFunc(among, func(m *member) bool { return m.raft.State() == raft.Leader })
		if at >= 0 {
			leader = among[at]
		}
		return at >= 0
	})
	return leader
}

// apply writes entries through whoever leads.
func (c *three) apply(from, to int) (written []string) {
	c.t.Helper()
	for i := from; i < to; i++ {
		entry := fmt.Sprint("entry ", i)
		written = append(written, entry)
		until(c.t, "an entry to be committed", func() bool {
			return c.leader(c.members...).raft.Apply([]byte(entry), patience).Error() == nil
		})
	}
	return written
}

func (c *three) converge(want []string) {
	c.t.Helper()
	for _, m := range c.members {
		until(c.t, "member "+m.id+" to have all entries", func() bool { return m.machine.has(want) })
	}
}

func TestRaft_ThreeMembersElectALeaderAndReplicate(t *testing.T) {
	t.Parallel()
	c := newThree(t)
	c.converge(c.apply(0, 200))
}

// A pipeline has several messages under way.
func TestRaft_EntriesAreSentWithoutWaitingForEachAnswer(t *testing.T) {
	t.Parallel()
	c := newThree(t)
	leader := c.leader(c.members...)
	var want []string
	var sent []raft.ApplyFuture
	for i := range 2000 {
		want = append(want, fmt.Sprint(i))
		sent = append(sent, leader.raft.Apply([]byte(want[i]), patience))
	}
	for _, f := range sent {
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
	}
	c.converge(want)
}

func TestRaft_AMemberThatRestartsIsReachedAgain(t *testing.T) {
	t.Parallel()
	c := newThree(t)
	want := c.apply(0, 20)
	for _, m := range c.members {
		address := m.network.Addr().String()
		m.stop()
		n := c.listen(network.Options{Listen: address, Credentials: c.credentials(m.id, time.Now())})
		m.start(n)
		want = append(want, c.apply(len(want), len(want)+20)...)
		c.converge(want)
	}
}

func TestRaft_LeadershipIsHandedOver(t *testing.T) {
	t.Parallel()
	c := newThree(t)
	for range 3 {
		leader := c.leader(c.members...)
		at := slices.IndexFunc(c.members, func(m *member) bool { return m != leader })
		next := c.members[at]
		until(t, "leadership to move", func() bool {
			to := raft.ServerAddress(next.network.Transport().LocalAddr())
			return leader.raft.LeadershipTransferToServer(raft.ServerID(next.id), to).Error() == nil || leader.raft.State() != raft.Leader
		})
		c.leader(c.members...)
	}
	c.converge(c.apply(0, 10))
}

// A vote or an entry that a member acknowledges under another's name would count twice.
func TestRaft_MessagesForOneMemberDoNotReachAnother(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	err := a.Transport().RequestVote("c", b.Transport().LocalAddr(), &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{})
	if !contains(err, "member b answered instead") {
		t.Errorf("a vote: %v", err)
	}
	err = a.Transport().AppendEntries("c", b.Transport().LocalAddr(), &raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{})
	if !contains(err, "member b answered instead") {
		t.Errorf("entries: %v", err)
	}
	if _, err = a.Transport().AppendEntriesPipeline("c", b.Transport().LocalAddr()); !contains(err, "member b answered instead") {
		t.Errorf("a pipeline: %v", err)
	}
}

// Idle connections to a member that has restarted are dead, and nobody knows. A vote must not be lost for that.
func TestRaft_AVoteIsSentAgainOverANewConnection(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	address := b.Transport().LocalAddr()
	vote := func() error {
		var v raft.RequestVoteResponse
		err := a.Transport().RequestVote("b", address, &raft.RequestVoteRequest{Term: 1}, &v)
		if err == nil && !v.Granted {
			t.Error("the answer got lost")
		}
		return err
	}
	grant(b, 3)
	var votes sync.WaitGroup
	for range 3 { // at the same time, each over a connection of its own
		votes.Go(func() {
			if err := vote(); err != nil {
				t.Error(err)
			}
		})
	}
	votes.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	grant(c.listen(network.Options{Listen: string(address), Credentials: c.credentials("b", time.Now())}), 1)
	if err := vote(); err != nil {
		t.Error(err)
	}
}

// grant answers votes once so many have come.
func grant(n *network.Network, count int) {
	go func() {
		var votes []raft.RPC
		for range count {
			votes = append(votes, <-n.Transport().Consumer())
		}
		for _, v := range votes {
			v.Respond(&raft.RequestVoteResponse{Granted: true}, nil)
		}
	}()
}
