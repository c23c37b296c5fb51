package storage_test

import (
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

func TestOpenAccount_NamesAndAddressesAreUnique(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	open := func(name, email string) command.Command {
		return command.Command{Body: command.OpenAccount{Username: name, UsernameKey: strings.ToLower(name), Email: email, EmailKey: strings.ToLower(email),
			PasswordHash: "h", Role: command.RolePlayer, WelcomeCoins: 100}}
	}
	r := c.One(open("Ann", "Ann@example.com")).Value.(*command.AccountOpened)
	if r.Account.ID != command.FirstAccountID || r.Account.Coins != 100 || r.Session != nil || r.Account.Username != "Ann" {
		t.Fatalf("%+v", r)
	}
	c.Refused("username_taken", open("ANN", "other@example.com"))
	c.Refused("email_taken", open("ben", "ann@EXAMPLE.com"))
	if b := c.One(open("ben", "")).Value.(*command.AccountOpened); b.Account.ID != command.FirstAccountID+1 {
		t.Fatalf("refusals took ids: %+v", b)
	}
	c.One(open("carl", "")) // no address is not one address
	for _, key := range []string{"ann", "ann@example.com"} {
		if found, ok, err := c.Store.Credentials(key); err != nil || !ok || found.Account != command.FirstAccountID {
			t.Errorf("%s: %d %v %v", key, found.Account, ok, err)
		}
	}
	if _, ok, err := c.Store.Credentials("nobody"); ok || err != nil {
		t.Errorf("found nobody (%v)", err)
	}
	list, next, err := c.Store.Accounts(0, 2)
	if err != nil || len(list) != 2 || next != command.FirstAccountID+2 {
		t.Fatalf("%+v, next %d, %v", list, next, err)
	}
	if list, next, err = c.Store.Accounts(next, 2); err != nil || len(list) != 1 || next != 0 {
		t.Fatalf("%+v, next %d, %v", list, next, err)
	}
}

func TestOpenAccount_RefusesWhatNoProposerSends(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	good := command.OpenAccount{Username: "a", UsernameKey: "a", PasswordHash: "h", Role: command.RolePlayer}
	for name, change := range map[string]func(*command.OpenAccount){
		"no name": func(b *command.OpenAccount) { b.UsernameKey = "" }, "no role": func(b *command.OpenAccount) { b.Role = "" },
		"long name":  func(b *command.OpenAccount) { b.UsernameKey = strings.Repeat("a", 40_000) },
		"long email": func(b *command.OpenAccount) { b.EmailKey = strings.Repeat("a", 40_000) },
	} {
		b := good
		change(&b)
		if r := c.Do(command.Command{Body: b})[0]; r.Refusal == nil || r.Refusal.Code != "invalid_command" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	c.Refused("invalid_command", command.Command{Seeds: []command.SealedSeed{{}}, Body: good})
	for _, amount := range []games.Coins{-1, 1_000_000_000_001} {
		b := good
		b.WelcomeCoins = amount
		c.Refused("amount_out_of_range", command.Command{Body: b})
	}
	p := c.Player("ann", 1)
	c.Refused("invalid_command", command.Command{Account: p, Seeds: []command.SealedSeed{{}}, Body: command.RotateSeed{ClientSeed: "x"}})
	c.Checkpoint()
}

func TestDailyCoins_OnceInTwentyFourHours(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 0)
	collect := command.Command{Account: p, Body: command.CollectDailyCoins{Amount: 100}}
	next := c.Now.Add(24 * time.Hour)
	if v := c.One(collect).Value.(*command.DailyCoins); v.Amount != 100 || v.Coins != 100 || !v.NextAt.Equal(next) {
		t.Fatalf("%+v", v)
	}
	c.Now = next.Add(-time.Millisecond)
	if r := c.Refused("already_collected", collect); !r.Until.Equal(next) {
		t.Fatalf("until %s", r.Until)
	}
	if v := c.One(collect).Value.(*command.DailyCoins); v.Coins != 200 { // a millisecond later
		t.Fatalf("%+v", v)
	}
	c.Now = c.Now.Add(48 * time.Hour)
	for _, amount := range []games.Coins{0, -1, 1_000_000_000_001} {
		c.Refused("amount_out_of_range", command.Command{Account: p, Body: command.CollectDailyCoins{Amount: amount}})
	}
}

func TestGrantCoins_Bounds(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	grant := func(p command.AccountID, n games.Coins) command.Command {
		return command.Command{Account: p, Body: command.GrantCoins{Amount: n, Actor: "cashier", Reason: "test"}}
	}
	if v := c.One(grant(p, -100)).Value.(*command.CoinsGranted); v.Coins != 0 || v.Amount != -100 {
		t.Fatalf("%+v", v)
	}
	c.Refused("insufficient_coins", grant(p, -1))
	c.Refused("insufficient_coins", grant(p, -games.MaxCoins))
	for _, n := range []games.Coins{0, 1_000_000_000_001, games.MaxCoins, -games.MaxCoins - 1} {
		c.Refused("amount_out_of_range", grant(p, n))
	}
	// No grants, however many, take a balance or the books out of the range of Coins.
	var commands []command.Command
	for _, name := range []string{"ben", "carl", "dora"} {
		q := c.Player(name, 0)
		for range 4600 {
			commands = append(commands, grant(q, 1_000_000_000_000))
		}
	}
	refused := 0
	for _, r := range c.Do(commands...) {
		if r.Refusal != nil {
			refused++
			if r.Refusal.Code != "amount_out_of_range" {
				t.Fatal(r.Refusal)
			}
		}
	}
	if f := c.Store.Figures(); refused == 0 || f.Issue < -games.MaxCoins || f.Players > games.MaxCoins || f.LedgerSum != 0 {
		t.Fatalf("%d refused, %+v", refused, f)
	}
}

func TestSetLock_BarsAndIsUndone(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	lock := func(on bool) command.Command {
		return command.Command{Account: p, Body: command.SetLock{Locked: on, Actor: "cashier", Reason: "test"}}
	}
	if r := c.One(lock(true)); r.Event == 0 {
		t.Fatal("locking leaves no event")
	}
	if r := c.One(lock(true)); r.Event != 0 {
		t.Fatal("locking again leaves an event")
	}
	for _, cmd := range []command.Command{spin(p, 1), signIn(p, 1), {Account: p, Body: command.CollectDailyCoins{Amount: 1}}, act(p, 1, "hit")} {
		c.Refused("account_locked", cmd)
	}
	c.One(lock(false))
	c.One(spin(p, 1))
	c.One(signIn(p, 1))
	c.Refused("account_not_found", command.Command{Account: p + 1, Body: command.SetLock{Locked: true}})
	c.Refused("invalid_role", command.Command{Account: p, Body: command.SetRole{Role: "king", Actor: "cashier"}})
}

func TestValues_AreKeptUnderFencedLocks(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	op := func(b command.Body) command.Command { return command.Command{Body: b} }
	a := c.One(op(command.AcquireLock{Name: "issue", Holder: "a", TTL: time.Minute})).Value.(*command.LockHeld)
	if r := c.Refused("lock_held", op(command.AcquireLock{Name: "issue", Holder: "b", TTL: time.Minute})); !r.Until.Equal(a.Expires) {
		t.Fatalf("until %s, want %s", r.Until, a.Expires)
	}
	if again := c.One(op(command.AcquireLock{Name: "issue", Holder: "a", TTL: time.Minute})).Value.(*command.LockHeld); again.Fence != a.Fence || !again.Expires.After(a.Expires) {
		t.Fatalf("the holder asks again: %+v after %+v", again, a)
	}
	c.One(op(command.PutValue{Name: "certificate", Value: []byte("one"), Lock: "issue", Fence: a.Fence}))
	c.Refused("lock_lost", op(command.PutValue{Name: "certificate", Value: []byte("two"), Lock: "issue", Fence: a.Fence + 1}))
	c.Now = c.Now.Add(2 * time.Minute)
	c.Refused("lock_lost", op(command.AcquireLock{Name: "issue", Holder: "a", TTL: time.Minute, Fence: a.Fence})) // too late to renew
	b := c.One(op(command.AcquireLock{Name: "issue", Holder: "b", TTL: time.Minute})).Value.(*command.LockHeld)
	if b.Fence <= a.Fence {
		t.Fatalf("fence %d after %d", b.Fence, a.Fence)
	}
	c.Refused("lock_lost", op(command.PutValue{Name: "certificate", Value: []byte("late"), Lock: "issue", Fence: a.Fence}))
	c.Refused("lock_lost", op(command.DeleteValue{Name: "certificate", Lock: "issue", Fence: a.Fence}))
	c.One(op(command.ReleaseLock{Name: "issue", Fence: a.Fence})) // not a's any more: nothing happens
	c.Refused("lock_held", op(command.AcquireLock{Name: "issue", Holder: "a", TTL: time.Minute}))
	c.One(op(command.ReleaseLock{Name: "issue", Fence: b.Fence}))
	c.One(op(command.AcquireLock{Name: "issue", Holder: "a", TTL: time.Minute}))
	for _, ttl := range []time.Duration{0, -1, time.Hour + 1} {
		c.Refused("invalid_lock", op(command.AcquireLock{Name: "other", Holder: "a", TTL: ttl}))
	}
	c.Refused("invalid_command", op(command.AcquireLock{Holder: "a", TTL: time.Minute}))
	c.Refused("invalid_command", op(command.PutValue{Value: []byte("x")}))
	c.Refused("not_found", op(command.DeleteValue{Name: "nothing"}))

	c.One(op(command.PutValue{Name: "certificate/2", Value: []byte("two")}))
	c.Checkpoint()
	c.One(op(command.PutValue{Name: "a", Value: nil}))
	if v, ok, err := c.Store.Value("certificate"); err != nil || !ok || string(v.Value) != "one" || v.Modified.IsZero() {
		t.Fatalf("%+v %v %v", v, ok, err)
	}
	if names, err := c.Store.ValueNames("certificate"); err != nil || len(names) != 2 {
		t.Fatalf("%v %v", names, err)
	}
	c.One(op(command.DeleteValue{Name: "certificate"}))
	if _, ok, err := c.Store.Value("certificate"); ok || err != nil {
		t.Fatalf("a deleted value is found (%v)", err)
	}
	if names, err := c.Store.ValueNames(""); err != nil || len(names) != 2 || names[0] != "a" {
		t.Fatalf("%v %v", names, err)
	}
}
