package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"imperio/games/fair"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// What can be read of the state. Every method sees all that was applied before it was called.

// Session finds the session of a token, one that has expired too: its id, account, role and end. Every request asks
// for it; Sessions tells more.
func (s *Store) Session(token command.TokenHash) (v command.Session, ok bool, err error) {
	if v, ok = s.sessions.get(token); ok {
		return v, true, nil
	}
	err = s.read(func(r *reader) error {
		if v, ok, err = r.session(token); ok {
			s.sessions.put(token, v) // under the read lock: it can't be ended between the look and this
		}
		return err
	})
	return v, ok, err
}

// Credentials finds what a sign-in is checked against, by folded name or e-mail address.
func (s *Store) Credentials(login string) (v command.Credentials, ok bool, err error) {
	err = s.read(func(r *reader) error {
		id, found, err := r.accountByName(login)
		if err != nil || !found {
			return err
		}
		a, found, err := loadOf[AccountRecord](r, bAccounts, id)
		if err == nil && !found {
			err = r.missing("a name leads to account %d, which is missing", id)
		}
		if err != nil {
			return err
		}
		w, _, err := loadOf[WalletRecord](r, bWallets, id)
		v = command.Credentials{Account: id, PasswordHash: a.PasswordHash, Locked: w.Locked, OpenedUnder: a.OpenedUnder}
		if w.ExcludedUntil > r.head.Time { // by the machine's time, which can be ahead of the clock
			v.Excluded = at(w.ExcludedUntil)
		}
		ok = true
		return err
	})
	return v, ok, err
}

// Account tells of an account.
func (s *Store) Account(id command.AccountID) (v command.Account, ok bool, err error) {
	err = s.read(func(r *reader) error {
		v, ok, err = r.account(id)
		return err
	})
	return v, ok, err
}

// Accounts lists accounts by rising id, from the id from on, up to limit. next is 0 at the end.
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

// Sessions lists the sessions of an account, newest first, expired ones too.
func (s *Store) Sessions(id command.AccountID) (list []command.Session, err error) {
	err = s.read(func(r *reader) error {
		refs, err := r.sessionRefs(id)
		if err != nil {
			return err
		}
		for i := len(refs) - 1; i >= 0; i-- {
			v, err := r.sessionOf(id, &refs[i])
			if err != nil {
				return err
			}
			list = append(list, v)
		}
		return nil
	})
	return list, err
}

// Fairness tells of an account's seeds.
func (s *Store) Fairness(id command.AccountID) (v command.Fairness, ok bool, err error) {
	err = s.read(func(r *reader) error {
		w, found, err := loadOf[WalletRecord](r, bWallets, id)
		if err != nil || !found {
			return err
		}
		seeds, err := r.seeds(id)
		if err != nil {
			return err
		}
		ok = true
		v = command.Fairness{
			Pair: seeds.Pair, Commitment: fair.Commitment(seeds.Server), NextCommitment: fair.Commitment(seeds.Next),
			ClientSeed: seeds.Client, DefaultSeed: seeds.Default, Nonce: w.Nonce, OpenRound: w.OpenRound,
		}
		return nil
	})
	return v, ok, err
}

// Statistics sums up an account's settled rounds, game by game in the ledger's order.
func (s *Store) Statistics(id command.AccountID) (list []command.GameStatistics, err error) {
	err = s.read(func(r *reader) error {
		w, _, err := loadOf[WalletRecord](r, bWallets, id)
		for i, g := range w.Games {
			list = append(list, command.GameStatistics{
				Game: ledger.Games[i], Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid, BiggestWin: g.Biggest,
			})
		}
		return err
	})
	return list, err
}

// Limits tells of a player's own limits at a time.
func (s *Store) Limits(id command.AccountID, now time.Time) (v command.Limits, err error) {
	err = s.read(func(r *reader) error {
		l, err := r.limitsAt(id, now.UnixMilli())
		if err == nil {
			v = *l
		}
		return err
	})
	return v, err
}

// OpenRound finds the round that waits for its player's decisions.
func (s *Store) OpenRound(id command.AccountID) (v command.Round, ok bool, err error) {
	err = s.read(func(r *reader) error {
		w, found, err := loadOf[WalletRecord](r, bWallets, id)
		if err != nil || !found || w.OpenRound == 0 {
			return err
		}
		v, ok, err = r.round(id, w.OpenRound)
		if err == nil && !ok {
			err = r.missing("round %d, which is open, is not one of account %d", w.OpenRound, id)
		}
		return err
	})
	return v, ok, err
}

