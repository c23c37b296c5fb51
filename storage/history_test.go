package storage_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

func TestHistory_IsFoundByTimeKindAccountAndActor(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	begun := c.Now
	ann := c.Player("ann", 100) // event 1
	c.Now = c.Now.Add(time.Minute)
	ben := c.Player("ben", 100) // 2
	for range 3 {
		c.One(spin(ann, 1)) // 3, 4, 5
	}
	c.Now = c.Now.Add(time.Minute)
	c.One(command.Command{Account: ben, Body: command.GrantCoins{Amount: 5, Actor: "Ana as root", Reason: "a gift"}})         // 6
	c.One(command.Command{Account: ann, Body: command.SetLock{Locked: true, Actor: "root", Reason: "asked for it"}})          // 7
	c.One(command.Command{Body: command.RecordAct{Actor: "ana", Act: "restored", Reason: "a test", Before: "a", After: "b"}}) // 8

	for name, q := range map[string]struct {
		command.HistoryQuery
		want []uint64
	}{
		"all":                 {command.HistoryQuery{}, []uint64{8, 7, 6, 5, 4, 3, 2, 1}},
		"the newest":          {command.HistoryQuery{Limit: 2}, []uint64{8, 7}},
		"of an account":       {command.HistoryQuery{Account: ann}, []uint64{7, 5, 4, 3, 1}},
		"of a kind":           {command.HistoryQuery{Kinds: []string{"account_opened", "coins_granted"}}, []uint64{6, 2, 1}},
		"acts":                {command.HistoryQuery{Acts: true}, []uint64{8, 7, 6}},
		"acts of an actor":    {command.HistoryQuery{Actor: "ANA"}, []uint64{8, 6}},
		"since":               {command.HistoryQuery{Since: begun.Add(2 * time.Minute)}, []uint64{8, 7, 6}},
		"until":               {command.HistoryQuery{Until: begun.Add(time.Minute)}, []uint64{1}},
		"a time of nothing":   {command.HistoryQuery{Until: begun}, nil},
		"between":             {command.HistoryQuery{After: 3, Before: 6}, []uint64{5, 4}},
		"before the first":    {command.HistoryQuery{Before: 1}, nil},
		"account and time":    {command.HistoryQuery{Account: ann, Since: begun.Add(time.Minute), Until: begun.Add(2 * time.Minute)}, []uint64{5, 4, 3}},
		"account and numbers": {command.HistoryQuery{Account: ann, After: 1, Before: 5}, []uint64{4, 3}},
	} {
		// The same is found in pages of any size, and from the file as from memory.
		for _, size := range []int{1, 2, 100} {
			if q.Limit != 0 && size != 100 {
				continue
			}
			var got []uint64
			page := q.HistoryQuery
			if page.Limit == 0 {
				page.Limit = size
			}
			for {
				list, next, err := c.Store.History(t.Context(), page)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, e := range list {
					got = append(got, e.Seq)
				}
				if page.Cursor = next; next == 0 || q.Limit != 0 {
					break
				}
			}
			if !slices.Equal(got, q.want) {
				t.Errorf("%s, pages of %d: events %v, want %v", name, size, got, q.want)
			}
		}
	}

	list, _, err := c.Store.History(t.Context(), command.HistoryQuery{Limit: 1, Kinds: []string{"coins_granted"}})
	want := command.Act{Actor: "Ana as root", Reason: "a gift", Before: "100", After: "105"}
	if err != nil || len(list) != 1 || *list[0].Act != want || list[0].Coins != 105 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, _, err := c.Store.History(t.Context(), command.HistoryQuery{Limit: 1, Cursor: 99}); err == nil {
		t.Error("a cursor above the newest event is taken")
	}
}

// A page reads a bounded number of events, so that a search of few among many never holds up the casino.
func TestHistory_APageThatFindsNothingEndsEarly(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100_000)
	for range 50 {
		commands := make([]command.Command, 100)
		for i := range commands {
			commands[i] = spin(p, 1)
		}
		c.Do(commands...)
	}
	q := command.HistoryQuery{Limit: 10, Kinds: []string{"account_opened"}}
	list, next, err := c.Store.History(t.Context(), q)
	if err != nil || len(list) != 0 || next == 0 {
		t.Fatalf("%d events, next %d, %v", len(list), next, err)
	}
	q.Cursor = next
	if list, next, err = c.Store.History(t.Context(), q); err != nil || len(list) != 1 || next != 0 {
		t.Errorf("%d events, next %d, %v", len(list), next, err)
	}
}

func TestEventKinds_ListsEveryKindOnce(t *testing.T) {
	kinds := machine.EventKinds()
	for i, name := range kinds {
		if name != machine.EventKind(i+1).String() {
			t.Errorf("kind %d is %q", i+1, name)
		}
	}
	if unknown := machine.EventKind(len(kinds) + 1).String(); unknown != fmt.Sprintf("event_%d", len(kinds)+1) {
		t.Errorf("%q is not listed", unknown)
	}
}
