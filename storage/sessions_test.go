package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/storagetest"
)

func sessionsOf(t *testing.T, c *storagetest.Casino, p command.AccountID) []command.Session {
	t.Helper()
	list, err := c.Store.Sessions(p)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOpenSession_TwentyOfAnAccountAndTheOldestEnds(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 100), c.Player("ben", 100)
	c.One(signIn(ben, 999))
	var first command.SessionID
	for n := range 21 {
		if n == 20 {
			list := sessionsOf(t, c, ann)
			first = list[len(list)-1].ID
		}
		c.One(signIn(ann, n))
	}
	list := sessionsOf(t, c, ann)
	if len(list) != 20 {
		t.Fatalf("%d sessions", len(list))
	}
	for _, s := range list {
		if s.ID == first {
			t.Error("the oldest was kept")
		}
	}
	if len(sessionsOf(t, c, ben)) != 1 {
		t.Error("another player's session ended")
	}
	if f := c.Store.Figures(); f.Sessions != 21 {
		t.Errorf("%d sessions are counted", f.Sessions)
	}
}

func TestOpenSession_ExpiredOnesGoFirst(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	for n := range 19 {
		c.One(signIn(ann, n))
	}
	short := signIn(ann, 100)
	b := short.Body.(command.OpenSession)
	b.Session.Lifetime = time.Hour.Milliseconds()
	short.Body = b
	c.One(short)
	c.Now = c.Now.Add(2 * time.Hour)
	c.One(signIn(ann, 101))
	list := sessionsOf(t, c, ann)
	if len(list) != 20 || list[len(list)-1].ID != 2 {
		t.Fatalf("%d sessions, the oldest is %d", len(list), list[len(list)-1].ID)
	}
}

// The figures count the sessions that are valid, whether those that are not are still kept or not.
func TestSessions_AreCountedWhileTheyAreValid(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 100), c.Player("ben", 100)
	in := func(p command.AccountID, n int, lifetime time.Duration) command.Command {
		cmd := signIn(p, n)
		body := cmd.Body.(command.OpenSession)
		body.Session.Lifetime = lifetime.Milliseconds()
		cmd.Body = body
		return cmd
	}
	counted := func(want uint64) {
		t.Helper()
		c.One(spin(ben, 1)) // the time of the newest command counts
		if got := c.Store.Figures().Sessions; got != want {
			t.Errorf("%d sessions are counted, not %d", got, want)
		}
	}
	c.One(in(ann, 1, time.Hour))
	c.One(in(ann, 2, 2*time.Hour))
	c.One(in(ann, 3, 2*time.Hour))
	c.One(in(ben, 4, 3*time.Hour))
	counted(4)
	start := c.Now
	c.Now = start.Add(time.Hour)
	counted(3)
	c.Checkpoint()
	c.Reopen()
	c.One(command.Command{Account: ann, Body: command.EndSessions{All: true}}) // the first of the three is over already
	counted(1)
	c.One(in(ann, 5, time.Minute))
	counted(2)
	c.Now = start.Add(4 * time.Hour)
	counted(0)
	c.One(in(ann, 6, time.Hour))
	counted(1)
}

func TestOpenSession_RefusesUsedTokensAndSessionsOfNoLength(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 100), c.Player("ben", 100)
	c.One(signIn(ann, 1))
	c.Refused("invalid_session", signIn(ben, 1))
	c.Refused("invalid_session", signIn(ann, 1))
	short := signIn(ann, 2)
	b := short.Body.(command.OpenSession)
	b.Session.Lifetime = 0
	short.Body = b
	c.Refused("invalid_command", short)
	if len(sessionsOf(t, c, ann)) != 1 || len(sessionsOf(t, c, ben)) != 0 {
		t.Error("a refused session was opened, or another ended")
	}
}

