package storage

import (
	"encoding/binary"
	"fmt"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// openAccount makes an account with its first seeds and welcome coins, and signs its player in if asked to.
func (m *machine) openAccount(b command.OpenAccount) (command.Result, error) {
	if !isKey(b.UsernameKey) || b.EmailKey != "" && !isKey(b.EmailKey) || b.Role != command.RolePlayer && b.Role != command.RoleOperator {
		return invalidCommand("name key of %d bytes, e-mail key of %d, role %q", len(b.UsernameKey), len(b.EmailKey), b.Role), nil
	}
	if len(m.command.Entropy) != 2*command.SeedSize {
		return invalidCommand("%d bytes of entropy", len(m.command.Entropy)), nil
	}
	if taken, err := m.get(bUsernames, []byte(b.UsernameKey)); taken != nil || err != nil {
		return command.Refusef("username_taken", "The name %q is taken. Choose another.", b.Username), err
	}
	if b.EmailKey != "" {
		if taken, err := m.get(bEmails, []byte(b.EmailKey)); taken != nil || err != nil {
			return command.Refusef("email_taken", "There is an account with this e-mail address."), err
		}
	}
	if b.WelcomeCoins < 0 || b.WelcomeCoins > command.MaxAmount {
		return command.Refusef("amount_out_of_range", "Welcome coins are 0 to %d.", command.MaxAmount), nil
	}
	if m.issueExhausted(b.WelcomeCoins) {
		return noCoinsLeft(), nil
	}
	if b.Session != nil {
		if r, err := m.refuseSession(b.Session); r != nil || err != nil {
			return command.Result{Refusal: r}, err
		}
	}
	id := m.NextAccount
	m.NextAccount++
	key := accountKey(id)
	m.live.put(bUsernames, []byte(b.UsernameKey), key)
	if b.EmailKey != "" {
		m.live.put(bEmails, []byte(b.EmailKey), key)
	}
	a := AccountRecord{
		Username: b.Username, UsernameKey: b.UsernameKey, Email: b.Email, EmailKey: b.EmailKey,
		PasswordHash: b.PasswordHash, Role: b.Role, CreatedAt: m.now, OpenedUnder: m.command.Key,
	}
	if err := m.put(bAccounts, key, a); err != nil {
		return command.Result{}, err
	}
	seeds, err := firstSeeds(id, m.command.Entropy, m.Events+1)
	if err != nil {
		return command.Result{}, err
	}
	if err := m.putSeeds(id, seeds); err != nil {
		return command.Result{}, err
	}
	var w WalletRecord
	e := Event{Kind: AccountOpened, Seeds: seeds.commitments()}
	if b.Actor != "" {
		e.Act = &Act{Actor: b.Actor, Act: "account_created", After: b.Username}
	}
	if b.WelcomeCoins > 0 {
		t, err := m.Books.Move(command.TransferWelcome, ledger.Issue, ledger.Player(id), b.WelcomeCoins, &w.Balance)
		if err != nil {
			return command.Result{}, err
		}
		e.Transfers = []ledger.Transfer{t}
	}
	if b.Session != nil {
		e.Session = command.SessionID(m.Events + 1)
		if err := m.addSession(id, b.Role, b.Session, e.Session); err != nil {
			return command.Result{}, err
		}
	}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	v, err := m.accountOpened(&e)
	return command.Result{Value: v}, err
}

func (m *machine) accountOpened(e *Event) (*command.AccountOpened, error) {
	a, _, err := m.account(e.Account)
	if err != nil {
		return nil, err
	}
	v := &command.AccountOpened{Account: a}
	if e.Session != 0 {
		s, ok, err := m.sessionByID(e.Account, e.Session)
		if err != nil {
			return nil, err
		}
		if ok {
			v.Session = &s
		}
	}
	return v, nil
}

// changePassword sets another password hash and ends all sessions but one.
func (m *machine) changePassword(b command.ChangePassword) (command.Result, error) {
	id := m.command.Account
	a, ok, err := loadOf[AccountRecord](&m.reader, bAccounts, id)
	if err != nil {
		return command.Result{}, err
	}
	if !ok {
		return command.Result{Refusal: noAccount(id)}, nil
	}
	if b.Actor == "" && a.PasswordHash != b.OldHash {
		return command.Refusef("invalid_credentials", "The current password is not right."), nil
	}
	if b.Login != "" {
		if r, err := m.giveTriesBack(b.Login, b.Address, b.Refill); r != nil || err != nil {
			return command.Result{Refusal: r}, err
		}
	}
	a.PasswordHash = b.NewHash
	if err := m.put(bAccounts, accountKey(id), a); err != nil {
		return command.Result{}, err
	}
	if err := m.dropSessions(id, func(s sessionRef) bool { return s.ID != b.Keep }); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: PasswordChanged, Account: id}
	if b.Actor != "" {
		e.Act = &Act{Actor: b.Actor, Act: "password_set", Reason: b.Reason}
	}
	return command.Result{}, m.recordFor(id, &e)
}

// setLock locks an account or unlocks it.
func (m *machine) setLock(b command.SetLock) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.Locked == b.Locked {
		return command.Result{}, nil // as it should be already
	}
	w.Locked = b.Locked
	e := Event{Kind: AccountUnlocked, Account: id, Act: &Act{Actor: b.Actor, Reason: b.Reason, Before: "locked", After: "unlocked"}}
	if b.Locked {
		e.Kind, e.Act.Before, e.Act.After = AccountLocked, "unlocked", "locked"
		if err := m.dropSessions(id, allSessions); err != nil {
			return command.Result{}, err
		}
	}
	return command.Result{}, m.recordOn(id, &w, &e)
}

