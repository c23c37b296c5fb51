package storage_test

import (
	"fmt"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

const day = 24 * time.Hour

// Whatever later leaders stamp on their entries, the casino's time is the latest stamp. It never goes back, and the errors
// of several clocks don't add up.
func TestTime_IsTheLatestStamp(t *testing.T) {
	for _, back := range []time.Duration{50 * time.Hour, 48 * time.Hour, 72 * time.Hour, 365 * day} {
		t.Run(back.String(), func(t *testing.T) {
			c := storagetest.New(t, 1, byHand)
			ann, ben, cat := c.Player("ann", 100), c.Player("ben", 100), c.Player("cat", 100)
			bet := command.Command{Account: ann, Key: command.KeyOf("k"), Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}
			first := c.One(bet)
			daily := command.Command{Account: ann, Body: command.CollectDailyCoins{Amount: 5}}
			c.One(daily)
			c.One(command.Command{Account: ben, Body: command.Exclude{Days: 1}})
			c.One(command.Command{Account: cat, Body: command.Exclude{Days: 150}})
			right := c.Now
			c.Now = right.Add(-back)
			c.One(spin(ann, 1))
			c.Now = right.Add(time.Minute)
			if again := c.One(bet); !again.Replayed || again.Event != first.Event {
				t.Errorf("a bet under a used key was played again: %+v", again)
			}
			c.Refused("already_collected", daily)
			c.Refused("excluded", signIn(ben, 1))
			c.Refused("excluded", signIn(cat, 1))
			if now := c.Store.Time(); !now.Equal(c.Now.Add(-time.Millisecond)) {
				t.Errorf("the clock shows %v, and the casino's time is %v", c.Now, now)
			}
		})
	}
}

// Two leaders, whose clocks are ten minutes apart, take turns.
func TestTime_DoesNotAddUpWhatTwoClocksAreApart(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 10_000), c.Player("ben", 100)
	c.One(command.Command{Account: ben, Body: command.Exclude{Days: 1}})
	began := c.Now
	var bets []storagetest.Stamped
	for n := range 597 {
		at := began.Add(time.Duration(n) * time.Millisecond)
		if n%2 == 0 {
			at = at.Add(10 * time.Minute)
		}
		bets = append(bets, storagetest.Stamped{At: at, Command: spin(ann, 1)})
	}
	c.DoAt(bets...)
	if now, want := c.Store.Time(), began.Add(10*time.Minute+596*time.Millisecond); !now.Equal(want) {
		t.Errorf("the casino's time is %v, not %v", now, want)
	}
	c.Refused("excluded", signIn(ben, 1))
}

// After a leader whose clock was ahead, the stamps are behind: time stands still until they have caught up.
func TestTime_StandsStillUntilTheStampsHaveCaughtUp(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann := c.Player("ann", 100)
	ahead := c.Now.Add(3 * time.Hour)
	c.DoAt(storagetest.Stamped{At: ahead, Command: spin(ann, 1)})
	for range 3 {
		c.Now = c.Now.Add(time.Hour - time.Second)
		c.One(spin(ann, 1))
		if now := c.Store.Time(); !now.Equal(ahead) {
			t.Fatalf("the casino's time is %v, not %v", now, ahead)
		}
	}
	c.Now = ahead.Add(time.Second)
	c.One(spin(ann, 1))
	if now := c.Store.Time(); !now.Equal(ahead.Add(time.Second)) {
		t.Fatalf("the casino's time is %v", now)
	}
}

// A stamp out of range stops the machine, since no leader makes one.
func TestTime_StampsOutOfRangeStopTheMachine(t *testing.T) {
	for _, at := range []time.Time{{}, time.UnixMilli(-1), command.ForEver.Add(time.Millisecond)} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			c := storagetest.New(t, 1, byHand)
			c.Player("ann", 100)
			data, err := command.Encode(c.Complete(spin(command.FirstAccountID, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Store.Apply([]storage.Command{{Index: 100, Term: 1, Time: at, Data: data}}); err == nil || storage.IsDamage(err) {
				t.Errorf("applied, with %v", err)
			}
			c.Reopen()
		})
	}
}
