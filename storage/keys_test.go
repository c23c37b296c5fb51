package storage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

func keyedSpin(id command.AccountID, n int) command.Command {
	cmd := spin(id, 1)
	cmd.Key = command.KeyOf(fmt.Sprint("bet ", n))
	return cmd
}

// Whatever was forgotten in memory, each key is known for a day, and makes the same history.
func TestIdempotency_KeysAreReadFromTheHistory(t *testing.T) {
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

// A day of play must be read in a few steps: the first bet after a start waits for it, and all others with it.
func TestIdempotency_ManyKeysAreFewEventsToRead(t *testing.T) {
	const bets = 1000
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	for n := range bets {
		c.One(keyedSpin(p, n))
	}
	chain := make(map[uint64]uint64)
	snap, err := c.Store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	last := uint64(0)
	if err := snap.Events(1, func(e *machine.StoredEvent) error {
		if e.Key != (command.Key{}) {
			chain[e.Seq], last = e.KeyBack, e.Seq
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for at := last; at != 0; at = chain[at] {
		steps++
	}
	if most := 64 + bets/64 + 1; steps > most {
		t.Errorf("%d keys are found in %d steps, want %d at most", bets, steps, most)
	}
}

func TestAudit_FindsForgedKeys(t *testing.T) {
	t.Parallel()
	c := storagetest.NewIn(t, memoryDir(t), 5, byHand)
	p := c.Player("ann", 1000)
	for n := range 150 {
		c.One(keyedSpin(p, n))
	}
	c.Checkpoint()
	dir := c.Dir()
	c.Abandon()
	file, err := os.ReadFile(filepath.Join(dir, storage.StateFile))
	if err != nil {
		t.Fatal(err)
	}
	paged := func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool { return e.KeyPage != nil })
	}
	between := func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool { return e.Seq == paged(f).Seq+2 })
	}
	opened := func(f *forger) *machine.Event { return f.first(machine.AccountOpened, ann) }
	const notThePage = "its page of keys is not that of the 64 events under keys since event 0"
	for _, v := range []forgery{
		{"a key in a page is another", amend(paged, func(e *machine.Event) { e.KeyPage[40]++ }), notThePage},
		{"a page lacks a key", amend(paged, func(e *machine.Event) { e.KeyPage = e.KeyPage[:40] }), notThePage},
		{"a page leads elsewhere", amend(paged, func(e *machine.Event) { e.KeyBack = 7 }), notThePage},
		{"an event under a key leads elsewhere", amend(between, func(e *machine.Event) { e.KeyBack-- }), "the event under a key before it of account 1000 is 67, not 66"},
		{"an event under no key is in the chain", amend(opened, func(e *machine.Event) { e.KeyBack = 1 }), "it is under no key, but in the chain of those that are"},
		{"the wallet leads elsewhere", state(func(f *forger) { f.wallet(ann, func(w *machine.WalletRecord) { w.KeyLast-- }) }),
			"the keys of account 1000 are found from events 151 and 131, its wallet says 150 and 131"},
		{"the wallet knows no page", state(func(f *forger) { f.wallet(ann, func(w *machine.WalletRecord) { w.KeyPage = 0 }) }),
			"the keys of account 1000 are found from events 151 and 131, its wallet says 151 and 0"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			var event uint64
			s := forge(t, file, func(f *forger) { event = v.do(f) })
			holdViolation(t, s, event, v.says)
		})
	}
}
