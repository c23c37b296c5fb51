package storage

import (
	"context"
	"errors"
	"time"

	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// Reads of the state. Every method sees everything that was applied before the call.

// find reads something that may not exist.
func find[T any](s *Store, look func(*machine.Reader) (T, bool, error)) (v T, ok bool, err error) {
	err = s.view(func(r *machine.Reader) (err error) { v, ok, err = look(r); return err })
	return v, ok, err
}

// get reads something that always exists.
func get[T any](s *Store, look func(*machine.Reader) (T, error)) (v T, err error) {
	err = s.view(func(r *machine.Reader) (err error) { v, err = look(r); return err })
	return v, err
}

// Session finds the session of a token, expired or not. It returns only its id, account, role and end, since every request
// asks for it. Sessions returns the rest.
func (s *Store) Session(token command.TokenHash) (v command.Session, ok bool, err error) {
	if v, ok = s.machine.Load().CachedSession(token); ok {
		return v, true, nil
	}
	return find(s, func(r *machine.Reader) (command.Session, bool, error) {
		v, ok, err := r.Session(token)
		if ok {
			s.machine.Load().CacheSession(token, v) // within the view, so that nobody ends the session in between
		}
		return v, ok, err
	})
}

// Credentials reads what a sign-in is checked against, by folded name or e-mail address.
func (s *Store) Credentials(login string) (command.Credentials, bool, error) {
	return find(s, func(r *machine.Reader) (command.Credentials, bool, error) { return r.Credentials(login) })
}

// CredentialsOf reads what a sign-in to an account is checked against.
func (s *Store) CredentialsOf(id command.AccountID) (command.Credentials, bool, error) {
	return find(s, func(r *machine.Reader) (command.Credentials, bool, error) { return r.CredentialsOf(id) })
}

// Account reads an account.
func (s *Store) Account(id command.AccountID) (command.Account, bool, error) {
	return find(s, func(r *machine.Reader) (command.Account, bool, error) { return r.Account(id) })
}

// Accounts lists up to limit accounts by ascending id, starting at from. next is 0 at the end.
func (s *Store) Accounts(from command.AccountID, limit int) (list []command.Account, next command.AccountID, err error) {
	id := max(from, command.FirstAccountID)
	for len(list) < limit {
		v, ok, err := s.Account(id)
		if err != nil || !ok {
			return list, 0, err
		}
		list = append(list, v)
		id++
	}
	return list, id, nil
}

// LookUpRow reads what became of a row of another casino's database, and whether a name and an address are taken.
func (s *Store) LookUpRow(q command.RowLookup) (command.RowFound, error) {
	return get(s, func(r *machine.Reader) (command.RowFound, error) { return r.LookUpRow(q) })
}

// Sessions lists the sessions of an account, newest first, including expired ones.
func (s *Store) Sessions(id command.AccountID) ([]command.Session, error) {
	return get(s, func(r *machine.Reader) ([]command.Session, error) { return r.Sessions(id) })
}

// Fairness reads the public state of an account's seeds.
func (s *Store) Fairness(id command.AccountID) (command.Fairness, bool, error) {
	return find(s, func(r *machine.Reader) (command.Fairness, bool, error) { return r.Fairness(id) })
}

// Statistics sums up an account's settled rounds, game by game in the order of the catalogue.
func (s *Store) Statistics(id command.AccountID) ([]command.GameStatistics, error) {
	return get(s, func(r *machine.Reader) ([]command.GameStatistics, error) { return r.Statistics(id, s.house.Games) })
}

// Limits reads a player's own limits at a time.
func (s *Store) Limits(id command.AccountID, now time.Time) (command.Limits, error) {
	return get(s, func(r *machine.Reader) (command.Limits, error) { return r.LimitsAt(id, now.UnixMilli()) })
}

// OpenRound finds the round that waits for its player's decisions.
func (s *Store) OpenRound(id command.AccountID) (command.Round, bool, error) {
	return find(s, func(r *machine.Reader) (command.Round, bool, error) { return r.OpenRound(id) })
}

// OpenRoundsBefore lists up to limit open rounds of a game in which the player has done nothing since a time, oldest first.
// It reads the last checkpoint: a player may have acted since then.
func (s *Store) OpenRoundsBefore(game string, t time.Time, limit int) (list []command.RoundID, err error) {
	snap, err := s.LastSnapshot()
	if err != nil {
		return nil, err
	}
	err = snap.Read(func(r *machine.Reader) error { list, err = r.AbandonedSince(game, t, limit); return err })
	return list, errors.Join(err, snap.Close())
}

// Round finds one round of an account, open or settled. Another account's round is not found.
func (s *Store) Round(_ context.Context, id command.AccountID, round command.RoundID) (command.Round, bool, error) {
	return find(s, func(r *machine.Reader) (command.Round, bool, error) { return r.Round(id, round) })
}

// RevealedPairs lists an account's revealed seed pairs, newest first. A cursor is the number of a pair plus 1.
func (s *Store) RevealedPairs(_ context.Context, id command.AccountID, p command.Page) (list []command.RevealedPair, next uint64, err error) {
	err = s.view(func(r *machine.Reader) error { list, next, err = r.RevealedPairs(id, p); return err })
	return list, next, err
}

// PasswordLink reads what a link to set an account's password is checked against; false if none is in force.
func (s *Store) PasswordLink(id command.AccountID) (command.PasswordLink, bool, error) {
	return find(s, func(r *machine.Reader) (command.PasswordLink, bool, error) { return r.PasswordLink(id) })
}

// Invitation finds the invitation with a code, expired or not.
func (s *Store) Invitation(code command.TokenHash) (command.Invitation, bool, error) {
	return find(s, func(r *machine.Reader) (command.Invitation, bool, error) { return r.Invitation(code) })
}

// Invitations lists the invitations that are valid, oldest first.
func (s *Store) Invitations() ([]command.Invitation, error) {
	return get(s, func(r *machine.Reader) ([]command.Invitation, error) { return r.Invitations() })
}

// Value reads a value of the house itself.
func (s *Store) Value(name string) (command.Stored, bool, error) {
	return find(s, func(r *machine.Reader) (command.Stored, bool, error) { return r.Value(name) })
}

// ValueNames lists the names of house values that begin with prefix, sorted.
func (s *Store) ValueNames(prefix string) ([]string, error) {
	return get(s, func(r *machine.Reader) ([]string, error) { return r.ValueNames(prefix) })
}

// head is the machine's record.
func (s *Store) head() (record machine.Record) {
	s.db.Locked(func() { record = *s.machine.Load().Head() })
	return record
}

// Time is the time of the newest command; zero before the first.
func (s *Store) Time() time.Time {
	h := s.head()
	return h.At()
}

// Head is the newest event of the history: its number and its hash, which pins all events before it.
func (s *Store) Head() (event uint64, hash [32]byte) {
	h := s.head()
	return h.Events, h.Head
}

// EventHash is the hash of an event of the history; false if there is no such event yet.
func (s *Store) EventHash(event uint64) (hash [32]byte, ok bool, err error) {
	return find(s, func(r *machine.Reader) ([32]byte, bool, error) { return r.EventHash(event) })
}

// Level is the feature level in force.
func (s *Store) Level() uint32 {
	h := s.head()
	return h.Level
}

// Lineage is the lineage of the history; "" is the first one.
func (s *Store) Lineage() string {
	h := s.head()
	return h.Lineage
}

// Figures sums up the casino.
func (s *Store) Figures() command.Figures {
	h := s.head()
	return h.Figures(s.house.Games)
}

// Position returns the machine's record, and the entry of the log after which it stood so.
func (s *Store) Position() (index, term uint64, record machine.Record, err error) {
	err = s.db.View(func(r *engine.Reader) error {
		index, term = r.Applied()
		record, err = recordOf(r)
		return err
	})
	return index, term, record, err
}
