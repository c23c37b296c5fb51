package endtoend

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"imperio/cmd/imperio/clustertest"
)

// The torture of a cluster: three real processes in network namespaces of their own, while players bet and read through all of
// them. Cables are pulled, lines lose and delay packets, nodes are killed and paused, a clock is wrong by minutes, disks are full. After all
// that, what every player was ever told must be explained by one account that serves one request after the other. Every answered bet
// must be in the books of every node once, and the nodes' histories and states must be equal.
//
// CLUSTER_ROUNDS is the number of disturbances (make cluster-torture: 100); without it, there are six, of different kinds. TORTURE_SEED repeats
// an earlier run's decisions.
func TestClusterTorture_EveryAnswerHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("it tortures three processes for a minute")
	}
	if !withNetwork(t) {
		return
	}
	seed := uint64(number(t, "TORTURE_SEED", int(time.Now().UnixNano()%1e9)))
	rounds := number(t, "CLUSTER_ROUNDS", 6)
	t.Logf("seed %d (TORTURE_SEED), %d disturbances (CLUSTER_ROUNDS)", seed, rounds)
	x := newClusterTorture(t, seed)
	x.must(x.cluster.Form(x.within(patience)))
	x.openAccounts()
	stop := x.play()
	order := x.random.Perm(len(clusterDisturbances))
	for round := range rounds {
		// No kind happens twice before all have happened once; after that, the seed decides.
		kind := x.random.IntN(len(clusterDisturbances))
		if round < len(order) {
			kind = order[round]
		}
		d := clusterDisturbances[kind]
		x.Logf("%d of %d: %s", round+1, rounds, d.name)
		bets, began := x.bets(), time.Now()
		d.do(x)
		disturbed := x.bets() - bets
		x.recover()
		t.Logf("%d bets were answered meanwhile; all is well again after %.1f s", disturbed, time.Since(began).Seconds())
		if t.Failed() {
			break
		}
	}
	stop()
	x.settle()
	x.compare()
	if t.Failed() {
		for _, n := range x.cluster.Nodes {
			t.Log(n.Log())
		}
		t.Fatalf("seed %d broke a promise", seed)
	}
}

// clusterTorture is a cluster under torture, with its players.
type clusterTorture struct {
	*testing.T
	seed     uint64
	random   *rand.Rand
	network  *network
	cluster  clustertest.Cluster
	clock    *setClock // of the third node
	accounts []*clustertest.Account
	clients  []*clustertest.Client
}

// diskSize is the size of each node's file system, in MiB.
const diskSize = 512

func newClusterTorture(t *testing.T, seed uint64) *clusterTorture {
	t.Helper()
	program := os.Getenv(networkVariable)
	x := &clusterTorture{T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), network: newNetwork(t, 3), clock: newSetClock(t)}
	for i := 1; i <= 3; i++ {
		n, err := clustertest.NewNode(program, smallDisk(t, diskSize), fmt.Sprintf("node%d", i),
			"--checkpoint-interval", "200ms", "--disk-reserve", "16MiB", "--cluster-log-time", "1m")
		x.must(err)
		command := func(arguments []string) *exec.Cmd { return exec.Command(program, arguments...) }
		if i == 3 {
			command = func(arguments []string) *exec.Cmd { return x.clock.command(t, arguments) }
		}
		x.network.place(i, n, command)
		x.cluster.Nodes = append(x.cluster.Nodes, n)
	}
	t.Cleanup(x.cluster.Kill) // before the disks are unmounted
	return x
}

func (x *clusterTorture) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatalf("seed %d: %v", x.seed, err)
	}
}

// within is a context that ends after a time, or with the test.
func (x *clusterTorture) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(x.Context(), d)
	x.Cleanup(cancel)
	return ctx
}

// Each account has two clients that bet and one that reads, each at a node of its own choice.
func (x *clusterTorture) openAccounts() {
	for i := range 4 {
		a, err := clustertest.Open(x.Context(), x.cluster.Nodes[i%3], fmt.Sprintf("player-%d", i))
		x.must(err)
		x.accounts = append(x.accounts, a)
		for id := range 3 {
			random := rand.New(rand.NewPCG(x.seed, uint64(10*i+id+2)))
			x.clients = append(x.clients, a.Client(id, x.cluster.Nodes, i+id, random, 3*time.Second))
		}
	}
}

