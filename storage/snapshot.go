package storage

import (
	"context"
	"errors"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// Snapshot is the state at one moment, for long reads: commands are applied meanwhile. It must be closed. It is not safe
// for concurrent use.
type Snapshot struct {
	*engine.Snapshot
	index, term uint64
	head        machine.Record
	house       machine.House
}

// Snapshot writes a checkpoint and returns a snapshot of it. A read-only store returns a snapshot of what was applied so
// far; nothing may be applied while it is open.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	return s.snapshotOf(s.db.Snapshot(ctx))
}

// LastSnapshot returns a snapshot of the newest checkpoint so far, without waiting for the disk.
func (s *Store) LastSnapshot() (*Snapshot, error) { return s.snapshotOf(s.db.LastSnapshot()) }

func (s *Store) snapshotOf(fixed *engine.Snapshot, err error) (*Snapshot, error) {
	if err != nil {
		return nil, err
	}
	snap := &Snapshot{Snapshot: fixed, house: s.house}
	err = fixed.View(func(r *engine.Reader) (err error) {
		snap.index, snap.term = r.Applied()
		snap.head, err = recordOf(r)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, fixed.Close())
	}
	return snap, nil
}

// Games returns the games that the casino plays.
func (s *Snapshot) Games() *games.Catalogue { return s.house.Games }

// Applied is the index and term of the last entry that was applied.
func (s *Snapshot) Applied() (index, term uint64) { return s.index, s.term }

// checkpoint describes the snapshot's state.
func (s *Snapshot) checkpoint() Checkpoint { return newCheckpoint(s.index, s.term, &s.head) }

// Machine returns the machine's record.
func (s *Snapshot) Machine() machine.Record { return s.head }

// Read runs fn over the records. fn may take long. Its error may be that the file is damaged.
func (s *Snapshot) Read(fn func(*machine.Reader) error) error {
	return s.View(func(r *engine.Reader) error { return fn(machine.NewReader(r, &s.head, s.house)) })
}

// Events visits the history in order, starting at the event numbered from; the first is 1.
func (s *Snapshot) Events(from uint64, fn func(*machine.StoredEvent) error) error {
	return s.Read(func(r *machine.Reader) error { return r.Events(from, fn) })
}

// Wallets visits all wallets by ascending account.
func (s *Snapshot) Wallets(fn func(command.AccountID, *machine.WalletRecord) error) error {
	return s.Read(func(r *machine.Reader) error { return r.Wallets(fn) })
}

// Accounts visits all accounts by ascending id. found reports whether the account's name and address lead to it.
func (s *Snapshot) Accounts(fn func(id command.AccountID, a *machine.AccountRecord, found bool) error) error {
	return s.Read(func(r *machine.Reader) error { return r.Accounts(fn) })
}

// Import reads the record of a row of another casino's database. ok is false if it was not imported.
func (s *Snapshot) Import(source string, row int64) (v machine.ImportRecord, ok bool, err error) {
	err = s.Read(func(r *machine.Reader) error { v, ok, err = r.Import(source, row); return err })
	return v, ok, err
}

// Imports visits the records of all imported rows, by source and row.
func (s *Snapshot) Imports(fn func(source string, row int64, record *machine.ImportRecord) error) error {
	return s.Read(func(r *machine.Reader) error { return r.Imports(fn) })
}

// HasKey reports whether the casino's key is known. Without it, sealed seeds can't be opened.
func (s *Snapshot) HasKey() bool { return s.house.OpenSeed != nil }

// OpenSeed opens a sealed seed with the casino's key, which must be known. ok is false for a box that is not that of the
// commitment.
func (s *Snapshot) OpenSeed(sealed command.SealedSeed) (seed command.Seed, ok bool) {
	return s.house.OpenSeed(sealed)
}

// Seeds reads an account's active and next seeds, which are sealed.
func (s *Snapshot) Seeds(id command.AccountID) (v machine.SeedsRecord, ok bool, err error) {
	err = s.Read(func(r *machine.Reader) error { v, ok, err = r.Seeds(id); return err })
	return v, ok, err
}

// Pair reads a revealed seed pair of an account.
func (s *Snapshot) Pair(id command.AccountID, pair uint32) (v machine.PairRecord, ok bool, err error) {
	err = s.Read(func(r *machine.Reader) error { v, ok, err = r.Pair(id, pair); return err })
	return v, ok, err
}

// OpenRounds visits the open rounds, oldest first, with the number under which each is stored.
func (s *Snapshot) OpenRounds(fn func(command.RoundID, *machine.OpenRoundRecord) error) error {
	return s.Read(func(r *machine.Reader) error { return r.OpenRounds(fn) })
}

// Settlement is the later event that settled a round; 0 if there is none or if the opening event settled it.
func (s *Snapshot) Settlement(round command.RoundID) (event uint64, err error) {
	err = s.Read(func(r *machine.Reader) error { event, err = r.Settlement(round); return err })
	return event, err
}

// CountSessions counts the sessions that are valid, and reports whether the index of when they expire says the same.
func (s *Snapshot) CountSessions() (valid uint64, indexed bool, err error) {
	err = s.Read(func(r *machine.Reader) error { valid, indexed, err = r.CountSessions(); return err })
	return valid, indexed, err
}

// CountPairs counts the revealed seed pairs of all accounts.
func (s *Snapshot) CountPairs() (uint64, error) { return s.count((*machine.Reader).CountPairs) }

// CountSettlements counts the rounds that were settled by a later event than the one that opened them.
func (s *Snapshot) CountSettlements() (uint64, error) {
	return s.count((*machine.Reader).CountSettlements)
}

// CountImports counts the rows of other casinos' databases that were imported.
func (s *Snapshot) CountImports() (uint64, error) { return s.count((*machine.Reader).CountImports) }

func (s *Snapshot) count(of func(*machine.Reader) (uint64, error)) (n uint64, err error) {
	err = s.Read(func(r *machine.Reader) error { n, err = of(r); return err })
	return n, err
}
