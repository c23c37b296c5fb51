package replication_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/games"
	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/command"
)

func seedOfTest() uint64 { return uint64(time.Now().UnixNano()) }

// bet proposes one spin for a coin through a node, under a fresh key.
func bet(ctx context.Context, n *replicationtest.Node, player command.AccountID) (command.Result, error) {
	c := command.Command{ID: replicationtest.NewID(), Account: player, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}
	return n.Propose(ctx, c)
}

func mustBet(t *testing.T, n *replicationtest.Node, player command.AccountID) command.Result {
	t.Helper()
	r, err := bet(within(t), n, player)
	if err != nil || r.Refusal != nil {
		t.Fatalf("a bet through %s: %+v, %v", n.ID, r, err)
	}
	return r
}

// coinsOn reads a balance on a node, as a request of a player would.
func coinsOn(t *testing.T, n *replicationtest.Node, player command.AccountID) games.Coins {
	t.Helper()
	if err := n.Barrier(within(t)); err != nil {
		t.Fatalf("read on %s: %v", n.ID, err)
	}
	a, ok, err := n.Store.Account(player)
	if err != nil || !ok {
		t.Fatalf("read on %s: %v, %v", n.ID, ok, err)
	}
	return a.Coins
}

func TestCluster_EveryMemberTakesBetsAndReadsWhatOthersHaveAnswered(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[2], "ada", 1000)
	for i := range 60 {
		r := mustBet(t, nodes[i%3], player)
		want := r.Value.(*command.RoundResult).Coins
		if got := coinsOn(t, nodes[(i+1)%3], player); got != want {
			t.Fatalf("after bet %d, %s has %d coins, and the answer said %d", i, nodes[(i+1)%3].ID, got, want)
		}
	}
	for _, n := range nodes {
		if n.Alone() || n.Leads() != (n == c.Leader()) {
			t.Errorf("%s: alone %v, leads %v", n.ID, n.Alone(), n.Leads())
		}
		c.Until(n.ID+" to be ready", n.Ready)
	}
}

func TestCluster_AKeyIsUsedOnceWhicheverMemberIsAsked(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1000)
	cmd := command.Command{Account: player, Key: command.KeyOf("one bet"), Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}
	var event uint64
	for i, n := range nodes {
		cmd.ID = replicationtest.NewID()
		r, err := n.Propose(within(t), cmd)
		if err != nil || r.Refusal != nil {
			t.Fatalf("%s: %+v, %v", n.ID, r, err)
		}
		if i == 0 {
			event = r.Event
		} else if !r.Replayed || r.Event != event {
			t.Errorf("%s: %+v, and the first answer was event %d", n.ID, r, event)
		}
	}
}

// Players bet through all members while the leader is lost again and again; each answered bet is in the books once.
func TestCluster_NoBetIsLostOrDoubledWhenLeadersAreLost(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	const players = 6
	var ids []command.AccountID
	for i := range players {
		ids = append(ids, c.Open(nodes[0], fmt.Sprint("player", i), 1_000_000))
	}
	playing := letPlay(t, c, ids, func(i int) string { return []string{"n1", "n2", "n3"}[i%3] })
	for round := range 4 {
		c.Until("bets", playing.more(30))
		lost := c.Leader()
		if round%2 == 0 {
			c.Kill(lost.ID)
		} else {
			c.Stop(lost.ID)
		}
		c.Until("bets without "+lost.ID, playing.more(30))
		c.Start(lost.ID)
	}
	c.Until("bets", playing.more(30))
	playing.stop()
	playing.check(t, c)
}

// playing is some players who bet until they are stopped.
type playing struct {
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	answered atomic.Uint64
	mu       sync.Mutex
	events   map[uint64]command.AccountID // under mu: of answered bets
	twice    []uint64                     // under mu: answered for two bets
	unknown  map[command.AccountID]int    // under mu: bets whose fate was not told
}

