package storage_test

import (
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// launch is what a session launches: a token for a page of the older front ends.
func launch(p command.AccountID, from command.Session, n byte) command.Command {
	return command.Command{Account: p, Body: command.CreateToken{Launcher: from.ID, Session: command.NewSession{
		Token: codeOf(n), Lifetime: (12 * time.Hour).Milliseconds(), Name: "blackjack", Scopes: command.AllScopes}}}
}

// newest signs in, and returns the session.
func newest(t *testing.T, c *storagetest.Casino, p command.AccountID, n int) command.Session {
	t.Helper()
	c.One(signIn(p, n))
	return sessionsOf(t, c, p)[0]
}

func TestCreateToken_WhatASessionHasLaunchedEndsWithIt(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	here, there := newest(t, c, ann, 1), newest(t, c, ann, 2)
	c.One(launch(ann, here, 1))
	c.One(launch(ann, there, 2))
	known := func(n byte) bool {
		_, ok, err := c.Store.Session(codeOf(n))
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !known(1) || !known(2) { // both are in the cache now
		t.Fatal("not launched")
	}
	c.One(command.Command{Account: ann, Body: command.EndSessions{Session: here.ID}})
	if known(1) || !known(2) {
		t.Error("the sign-out did not end what its session had launched, and nothing else")
	}
	c.Refused("session_not_found", launch(ann, here, 3))
	c.Refused("session_not_found", launch(ann, sessionsOf(t, c, ann)[0], 3)) // a launched one launches nothing
	c.One(command.Command{Account: ann, Body: command.ChangePassword{Actor: "cashier", NewHash: "x"}})
	if known(2) {
		t.Error("a launched session outlived a change of the password")
	}
}

func TestCreateToken_ALaunchedOneLastsNoLongerThanItsLauncher(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	short := signIn(ann, 1)
	b := short.Body.(command.OpenSession)
	b.Session.Lifetime = time.Hour.Milliseconds()
	short.Body = b
	c.One(short)
	from := sessionsOf(t, c, ann)[0]
	c.Now = c.Now.Add(20 * time.Minute)
	c.One(launch(ann, from, 1))
	if s := sessionsOf(t, c, ann)[0]; s.Name != "blackjack" || !s.ExpiresAt.Equal(from.ExpiresAt) {
		t.Errorf("%+v, launched from %+v", s, from)
	}
	c.Now = c.Now.Add(40 * time.Minute)
	c.Refused("session_not_found", launch(ann, from, 2))
}

// A player who launches often loses neither sign-ins nor tokens, and does not run into the most that an account may have.
func TestCreateToken_LaunchingEndsOnlyOlderLaunches(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	before := len(sessionsOf(t, c, ann))
	from := newest(t, c, ann, 1)
	for n := range byte(20) {
		own := launch(ann, command.Session{}, 100+n)
		c.One(own)
	}
	for n := range byte(25) {
		c.One(launch(ann, from, n))
	}
	if got := len(sessionsOf(t, c, ann)); got != before+1+20+10 {
		t.Errorf("%d sessions", got)
	}
	for n := range byte(25) {
		if _, ok, err := c.Store.Session(codeOf(n)); err != nil || ok != (n >= 15) {
			t.Errorf("launch %d: %t, %v", n, ok, err)
		}
	}
	for n := 2; n < 25; n++ {
		c.One(signIn(ann, n))
	}
	if _, ok, _ := c.Store.Session(codeOf(24)); ok {
		t.Error("a launched session outlived the one that newer sign-ins have ended")
	}
}
