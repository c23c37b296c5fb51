package storage

import (
	"context"
	"math"

	"imperio/storage/command"
	"imperio/storage/machine"
)

// Lists walk an account's chain of events from the newest back: the chain of all its events, or a short one (machine.Chain)
// if that holds everything asked for. Only the head of a chain changes, so a few events are read under one lock, and commands
// are applied in between.
const (
	chainStep = 64   // events read under one lock
	chainMost = 4096 // events read for one page; a page may end early, with a cursor
)

// walk visits an account's chain from the event from (0: the newest) back, until fn stops it, the chain ends, or chainMost
// events were seen. If chain is nil, it is the chain of all events. From an event outside of a short chain, walk goes back to
// one that is in it. next is the event to continue with; 0 at the end of the chain.
func (s *Store) walk(ctx context.Context, id command.AccountID, chain *machine.Chain, from uint64, fn func(r *machine.Reader, e *machine.Event) (more bool, err error)) (next uint64, err error) {
	next, begun := from, from != 0
	for seen, more := 0, true; more && seen < chainMost; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		err := s.view(func(r *machine.Reader) error {
			if !begun {
				w, _, err := r.Wallet(id)
				if err != nil {
					return err
				}
				next, begun = w.Last, true
				if chain != nil {
					next = w.Newest(*chain)
				}
			}
			for range chainStep {
				if next == 0 {
					more = false
					return nil
				}
				e, ok, err := r.Event(next)
				if err != nil {
					return err
				}
				if seen == 0 && (!ok || e.Account != id) {
					return machine.ErrNoCursor
				} else if e.Account != id {
					return r.Damage("event %d is in the chain of account %d, but belongs to another account", next, id)
				}
				seen++
				if more, err = fn(r, &e); err != nil || !more {
					return err
				}
				next = e.Back
				if chain != nil {
					if in, ok := e.Chain(s.house.Games); ok && in == *chain {
						next = e.BackAlike
					}
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return next, nil
}

// A cursor of transfers holds the event to continue with, and how many of its transfers are left.
const transferBits = 3

// Transfers lists an account's transfers, newest first.
func (s *Store) Transfers(ctx context.Context, id command.AccountID, p command.Page) (list []command.Transfer, next uint64, err error) {
	left := math.MaxInt
	if p.Before != 0 {
		if left = int(p.Before & (1<<transferBits - 1)); left == 0 || p.Before>>transferBits == 0 {
			return nil, 0, machine.ErrNoCursor
		}
	}
	chain := s.chainOf(p.Game)
	if in, ok := machine.ChainOf(p.Kind); ok {
		chain = &in
	}
	at0 := uint64(0) // where the page after a full one begins
	seq, err := s.walk(ctx, id, chain, p.Before>>transferBits, func(_ *machine.Reader, e *machine.Event) (bool, error) {
		for i := min(left, len(e.Transfers)) - 1; i >= 0; i-- {
			t, mine := e.TransferOf(i, id)
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

// Rounds lists an account's rounds, most recently opened first.
func (s *Store) Rounds(ctx context.Context, id command.AccountID, p command.Page) (list []command.Round, next uint64, err error) {
	next, err = s.walk(ctx, id, s.chainOf(p.Game), p.Before, func(r *machine.Reader, e *machine.Event) (bool, error) {
		if e.Kind != machine.RoundPlayed && e.Kind != machine.RoundOpened || p.Game != "" && e.Game() != p.Game {
			return true, nil
		}
		if len(list) == p.Limit {
			return false, nil
		}
		v, err := r.RoundOpenedBy(e)
		list = append(list, v)
		return true, err
	})
	return list, next, err
}

// chainOf is the short chain of a game's rounds; nil for all events of an account.
func (s *Store) chainOf(game string) *machine.Chain {
	if d, ok := s.house.Games.Named(game); ok {
		return new(machine.Chain(d.Number))
	}
	return nil
}
