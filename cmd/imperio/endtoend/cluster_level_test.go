package endtoend

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/cmd/imperio/clustertest"
)

// levelPatience bounds all waits of a rolling upgrade together.
const levelPatience = 10 * time.Minute

// A rolling upgrade by the verb, to a version with a new kind of command. The feature level stays until all members know it,
// since a member that does not could not go on. Players notice nothing of it.
func TestCluster_ANewKindOfCommandWaitsUntilAllMembersKnowIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds two versions and runs three processes")
	}
	before, next := buildVersion(t, "v1.0.0", false), buildNextLevel(t, "v2.0.0")
	ctx, cancel := context.WithTimeout(t.Context(), levelPatience)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var c clustertest.Cluster
	t.Cleanup(c.Kill)
	dir := t.TempDir()
	for i := range 3 {
		n, err := clustertest.NewNode(installProgram(t, before, t.TempDir()), dir, fmt.Sprintf("node%d", i+1))
		must(err)
		c.Nodes = append(c.Nodes, n)
	}
	must(c.Form(ctx))
	account, stop := playOnCluster(t, ctx, &c)

	upgrade := []string{"upgrade", "--binary", next, "--no-backup", "--watch", "1s"}
	refused := func(n *clustertest.Node, verb []string, why string) {
		t.Helper()
		if out, err := n.Run(ctx, verb...); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s is upgraded, or refuses for another reason than %q: %v\n%s", n.Name, why, err, out)
		}
	}
	rolling := append(upgrade, "--rolling")
	refused(c.Nodes[0], upgrade, "this casino runs on 3 nodes")
	must(c.Nodes[2].Stop(ctx))
	refused(c.Nodes[0], rolling, "the other members are not well")
	must(c.Nodes[2].Start())
	must(c.Nodes[2].AwaitReady(ctx))
	must(c.AwaitWhole(ctx))

	for i, n := range c.Nodes {
		if told := levelActs(t, ctx, n); told != "" {
			t.Fatalf("%d of 3 members know level 2, and the history has:\n%s", i, told)
		}
		out, err := n.Run(ctx, rolling...)
		if err != nil || !strings.Contains(out, "finished") {
			t.Fatalf("%v\n%s", err, out)
		}
		must(c.AwaitWhole(ctx))
		s, err := n.Status(ctx)
		must(err)
		for _, m := range s.Members {
			if m.Self && m.Version != "v2.0.0" {
				t.Errorf("%s runs %s after its upgrade", n.Name, m.Version)
			}
		}
	}
	for told := ""; !strings.Contains(told, "chimed"); told = levelActs(t, ctx, c.Nodes[0]) {
		if ctx.Err() != nil {
			t.Fatalf("all members know level 2, and the history has %q", told)
		}
	}
	for bets := len(account.Bets()); len(account.Bets()) < bets+10; time.Sleep(interval) {
		must(ctx.Err())
	}

	// A version from before can't come back, and harms nothing.
	last := c.Nodes[2]
	must(last.Stop(ctx))
	upgraded := last.Program
	last.Program = before
	must(last.Start())
	for !last.Ended() {
		must(ctx.Err())
		time.Sleep(interval)
	}
	if log := last.Log(); !strings.Contains(log, "feature level 2 is needed") || !strings.Contains(log, "v2.0.0") {
		t.Errorf("the version from before ends without a word about the level:\n%s", log)
	}
	last.Program = upgraded
	must(last.Start())
	must(last.AwaitReady(ctx))
	must(c.AwaitWhole(ctx))

	stop()
	for _, n := range c.Nodes {
		must(account.Check(ctx, n))
	}
	must(c.Stop(ctx))
	for _, n := range c.Nodes {
		_, err := n.Run(ctx, "audit")
		must(err)
	}
}

// interval is the time between two looks at a condition.
const interval = 20 * time.Millisecond

// levelActs returns what the history says of feature levels, and of the new kind of command.
func levelActs(t *testing.T, ctx context.Context, n *clustertest.Node) (told string) {
	t.Helper()
	out, err := n.Run(ctx, "history", "--json", "--kind", "level_raised,operator_acted")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "level_raised") || strings.Contains(line, "chimed") {
			told += line
		}
	}
	return told
}

// playOnCluster lets a player bet all the time through all nodes. stop waits until every bet is answered.
func playOnCluster(t *testing.T, ctx context.Context, c *clustertest.Cluster) (account *clustertest.Account, stop func()) {
	t.Helper()
	account, err := clustertest.Open(ctx, c.Nodes[0], "ana")
	if err != nil {
		t.Fatal(err)
	}
	playing, end := context.WithCancel(ctx)
	var players sync.WaitGroup
	for id := range 3 {
		client := account.Client(id, c.Nodes, id, rand.New(rand.NewPCG(14, uint64(id))), 10*time.Second)
		players.Go(func() {
			for playing.Err() == nil || client.Unanswered() {
				_, err := client.Bet(ctx)
				if _, failed := errors.AsType[*clustertest.FailedError](err); err != nil && !failed {
					if ctx.Err() == nil {
						t.Errorf("a bet is lost: %v", err)
					}
					return
				}
				time.Sleep(interval)
			}
		})
	}
	stop = sync.OnceFunc(func() { end(); players.Wait() })
	t.Cleanup(stop)
	return account, stop
}
