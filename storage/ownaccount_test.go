package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

func codeOf(n byte) command.TokenHash { return command.TokenHash{9, 31: n} }

func TestInvitation_IsUsedUpExpiresAndIsRevoked(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	op := func(b command.Body) command.Command { return command.Command{Body: b} }
	invite := func(code byte, uses int) command.InvitationID {
		t.Helper()
		r := c.One(op(command.CreateInvitation{Code: codeOf(code), Uses: uses, Lifetime: time.Hour.Milliseconds(), Actor: "cashier", Reason: "friends"}))
		return r.Value.(*command.InvitationCreated).ID
	}
	signUp := func(name string, code byte) command.Command {
		return op(command.OpenAccount{Username: name, UsernameKey: name, PasswordHash: "h", Role: command.RolePlayer, Invitation: codeOf(code)})
	}
	first := invite(1, 2)
	c.Refused("invalid_command", op(command.CreateInvitation{Code: codeOf(1), Uses: 1, Lifetime: 1, Actor: "cashier"}))
	c.Refused("invitation_invalid", signUp("ann", 7))
	c.One(signUp("ann", 1))
	c.Refused("username_taken", signUp("ann", 1)) // which uses nothing
	if list, err := c.Store.Invitations(); err != nil || len(list) != 1 || list[0].ID != first || list[0].UsesLeft != 1 || list[0].Reason != "friends" {
		t.Fatalf("%+v, %v", list, err)
	}
	c.One(signUp("ben", 1))
	c.Refused("invitation_invalid", signUp("carl", 1))

	second := invite(2, 5)
	c.One(op(command.RevokeInvitation{Invitation: second, Actor: "cashier", Reason: "leaked"}))
	c.Refused("not_found", op(command.RevokeInvitation{Invitation: second, Actor: "cashier"}))
	c.Refused("invitation_invalid", signUp("carl", 2))

	invite(3, 1)
	c.Now = c.Now.Add(time.Hour)
	c.Refused("invitation_invalid", signUp("carl", 3))
	if list, err := c.Store.Invitations(); err != nil || len(list) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	for n := range 1000 {
		var code command.TokenHash
		code[0], code[1], code[2] = 8, byte(n>>8), byte(n)
		c.One(op(command.CreateInvitation{Code: code, Uses: 1, Lifetime: time.Hour.Milliseconds(), Actor: "cashier"}))
	}
	c.Refused("too_many_invitations", op(command.CreateInvitation{Code: codeOf(4), Uses: 1, Lifetime: 1, Actor: "cashier"}))
	c.Now = c.Now.Add(time.Hour)
	invite(4, 1)
	for _, b := range []command.CreateInvitation{{Uses: 0, Lifetime: 1}, {Uses: -1, Lifetime: 1}, {Uses: 1_000_001, Lifetime: 1}, {Uses: 1}, {Uses: 1, Lifetime: -1}, {Uses: 1, Lifetime: 1 << 62}} {
		c.Refused("invalid_command", op(b))
	}
}

func TestPasswordLink_SetsThePasswordOnce(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	on := func(b command.Body) command.Command { return command.Command{Account: ann, Body: b} }
	link := func(n byte) command.Command {
		return on(command.CreatePasswordLink{Link: codeOf(n), Lifetime: time.Hour.Milliseconds(), Actor: "cashier", Reason: "forgotten"})
	}
	use := func(n byte, hash string) command.Command {
		return on(command.ChangePassword{Link: codeOf(n), NewHash: hash})
	}
	c.One(signIn(ann, 1))
	c.One(link(1))
	if got, ok, err := c.Store.PasswordLink(ann); err != nil || !ok || got.Link != codeOf(1) {
		t.Fatalf("%+v %t %v", got, ok, err)
	}
	c.Refused("link_invalid", use(2, "x"))
	c.One(use(1, "first"))
	if n := len(sessionsOf(t, c, ann)); n != 0 {
		t.Errorf("%d sessions outlived the password", n)
	}
	c.Refused("link_invalid", use(1, "again"))

	c.One(link(2))
	c.One(link(3)) // takes its place
	c.Refused("link_invalid", use(2, "x"))
	c.One(on(command.ChangePassword{OldHash: "first", NewHash: "second"})) // ends it
	c.Refused("link_invalid", use(3, "x"))
	if _, ok, err := c.Store.PasswordLink(ann); ok || err != nil {
		t.Errorf("a link outlived a change of the password (%v)", err)
	}

	c.One(link(4))
	c.Now = c.Now.Add(time.Hour)
	c.Refused("link_invalid", use(4, "x"))
	c.Refused("account_not_found", command.Command{Account: ann + 1, Body: command.CreatePasswordLink{Link: codeOf(1), Lifetime: 1}})
	for _, b := range []command.CreatePasswordLink{{Lifetime: 1}, {Link: codeOf(1)}, {Link: codeOf(1), Lifetime: 31 * 24 * time.Hour.Milliseconds()}} {
		c.Refused("invalid_command", on(b))
	}
}