func TestEndSessions_OnlyOnesOwn(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 100), c.Player("ben", 100)
	bens := c.One(signIn(ben, 1)).Value.(*command.SessionOpened).Session.ID
	anns := c.One(signIn(ann, 2)).Value.(*command.SessionOpened).Session.ID
	second := c.One(signIn(ann, 3)).Value.(*command.SessionOpened).Session.ID
	c.Refused("session_not_found", command.Command{Account: ann, Body: command.EndSessions{Session: bens}})
	c.One(command.Command{Account: ann, Body: command.EndSessions{Session: anns}})
	c.Refused("session_not_found", command.Command{Account: ann, Body: command.EndSessions{Session: anns}})
	c.One(signIn(ann, 4))
	c.One(command.Command{Account: ann, Body: command.EndSessions{All: true, Keep: second}})
	if list := sessionsOf(t, c, ann); len(list) != 1 || list[0].ID != second {
		t.Fatalf("sessions %+v", list)
	}
	if len(sessionsOf(t, c, ben)) != 1 {
		t.Error("another player's session ended")
	}
}

func TestSessions_EndWithPasswordLockAndRole(t *testing.T) {
	for name, tc := range map[string]struct {
		body func(keep command.SessionID) command.Body
		kept int
	}{
		"password": {func(k command.SessionID) command.Body {
			return command.ChangePassword{OldHash: "hash of ann", NewHash: "n", Keep: k}
		}, 1},
		"password by operator": {func(command.SessionID) command.Body { return command.ChangePassword{NewHash: "n", Actor: "cashier"} }, 0},
		"lock":                 {func(command.SessionID) command.Body { return command.SetLock{Locked: true, Actor: "cashier"} }, 0},
		"role": {func(command.SessionID) command.Body {
			return command.SetRole{Role: command.RoleOperator, Actor: "cashier"}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := storagetest.New(t, 1, byHand)
			ann := c.Player("ann", 100)
			keep := c.One(signIn(ann, 1)).Value.(*command.SessionOpened).Session.ID
			c.One(signIn(ann, 2))
			for n := 1; n <= 2; n++ { // both are in the cache
				if _, ok, err := c.Store.Session(command.TokenHash{1, byte(n)}); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
			c.One(command.Command{Account: ann, Body: tc.body(keep)})
			if n := len(sessionsOf(t, c, ann)); n != tc.kept {
				t.Errorf("%d sessions are left, want %d", n, tc.kept)
			}
			if _, ok, _ := c.Store.Session(command.TokenHash{1, 2}); ok {
				t.Error("an ended session is found")
			}
			if _, ok, _ := c.Store.Session(command.TokenHash{1, 1}); ok != (tc.kept == 1) {
				t.Errorf("the kept session is found: %v", ok)
			}
		})
	}
}

func TestChangePassword_NeedsTheCurrentOne(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	c.Refused("wrong_password", command.Command{Account: ann, Body: command.ChangePassword{OldHash: "other", NewHash: "n"}})
	stale := signIn(ann, 1)
	b := stale.Body.(command.OpenSession)
	b.OldHash = "hash of ann"
	stale.Body = b
	c.One(command.Command{Account: ann, Body: command.ChangePassword{OldHash: "hash of ann", NewHash: "n"}})
	c.Refused("invalid_credentials", stale) // the password changed while it was checked
	if v, ok, err := c.Store.Credentials("ann"); err != nil || !ok || v.PasswordHash != "n" {
		t.Fatalf("%+v %v %v", v, ok, err)
	}
}

// Five tries, one more every 12 seconds; a right password gives them back. Subjects don't share tries.
func TestAttemptSignIn_TriesAndRefill(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	strangers, home := storagetest.Keys.Account(ann), storagetest.Keys.Device(ann, [16]byte{1})
	try := func(s command.Subject) command.Command {
		return command.Command{Body: command.AttemptSignIn{Subject: s, Tries: 5, Refill: 12_000}}
	}
	began := c.Now
	for n := range 5 {
		c.Now = began
		if r := c.One(try(strangers)); r.Event != 0 || r.Value != nil {
			t.Fatalf("try %d: %+v", n, r)
		}
	}
	c.Now = began
	if r := c.Refused("sign_in_throttled", try(strangers)); !r.Until.Equal(began.Add(12 * time.Second)) {
		t.Fatalf("until %s, want %s", r.Until, began.Add(12*time.Second))
	}
	c.One(try(home)) // strangers used up none of its tries
	c.Now = began.Add(12*time.Second - time.Millisecond)
	c.Refused("sign_in_throttled", try(strangers))
	c.One(try(strangers)) // a millisecond later
	c.Refused("sign_in_throttled", try(strangers))

	in := signIn(ann, 1)
	b := in.Body.(command.OpenSession)
	b.Subject = home
	in.Body = b
	c.One(in)
	began = c.Now
	for range 5 { // all are back
		c.Now = began
		c.One(try(home))
	}
	c.Now = began
	c.Refused("sign_in_throttled", try(home))
	c.Refused("sign_in_throttled", try(strangers)) // her sign-in gave strangers nothing
	c.Now = began.Add(time.Hour)
	for range 5 {
		c.One(try(strangers))
	}
	for range 100 {
		c.One(command.Command{Body: command.AttemptSignIn{Subject: strangers}}) // no limit
	}
}

// The throttle's records change their generation every hour. That gives no tries back.
func TestAttemptSignIn_HoldsAcrossHours(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Now = storagetest.Birth.Truncate(time.Hour).Add(time.Hour - 10*time.Millisecond)
	try := command.Command{Body: command.AttemptSignIn{Subject: storagetest.Keys.Login("ann"), Tries: 5, Refill: 600_000}}
	for range 5 {
		c.One(try)
	}
	c.Now = c.Now.Add(time.Second)
	c.Checkpoint()
	r := c.Refused("sign_in_throttled", try)
	c.Now = r.Until
	c.One(try)
	c.Refused("sign_in_throttled", try)
}

// A password change with the correct current password is no failed try.
func TestChangePassword_GivesTheTriesBack(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	session := storagetest.Keys.Session(7)
	hash := "hash of ann"
	for n := range 5 {
		c.One(command.Command{Account: ann, Body: command.AttemptSignIn{Subject: session, Tries: 2, Refill: 60_000}})
		next := fmt.Sprint("hash ", n)
		c.One(command.Command{Account: ann, Body: command.ChangePassword{OldHash: hash, NewHash: next, Subject: session}})
		hash = next
	}
}

// An account remembers the last eight networks that it was used from: whoever asks from there has tries of their own.
func TestOpenSession_RemembersTheNewestNetworks(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	network := func(n int) command.Subject { return storagetest.Keys.Network(fmt.Sprint("192.0.2.", n)) }
	for i, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 1, 9} { // the first is used again before the ninth comes
		in := signIn(ann, i+1)
		b := in.Body.(command.OpenSession)
		b.Session.Network = network(n)
		in.Body = b
		c.One(in)
	}
	c.One(command.Command{Account: ann, Body: command.EndSessions{All: true}})
	c.One(command.Command{Account: ann, Body: command.ChangePassword{OldHash: "hash of ann", NewHash: "n"}})
	var want []command.Subject
	for _, n := range []int{3, 4, 5, 6, 7, 8, 1, 9} {
		want = append(want, network(n))
	}
	if v, _, err := c.Store.Credentials("ann"); err != nil || !slices.Equal(v.Networks, want) {
		t.Errorf("%v %x, want %x", err, v.Networks, want)
	}
}