// play lets all clients play. The returned function waits until they have stopped.
func (x *clusterTorture) play() (stop func()) {
	ctx, cancel := context.WithCancel(x.Context())
	var playing sync.WaitGroup
	for _, c := range x.clients {
		playing.Go(func() {
			for ctx.Err() == nil {
				err := x.act(ctx, c)
				if _, failed := errors.AsType[*clustertest.FailedError](err); err != nil && !failed && ctx.Err() == nil {
					x.Errorf("seed %d: %v", x.seed, err)
					return
				}
				time.Sleep(time.Duration(c.Random.IntN(40)) * time.Millisecond) // a player's rest
			}
		})
	}
	return func() {
		cancel()
		playing.Wait()
	}
}

// act lets a client bet or read. Now and then it goes to another node, and sends an old bet again.
func (x *clusterTorture) act(ctx context.Context, c *clustertest.Client) error {
	if c.Random.IntN(10) == 0 {
		c.Move()
	}
	if c.ID == 2 {
		return c.Read(ctx)
	}
	if bets := c.Account.Bets(); len(bets) > 0 && c.Random.IntN(20) == 0 {
		if err := c.Again(ctx, bets[c.Random.IntN(len(bets))]); err != nil {
			return err
		}
	}
	_, err := c.Bet(ctx)
	return err
}

func (x *clusterTorture) bets() (total int) {
	for _, a := range x.accounts {
		total += len(a.Bets())
	}
	return total
}

// recover ends all disturbances, starts the nodes that have ended, and waits until all is well.
func (x *clusterTorture) recover() {
	x.Helper()
	x.network.heal()
	x.clock.set(x.T, 0)
	for ctx := x.within(patience); ; {
		for _, n := range x.cluster.Nodes {
			if n.Ended() {
				x.must(n.Start())
			}
		}
		// A node may still end after a full disk or a paused one, so it is looked at again.
		err := x.cluster.AwaitWhole(x.within(5 * time.Second))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			x.must(err)
		}
	}
}

// settle sends the bets that wait for an answer once more, and asks for all accounts a last time.
func (x *clusterTorture) settle() {
	x.Helper()
	for _, c := range x.clients {
		for ctx := x.within(patience); c.Unanswered(); {
			if _, err := c.Bet(ctx); err != nil && ctx.Err() != nil {
				x.must(err)
			}
		}
	}
	for _, a := range x.accounts {
		for _, n := range x.cluster.Nodes {
			if err := a.Check(x.within(patience), n); err != nil {
				x.Errorf("seed %d: %v", x.seed, err)
			}
		}
		wantLinearizable(x.T, a)
	}
	x.Logf("%d bets are in the books of all nodes", x.bets())
}

// compare stops the nodes and compares what they have on disk.
func (x *clusterTorture) compare() {
	x.Helper()
	var left []leftover
	for try := 1; ; try++ {
		x.must(x.cluster.AwaitWhole(x.within(patience)))
		x.must(x.cluster.Stop(x.within(patience)))
		left = nil
		for _, n := range x.cluster.Nodes {
			l, err := leftBy(x.Context(), n)
			x.must(err)
			left = append(left, l)
		}
		// Something may have been written after the first node had stopped.
		if left[0].index == left[1].index && left[0].index == left[2].index {
			break
		}
		if try == 3 {
			x.Fatalf("seed %d: the nodes stopped at different entries each time: %+v", x.seed, left)
		}
		for _, n := range x.cluster.Nodes {
			x.must(n.Start())
		}
	}
	for i, l := range left[1:] {
		if l != left[0] {
			x.Errorf("seed %d: node1 has %+v, node%d has %+v", x.seed, left[0], i+2, l)
		}
	}
}

