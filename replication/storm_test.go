package replication_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/games"
	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage/command"
)

// storm is a cluster that things happen to while clients bet and read.
type storm struct {
	*replicationtest.Cluster
	t       *testing.T
	random  *rand.Rand // of the goroutine that lets things happen
	witness *witness
	records *records
	players []command.AccountID

	ctx      context.Context // ends when the clients are to stop
	cancel   context.CancelFunc
	running  sync.WaitGroup
	answered atomic.Uint64 // bets and reads
	unknown  atomic.Uint64 // tries whose fate was not told

	mu   sync.Mutex
	open []openOperation // under mu: those that were not answered
	no   []command.ID    // under mu: commands that are never carried out, as their clients were told
}

// openOperation is an operation whose fate its client does not know.
type openOperation struct {
	account command.AccountID
	client  int
	from    time.Duration
	tries   []command.ID
}

const (
	firstCoins     = 200
	clientsForEach = 4
)

// newStorm makes a cluster of three voters and a member without a vote, on which players bet and read.
func newStorm(t *testing.T, players int, change func(*replication.Options)) *storm {
	seed := seedOfTest()
	s := &storm{
		Cluster: replicationtest.NewCluster(t, seed), t: t, random: rand.New(rand.NewPCG(seed, 2)), witness: newWitness(t), records: newRecords(),
	}
	s.witness.clocks = startClocks(t)
	s.Change = func(o *replication.Options) {
		s.witness.attend(o)
		if change != nil {
			change(o)
		}
	}
	nodes := append(s.Grow(3), s.Start("n4"))
	for i := range players {
		s.players = append(s.players, s.Cluster.Open(nodes[i%3], fmt.Sprint("player", i), firstCoins))
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	t.Cleanup(s.stop)
	for i := range players * clientsForEach {
		random := rand.New(rand.NewPCG(seed, uint64(i+10)))
		s.running.Go(func() { s.play(i, s.players[i%players], random) })
	}
	return s
}

func (s *storm) stop() {
	s.cancel()
	s.running.Wait()
}

// play bets and reads until the storm is over.
func (s *storm) play(client int, player command.AccountID, random *rand.Rand) {
	for s.ctx.Err() == nil {
		nodes := s.All()
		n := nodes[random.IntN(len(nodes))]
		ctx, cancel := context.WithTimeout(s.ctx, time.Duration(50+random.IntN(1000))*time.Millisecond)
		switch random.IntN(10) {
		case 0, 1, 2, 3:
			if s.records.read(ctx, n, player, client, n.Barrier) == nil {
				s.answered.Add(1)
			}
		case 4:
			s.ask(ctx, client, player, random, command.GrantCoins{Amount: games.Coins(random.IntN(40) + 1), Actor: "cashier"})
		default:
			s.ask(ctx, client, player, random, command.PlaceWager{Rules: "slots/2", Stake: games.Coins(random.IntN(60) + 1)})
		}
		cancel()
	}
}

// ask proposes a command under one key, through one node after the other, until it is answered or given up.
func (s *storm) ask(ctx context.Context, client int, player command.AccountID, random *rand.Rand, body command.Body) {
	c := command.Command{Account: player, Body: body}
	c.Key = command.KeyOf(fmt.Sprint(client, random.Uint64()))
	from := s.records.now()
	var unknown []command.ID
	for {
		nodes := s.All()
		n := nodes[random.IntN(len(nodes))]
		c.ID = replicationtest.NewID()
		tried := s.records.now()
		r, err := n.Propose(ctx, c)
		switch {
		case errors.Is(err, command.ErrUnknown):
			s.unknown.Add(1)
			unknown = append(unknown, c.ID)
		case errors.Is(err, command.ErrUnavailable):
			s.isNot(c.ID)
		case err != nil:
			s.t.Errorf("%s answered a command with %v", n.ID, err)
			return
		case r.Refusal == nil:
			s.records.note(player, client, n.ID, from, s.records.now(), effectOf(r))
			s.answered.Add(1)
			return
		case r.Refusal.Code == "insufficient_coins":
			s.records.note(player, client, n.ID, tried, s.records.now(), effect{kind: betRefused, coins: body.(command.PlaceWager).Stake})
			s.answered.Add(1)
			s.isNot(c.ID)
			s.leave(player, client, from, unknown) // an earlier try may still arrive
			return
		default:
			s.t.Errorf("%s refused a command: %+v", n.ID, r.Refusal)
			return
		}
		if s.ctx.Err() != nil || random.IntN(4) == 0 {
			s.leave(player, client, from, unknown)
			return
		}
		again, cancel := context.WithTimeout(s.ctx, time.Duration(50+random.IntN(1000))*time.Millisecond)
		defer cancel()
		ctx = again
	}
}

// isNot notes that a client was told that a command is not carried out.
func (s *storm) isNot(id command.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.no = append(s.no, id)
}

// leave leaves an operation open, if any of its tries may have been carried out.
func (s *storm) leave(player command.AccountID, client int, from time.Duration, tries []command.ID) {
	if len(tries) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, openOperation{player, client, from, tries})
}

