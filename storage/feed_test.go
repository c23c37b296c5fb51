package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// grants leaves n events of an account.
func grants(c *storagetest.Casino, p command.AccountID, n int) {
	commands := make([]command.Command, n)
	for i := range commands {
		commands[i] = command.Command{Account: p, Body: command.GrantCoins{Amount: 1, Actor: "cashier"}}
	}
	c.Do(commands...)
}

func TestFeed_TellsEachEventOnceAndInOrder(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	c.Reopen() // earlier events are not sent again
	before, _ := c.Store.Head()
	first, second := c.Store.Follow(), c.Store.Follow()
	const events = 500
	go func() {
		for range events / 50 {
			grants(c, p, 50)
		}
	}()
	for _, f := range []interface {
		Next(context.Context) ([]command.Event, uint64, error)
	}{first, second} {
		for seq := before + 1; seq <= before+events; {
			list, missed, err := f.Next(t.Context())
			if err != nil || missed != 0 || len(list) == 0 {
				t.Fatalf("%d events, %d missed, %v", len(list), missed, err)
			}
			for _, e := range list {
				if e.Seq != seq || e.Account != p || e.Kind != machine.CoinsGranted.String() || int64(e.Coins) != 1000+int64(seq-before) {
					t.Fatalf("%+v, want event %d", e, seq)
				}
				seq++
			}
		}
	}
}

func TestFeed_TellsOfRounds(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	f := c.Store.Follow()
	r := c.One(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 5}})
	list, _, err := f.Next(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	got, want := list[0], r.Value.(*command.RoundResult)
	want.Round.Commitment, want.Round.ClientSeed = "", "" // the feed leaves out the proof
	if got.Seq != r.Event || got.Coins != want.Coins || got.Round == nil || fmt.Sprint(*got.Round) != fmt.Sprint(want.Round) {
		t.Errorf("%+v, want %+v", got.Round, want.Round)
	}
	c.Refused("insufficient_coins", command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 500_000}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, _, err := f.Next(ctx); !errors.Is(err, context.Canceled) || len(list) != 0 {
		t.Errorf("a refusal is told of: %v, %v", list, err)
	}
}

// The casino does not wait for a follower. A slow one learns how many events it has missed, and continues with the oldest
// event that is still kept.
func TestFeed_DropsWhatASlowFollowerDidNotRead(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	f := c.Store.Follow()
	before, _ := c.Store.Head()
	const kept, dropped = 4096, 100
	for range (kept + dropped) / 4 {
		grants(c, p, 4)
	}
	list, missed, err := f.Next(t.Context())
	if err != nil || missed != dropped || len(list) != kept || list[0].Seq != before+dropped+1 {
		t.Fatalf("%d events from %d, %d missed, %v", len(list), list[0].Seq, missed, err)
	}
	grants(c, p, 1)
	if list, missed, err := f.Next(t.Context()); err != nil || missed != 0 || len(list) != 1 {
		t.Errorf("then: %d events, %d missed, %v", len(list), missed, err)
	}
}