// setRole gives an account another role. Its sessions end: they carry the old one.
func (m *machine) setRole(b command.SetRole) (command.Result, error) {
	id := m.command.Account
	if b.Role != command.RolePlayer && b.Role != command.RoleOperator {
		return command.Refusef("invalid_role", "The roles are player and operator."), nil
	}
	a, ok, err := loadOf[AccountRecord](&m.reader, bAccounts, id)
	if err != nil {
		return command.Result{}, err
	}
	if !ok {
		return command.Result{Refusal: noAccount(id)}, nil
	}
	if a.Role == b.Role {
		return command.Result{}, nil
	}
	e := Event{Kind: RoleChanged, Account: id, Act: &Act{Actor: b.Actor, Reason: b.Reason, Before: string(a.Role), After: string(b.Role)}}
	a.Role = b.Role
	if err := m.put(bAccounts, accountKey(id), a); err != nil {
		return command.Result{}, err
	}
	if err := m.dropSessions(id, allSessions); err != nil {
		return command.Result{}, err
	}
	return command.Result{}, m.recordFor(id, &e)
}

// collectDailyCoins grants the daily coins, once in 24 hours.
func (m *machine) collectDailyCoins(b command.CollectDailyCoins) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.player(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.DailyNext > m.now {
		return command.Result{Refusal: &command.Refusal{Code: "already_collected",
			Message: "The daily coins are collected already.", Until: at(w.DailyNext)}}, nil
	}
	if r := m.refuseGrant(&w, max(b.Amount, 0)); r != nil {
		return command.Result{Refusal: r}, nil
	}
	w.DailyNext = m.now + dayMillis
	t, err := m.Books.Move(command.TransferDaily, ledger.Issue, ledger.Player(id), b.Amount, &w.Balance)
	if err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: DailyCollected, Transfers: []ledger.Transfer{t}, Until: w.DailyNext}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// grantCoins gives coins by an operator's decision, or takes them back.
func (m *machine) grantCoins(b command.GrantCoins) (command.Result, error) {
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
		t, err = m.Books.Move(command.TransferGrant, ledger.Issue, ledger.Player(id), b.Amount, &w.Balance)
	} else {
		t, err = m.Books.Move(command.TransferGrant, ledger.Player(id), ledger.Issue, -b.Amount, &w.Balance)
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

// answerNew answers from an event that was recorded just now.
func (m *machine) answerNew(e *Event) (command.Result, error) {
	r, err := m.answer(e)
	r.Replayed = false
	return r, err
}

// refuseGrant says why a balance can't change by an amount, or nil.
func (m *machine) refuseGrant(w *WalletRecord, amount coins) *command.Refusal {
	switch {
	case amount == 0, amount > command.MaxAmount, amount < -games.MaxCoins:
		return &command.Refusal{Code: "amount_out_of_range", Message: fmt.Sprintf("An amount is 1 to %d coins, or what is taken back of a balance.", command.MaxAmount)}
	case w.Balance+amount < 0:
		return &command.Refusal{Code: "insufficient_coins", Message: fmt.Sprintf("The balance is only %d coins.", w.Balance)}
	case w.Balance+amount > games.MaxCoins/2:
		return &command.Refusal{Code: "amount_out_of_range", Message: fmt.Sprintf("The balance would pass %d coins.", games.MaxCoins/2)}
	case m.issueExhausted(amount):
		return noCoinsLeft().Refusal
	}
	return nil
}

// issueExhausted reports whether no more coins can be issued: an amount of coins is never more than MaxCoins, and that
// is also the most that there can be in the casino.
func (m *machine) issueExhausted(amount coins) bool {
	return amount > 0 && m.Books.House[ledger.Issue]-amount < -games.MaxCoins
}

func noCoinsLeft() command.Result {
	return command.Refusef("amount_out_of_range", "There can't be more than %d coins in a casino.", games.MaxCoins)
}

// recordAct writes an operator's act into the history.
func (m *machine) recordAct(b command.RecordAct) (command.Result, error) {
	e := Event{Kind: OperatorActed, Account: m.command.Account, Act: &Act{
		Actor: b.Actor, Act: b.Act, Reason: b.Reason, Before: b.Before, After: b.After}}
	if e.Account == 0 {
		return command.Result{}, m.record(&e)
	}
	w, refusal, err := m.holder(e.Account)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	return command.Result{}, m.recordOn(e.Account, &w, &e)
}

// account tells of an account.
func (r *reader) account(id command.AccountID) (command.Account, bool, error) {
	a, ok, err := loadOf[AccountRecord](r, bAccounts, id)
	if err != nil || !ok {
		return command.Account{}, false, err
	}
	w, ok, err := loadOf[WalletRecord](r, bWallets, id)
	return command.Account{
		ID: id, Username: a.Username, Email: a.Email, Role: a.Role, Coins: w.Balance, HeldCoins: w.Held,
		OpenRound: w.OpenRound, Locked: w.Locked, CreatedAt: at(a.CreatedAt), ExcludedUntil: at(w.ExcludedUntil),
		DailyNextAt: at(w.DailyNext),
	}, ok, err
}

// accountByName finds an account by its folded name or e-mail address.
func (r *reader) accountByName(key string) (command.AccountID, bool, error) {
	for _, b := range [2]bucket{bUsernames, bEmails} {
		v, err := r.get(b, []byte(key))
		if err != nil {
			return 0, false, err
		}
		if len(v) == 8 {
			return command.AccountID(binary.BigEndian.Uint64(v)), true, nil
		}
	}
	return 0, false, nil
}