func TestLists_RefuseCursorsThatTheyNeverGave(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 100), c.Player("ben", 100)
	for range 3 {
		c.One(command.Command{Account: ann, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	}
	for _, before := range []uint64{1, 5, 7, 8 * 3, 8*2 + 7, 8*1000 + 1} { // no event, no transfer, another's event, none yet
		_, _, err := c.Store.Transfers(t.Context(), ann, command.Page{Before: before, Limit: 10})
		if r := new(command.Refusal); !errors.As(err, &r) || r.Code != "bad_request" {
			t.Errorf("transfers before %d: %v", before, err)
		}
	}
	if _, _, err := c.Store.Rounds(t.Context(), ben, command.Page{Before: 3, Limit: 10}); err == nil {
		t.Error("another player's event is a cursor")
	}
	if _, _, err := c.Store.RevealedPairs(t.Context(), ann, command.Page{Before: 9, Limit: 10}); err == nil {
		t.Error("a pair that is to come is a cursor")
	}
	list, next, err := c.Store.Transfers(t.Context(), ann, command.Page{Limit: 2})
	if err != nil || len(list) != 2 || next == 0 {
		t.Fatalf("%d transfers, next %d, %v", len(list), next, err)
	}
	if _, _, err := c.Store.Transfers(t.Context(), ann, command.Page{Before: next, Limit: 2}); err != nil {
		t.Error(err)
	}
	if err := c.Store.Err(); err != nil {
		t.Error(err)
	}
}
