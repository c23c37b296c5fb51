package mirror_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/mirror"
	"imperio/storage/storagetest"
	"imperio/storage/storagetest/postgrestest"
)

// patience is how long a condition may take to come true on a busy machine.
const patience = 5 * time.Minute

// rig is a casino with a mirror that runs.
type rig struct {
	*storagetest.Casino
	t      *testing.T
	source *source
	url    string
	mirror *mirror.Mirror
	stop   func()
	random *rand.Rand
	names  int
	open   map[command.AccountID]command.Round
	all    []command.AccountID
}

// source is the casino's store, which leads unless told otherwise.
type source struct {
	*storage.Store
	follows atomic.Bool
}

func (s *source) Leads() bool { return !s.follows.Load() }

// fast are options for a mirror that must notice a dead server within a test.
func fast(url string) mirror.Options {
	return mirror.Options{
		URL: url, Casino: "cluster", Interval: 5 * time.Millisecond, Patience: 3 * time.Second,
		RetryFrom: 10 * time.Millisecond, RetryMost: 200 * time.Millisecond, BatchEvents: 64,
	}
}

// newRig makes a casino whose checkpoints are the test's, and a mirror in a database of its own.
func newRig(t *testing.T, s *postgrestest.Server, database string, options ...string) *rig {
	t.Helper()
	seed := rand.Uint64()
	r := &rig{
		Casino: storagetest.New(t, seed, storage.Options{CheckpointInterval: time.Hour}), t: t,
		url: s.CreateDatabase(t, database, options...), random: rand.New(rand.NewPCG(seed, 5)), open: make(map[command.AccountID]command.Round),
	}
	r.source = &source{Store: r.Store}
	return r
}

// run starts the mirror. It ends with the test, or with r.stop.
func (r *rig) run(change ...func(*mirror.Options)) {
	r.t.Helper()
	o := fast(r.url)
	for _, c := range change {
		c(&o)
	}
	m, err := mirror.New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx, r.source) })
	r.mirror = m
	r.stop = func() { cancel(); running.Wait() }
	r.t.Cleanup(r.stop)
}

// status is how the mirror stands.
func (r *rig) status() mirror.Status { return r.mirror.Status(r.source) }

// wait waits until the mirror stands as ok says.
func (r *rig) wait(what string, ok func(mirror.Status) bool) mirror.Status {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		s := r.status()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the mirror is not %s: %+v", what, s)
		}
	}
}

// settled makes everything durable and waits until all of it is in the mirror.
func (r *rig) settled() {
	r.t.Helper()
	r.Checkpoint()
	r.wait("complete", func(s mirror.Status) bool {
		return s.State == mirror.Following && s.Event == s.Head && s.Accounts == s.Head
	})
}

// player opens another account.
func (r *rig) player() command.AccountID {
	r.names++
	name := fmt.Sprintf("player-%d", r.names)
	v := r.One(command.Command{Body: command.OpenAccount{
		Username: name, UsernameKey: name, Email: name + "@example.org", EmailKey: name + "@example.org",
		PasswordHash: "hash of " + name, Role: command.RolePlayer, WelcomeCoins: 10_000,
		Session: &command.NewSession{Token: command.TokenHash(r.Random(32)), Lifetime: 3_600_000, Address: "192.0.2.77", UserAgent: "agent of " + name},
	}}).Value.(*command.AccountOpened)
	r.all = append(r.all, v.Account.ID)
	return v.Account.ID
}

// play does n things that players and operators do.
func (r *rig) play(n int) {
	r.t.Helper()
	for len(r.all) < 5 {
		r.player()
	}
	for range n {
		id := r.all[r.random.IntN(len(r.all))]
		if round, ok := r.open[id]; ok {
			r.act(id, round)
			continue
		}
		r.Do(command.Command{Account: id, Body: r.body(id)})
	}
}

func (r *rig) act(id command.AccountID, round command.Round) {
	c := command.Command{Account: id, Body: command.TakeAction{Round: round.ID, Action: round.Allowed[r.random.IntN(len(round.Allowed))]}}
	if r.random.IntN(10) == 0 {
		c = command.Command{Body: command.SettleAbandoned{Round: round.ID}}
	}
	result := r.Do(c)[0]
	v, ok := result.Value.(*command.RoundResult)
	if !ok { // the player can't pay for it
		return
	}
	if r.open[id] = v.Round; v.Round.Settled {
		delete(r.open, id)
	}
}

func (r *rig) body(id command.AccountID) command.Body {
	stake := games.Coins(1 + r.random.IntN(20))
	switch which := r.random.IntN(40); {
	case which < 12:
		return command.PlaceWager{Rules: "slots/2", Stake: stake}
	case which < 20:
		return command.PlaceWager{Rules: "roulette/1", Stake: 2 * stake, Bets: []games.Bet{
			{Type: "straight", Numbers: []int{r.random.IntN(37)}, Amount: stake}, {Type: "dozen", Selection: 1, Amount: stake},
		}}
	case which < 30:
		v, ok := r.Do(command.Command{Account: id, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 2 * stake}})[0].Value.(*command.RoundResult)
		if ok && !v.Round.Settled {
			r.open[id] = v.Round
		}
		return command.RecordAct{Actor: "house", Act: "looked", Reason: "a \x00 and a \xff can't be stored as text"}
	case which == 30:
		return command.GrantCoins{Amount: games.Coins(r.random.IntN(500)) - 100, Actor: "cashier", Reason: "a tournament"}
	case which == 31:
		return command.SetLock{Locked: r.random.IntN(2) == 0, Actor: "cashier", Reason: "why not"}
	case which == 32:
		return command.CollectDailyCoins{Amount: 100}
	case which == 33:
		return command.RotateSeed{ClientSeed: "clover"}
	case which == 34:
		mail := fmt.Sprintf("new-%d@example.org", r.random.IntN(1000))
		return command.ChangeEmail{Email: mail, EmailKey: mail, Actor: "cashier"}
	case which == 35 && r.random.IntN(4) == 0:
		return command.DeleteAccount{Actor: "cashier", Reason: "asked for"}
	case which == 36 && r.random.IntN(4) == 0:
		return command.Exclude{Days: 3}
	case which == 37:
		r.player()
	case which == 38:
		r.names++
		r.Do(command.Command{Body: command.ImportAccounts{Source: "older", Actor: "cashier", Accounts: []command.ImportedAccount{{
			Row: int64(r.names), Username: fmt.Sprintf("older-%d", r.names), UsernameKey: fmt.Sprintf("older-%d", r.names), Coins: 70, Stakes: 7, Mark: command.Subject{1},
		}}}, Entropy: r.Random(2 * command.SeedSize)})
	}
	return command.SetRole{Role: command.RoleOperator, Actor: "cashier"}
}
