package machine

import (
	"encoding/binary"

	"imperio/storage/command"
	"imperio/storage/ledger"
)

// openAccount makes an account with its first seeds and its welcome coins. It also opens a session if the command has one.
func (m *Machine) openAccount(b command.OpenAccount) (command.Result, error) {
	if !m.isKey(b.UsernameKey) || b.EmailKey != "" && !m.isKey(b.EmailKey) || b.Role != command.RolePlayer && b.Role != command.RoleOperator {
		return invalidCommand("name key of %d bytes, e-mail key of %d, role %q", len(b.UsernameKey), len(b.EmailKey), b.Role), nil
	}
	if r := m.refuseSeeds(2); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if taken, err := m.nameTaken(b.UsernameKey); taken || err != nil {
		return command.Refusef("username_taken", "The name %q is taken. Choose another.", b.Username), err
	}
	if b.EmailKey != "" {
		if taken, err := m.state.Get(tableEmails, []byte(b.EmailKey)); taken != nil || err != nil {
			return command.Refusef("email_taken", "There is an account with this e-mail address."), err
		}
	}
	if b.WelcomeCoins < 0 || b.WelcomeCoins > m.is().mostCoins {
		return command.Refusef("amount_out_of_range", "Welcome coins are 0 to %d.", m.is().mostCoins), nil
	}
	if m.issueExhausted(b.WelcomeCoins) {
		return noCoinsLeft(), nil
	}
	if b.Session != nil {
		if r, err := m.refuseSession(b.Session); r != nil || err != nil {
			return command.Result{Refusal: r}, err
		}
	}
	var invitation command.InvitationID
	if b.Invitation != (command.TokenHash{}) {
		id, r, err := m.useInvitation(b.Invitation)
		if r != nil || err != nil {
			return command.Result{Refusal: r}, err
		}
		invitation = id
	}
	id := m.head.NextAccount
	a := AccountRecord{
		Username: b.Username, UsernameKey: b.UsernameKey, Email: b.Email, EmailKey: b.EmailKey,
		PasswordHash: b.PasswordHash, Role: b.Role, CreatedAt: m.now, OpenedUnder: m.command.Key,
	}
	if b.Session != nil {
		a.rememberNetwork(b.Session.Network, m.is().mostNetworks)
	}
	seeds, err := m.addAccount(&a, m.command.Seeds)
	if err != nil {
		return command.Result{}, err
	}
	var w WalletRecord
	e := Event{Kind: AccountOpened, Seeds: seeds, Invitation: invitation}
	if b.Actor != "" {
		e.Act = &Act{Actor: b.Actor, Act: "account_created", After: string(b.Role)} // without the name: the history can't forget it
	}
	if b.WelcomeCoins > 0 {
		t, err := m.head.Books.Move(command.TransferWelcome, ledger.Issue, ledger.Player(id), b.WelcomeCoins, &w.Balance)
		if err != nil {
			return command.Result{}, err
		}
		e.Transfers = []ledger.Transfer{t}
	}
	if b.Session != nil {
		e.Session = command.SessionID(m.head.Events + 1)
		if err := m.addSession(id, b.Role, b.Session, e.Session, 0); err != nil {
			return command.Result{}, err
		}
	}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	v, err := m.accountOpened(&e)
	return command.Result{Value: v}, err
}

// addAccount stores the record of the next account, under names that are free, and its first seeds. The next event opens it.
func (m *Machine) addAccount(a *AccountRecord, sealed []command.SealedSeed) (*Commitments, error) {
	id := m.head.NextAccount
	m.head.NextAccount++
	key := accountKey(id)
	m.state.Put(tableUsernames, []byte(a.UsernameKey), key)
	if a.EmailKey != "" {
		m.state.Put(tableEmails, []byte(a.EmailKey), key)
	}
	if err := m.put(tableAccounts, key, a); err != nil {
		return nil, err
	}
	seeds := firstSeeds(id, sealed, m.head.Events+1)
	return seeds.commitments(), m.putSeeds(id, seeds)
}