// more waits until so many more bets and reads are answered.
func (s *storm) more(count uint64, while string) {
	s.t.Helper()
	from := s.answered.Load()
	s.Until("answers while "+while, func() bool { return s.answered.Load() >= from+count })
}

// check ends the storm, and checks everything that was answered.
func (s *storm) check() {
	s.t.Helper()
	s.Net.Heal()
	s.Net.Always(replicationtest.Link{})
	s.more(20, "all is well again")
	s.stop()
	s.Until("the last copies to arrive", func() bool { return s.Net.Late() == 0 })
	for _, n := range s.All() { // so that some machine has seen each command
		if err := n.Barrier(s.Within()); err != nil {
			s.t.Errorf("%s after the storm: %v", n.ID, err)
		}
	}
	for i, o := range s.open {
		for _, id := range o.tries {
			if x, done := s.witness.execution(id); done {
				s.records.note(o.account, 1000+i, "-", o.from, never, x.effect)
			}
		}
	}
	for _, id := range s.no {
		if x, done := s.witness.execution(id); done {
			s.t.Errorf("the command %x was carried out as event %d (%v), and its client was told that it is not", id, x.event, x.effect)
		}
	}
	operations := 0
	for _, player := range s.players {
		operations += len(s.records.of[player])
		if why := s.records.check(player, firstCoins); why != "" {
			s.t.Error(why)
		}
	}
	s.t.Logf("%d operations, %d tries without an answer, %d operations left open, %d tries not carried out", operations, s.unknown.Load(), len(s.open), len(s.no))
}

// back waits until a node that was started again has applied what others have.
func (s *storm) back(n *replicationtest.Node) {
	s.t.Helper()
	if err := n.Barrier(s.Within()); err != nil {
		s.t.Fatalf("%s is not back: %v", n.ID, err)
	}
}

// some returns a voter, by chance.
func (s *storm) some() string { return []string{"n1", "n2", "n3"}[s.random.IntN(3)] }

