package storage_test

import (
	"fmt"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/storagetest"
)

func keyedSpin(id command.AccountID, n int) command.Command {
	cmd := spin(id, 1)
	cmd.Key = command.KeyOf(fmt.Sprint("bet ", n))
	return cmd
}

// Restarts, which clear the memory, change nothing: each key is known for a day, and the history stays the same.
func TestIdempotency_HoldsAcrossStarts(t *testing.T) {
	const bets = 300
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	events := make([]uint64, bets)
	for n := range bets {
		events[n] = c.One(keyedSpin(p, n)).Event
		c.One(spin(p, 1)) // under no key
		if n%97 == 0 {
			c.Reopen()
		}
	}
	again := storagetest.New(t, 1, byHand)
	again.Replay(c.Log)
	want, _ := c.Identity()
	if got, _ := again.Identity(); got != want {
		t.Fatal("what was forgotten in between shows in the state")
	}
	c.Reopen()
	for n := range bets {
		if n == 150 {
			c.Reopen()
		}
		if r := c.One(keyedSpin(p, n)); !r.Replayed || r.Event != events[n] {
			t.Fatalf("bet %d again: %+v, it was event %d", n, r, events[n])
		}
	}
	c.Now = c.Now.Add(26 * time.Hour)
	c.Reopen()
	for _, n := range []int{0, 150, bets - 1} {
		if r := c.One(keyedSpin(p, n)); r.Replayed {
			t.Errorf("bet %d is known after 26 hours", n)
		}
	}
}

// The audit checks the index of used keys. The tests of the index show in detail what it finds.
func TestAudit_FindsForgedKeys(t *testing.T) {
	t.Parallel()
	s := forge(t, audited(t), func(f *forger) {
		f.put("used_keys", make([]byte, 9), make([]byte, 12)) // a slice of the first run, which has none yet
	})
	holdViolation(t, s, 0, "the newest used keys, of events from 1 on, are not those of the history")
}
