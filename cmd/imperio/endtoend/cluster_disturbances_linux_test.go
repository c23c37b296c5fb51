package endtoend

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

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