func TestChangeEmail_TheOldAddressIsFree(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	open := func(name, email string) command.AccountID {
		return c.One(command.Command{Body: command.OpenAccount{Username: name, UsernameKey: name, Email: email, EmailKey: email,
			PasswordHash: "h", Role: command.RolePlayer}}).Value.(*command.AccountOpened).Account.ID
	}
	ann, ben := open("ann", "ann@example.com"), open("ben", "ben@example.com")
	change := func(id command.AccountID, email, hash string) command.Command {
		return command.Command{Account: id, Body: command.ChangeEmail{Email: email, EmailKey: email, OldHash: hash}}
	}
	c.Refused("wrong_password", change(ann, "new@example.com", "other"))
	c.Refused("email_taken", change(ann, "ben@example.com", "h"))
	if r := c.One(change(ann, "ann@example.com", "h")); r.Event != 0 {
		t.Error("the same address again leaves an event")
	}
	c.One(change(ann, "new@example.com", "h"))
	c.One(change(ben, "ann@example.com", "h"))
	c.Checkpoint()
	for key, want := range map[string]command.AccountID{"new@example.com": ann, "ann@example.com": ben, "ben@example.com": 0} {
		if got, _, err := c.Store.Credentials(key); err != nil || got.Account != want {
			t.Errorf("%s: %d, %v", key, got.Account, err)
		}
	}
	c.One(command.Command{Account: ben, Body: command.ChangeEmail{Actor: "cashier", Reason: "asked for it"}})
	if a, _, err := c.Store.Account(ben); err != nil || a.Email != "" {
		t.Errorf("%+v, %v", a, err)
	}
	c.Refused("invalid_command", command.Command{Account: ben, Body: command.ChangeEmail{Email: "x", Actor: "cashier"}})
}

func TestDeleteAccount_NamesGoAndBooksStay(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	open := func() command.AccountID {
		return c.One(command.Command{Body: command.OpenAccount{Username: "Annabella", UsernameKey: "annabella", Email: "A@annabella.example", EmailKey: "a@annabella.example",
			PasswordHash: "annabella's hash", Role: command.RolePlayer, WelcomeCoins: 100, Actor: "cashier"}}).Value.(*command.AccountOpened).Account.ID
	}
	ann := open()
	round := c.One(spin(ann, 10)).Value.(*command.RoundResult).Round.ID
	c.One(signIn(ann, 1))
	c.One(command.Command{Account: ann, Body: command.SetLimits{Limits: command.LimitSet{StakePerDay: 50}}})
	gone := command.Command{Account: ann, Body: command.DeleteAccount{OldHash: "annabella's hash"}}
	c.Refused("wrong_password", command.Command{Account: ann, Body: command.DeleteAccount{OldHash: "other"}})
	dealt := openRound(t, c, ann, 2, "stand").Round.ID
	c.Refused("round_open", gone)
	c.One(act(ann, dealt, "stand"))
	c.One(gone)
	a, ok, err := c.Store.Account(ann)
	if err != nil || !ok || a.Username != "" || a.Email != "" || a.Coins != 0 || a.DeletedAt.IsZero() {
		t.Fatalf("%+v %t %v", a, ok, err)
	}
	if _, ok, err := c.Store.Round(t.Context(), ann, round); !ok || err != nil {
		t.Errorf("its rounds are gone (%v)", err)
	}
	if f := c.Store.Figures(); f.Players != 0 || f.LedgerSum != 0 {
		t.Errorf("%+v", f)
	}
	for _, cmd := range []command.Command{gone, spin(ann, 1), signIn(ann, 2), {Account: ann, Body: command.GrantCoins{Amount: 1, Actor: "cashier"}},
		{Account: ann, Body: command.SetLock{Locked: true, Actor: "cashier"}}, {Account: ann, Body: command.SetRole{Role: command.RoleOperator, Actor: "cashier"}},
		{Account: ann, Body: command.ChangePassword{Actor: "cashier", NewHash: "x"}}, {Account: ann, Body: command.ChangeEmail{Actor: "cashier"}},
		{Account: ann, Body: command.CollectDailyCoins{Amount: 1}}, {Account: ann, Body: command.Exclude{Days: 1}}, {Account: ann, Body: command.SetLimits{}},
		{Account: ann, Body: command.RotateSeed{ClientSeed: "x"}}, {Account: ann, Body: command.CreatePasswordLink{Link: codeOf(1), Lifetime: 1}},
		{Account: ann, Body: command.CreateToken{}}, {Account: ann, Body: command.RecordAct{Actor: "cashier"}}} {
		c.Refused("account_not_found", cmd)
	}
	// Neither the history nor the accounts know whose it was.
	c.Checkpoint()
	snapshot, err := c.Store.LastSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	mentions := func(what string, v any) {
		if strings.Contains(strings.ToLower(fmt.Sprintf("%+v", v)), "annabella") {
			t.Errorf("%s names the deleted account: %+v", what, v)
		}
	}
	events := 0
	if err := errors.Join(snapshot.Events(1, func(e *machine.StoredEvent) error {
		events++
		mentions("the history", e.Act)
		return nil
	}), snapshot.Accounts(func(_ command.AccountID, a *machine.AccountRecord, _ bool) error {
		mentions("its record", *a)
		return nil
	}), snapshot.Close()); err != nil || events == 0 {
		t.Fatalf("%d events, %v", events, err)
	}
	if open() == ann { // the name is free
		t.Error("the id was given again")
	}
	c.Reopen()
}