// OpenRoundsBefore lists rounds whose players did nothing in them since a time, oldest first, as it was at the last
// checkpoint: a player may have acted since then.
func (s *Store) OpenRoundsBefore(t time.Time, limit int) (list []command.RoundID, err error) {
	err = s.read(func(r *reader) error {
		r.live, r.frozen = newLayer(), nil // what is only in memory was opened just now
		return r.each(bOpenRounds, nil, func(k, _ []byte) error {
			o, ok, err := load[OpenRoundRecord](r, bOpenRounds, k)
			if err != nil || !ok {
				return err
			}
			if len(list) == limit || !at(o.Round.OpenedAt).Before(t) {
				return errStop
			}
			if at(o.ActedAt).Before(t) {
				list = append(list, o.Round.ID)
			}
			return nil
		})
	})
	return list, err
}

// Round finds one round of an account, open or settled. Another account's round is not found.
func (s *Store) Round(_ context.Context, id command.AccountID, round command.RoundID) (v command.Round, ok bool, err error) {
	err = s.read(func(r *reader) error {
		v, ok, err = r.round(id, round)
		return err
	})
	return v, ok, err
}

// round puts a round together from the event that opened it and, if that is another, the one that settled it or the
// open round's record.
func (r *reader) round(id command.AccountID, round command.RoundID) (v command.Round, ok bool, err error) {
	e, ok, err := r.event(uint64(round))
	if err != nil || !ok || e.Account != id || e.Round == nil || e.Round.ID != round {
		return v, false, err
	}
	v, err = r.roundAt(&e)
	return v, err == nil, err
}

// roundAt is the round that an event opened, as it stands now.
func (r *reader) roundAt(opened *Event) (v command.Round, err error) {
	rec, settled := opened.Round, opened.Time
	if !rec.Settled {
		key := roundKey(rec.ID)
		o, open, err := load[OpenRoundRecord](r, bOpenRounds, key)
		if err != nil {
			return v, err
		}
		if open {
			rec = &o.Round
		} else {
			at, err := r.get(bSettlements, key)
			if err != nil {
				return v, err
			}
			if len(at) != 8 {
				return v, &DamageError{File: r.file, What: fmt.Sprintf("round %d is neither open nor settled", rec.ID)}
			}
			e, ok, err := load[Event](r, bHistory, at)
			if err != nil {
				return v, err
			}
			if !ok || e.Round == nil {
				return v, &DamageError{File: r.file, What: fmt.Sprintf("the event that settled round %d is missing", rec.ID)}
			}
			rec, settled = e.Round, e.Time
		}
	}
	fillRound(&v, opened.Account, rec)
	if v.Settled {
		v.SettledAt = at(settled)
	}
	return v, r.proof(&v)
}

// Lists walk an account's chain of events from the newest back. The chain never changes behind its head, so it is
// read some events at a time, and commands are applied in between.
const (
	chainStep = 64   // events read under one lock
	chainMost = 4096 // events looked at for one page; a page that finds less than it wants ends with a cursor
)

