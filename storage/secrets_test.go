package storage_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/seal"
	"imperio/storage/storagetest"
)

// Who has no key still finds every forgery of the books, of the chain, of commitments and of revealed rounds. What a sealed
// seed drew is not shown, and counted as such.
func TestAudit_WithoutTheKeyProvesAllButSealedSeeds(t *testing.T) {
	t.Parallel()
	file := audited(t)
	lastSpin := func(f *forger) *machine.Event { // under a seed that is not revealed
		e := f.find(func(e *machine.Event) bool {
			return e.Account == ann && e.Kind == machine.RoundPlayed && e.Round.Pair == 2
		})
		return e
	}
	firstSpin := func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool {
			return e.Account == ann && e.Kind == machine.RoundPlayed && e.Round.Pair == 0
		})
	}
	draw := func(e *machine.Event) { e.Round.Draws[0] ^= 1 }
	for name, c := range map[string]struct {
		do            func(f *forger)
		with, without string // what the audit says; "": nothing
	}{
		"nothing":                               {func(f *forger) {}, "", ""},
		"a draw of a revealed round is another": {func(f *forger) { amend(firstSpin, draw)(f) }, "the seeds give", "the seeds give"},
		"a draw of a sealed round is another":   {func(f *forger) { amend(lastSpin, draw)(f) }, "the seeds give", ""},
		"a revealed seed is another": {func(f *forger) { amend(rotated, func(e *machine.Event) { e.Pair.Server[0]++ })(f) },
			"is not the one that was committed to", "is not the one that was committed to"},
		"a sealed seed is another, and its commitment too": {func(f *forger) {
			f.seeds(ann, func(s *machine.SeedsRecord) { s.Next = storagetest.Keys.SealSeed(command.Seed{1}) })
		}, "are not those that were committed to", "are not those that were committed to"},
		"a seal is another":    {func(f *forger) { f.seeds(ann, func(s *machine.SeedsRecord) { s.Next.Box[0]++ }) }, "are not those that were committed to", ""},
		"a balance is another": {func(f *forger) { f.wallet(ann, func(w *machine.WalletRecord) { w.Balance++ }) }, "its wallet says", "its wallet says"},
		"the chain is broken":  {func(f *forger) { f.events[3].Time++; f.put("history", storagetest.EventKey(4), &f.events[3]) }, "hash", "hash"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := forge(t, file, c.do)
			without, err := storage.Open(filepath.Dir(with.Path()), nil, storage.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := without.Close(); err != nil {
					t.Error(err)
				}
			})
			for _, c := range []struct {
				store *storage.Store
				key   bool
				says  string
			}{{with, true, c.with}, {without, false, c.without}} {
				report, err := prove(t, t.Context(), c.store, audit.Options{})
				if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("key %v: %v, want %q", c.key, err, c.says)
				}
				if err == nil && (report.Key != c.key || report.Sealed == 0 || (report.Unproven == 0) != c.key || report.Replayed == 0) {
					t.Errorf("key %v: %+v", c.key, report)
				}
			}
		})
	}
}

// Without the key nothing is applied, and an open round is not told; with another key, nothing is even opened.
func TestStore_DoesNothingWithoutItsKey(t *testing.T) {
	t.Parallel()
	c := storagetest.New(t, 11, byHand)
	ann := c.Player("ann", 1000)
	open := false
	for !open {
		r := c.One(command.Command{Account: ann, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 2}})
		open = !r.Value.(*command.RoundResult).Round.Settled
	}
	c.Checkpoint()
	dir := c.Dir()
	c.Abandon()
	if _, err := storage.Open(dir, seal.New([seal.KeySize]byte{1}), storage.Options{}); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
	s, err := storage.Open(dir, nil, storage.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if f, ok, err := s.Fairness(ann); err != nil || !ok || len(f.Commitment) != 64 || len(f.NextCommitment) != 64 {
		t.Errorf("commitments are told without the key: %+v, %v", f, err)
	}
	if _, _, err := s.OpenRound(ann); !errors.Is(err, machine.ErrNoKey) {
		t.Errorf("an open round: %v", err)
	}
	index, _ := s.Applied()
	data, err := command.Encode(command.Command{ID: command.ID{1}, Account: ann, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply([]storage.Command{{Index: index + 1, Term: 1, Time: c.Now, Data: data}}); !errors.Is(err, machine.ErrNoKey) {
		t.Errorf("a bet: %v", err)
	}
}

// Seeds that are sealed with another key would never open again: they are refused while that costs nothing.
func TestRotateSeed_RefusesSeedsOfAnotherKey(t *testing.T) {
	t.Parallel()
	c := storagetest.New(t, 12, byHand)
	ann := c.Player("ann", 1000)
	foreign := seal.New([seal.KeySize]byte{1})
	rotate := command.Command{ID: command.ID{1}, Account: ann, Entropy: make([]byte, command.SeedSize), Body: command.RotateSeed{ClientSeed: "x"}}
	c.Refused("invalid_command", foreign.Command(rotate))
	c.Refused("invalid_command", foreign.Command(command.Command{Entropy: make([]byte, 2*command.SeedSize), Body: command.OpenAccount{
		Username: "Ben", UsernameKey: "ben", PasswordHash: "hash", Role: command.RolePlayer}}))
	rotate.ID[0]++
	c.One(rotate)
}
