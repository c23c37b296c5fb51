package machine

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"imperio/games"
	"imperio/games/fair"
	"imperio/storage/command"
)

// wagerResult is the answer to a player's bet or action, with the proof that exists so far.
func (m *Machine) wagerResult(e *Event, r *RoundRecord, s *activeSeed) (command.Result, error) {
	v := &command.RoundResult{Coins: coins(e.Coins), Held: coins(e.Held), Room: e.room()}
	fillRound(&v.Round, e.Account, r)
	if r.Settled {
		v.Round.SettledAt = at(m.now)
	}
	v.Round.Commitment, v.Round.ClientSeed = hex.EncodeToString(s.commitment[:]), s.client
	return command.Result{Value: v}, nil
}

// fillRound copies a record into a round.
func fillRound(v *command.Round, id command.AccountID, r *RoundRecord) {
	v.ID, v.Account, v.Rules, v.Wager = r.ID, id, r.Rules, r.Wager()
	v.Draws, v.Staked, v.Payout, v.Settled, v.Allowed = r.Draws, r.Staked, r.Payout, r.Settled, r.Allowed
	v.OpenedAt, v.Nonce, v.Pair = at(r.OpenedAt), r.Nonce, r.Pair
}

// roundResult rebuilds the answer that was given when the event was recorded.
func (m *Machine) roundResult(e *Event) (*command.RoundResult, error) {
	v := &command.RoundResult{Coins: coins(e.Coins), Held: coins(e.Held), Room: e.room()}
	round := *e.Round
	if err := m.deal(e.Account, &round); err != nil {
		return nil, err
	}
	fillRound(&v.Round, e.Account, &round)
	if e.Round.Settled {
		v.Round.SettledAt = at(e.Time)
	}
	return v, m.proof(&v.Round)
}

// Round finds one round of an account, open or settled. Another account's round is not found.
func (r *Reader) Round(id command.AccountID, round command.RoundID) (v command.Round, ok bool, err error) {
	e, ok, err := r.Event(uint64(round))
	if err != nil || !ok || e.Account != id || e.Round == nil || e.Round.ID != round {
		return v, false, err
	}
	v, err = r.RoundOpenedBy(&e)
	return v, err == nil, err
}

// RoundOpenedBy returns the current state of the round that an event opened. It reads that event, the record of the open
// round, or the event that settled it.
func (r *Reader) RoundOpenedBy(opened *Event) (v command.Round, err error) {
	rec, settled := opened.Round, opened.Time
	if !rec.Settled {
		o, open, err := r.openRound(rec.ID)
		if err != nil {
			return v, err
		}
		if open {
			rec = &o.Round
		} else {
			by, err := r.Settlement(rec.ID)
			if err == nil && by == 0 {
				err = r.Damage("round %d is neither open nor settled", rec.ID)
			}
			if err != nil {
				return v, err
			}
			e, ok, err := r.Event(by)
			if err == nil && (!ok || e.Round == nil) {
				err = r.Damage("the event that settled round %d is missing", rec.ID)
			}
			if err != nil {
				return v, err
			}
			rec, settled = e.Round, e.Time
		}
	}
	round := *rec
	if err := r.deal(opened.Account, &round); err != nil {
		return v, err
	}
	fillRound(&v, opened.Account, &round)
	if v.Settled {
		v.SettledAt = at(settled)
	}
	return v, r.proof(&v)
}

// RoundSettledBy returns the round that an event settled.
func (r *Reader) RoundSettledBy(e *Event) (v command.Round, err error) {
	fillRound(&v, e.Account, e.Round)
	v.SettledAt = at(e.Time)
	return v, r.proof(&v)
}

// deal gives the record of an open round its draws, which are not stored: the round is played again from its seed.
func (r *Reader) deal(id command.AccountID, round *RoundRecord) error {
	if round.Settled {
		return nil
	}
	version, known := r.house.Games.Version(round.Rules)
	if !known {
		return unknownRules(round.Rules)
	}
	server, client, err := r.seedOf(id, round.Pair)
	if err != nil {
		return err
	}
	p, err := version.Play(fair.NewStream(server, round.Rules, client, round.Nonce), round.Wager())
	if err != nil {
		return r.view.Damage(fmt.Sprintf("open round %d can't be played again", round.ID), err)
	}
	round.Draws = p.Draws
	return nil
}

// OpenRound finds the round of an account that waits for its player's decisions.
func (r *Reader) OpenRound(id command.AccountID) (v command.Round, ok bool, err error) {
	w, found, err := r.Wallet(id)
	if err != nil || !found || w.OpenRound == 0 {
		return v, false, err
	}
	v, ok, err = r.Round(id, w.OpenRound)
	if err == nil && !ok {
		err = r.Damage("the open round %d does not belong to account %d", w.OpenRound, id)
	}
	return v, ok, err
}

func (r *Reader) openRound(id command.RoundID) (OpenRoundRecord, bool, error) {
	return load[OpenRoundRecord](r, tableOpenRounds, roundKey(id))
}

// OpenRounds visits the open rounds, oldest first, with the number under which each is stored.
func (r *Reader) OpenRounds(fn func(command.RoundID, *OpenRoundRecord) error) error {
	return each(r, tableOpenRounds, nil, func(k, _ []byte, o *OpenRoundRecord) error {
		return fn(command.RoundID(binary.BigEndian.Uint64(k)), o)
	})
}

// AbandonedSince lists up to limit rounds of a game in which the player has done nothing since a time, oldest first.
func (r *Reader) AbandonedSince(game string, t time.Time, limit int) (list []command.RoundID, err error) {
	err = r.OpenRounds(func(id command.RoundID, o *OpenRoundRecord) error {
		if len(list) == limit || !at(o.Round.OpenedAt).Before(t) {
			return errEnough
		}
		if at(o.ActedAt).Before(t) && games.NameOf(o.Round.Rules) == game {
			list = append(list, id)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// errEnough ends a visit early.
var errEnough = errors.New("enough")

// Settlement is the later event that settled a round; 0 if there is none or if the opening event settled it.
func (r *Reader) Settlement(round command.RoundID) (event uint64, err error) {
	v, err := r.view.Get(tableSettlements, roundKey(round))
	if len(v) == 8 {
		event = binary.BigEndian.Uint64(v)
	}
	return event, err
}