// letPlay lets each player bet through the node that where names, or any other if that one does not run.
func letPlay(t *testing.T, c *replicationtest.Cluster, players []command.AccountID, where func(int) string) *playing {
	p := &playing{events: make(map[uint64]command.AccountID), unknown: make(map[command.AccountID]int)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	t.Cleanup(p.stop)
	for i, player := range players {
		p.running.Go(func() {
			for p.ctx.Err() == nil {
				n := c.Running(where(i))
				if n == nil {
					n = c.All()[0]
				}
				r, err := bet(p.ctx, n, player)
				p.note(t, player, r, err)
			}
		})
	}
	return p
}

func (p *playing) note(t *testing.T, player command.AccountID, r command.Result, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, command.ErrUnknown):
		p.unknown[player]++
	case errors.Is(err, command.ErrUnavailable):
	case err != nil || r.Refusal != nil || r.Event == 0:
		t.Errorf("a bet was answered with %+v, %v", r, err)
	case p.events[r.Event] != 0:
		p.twice = append(p.twice, r.Event)
	default:
		p.events[r.Event] = player
		p.answered.Add(1)
	}
}

// more is a condition: so many more bets are answered.
func (p *playing) more(bets uint64) func() bool {
	from := p.answered.Load()
	return func() bool { return p.answered.Load() >= from+bets }
}

func (p *playing) stop() {
	p.cancel()
	p.running.Wait()
}

// check compares what was answered with the books: each answered bet once, and at most as many others as were left unknown.
func (p *playing) check(t *testing.T, c *replicationtest.Cluster) {
	t.Helper()
	if len(p.twice) > 0 {
		t.Errorf("two bets got the same answer: events %v", p.twice)
	}
	leader := c.Leader()
	if err := leader.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	answered := make(map[command.AccountID]int)
	for _, player := range p.events {
		answered[player]++
	}
	for player, bets := range answered {
		sums, err := leader.Store.Statistics(player)
		if err != nil {
			t.Fatal(err)
		}
		rounds := 0
		for _, s := range sums {
			rounds += int(s.Rounds)
		}
		if rounds < bets || rounds > bets+p.unknown[player] {
			t.Errorf("player %d got %d answers and %d times none, and has played %d rounds", player, bets, p.unknown[player], rounds)
		}
	}
}

func TestCluster_NoBetIsLostOrDoubledOnANetworkThatMisbehaves(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	var ids []command.AccountID
	for i := range 6 {
		ids = append(ids, c.Open(nodes[0], fmt.Sprint("player", i), 1_000_000))
	}
	playing := letPlay(t, c, ids, func(i int) string { return nodes[i%3].ID })
	c.Net.Always(replicationtest.Link{Drop: 0.02, Duplicate: 0.1, Delay: 10 * time.Millisecond})
	c.Until("bets on a bad network", playing.more(50))
	for _, lonely := range []string{"n1", "n2", "n3"} {
		c.Net.Part([]string{lonely}, others(lonely))
		c.Until("bets without "+lonely, playing.more(20))
		c.Net.Heal()
		c.Until("bets", playing.more(20))
		for _, other := range others(lonely) { // it hears nobody, and others hear it
			c.Net.Set(other, lonely, replicationtest.Link{Cut: true})
		}
		c.Until("bets while nobody reaches "+lonely, playing.more(10))
		c.Net.Heal()
	}
	c.Net.Always(replicationtest.Link{})
	c.Until("bets", playing.more(20))
	playing.stop()
	playing.check(t, c)
}

