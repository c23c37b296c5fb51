package storage_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// packed concatenates commands, each preceded by its entry's time and its length.
func packed(f *testing.F, commands ...command.Command) []byte {
	var b []byte
	for _, c := range commands {
		b = append(b, packedAt(f, storagetest.Birth, c)...)
	}
	return b
}

func packedAt(f *testing.F, at time.Time, c command.Command) []byte {
	data, err := command.Encode(storagetest.Keys.Command(c))
	if err != nil {
		f.Fatal(err)
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

// The machine answers every command that can be in the log, and its books balance.
func FuzzApply(f *testing.F) {
	ann := command.Command{ID: command.ID{1}, Entropy: make([]byte, 64), Body: command.OpenAccount{
		Username: "Ann", UsernameKey: "ann", PasswordHash: "h", Role: command.RolePlayer, WelcomeCoins: 1000}}
	of := func(b command.Body) command.Command {
		return command.Command{ID: command.ID{2}, Account: 1000, Key: command.KeyOf("k"), Body: b}
	}
	session := command.NewSession{Token: command.TokenHash{1}, Lifetime: 3_600_000, Address: "a"}
	f.Add(packed(f, ann, of(command.PlaceWager{Rules: "slots/2", Stake: 5}), of(command.PlaceWager{Rules: "slots/2", Stake: 5})))
	f.Add(packed(f, ann, of(command.PlaceWager{Rules: "blackjack/1", Stake: 5}), of(command.TakeAction{Round: 2, Action: "hit"}), of(command.SettleAbandoned{Round: 2})))
	f.Add(packed(f, ann, of(command.PlaceWager{Rules: "roulette/2", Stake: 5, Bets: []games.Bet{{Type: "red", Amount: 5}}})))
	f.Add(packed(f, ann, of(command.OpenSession{Session: session, Subject: command.Subject{1}}), of(command.EndSessions{All: true}), of(command.ChangePassword{NewHash: "x", Actor: "y"})))
	f.Add(packed(f, ann, ann, of(command.AttemptSignIn{Subject: command.Subject{1}, Tries: math.MaxInt64, Refill: 2}), of(command.Exclude{Days: math.MaxInt})))
	f.Add(packed(f, ann, of(command.GrantCoins{Amount: math.MinInt64}), of(command.GrantCoins{Amount: math.MaxInt64}), of(command.CollectDailyCoins{Amount: -1})))
	f.Add(packed(f, ann, of(command.SetLimits{Limits: command.LimitSet{StakePerDay: 1, SessionMinutes: math.MaxInt}}), of(command.RotateSeed{ClientSeed: "x"})))
	f.Add(packed(f, ann, of(command.AcquireLock{Name: "l", Holder: "h", TTL: math.MaxInt64}), of(command.PutValue{Name: "", Value: nil}), of(command.ReleaseLock{})))
	retry := of(command.CollectDailyCoins{Amount: 100})
	retry.Retry, retry.Key = true, command.Key{}
	f.Add(packed(f, ann, retry, retry, of(command.SetLock{Locked: true}), of(command.SetRole{Role: "king"}), of(command.RecordAct{})))
	for _, when := range []time.Time{time.UnixMilli(0), storagetest.Birth.AddDate(-1, 0, 0), command.ForEver} {
		f.Add(slices.Concat(packed(f, ann), packedAt(f, when, of(command.CollectDailyCoins{Amount: 100})),
			packed(f, of(command.Exclude{Days: 1825}), of(command.PlaceWager{Rules: "slots/1", Stake: 1}))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := storagetest.NewIn(t, memoryDir(t), 1, byHand)
		var entries []storage.Command
		for len(data) >= 10 && len(entries) < 50 {
			at := time.UnixMilli(int64(binary.BigEndian.Uint64(data) % uint64(command.ForEver.UnixMilli()+1)))
			n := min(int(binary.BigEndian.Uint16(data[8:])), len(data)-10)
			if c, err := command.Decode(data[10 : 10+n]); err == nil && !newer(c.Body) {
				entries = append(entries, storage.Command{Index: uint64(len(entries) + 1), Term: 1, Time: at, Data: data[10 : 10+n]})
			}
			data = data[10+n:]
		}
		for i, r := range c.Replay(entries) {
			if r.Refusal != nil && (r.Refusal.Code == "" || r.Value != nil) {
				t.Errorf("entry %d: %+v", i+1, r)
			}
		}
		c.Crash()
		// The books are audited at the end.
	})
}

// newer reports whether only a newer program could have proposed a command; newer_test.go tests those.
func newer(b command.Body) bool {
	switch b := b.(type) {
	case command.PlaceWager:
		_, known := catalogue.Released().Version(b.Rules)
		return !known
	case command.RaiseLevel:
		return b.Level > machine.NewestLevel
	}
	return false
}

// Bytes that are no command stop the machine before anything of their batch is applied.
func TestApply_StopsAtWhatIsNoCommand(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	c.Checkpoint()
	good, err := command.Encode(c.Complete(command.Command{Account: p, Body: command.GrantCoins{Amount: 7, Actor: "cashier"}}))
	if err != nil {
		t.Fatal(err)
	}
	index, _ := c.Store.Applied()
	for _, batch := range [][]storage.Command{
		{{Index: index + 1, Term: 1, Data: good}, {Index: index + 2, Term: 1, Data: []byte("no command")}},
		{{Index: index + 1, Term: 1, Data: good}},
	} {
		if _, err := c.Store.Apply(batch); err == nil {
			t.Fatal("applied")
		}
	}
	if _, err := c.Store.Checkpoint(t.Context()); err == nil {
		t.Fatal("a store that failed writes a checkpoint")
	}
	if a, _, err := c.Store.Account(p); err != nil || a.Coins != 100 {
		t.Fatalf("account %+v, %v", a, err)
	}
	c.Reopen() // what is durable is as it was
}

func TestApply_SkipsWhatWasApplied(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	c.One(command.Command{Account: p, Body: command.GrantCoins{Amount: 7, Actor: "cashier"}})
	before, _ := c.Identity()
	results, err := c.Store.Apply(c.Log)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Event != 0 || r.Value != nil || r.Refusal != nil {
			t.Errorf("entry %d was answered again: %+v", i, r)
		}
	}
	if after, _ := c.Identity(); before != after {
		t.Error("the state changed")
	}
	// An entry of the log's own moves the index alone.
	index, _ := c.Store.Applied()
	if _, err := c.Store.Apply([]storage.Command{{Index: index + 5, Term: 3}}); err != nil {
		t.Fatal(err)
	}
	if i, term := c.Store.Applied(); i != index+5 || term != 3 {
		t.Errorf("applied %d/%d", i, term)
	}
}
