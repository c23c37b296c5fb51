package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

func TestIdentity_GoldenVector(t *testing.T) {
	dir := t.TempDir()
	id := storage.Identity{NodeID: "n1", ClusterID: "c1", Format: 1, CreatedAt: storagetest.Birth, Ready: true}
	if err := storage.WriteIdentity(dir, id); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, storage.NodeFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range storagetest.Golden(t, "node.golden", []storagetest.Vector{{Name: "node.json", Data: data}}) {
		if err := os.WriteFile(filepath.Join(dir, storage.NodeFile), v.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := storage.ReadIdentity(dir); err != nil || got != id {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Every build must get the same state and the same history from this log. The file holds the entries and, at the end, the
// hash of the state and the head of the history.
func TestApply_GoldenLog(t *testing.T) {
	stored := storagetest.Golden(t, "log.golden", goldenLog(t))
	c := ofLevelOne(t, 5)
	var log []storage.Command
	for i, v := range stored[:len(stored)-2] {
		at, commands, err := command.Unpack(v.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range commands {
			log = append(log, storage.Command{Index: uint64(i + 1), Term: 1, Time: at, Data: data})
		}
	}
	c.Replay(log)
	kinds := make(map[machine.EventKind]bool)
	snap, err := c.Store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Events(1, func(e *machine.StoredEvent) error { kinds[e.Kind] = true; return nil })
	if err = errors.Join(err, snap.Close()); err != nil {
		t.Fatal(err)
	}
	for k := machine.EventKind(1); k <= 18; k++ { // only newer programs raise the level; package machine tests that
		if !kinds[k] {
			t.Errorf("the log leads to no event %s", k)
		}
	}
	for k := machine.ProfileChanged; k <= machine.SeasonBegun; k++ {
		if !kinds[k] {
			t.Errorf("the log leads to no event %s", k)
		}
	}
	state, machine := c.Identity()
	if want := stored[len(stored)-2].Data; string(want) != string(state[:]) {
		t.Errorf("the state is %x, and was %x", state, want)
	}
	if want := stored[len(stored)-1].Data; string(want) != string(machine.Head[:]) {
		t.Errorf("the head of the history is %x, and was %x", machine.Head, want)
	}
}

// ofLevelOne makes a casino as the program that wrote the golden log made it: of feature level 1.
func ofLevelOne(t *testing.T, seed uint64) *storagetest.Casino {
	c := storagetest.NewIn(t, t.TempDir(), seed, byHand)
	_, record := c.Identity()
	record.Level = 1
	data, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c.Alter(func(path string) { replaceRecord(t, path, data) })
	return c
}

// goldenLog makes a log in which everything happens at least once.
func goldenLog(t *testing.T) (vectors []storagetest.Vector) {
	c := storagetest.New(t, 7, byHand)
	op := func(b command.Body) command.Command { return command.Command{Body: b} }
	of := func(b command.Body) command.Command { return command.Command{Account: 1000, Body: b} }
	ann := command.OpenAccount{Username: "Ann", UsernameKey: "ann", Email: "Ann@example.com", EmailKey: "ann@example.com", PasswordHash: "hash", Role: command.RolePlayer,
		WelcomeCoins: 5000, Session: &command.NewSession{Token: command.TokenHash{1}, Lifetime: 2_592_000_000, UserAgent: "agent", Address: "192.0.2.1"}}
	ben := storagetest.Keys.Account(1001)
	commands := []command.Command{
		op(ann),
		op(command.OpenAccount{Username: "Ben", UsernameKey: "ben", PasswordHash: "hash", Role: command.RoleOperator, Actor: "setup"}),
		op(command.AttemptSignIn{Subject: ben, Tries: 5, Refill: 12_000}),
		{Account: 1001, Body: command.OpenSession{Session: command.NewSession{Token: command.TokenHash{2}, Lifetime: 2_592_000_000, Address: "192.0.2.2", Network: storagetest.Keys.Network("192.0.2.2")},
			Subject: ben, OldHash: "hash", Rehash: "better hash"}},
		of(command.RotateSeed{ClientSeed: "clover"}),
		of(command.CollectDailyCoins{Amount: 100}),
		of(command.GrantCoins{Amount: 1000, Actor: "ben", Reason: "birthday"}),
		of(command.GrantCoins{Amount: -10, Actor: "ben"}),
		of(command.SetLimits{Limits: command.LimitSet{StakePerDay: 100_000, SessionMinutes: 600}}),
		of(command.SetLimits{Limits: command.LimitSet{StakePerDay: 200_000}}),
	}
	commands = append(commands, op(command.CloseSeason{Begin: true}), of(command.SetProfile{Avatar: "owl", ShownName: "Nan", ShownKey: "nan", InSeasons: true}))
	for n := range 10 {
		commands = append(commands, command.Command{Account: 1000, Key: command.KeyOf(fmt.Sprint(n)), Body: command.PlaceWager{Rules: []string{"slots/1", "slots/2"}[n%2], Stake: games.Coins(n + 1)}},
			of(command.PlaceWager{Rules: []string{"roulette/1", "roulette/2"}[n%2], Stake: 30, Bets: []games.Bet{{Type: "red", Amount: 20}, {Type: "split", Numbers: []int{8, 11}, Amount: 10}}}))
	}
	commands = append(commands,
		command.Command{Account: 1000, Key: command.KeyOf("3"), Body: command.PlaceWager{Rules: "slots/2", Stake: 4}},                                                                       // told again
		command.Command{Account: 1000, Key: command.KeyOf("3"), Refusal: &command.Refusal{Code: "game_disabled", Message: "Closed."}, Body: command.PlaceWager{Rules: "slots/1", Stake: 4}}, // and again
		command.Command{Account: 1000, Key: command.KeyOf("other"), Refusal: &command.Refusal{Code: "game_disabled", Message: "Closed."}, Body: command.PlaceWager{Rules: "slots/1", Stake: 4}},
		of(command.SetRole{Role: command.RoleOperator, Actor: "ben"}),
		op(command.AcquireLock{Name: "issue", Holder: "node-1", TTL: 60_000_000_000}),
		op(command.PutValue{Name: "certificate", Value: []byte("pem"), Lock: "issue", Fence: 1}),
		op(command.DeleteValue{Name: "certificate"}),
		op(command.PutValue{Name: "account key", Value: []byte("key")}),
		op(command.ReleaseLock{Name: "issue", Fence: 1}),
		op(command.RecordAct{Actor: "ben", Act: "configuration_changed", Before: "a", After: "b"}),
		of(command.ChangePassword{OldHash: "hash", NewHash: "new hash"}),
		command.Command{Account: 1001, Body: command.EndSessions{All: true}},
	)
	c.Do(commands...)
	for i := range 12 { // blackjack; every third round is abandoned
		r := c.Do(of(command.PlaceWager{Rules: "blackjack/1", Stake: 20}))[0]
		for n := 0; r.Refusal == nil && !r.Value.(*command.RoundResult).Round.Settled; n++ {
			round := r.Value.(*command.RoundResult).Round
			if i%3 == 0 {
				b := command.SettleAbandoned{Round: round.ID}
				if i%2 == 0 {
					b.Before = c.Now.UnixMilli()
				}
				r = c.One(op(b))
				break
			}
			action := command.TakeAction{Round: round.ID, Action: round.Allowed[n%len(round.Allowed)]}
			if i%2 == 0 {
				action.Taken = new(n)
			}
			r = c.One(of(action))
		}
	}
	c.Do(of(command.PlaceWager{Rules: "blackjack/1", Stake: 20}), of(command.SetLock{Locked: true, Actor: "ben"}), of(command.SetLock{Actor: "ben"}),
		command.Command{Account: 1001, Body: command.Exclude{Days: 3}},
		op(command.CloseSeason{Season: 1, Begin: true, Actor: "ben", Reason: "a new start"}), of(command.SetProfile{Avatar: "coin"}),
		importing(c, "older", imported(7, "cat", 500, 30), imported(-9, "dan", 0, 0)))
	log := c.Log
	for i, e := range log {
		entry, err := command.Pack(e.Time, [][]byte{e.Data})
		if err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, storagetest.Vector{Name: fmt.Sprintf("entry_%03d", i+1), Data: entry})
	}
	// The expected state comes from the log applied again, without gaps in its indexes.
	again := ofLevelOne(t, 1)
	for i := range log {
		log[i].Index = uint64(i + 1)
	}
	again.Replay(log)
	state, machine := again.Identity()
	return append(vectors, storagetest.Vector{Name: "state", Data: state[:]}, storagetest.Vector{Name: "head", Data: machine.Head[:]})
}
