package machine

import (
	"fmt"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

type coins = games.Coins

// collectDailyCoins grants the daily coins, once in 24 hours.
func (m *Machine) collectDailyCoins(b command.CollectDailyCoins) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.player(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.DailyNext > m.now {
		return command.Result{Refusal: &command.Refusal{Code: "already_collected",
			Message: "You have already collected the daily coins.", Until: at(w.DailyNext)}}, nil
	}
	if r := m.refuseGrant(&w, max(b.Amount, 0)); r != nil {
		return command.Result{Refusal: r}, nil
	}
	w.DailyNext = m.now + dayMillis
	t, err := m.head.Books.Move(command.TransferDaily, ledger.Issue, ledger.Player(id), b.Amount, &w.Balance)
	if err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: DailyCollected, Transfers: []ledger.Transfer{t}, Until: w.DailyNext}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// grantCoins gives coins to an account or takes them back, by an operator's decision.
func (m *Machine) grantCoins(b command.GrantCoins) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if r := m.refuseGrant(&w, b.Amount); r != nil {
		return command.Result{Refusal: r}, nil
	}
	before := w.Balance
	var t ledger.Transfer
	if b.Amount > 0 {
		t, err = m.head.Books.Move(command.TransferGrant, ledger.Issue, ledger.Player(id), b.Amount, &w.Balance)
	} else {
		t, err = m.head.Books.Move(command.TransferGrant, ledger.Player(id), ledger.Issue, -b.Amount, &w.Balance)
	}
	if err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: CoinsGranted, Transfers: []ledger.Transfer{t}, Act: &Act{
		Actor: b.Actor, Reason: b.Reason, Before: fmt.Sprint(before), After: fmt.Sprint(w.Balance)}}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// answerNew answers from an event that was just recorded.
func (m *Machine) answerNew(e *Event) (command.Result, error) {
	r, err := m.answer(e)
	r.Replayed = false
	return r, err
}

// refuseGrant returns why a balance can't change by an amount; nil: it can.
func (m *Machine) refuseGrant(w *WalletRecord, amount coins) *command.Refusal {
	switch {
	case amount == 0, amount > m.is().mostCoins, amount < -games.MaxCoins:
		return &command.Refusal{Code: "amount_out_of_range", Message: fmt.Sprintf("An amount is 1 to %d coins, or negative to take coins back.", m.is().mostCoins)}
	case w.Balance+amount < 0:
		return &command.Refusal{Code: "insufficient_coins", Message: fmt.Sprintf("The balance is only %d coins.", w.Balance)}
	case w.Balance+amount > games.MaxCoins/2:
		return &command.Refusal{Code: "amount_out_of_range", Message: fmt.Sprintf("The balance would pass %d coins.", games.MaxCoins/2)}
	case m.issueExhausted(amount):
		return noCoinsLeft().Refusal
	}
	return nil
}

// issueExhausted reports whether an amount can no longer be issued: a casino never holds more than MaxCoins.
func (m *Machine) issueExhausted(amount coins) bool {
	return amount > 0 && m.head.Books.Of(ledger.Issue)-amount < -games.MaxCoins
}

func noCoinsLeft() command.Result {
	return command.Refusef("amount_out_of_range", "There can't be more than %d coins in a casino.", games.MaxCoins)
}

// signedGrant is the amount of a grant as the operator gave it: negative if coins were taken back.
func signedGrant(t ledger.Transfer) coins {
	if t.From.IsPlayer() {
		return -t.Amount
	}
	return t.Amount
}