// clusterDisturbances happen to a cluster while players play. After each, the cluster recovers.
var clusterDisturbances = []struct {
	name string
	do   func(*clusterTorture)
}{
	{"the leader is killed", func(x *clusterTorture) { x.cluster.Nodes[x.leader()].Kill(); x.pause() }},
	{"another node is killed", func(x *clusterTorture) { x.cluster.Nodes[x.other()].Kill(); x.pause() }},
	{"all nodes are killed", (*clusterTorture).killAll},
	{"the leader is paused", func(x *clusterTorture) { x.freeze(x.leader()) }},
	{"another node is paused", func(x *clusterTorture) { x.freeze(x.other()) }},
	{"the leader's cable is pulled", func(x *clusterTorture) { x.network.unplug(x.leader() + 1); x.pause() }},
	{"two cables are pulled", (*clusterTorture).unplugTwo},
	{"the leader is not heard by one node", func(x *clusterTorture) { leader, other := x.both(); x.network.silence(leader+1, other+1); x.pause() }},
	{"the leader does not hear one node", func(x *clusterTorture) { leader, other := x.both(); x.network.silence(other+1, leader+1); x.pause() }},
	{"the leader is heard by no node", (*clusterTorture).silenceLeader},
	{"the leader's line is bad", func(x *clusterTorture) { x.network.badLine(x.leader() + 1); x.pause() }},
	{"all lines are bad", (*clusterTorture).allLinesBad},
	{"a clock is wrong by minutes", (*clusterTorture).setClocks},
	{"a disk is full", (*clusterTorture).fillDisk},
	{"leadership is handed over", (*clusterTorture).transfer},
}

// pause is how long a disturbance lasts: sometimes too short for an election, sometimes long enough for several.
func (x *clusterTorture) pause() {
	time.Sleep(time.Duration(200+x.random.IntN(2800)) * time.Millisecond) // while the players play
}

// leader is the position of the node that leads.
func (x *clusterTorture) leader() int {
	x.Helper()
	leader, err := x.cluster.Leader(x.within(patience))
	x.must(err)
	for i, n := range x.cluster.Nodes {
		if n == leader {
			return i
		}
	}
	panic("the leader is no node of the cluster")
}

// both are the positions of the leader and of another node.
func (x *clusterTorture) both() (leader, other int) {
	leader = x.leader()
	return leader, (leader + 1 + x.random.IntN(2)) % 3
}

func (x *clusterTorture) other() int {
	_, other := x.both()
	return other
}

func (x *clusterTorture) killAll() {
	for _, n := range x.cluster.Nodes {
		n.Kill()
	}
}

// freeze pauses a node, which then believes that no time has passed.
func (x *clusterTorture) freeze(i int) {
	x.must(x.cluster.Nodes[i].Signal(syscall.SIGSTOP))
	x.pause()
	x.must(x.cluster.Nodes[i].Signal(syscall.SIGCONT))
}

// unplugTwo leaves no majority.
func (x *clusterTorture) unplugTwo() {
	leader, other := x.both()
	x.network.unplug(leader + 1)
	x.network.unplug(other + 1)
	x.pause()
}

func (x *clusterTorture) silenceLeader() {
	leader := x.leader()
	x.network.silence(leader+1, (leader+1)%3+1)
	x.network.silence(leader+1, (leader+2)%3+1)
	x.pause()
}

func (x *clusterTorture) allLinesBad() {
	for n := 1; n <= 3; n++ {
		x.network.badLine(n)
	}
	x.pause()
}

// setClocks sets the third node's clock wrong by minutes, while it leads.
func (x *clusterTorture) setClocks() {
	x.handTo(2)
	for _, wrong := range []time.Duration{-10 * time.Minute, 5 * time.Minute} {
		x.clock.set(x.T, wrong)
		x.pause()
		x.handTo(x.random.IntN(2))
		x.handTo(2)
	}
}

// fillDisk fills a node's disk. Whether it ends or waits: with room again, it comes back.
func (x *clusterTorture) fillDisk() {
	node := x.cluster.Nodes[x.random.IntN(3)]
	ballast := filepath.Join(filepath.Dir(node.Dir), "ballast")
	fill(x.T, ballast)
	x.pause()
	x.must(os.Remove(ballast))
}

func (x *clusterTorture) transfer() { x.handTo(x.other()) }

// handTo makes a node the leader, unless it leads.
func (x *clusterTorture) handTo(i int) {
	x.Helper()
	ctx := x.within(patience)
	for {
		s, err := x.cluster.Nodes[i].Status(ctx)
		if err == nil && s.Leader == s.NodeID {
			return
		}
		if err == nil {
			_, err = x.cluster.Nodes[i].Run(ctx, "cluster", "transfer", "--to", s.NodeID)
		}
		// An election may come between, so it is tried again.
		if err != nil && ctx.Err() != nil {
			x.must(err)
		}
	}
}