// Else a player could delete an excluded account and sign up again.
func TestDeleteAccount_NotWhileExcluded(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	c.One(command.Command{Account: ann, Body: command.Exclude{Days: 1}})
	gone := command.Command{Account: ann, Body: command.DeleteAccount{Actor: "cashier"}}
	c.Refused("excluded", gone)
	c.Now = c.Now.Add(25 * time.Hour)
	c.One(gone)
}

func TestCreateToken_TwentyWhichNoSignInEnds(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	token := func(n byte) command.Command {
		return command.Command{Account: ann, Body: command.CreateToken{Session: command.NewSession{
			Token: codeOf(n), Lifetime: time.Hour.Milliseconds(), Name: "bot", Scopes: command.ScopeRead}}}
	}
	for n := range byte(20) {
		c.One(token(n))
	}
	c.Refused("too_many_tokens", token(20))
	for n := range 25 {
		c.One(signIn(ann, n))
	}
	personal := 0
	for _, s := range sessionsOf(t, c, ann) {
		if s.Scopes == command.ScopeRead && s.Name == "bot" {
			personal++
		}
	}
	if personal != 20 || len(sessionsOf(t, c, ann)) != 40 {
		t.Fatalf("%d tokens among %d sessions", personal, len(sessionsOf(t, c, ann)))
	}
	if s, ok, err := c.Store.Session(codeOf(3)); !ok || err != nil || s.Scopes != command.ScopeRead {
		t.Fatalf("%+v %t %v", s, ok, err)
	}
	if s, _, _ := c.Store.Session(codeOf(3)); s.Scopes != command.ScopeRead { // from the cache
		t.Fatalf("%+v", s)
	}
	c.Now = c.Now.Add(time.Hour)
	c.One(token(20)) // the others have expired
	c.One(command.Command{Account: ann, Body: command.ChangePassword{Actor: "cashier", NewHash: "x"}})
	if left := sessionsOf(t, c, ann); len(left) != 0 {
		t.Errorf("%d outlived a change of the password", len(left))
	}
	bad := token(1)
	for _, s := range []command.NewSession{{Token: codeOf(30), Lifetime: 1, Name: "bot"}, {Token: codeOf(30), Lifetime: 1, Scopes: 1}, {Token: codeOf(30), Lifetime: 1, Name: "bot", Scopes: 4}, {Token: codeOf(30), Name: "bot", Scopes: 1}} {
		bad.Body = command.CreateToken{Session: s}
		c.Refused("invalid_command", bad)
	}
}