// misfortunes are what happens in a storm, one after the other.
var misfortunes = map[string]func(s *storm, what string){
	"the leader is killed": func(s *storm, what string) {
		lost := s.Leader().ID
		s.Kill(lost)
		s.more(20, what)
		s.back(s.Start(lost))
	},
	"the leader is stopped": func(s *storm, what string) {
		lost := s.Leader().ID
		s.Stop(lost)
		s.more(20, what)
		s.back(s.Start(lost))
	},
	"a member is away until the log is cut": func(s *storm, what string) {
		id := []string{"n1", "n2", "n3", "n4"}[s.random.IntN(4)]
		s.Kill(id)
		from := s.Leader().Status().LastIndex
		s.Until(what, func() bool { return s.Leader().Status().FirstIndex > from+1 })
		s.back(s.Start(id))
	},
	"leadership is handed over": func(s *storm, what string) {
		for range 3 {
			if err := s.Leader().Transfer(s.Within(), s.some()); err != nil {
				s.t.Log("hand leadership over:", err)
			}
			s.more(5, what)
		}
	},
	"a member is demoted and promoted": func(s *storm, what string) {
		id := s.some()
		s.Until("a member to be demoted", func() bool { return s.Running("n4").Demote(s.Within(), id, false) == nil })
		s.more(10, what)
		s.Until("a member to be promoted", func() bool { return s.Running("n4").Promote(s.Within(), id) == nil })
	},
	"a member takes another's vote": func(s *storm, what string) {
		s.Until("n4 to be promoted", func() bool { return s.Running("n4").Promote(s.Within(), "n4") == nil })
		s.more(10, what)
		s.Until("n4 to be demoted", func() bool { return s.Running("n1").Demote(s.Within(), "n4", false) == nil })
	},
	"a member is cut off": func(s *storm, what string) {
		id := s.some()
		s.Net.Part([]string{id}, append(others(id), "n4"))
		s.more(20, what)
		s.Net.Heal()
	},
	"the leader is cut off with the member without a vote": func(s *storm, what string) {
		id := s.Leader().ID
		s.Net.Part([]string{id, "n4"}, others(id))
		s.more(20, what)
		s.Net.Heal()
	},
	"the leader hears nobody": func(s *storm, what string) {
		id := s.Leader().ID
		for _, from := range append(others(id), "n4") {
			s.Net.Set(from, id, replicationtest.Link{Cut: true})
		}
		s.more(20, what)
		s.Net.Heal()
	},
	"nobody hears a member": func(s *storm, what string) {
		id := s.some()
		for _, to := range append(others(id), "n4") {
			s.Net.Set(id, to, replicationtest.Link{Cut: true})
		}
		s.more(20, what)
		s.Net.Heal()
	},
	"links are cut one way": func(s *storm, what string) {
		for range 2 {
			id := s.some()
			s.Net.Set(id, others(id)[s.random.IntN(2)], replicationtest.Link{Cut: true})
		}
		s.more(20, what)
		s.Net.Heal()
	},
	"a link is cut both ways": func(s *storm, what string) {
		id := s.some()
		to := others(id)[s.random.IntN(2)]
		s.Net.Set(id, to, replicationtest.Link{Cut: true})
		s.Net.Set(to, id, replicationtest.Link{Cut: true})
		s.more(20, what)
		s.Net.Heal()
	},
	"clocks step": func(s *storm, what string) {
		for range 4 {
			s.witness.clocks.step([]string{"n1", "n2", "n3", "n4"}[s.random.IntN(4)], time.Duration(s.random.IntN(1200)-600)*time.Second)
			s.more(3, what)
		}
	},
	"the leader's clock leaps": func(s *storm, what string) {
		id := s.Leader().ID
		s.witness.clocks.leap(id, 48*time.Hour)
		s.Until(what, func() bool { return s.Leader().ID != id })
		s.more(10, what)
		s.witness.clocks.leap(id, -48*time.Hour)
	},
	"messages come late and twice": func(s *storm, what string) {
		s.Net.Always(replicationtest.Link{Drop: 0.05, Duplicate: 0.5, Delay: 30 * time.Millisecond})
		s.more(20, what)
		s.Net.Always(badNetwork)
	},
}

// badNetwork is what the network is like throughout.
var badNetwork = replicationtest.Link{Drop: 0.01, Duplicate: 0.1, Delay: 5 * time.Millisecond}

func TestCluster_AnswersAreLinearizableWhateverHappens(t *testing.T) {
	for name, change := range map[string]func(*replication.Options){
		"members are sent entries":         nil,
		"members are sent the whole state": forgetful,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStorm(t, 3, change)
			s.Net.Always(badNetwork)
			var names []string
			for what := range misfortunes {
				if what != "a member is away until the log is cut" || change != nil {
					names = append(names, what)
				}
			}
			slices.Sort(names) // so that the seed decides the order
			s.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for _, what := range names {
				t.Log(what)
				misfortunes[what](s, what)
			}
			s.check()
		})
	}
}

// Copies of messages arrive long after their senders have gone on, when others lead, and when a bet could be played that was
// refused. They change nothing.
func TestForward_LateCopiesChangeNothing(t *testing.T) {
	t.Parallel()
	s := newStorm(t, 3, nil)
	s.Net.Always(replicationtest.Link{Duplicate: 1, Late: 500 * time.Millisecond})
	for range 8 {
		s.more(200, "messages arrive twice")
		if err := s.Leader().Transfer(s.Within(), s.some()); err != nil {
			t.Log("hand leadership over:", err)
		}
	}
	s.check()
}