// walk visits an account's chain from the event from (0: the newest) back, until fn says stop, the chain ends, or
// chainMost events were seen. next is the event to go on with, 0 at the end of the chain.
func (s *Store) walk(ctx context.Context, id command.AccountID, from uint64, fn func(r *reader, e *Event) (more bool, err error)) (next uint64, err error) {
	next, begun := from, from != 0
	for seen, more := 0, true; more && seen < chainMost; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		err := s.read(func(r *reader) error {
			if !begun {
				w, _, err := loadOf[WalletRecord](r, bWallets, id)
				if err != nil {
					return err
				}
				next, begun = w.Last, true
			}
			for range chainStep {
				if next == 0 {
					more = false
					return nil
				}
				e, ok, err := r.event(next)
				if err != nil {
					return err
				}
				if seen == 0 && (!ok || e.Account != id) {
					return errNoCursor
				} else if e.Account != id {
					return r.missing("event %d is in the chain of account %d, and not one of it", next, id)
				}
				seen++
				if more, err = fn(r, &e); err != nil || !more {
					return err
				}
				next = e.Back
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return next, nil
}

// errNoCursor refuses a cursor that no list of the account gave.
var errNoCursor = &command.Refusal{Code: "bad_request", Message: "The cursor is not the next_cursor of an earlier answer."}

// A transfers cursor is the event to go on with and how many of its transfers are still to come.
const transferBits = 3

// Transfers lists an account's transfers, newest first.
func (s *Store) Transfers(ctx context.Context, id command.AccountID, p command.Page) (list []command.Transfer, next uint64, err error) {
	left := math.MaxInt
	if p.Before != 0 {
		if left = int(p.Before & (1<<transferBits - 1)); left == 0 || p.Before>>transferBits == 0 {
			return nil, 0, errNoCursor
		}
	}
	at0 := uint64(0) // where a full page goes on
	seq, err := s.walk(ctx, id, p.Before>>transferBits, func(_ *reader, e *Event) (bool, error) {
		for i := min(left, len(e.Transfers)) - 1; i >= 0; i-- {
			t, mine := transferOf(e, i, id)
			if !mine || p.Kind != 0 && t.Kind != p.Kind || p.Game != "" && t.Game != p.Game {
				continue
			}
			if len(list) == p.Limit {
				at0 = e.Seq<<transferBits | uint64(i+1)
				return false, nil
			}
			list = append(list, t)
		}
		left = math.MaxInt
		return true, nil
	})
	if at0 == 0 && seq != 0 {
		at0 = seq<<transferBits | (1<<transferBits - 1)
	}
	return list, at0, err
}

// transferOf is the i-th transfer of an event as the account sees it, if it is one of its own.
func transferOf(e *Event, i int, id command.AccountID) (command.Transfer, bool) {
	t := e.Transfers[i]
	v := command.Transfer{ID: fmt.Sprintf("%d.%d", e.Seq, i), Time: at(e.Time), Kind: t.Kind, Game: e.Game()}
	if e.Round != nil {
		v.Round = e.Round.ID
	}
	switch ledger.Player(id) {
	case t.To:
		v.Amount, v.BalanceAfter = t.Amount, t.ToAfter
	case t.From:
		v.Amount, v.BalanceAfter = -t.Amount, t.FromAfter
	default:
		return v, false
	}
	return v, true
}

// Rounds lists an account's rounds, the newest opened first.
func (s *Store) Rounds(ctx context.Context, id command.AccountID, p command.Page) (list []command.Round, next uint64, err error) {
	next, err = s.walk(ctx, id, p.Before, func(r *reader, e *Event) (bool, error) {
		if e.Kind != RoundPlayed && e.Kind != RoundOpened || p.Game != "" && e.Game() != p.Game {
			return true, nil
		}
		if len(list) == p.Limit {
			return false, nil
		}
		v, err := r.roundAt(e)
		list = append(list, v)
		return true, err
	})
	return list, next, err
}

// RevealedPairs lists an account's revealed seed pairs, newest first. A cursor is the number of a pair plus 1.
func (s *Store) RevealedPairs(_ context.Context, id command.AccountID, p command.Page) (list []command.RevealedPair, next uint64, err error) {
	err = s.read(func(r *reader) error {
		seeds, ok, err := loadOf[SeedsRecord](r, bSeeds, id)
		if err != nil || !ok {
			return err
		}
		n := uint64(seeds.Pair) // one above the newest revealed pair
		if p.Before != 0 {
			if p.Before > n {
				return errNoCursor
			}
			n = p.Before
		}
		for ; n > 0 && len(list) < p.Limit; n-- {
			no := uint32(n - 1)
			pair, ok, err := load[PairRecord](r, bPairs, pairKey(id, no))
			if err != nil {
				return err
			}
			if !ok {
				return &DamageError{File: r.file, What: fmt.Sprintf("seed pair %d of account %d is missing", no, id)}
			}
			list = append(list, revealed(no, &pair))
		}
		next = n
		return nil
	})
	return list, next, err
}

// Value reads a value of the house itself.
func (s *Store) Value(name string) (v command.Stored, ok bool, err error) {
	err = s.read(func(r *reader) error {
		rec, found, err := load[valueRecord](r, bValues, []byte(name))
		v, ok = command.Stored{Value: rec.Value, Modified: at(rec.Modified)}, found
		return err
	})
	return v, ok, err
}

// ValueNames lists the names of house values that begin with prefix, sorted.
func (s *Store) ValueNames(prefix string) (names []string, err error) {
	err = s.read(func(r *reader) error {
		return r.each(bValues, []byte(prefix), func(k, _ []byte) error {
			if !strings.HasPrefix(string(k), prefix) {
				return errStop
			}
			names = append(names, string(k))
			return nil
		})
	})
	return names, err
}

// Head is the newest event of the history: its number and its hash, which pins all events before it.
func (s *Store) Head() (event uint64, hash [32]byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head.Events, s.head.Head
}

// Figures sums up the casino.
func (s *Store) Figures() command.Figures {
	s.mu.RLock()
	h := s.head
	s.mu.RUnlock()
	f := command.Figures{
		Accounts: uint64(h.NextAccount - command.FirstAccountID), Sessions: h.Sessions, OpenRounds: h.OpenRounds, Events: h.Events,
		LedgerSum: h.Books.Sum(), Escrow: h.Books.House[ledger.Escrow], Issue: h.Books.House[ledger.Issue],
		Players: h.Books.Players, Houses: make(map[string]command.GameFigures, len(ledger.Games)),
	}
	for i, g := range h.Games {
		f.Houses[ledger.Games[i]] = command.GameFigures{
			Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid, Balance: h.Books.House[ledger.HouseSlots+ledger.Account(i)],
		}
	}
	return f
}

// eventNumber reads a key of the history.
func eventNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key) }