// A member waits for the next leader with what the last one did not take. So whoever bets through it notices nothing.
func TestForward_ALeaderThatStopsRefusesNoBetOfOthers(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1_000_000)
	for range 3 {
		stops := c.Leader()
		var running sync.WaitGroup
		var bets atomic.Uint64
		done := make(chan struct{})
		for _, id := range others(stops.ID) {
			for range 4 {
				running.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						if r, err := bet(within(t), c.Running(id), player); err != nil || r.Refusal != nil {
							t.Errorf("a bet through %s while %s stopped: %+v, %v", id, stops.ID, r, err)
							return
						}
						bets.Add(1)
					}
				})
			}
		}
		c.Until("bets", func() bool { return bets.Load() > 50 })
		c.Stop(stops.ID)
		from := bets.Load()
		c.Until("bets without "+stops.ID, func() bool { return bets.Load() > from+50 || t.Failed() })
		close(done)
		running.Wait()
		c.Start(stops.ID)
	}
}

func others(id string) (list []string) {
	for _, o := range []string{"n1", "n2", "n3"} {
		if o != id {
			list = append(list, o)
		}
	}
	return list
}

// A leader that is cut off answers no read, even before it notices.
func TestBarrier_OfALeaderThatWasReplacedFails(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1000)
	old := c.Leader()
	c.Net.Part([]string{old.ID}, others(old.ID))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	read := make(chan error, 1)
	go func() { read <- old.Barrier(ctx) }()
	var next *replicationtest.Node
	c.Until("another leader", func() bool {
		for _, n := range nodes {
			if n != old && n.Leads() {
				next = n
			}
		}
		return next != nil
	})
	mustBet(t, next, player)
	select {
	case err := <-read:
		t.Fatalf("the old leader answered a read with %v", err)
	default:
	}
	cancel()
	if err := <-read; !errors.Is(err, command.ErrUnavailable) {
		t.Fatalf("the read ended with %v", err)
	}
	c.Net.Heal()
	coinsOn(t, old, player)
}

func TestMembership_LeadershipIsHandedOverAndMembersComeAndGo(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1000)
	for _, n := range nodes {
		if err := nodes[0].Transfer(within(t), n.ID); err != nil {
			t.Fatalf("hand leadership to %s: %v", n.ID, err)
		}
		c.Until(n.ID+" to lead", n.Leads)
		mustBet(t, nodes[0], player)
	}
	leader := c.Leader()
	if err := nodes[0].Demote(within(t), leader.ID, false); err != nil {
		t.Fatalf("demote the leader: %v", err)
	}
	c.Until("another leader", func() bool { return c.Leader() != leader })
	if m := memberOf(t, nodes[0], leader.ID); m.Voter {
		t.Errorf("%s still votes", leader.ID)
	}
	mustBet(t, leader, player)
	if err := nodes[0].Promote(within(t), leader.ID); err != nil {
		t.Fatalf("promote: %v", err)
	}
	gone := c.Leader()
	if err := gone.RemoveMember(within(t), gone.ID, false); err != nil {
		t.Fatalf("remove the leader: %v", err)
	}
	c.Stop(gone.ID)
	rest := c.All()
	if members := rest[0].Members(); len(members) != 2 {
		t.Fatalf("%d members are left", len(members))
	}
	mustBet(t, rest[0], player)

	// With one of two voters down, the other can't decide that it is alone.
	down := rest[0]
	if down.Leads() {
		down = rest[1]
	}
	c.Stop(down.ID)
	last := c.All()[0]
	c.Until("the loss to be noticed", func() bool { return memberOf(t, last, down.ID).Err != nil })
	c.Start(down.ID)
	mustBet(t, last, player)
}

// A node that leads again serves at once, even if a change from an earlier term is still under way.
func TestMembership_AChangeThatHangsKeepsNobodyFromLeading(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	asked, release := make(chan struct{}), make(chan struct{})
	c.Change = func(o *replication.Options) {
		o.Admit = func(id string) error {
			if id == "n9" {
				close(asked)
				<-release
				return errors.New("not this one")
			}
			return nil
		}
	}
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1000)
	first := c.Leader()
	added := make(chan error, 1)
	go func() { added <- first.AddMember(within(t), "n9", "n9") }()
	<-asked
	c.Net.Part([]string{first.ID}, others(first.ID))
	c.Until("another leader", func() bool { l := c.Leader(); return l != first })
	c.Net.Heal()
	c.Until(first.ID+" to lead again", func() bool {
		if l := c.Leader(); l != first {
			if err := l.Transfer(within(t), first.ID); err != nil {
				t.Log("hand leadership back:", err)
			}
		}
		return first.Leads()
	})
	mustBet(t, first, player)
	close(release)
	if err := <-added; err == nil {
		t.Error("n9 was added")
	}
}

