package machine

import (
	"errors"
	"fmt"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// placeWager opens a round. The stake leaves the balance, the round takes the next nonce, and the game is played until the
// player has to decide. If there is nothing to decide, the round is settled.
func (m *Machine) placeWager(b command.PlaceWager) (command.Result, error) {
	id := m.command.Account
	version, known := m.house.Games.Version(b.Rules)
	if !known {
		return command.Result{}, unknownRules(b.Rules)
	}
	w, refusal, err := m.player(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.OpenRound != 0 && version.Of().StaysOpen() {
		return command.Refusef("round_open", "Round %d is still open. Finish it first.", w.OpenRound), nil
	}
	if b.Stake < 1 || b.Stake > m.is().mostCoins {
		return command.Refusef("stake_out_of_range", "A stake is 1 to %d coins.", m.is().mostCoins), nil
	}
	if r, err := m.refuseStake(id, &w, b.Stake); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	if r := m.refuseHouse(version.Of()); r != nil {
		return command.Result{Refusal: r}, nil
	}
	seed, err := m.activeSeed(id)
	if err != nil {
		return command.Result{}, err
	}
	round := RoundRecord{
		ID: command.RoundID(m.head.Events + 1), Rules: b.Rules, Stake: b.Stake, Bets: b.Bets,
		Nonce: w.Nonce, Pair: seed.pair, OpenedAt: m.now,
	}
	p, err := version.Play(seed.stream(&round), round.Wager())
	if r := refusalOf(err); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if err != nil {
		return command.Result{}, fmt.Errorf("play %s: %w", b.Rules, err)
	}
	if p.Staked != b.Stake {
		return command.Result{}, fmt.Errorf("play %s: staked %d for a stake of %d", b.Rules, p.Staked, b.Stake)
	}

	w.Nonce++
	e := Event{Kind: RoundOpened, Round: &round}
	e.Transfers = make([]ledger.Transfer, 0, 2)
	if p.Settled {
		e.Kind = RoundPlayed
	} else {
		w.OpenRound = round.ID
		m.head.OpenRounds++
	}
	if err := m.advance(id, &w, version.Of(), &round, p, &e); err != nil {
		return command.Result{}, err
	}
	return m.wagerResult(&e, &round, seed)
}

// unknownRules is the error for a round under rules that this program does not know. Only the house chooses rules.
func unknownRules(rules string) error {
	return &command.NewerError{What: fmt.Sprintf("the log holds a round under the rules %q, which this program does not know", rules)}
}

// takeAction takes an action in the account's open round.
func (m *Machine) takeAction(b command.TakeAction) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.player(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.OpenRound != b.Round || b.Round == 0 {
		return m.refuseOtherRound(id, b.Round)
	}
	o, ok, err := m.openRound(b.Round)
	if err != nil {
		return command.Result{}, err
	}
	if !ok || o.Account != id {
		return command.Result{}, fmt.Errorf("open round %d of account %d is not among the open rounds", b.Round, id)
	}
	if taken := len(o.Round.Actions); b.Taken != nil && *b.Taken != taken {
		return command.Refusef("round_moved", "Round %d has moved on since you saw it: it now has %d actions, not %d. Look at it again, then decide.",
			b.Round, taken, *b.Taken), nil
	}
	return m.act(&w, &o, []string{b.Action}, Event{Kind: ActionTaken})
}

// refuseOtherRound says why a round that is not the account's open one accepts no action. Callers can't tell another
// player's round from a missing one.
func (m *Machine) refuseOtherRound(id command.AccountID, round command.RoundID) (command.Result, error) {
	e, ok, err := m.Event(uint64(round))
	if err != nil {
		return command.Result{}, err
	}
	if ok && e.Account == id && e.Round != nil && e.Round.ID == round {
		return command.Refusef("round_settled", "Round %d is settled.", round), nil
	}
	return command.Refusef("round_not_found", "You have no such round."), nil
}

// settleAbandoned settles a round that its player has left, by the rule of the game.
func (m *Machine) settleAbandoned(b command.SettleAbandoned) (command.Result, error) {
	o, ok, err := m.openRound(b.Round)
	if err != nil {
		return command.Result{}, err
	}
	if !ok {
		return command.Refusef("round_settled", "Round %d is not open.", b.Round), nil
	}
	if b.Before != 0 && o.ActedAt >= b.Before {
		return command.Refusef("round_moved", "Round %d is not abandoned: its player is back.", b.Round), nil
	}
	w, ok, err := m.wallet(o.Account)
	if err != nil {
		return command.Result{}, err
	}
	if !ok || w.OpenRound != b.Round {
		return command.Result{}, fmt.Errorf("round %d is open, but not in the wallet of account %d", b.Round, o.Account)
	}
	version, ok := m.house.Games.Version(o.Round.Rules)
	if !ok || version.Abandoned == nil {
		return command.Result{}, fmt.Errorf("rules %s leave rounds open but have no rule for abandoned ones", o.Round.Rules)
	}
	left := o.Round
	if err := m.deal(o.Account, &left); err != nil {
		return command.Result{}, err
	}
	actions, err := version.Abandoned.Actions(left.Draws, left.Wager())
	if err != nil {
		return command.Result{}, fmt.Errorf("settle abandoned round %d: %w", b.Round, err)
	}
	return m.act(&w, &o, actions, Event{Kind: AbandonedSettled, Before: b.Before})
}

// act continues an open round with some actions. The event records them.
func (m *Machine) act(w *WalletRecord, o *OpenRoundRecord, actions []string, e Event) (command.Result, error) {
	id, r := o.Account, o.Round
	version, known := m.house.Games.Version(r.Rules)
	if !known {
		return command.Result{}, unknownRules(r.Rules)
	}
	seed, err := m.activeSeed(id)
	if err != nil {
		return command.Result{}, err
	}
	r.Actions = append(r.Actions[:len(r.Actions):len(r.Actions)], actions...)
	p, err := version.Play(seed.stream(&r), r.Wager())
	if refusal := refusalOf(err); refusal != nil {
		return command.Result{Refusal: refusal}, nil
	}
	if err != nil {
		return command.Result{}, fmt.Errorf("play %s: %w", r.Rules, err)
	}
	if more := p.Staked - r.Staked; more > 0 {
		if refusal, err := m.refuseStake(id, w, more); refusal != nil || err != nil {
			return command.Result{Refusal: refusal}, err
		}
	}
	e.Round = &r
	if err := m.advance(id, w, version.Of(), &r, p, &e); err != nil {
		return command.Result{}, err
	}
	return m.wagerResult(&e, &r, seed)
}

// advance takes a round to a new position: it takes the additional stake, and pays out if the round is settled. It records
// the event, and stores the wallet and the round.
func (m *Machine) advance(id command.AccountID, w *WalletRecord, game *games.Descriptor, r *RoundRecord, p games.Position, e *Event) error {
	house := ledger.House(game)
	opening := r.Staked == 0
	more := p.Staked - r.Staked
	r.Draws, r.Staked, r.Payout, r.Settled, r.Allowed = p.Draws, p.Staked, p.Payout, p.Settled, p.Allowed

	move := func(kind command.TransferKind, from, to ledger.Account, amount coins) error {
		t, err := m.head.Books.Move(kind, from, to, amount, &w.Balance)
		e.Transfers = append(e.Transfers, t)
		return err
	}
	player, stakes := ledger.Player(id), ledger.Escrow
	if opening && p.Settled {
		stakes = house // the round is over in the command that opens it: nothing to hold
	}
	if more > 0 {
		kind := command.TransferRaise
		if opening {
			kind = command.TransferStake
		}
		if err := move(kind, player, stakes, more); err != nil {
			return err
		}
		m.countStake(w, more)
	} else if more < 0 {
		return fmt.Errorf("play %s: stakes went from %d down to %d", r.Rules, r.Staked-more, r.Staked)
	}
	if stakes == ledger.Escrow {
		w.Held += more
	}
	if p.Settled {
		if stakes == ledger.Escrow {
			if err := move(command.TransferSettle, ledger.Escrow, house, r.Staked); err != nil {
				return err
			}
			w.Held -= r.Staked
			w.OpenRound = 0
			m.head.OpenRounds--
			m.state.Delete(tableOpenRounds, roundKey(r.ID))
			m.state.Put(tableSettlements, roundKey(r.ID), eventKey(m.head.Events+1))
		}
		if p.Payout < 0 {
			return fmt.Errorf("play %s: payout %d", r.Rules, p.Payout)
		}
		if p.Payout > 0 {
			if err := move(command.TransferPayout, house, player, p.Payout); err != nil {
				return err
			}
		}
		m.countPayout(w, p.Payout, r.OpenedAt)
		w.Games = w.Games.With(game.Number, r)
		m.head.Games = m.head.Games.With(game.Number, r)
		if err := m.countInSeason(id, w, r); err != nil {
			return err
		}
		if err := m.reachByRound(id, w, r, e); err != nil {
			return err
		}
		return m.recordOn(id, w, e)
	}
	if err := m.put(tableOpenRounds, roundKey(r.ID), OpenRoundRecord{Account: id, Round: r.stored(), ActedAt: m.now}); err != nil {
		return err
	}
	l, err := m.limits(id, w)
	if err != nil {
		return err
	}
	if room := int64(l.room(w, m.now, m.is().playBreak)); room < int64(w.Balance) {
		e.Room = &room
	}
	return m.recordOn(id, w, e)
}

// refuseStake says why an account can't afford a stake: too few coins, or one of the player's own limits; nil: it can.
func (m *Machine) refuseStake(id command.AccountID, w *WalletRecord, stake coins) (*command.Refusal, error) {
	if stake > w.Balance {
		return &command.Refusal{Code: "insufficient_coins",
			Message: fmt.Sprintf("This costs %d coins and the balance is %d.", stake, w.Balance)}, nil
	}
	if tooRich(w) {
		return &command.Refusal{Code: "stake_out_of_range", Message: "The balance is too high to play."}, nil
	}
	return m.refuseByLimits(id, w, stake)
}

// tooRich says whether a balance is so high that a payout could take it out of the range of Coins.
func tooRich(w *WalletRecord) bool { return w.Balance > games.MaxCoins/2 }

// refuseHouse refuses new rounds of a game whose house has won or lost so much that a round could take its balance out of
// the range of Coins. No casino gets there by play, but a command that can't be applied would stop the casino for ever.
func (m *Machine) refuseHouse(game *games.Descriptor) *command.Refusal {
	if c := m.head.Books.Of(ledger.House(game)); -games.MaxCoins/2 <= c && c <= games.MaxCoins/2 {
		return nil
	}
	return &command.Refusal{Code: "stake_out_of_range", Message: "The house can't take more bets in this game."}
}

// holder returns the wallet of an account, or the refusal that there is no such account.
func (m *Machine) holder(id command.AccountID) (WalletRecord, *command.Refusal, error) {
	w, ok, err := m.wallet(id)
	if err == nil && (!ok || w.Deleted) {
		return w, noAccount(id), nil
	}
	return w, nil, err
}

// player returns the wallet of an account that may play, or the refusal that says why it may not.
func (m *Machine) player(id command.AccountID) (WalletRecord, *command.Refusal, error) {
	w, refusal, err := m.holder(id)
	if refusal == nil && err == nil {
		refusal = m.barred(&w)
	}
	return w, refusal, err
}

func noAccount(id command.AccountID) *command.Refusal {
	return &command.Refusal{Code: "account_not_found", Message: fmt.Sprintf("There is no account %d.", id)}
}

// barred says why an account may not play at all; nil: it may.
func (m *Machine) barred(w *WalletRecord) *command.Refusal {
	if w.Locked {
		return &command.Refusal{Code: "account_locked", Message: "This account is locked. Ask the operator."}
	}
	if w.ExcludedUntil > m.now {
		return &command.Refusal{Code: "excluded", Message: "You excluded yourself from playing.", Until: at(w.ExcludedUntil)}
	}
	return nil
}

// refusalOf returns a game's refusal; nil if err is something else.
func refusalOf(err error) *command.Refusal {
	var r *games.Refusal
	if errors.As(err, &r) {
		return &command.Refusal{Code: r.Code, Message: r.Message}
	}
	return nil
}