func (m *Machine) accountOpened(e *Event) (*command.AccountOpened, error) {
	a, _, err := m.Account(e.Account)
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

// changePassword sets a new password hash and ends all sessions except Keep.
func (m *Machine) changePassword(b command.ChangePassword) (command.Result, error) {
	id := m.command.Account
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if r := m.refuseChange(&a, b.Actor, b.OldHash, b.Link); r != nil {
		return command.Result{Refusal: r}, nil
	}
	m.giveTriesBack(b.Subject)
	a.PasswordHash = b.NewHash
	a.endLink()
	if err := m.put(tableAccounts, accountKey(id), a); err != nil {
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

// refuseChange refuses a change of an account by somebody who has shown neither its password nor the link to set one; nil: an
// operator makes it, or its owner does.
func (m *Machine) refuseChange(a *AccountRecord, actor, oldHash string, link command.TokenHash) *command.Refusal {
	switch {
	case actor != "":
		return nil
	case link != (command.TokenHash{}):
		if a.Link != link || a.LinkExpires <= m.now {
			return &command.Refusal{Code: "link_invalid", Message: "This link has been used, or it has expired. Ask the operator for another."}
		}
	case a.PasswordHash != oldHash:
		return &command.Refusal{Code: "wrong_password", Message: "The current password is wrong."}
	}
	return nil
}

// setLock locks an account or unlocks it.
func (m *Machine) setLock(b command.SetLock) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.Locked == b.Locked {
		return command.Result{}, nil // nothing to change
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

// setRole gives an account another role. Its sessions end, since they carry the old one.
func (m *Machine) setRole(b command.SetRole) (command.Result, error) {
	id := m.command.Account
	if b.Role != command.RolePlayer && b.Role != command.RoleOperator {
		return command.Refusef("invalid_role", "The roles are player and operator."), nil
	}
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if a.Role == b.Role {
		return command.Result{}, nil
	}
	e := Event{Kind: RoleChanged, Account: id, Act: &Act{Actor: b.Actor, Reason: b.Reason, Before: string(a.Role), After: string(b.Role)}}
	a.Role = b.Role
	if err := m.put(tableAccounts, accountKey(id), a); err != nil {
		return command.Result{}, err
	}
	if err := m.dropSessions(id, allSessions); err != nil {
		return command.Result{}, err
	}
	return command.Result{}, m.recordFor(id, &e)
}

// recordAct records an operator's act in the history.
func (m *Machine) recordAct(b command.RecordAct) (command.Result, error) {
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

// account returns what a bet does not change in an account, or the refusal that there is no such account.
func (m *Machine) account(id command.AccountID) (AccountRecord, *command.Refusal, error) {
	a, ok, err := loadOf[AccountRecord](&m.Reader, tableAccounts, id)
	if err == nil && (!ok || a.DeletedAt != 0) {
		return a, noAccount(id), nil
	}
	return a, nil, err
}

// Account reads an account.
func (r *Reader) Account(id command.AccountID) (command.Account, bool, error) {
	a, ok, err := loadOf[AccountRecord](r, tableAccounts, id)
	if err != nil || !ok {
		return command.Account{}, false, err
	}
	w, ok, err := loadOf[WalletRecord](r, tableWallets, id)
	if err != nil || !ok {
		return command.Account{}, ok, err
	}
	nudges, err := r.nudges(id, &w)
	return command.Account{
		ID: id, Username: a.Username, Email: a.Email, Role: a.Role, Coins: w.Balance, HeldCoins: w.Held,
		OpenRound: w.OpenRound, Locked: w.Locked, CreatedAt: at(a.CreatedAt), ExcludedUntil: at(w.ExcludedUntil),
		DailyNextAt: at(w.DailyNext), DeletedAt: at(a.DeletedAt), Nudges: nudges,
	}, ok, err
}

// accountByName finds an account by its folded name or e-mail address.
func (r *Reader) accountByName(key string) (command.AccountID, bool, error) {
	for _, table := range [2]int{tableUsernames, tableEmails} {
		v, err := r.view.Get(table, []byte(key))
		if err != nil {
			return 0, false, err
		}
		if len(v) == 8 {
			return command.AccountID(binary.BigEndian.Uint64(v)), true, nil
		}
	}
	return 0, false, nil
}

// Credentials are what a sign-in is checked against, by folded name or e-mail address.
func (r *Reader) Credentials(login string) (v command.Credentials, ok bool, err error) {
	id, found, err := r.accountByName(login)
	if err != nil || !found {
		return v, false, err
	}
	v, ok, err = r.CredentialsOf(id)
	if err == nil && !ok {
		err = r.Damage("a name leads to account %d, which is missing", id)
	}
	return v, ok, err
}

// CredentialsOf are what a sign-in to an account is checked against.
func (r *Reader) CredentialsOf(id command.AccountID) (v command.Credentials, ok bool, err error) {
	a, ok, err := loadOf[AccountRecord](r, tableAccounts, id)
	if err != nil || !ok {
		return v, false, err
	}
	w, _, err := loadOf[WalletRecord](r, tableWallets, id)
	v = command.Credentials{Account: id, PasswordHash: a.PasswordHash, Locked: w.Locked, OpenedUnder: a.OpenedUnder, Networks: a.Networks}
	if w.ExcludedUntil > r.head.Time { // by the machine's time, which may be ahead of the clock
		v.Excluded = at(w.ExcludedUntil)
	}
	return v, true, err
}

// Accounts visits all accounts by ascending id. found reports whether the account's name and address lead to it. A deleted account
// has neither.
func (r *Reader) Accounts(fn func(id command.AccountID, a *AccountRecord, found bool) error) error {
	return each(r, tableAccounts, nil, func(k, _ []byte, a *AccountRecord) error {
		id := command.AccountID(binary.BigEndian.Uint64(k))
		if a.DeletedAt != 0 {
			return fn(id, a, a.UsernameKey == "" && a.EmailKey == "")
		}
		by, found, err := r.accountByName(a.UsernameKey)
		found = found && by == id
		if err == nil && found && a.EmailKey != "" {
			by, found, err = r.accountByName(a.EmailKey)
			found = found && by == id
		}
		if err != nil {
			return err
		}
		return fn(id, a, found)
	})
}

// Wallet reads an account's wallet. ok is false if there is no such account.
func (r *Reader) Wallet(id command.AccountID) (w WalletRecord, ok bool, err error) {
	return loadOf[WalletRecord](r, tableWallets, id)
}

// Wallets visits all wallets by ascending account.
func (r *Reader) Wallets(fn func(command.AccountID, *WalletRecord) error) error {
	return each(r, tableWallets, nil, func(k, _ []byte, w *WalletRecord) error {
		return fn(command.AccountID(binary.BigEndian.Uint64(k)), w)
	})
}