func memberOf(t *testing.T, n *replicationtest.Node, id string) replication.Member {
	t.Helper()
	for _, m := range n.Members() {
		if m.ID == id {
			return m
		}
	}
	t.Fatalf("%s knows no member %s", n.ID, id)
	return replication.Member{}
}

func TestMembership_TheLastQuorumIsNotGivenAwayByMistake(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	if err := nodes[0].Demote(within(t), "n9", false); err == nil {
		t.Error("a stranger was demoted")
	}
	leader := c.Leader()
	var down, up *replicationtest.Node
	for _, n := range nodes {
		switch {
		case n == leader:
		case down == nil:
			down = n
		default:
			up = n
		}
	}
	c.Stop(down.ID)
	c.Until("the loss to be noticed", func() bool { return memberOf(t, leader, down.ID).Err != nil })
	if err := leader.RemoveMember(within(t), up.ID, false); err == nil {
		t.Error("one of the last two voters that answer was removed")
	}
	if err := leader.RemoveMember(within(t), down.ID, false); err != nil {
		t.Errorf("the voter that is down can't be removed: %v", err)
	}
}

func TestMembership_ARemovedNodeSaysSoWhenItComesBack(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	c.Expelled()
	var removed sync.Map
	c.Change = func(o *replication.Options) {
		o.Admit = func(id string) error {
			if _, is := removed.Load(id); is {
				return replication.ErrRemoved
			}
			return nil
		}
	}
	nodes := c.Grow(3)
	gone := nodes[2]
	if gone == c.Leader() {
		gone = nodes[1]
	}
	removed.Store(gone.ID, true)
	if err := nodes[0].RemoveMember(within(t), gone.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := failed(t, gone.Node); !errors.Is(err, replication.ErrRemoved) {
		t.Errorf("the removed node failed with %v", err)
	}
}

func TestMembership_AnAddressMayChange(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	c.Stop("n3")
	c.Change = func(o *replication.Options) { o.Address = "n3 at another address" }
	c.Start("n3")
	c.Until("the new address to be known", func() bool {
		return memberOf(t, nodes[0], "n3").Address == "n3 at another address"
	})
}

func TestOpen_AMemberOfAClusterDoesNotStartAlone(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	c.Grow(2)
	c.Stop("n2")
	c.Change = func(o *replication.Options) { o.Network = nil }
	if _, err := c.TryStart("n2"); !errors.Is(err, replication.ErrMember) {
		t.Errorf("a member started alone: %v", err)
	}
	c.Change = nil
	c.Start("n2")
}

// liar is a machine that reports other changes than it has made.
type liar struct{ *storage.Store }

func (l liar) Digests() []storage.Digest {
	list := l.Store.Digests()
	for i := range list {
		list[i].Sum++
	}
	return list
}

func TestDivergence_TheMemberThatDiffersStopsAndTheCasinoGoesOn(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	c.Expelled()
	nodes := c.Grow(2)
	c.Change = func(o *replication.Options) { o.Machine = liar{o.Machine.(*storage.Store)} }
	nodes = append(nodes, c.Grow(3)[2])
	player := c.Open(nodes[0], "ada", 1_000_000)
	c.Until("the odd one out to stop", func() bool {
		mustBet(t, nodes[0], player)
		return nodes[2].Err() != nil
	})
	if !errors.Is(nodes[2].Err(), replication.ErrDiverged) {
		t.Errorf("it stopped with %v", nodes[2].Err())
	}
	mustBet(t, nodes[1], player)
}
