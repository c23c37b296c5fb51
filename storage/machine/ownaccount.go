package machine

import (
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// createPasswordLink lets whoever has a link set the account's password, once.
func (m *Machine) createPasswordLink(b command.CreatePasswordLink) (command.Result, error) {
	id := m.command.Account
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if b.Link == (command.TokenHash{}) || b.Lifetime < 1 || b.Lifetime > m.is().longestLink {
		return invalidCommand("a link that holds %d ms", b.Lifetime), nil
	}
	a.Link, a.LinkExpires = b.Link, m.now+b.Lifetime
	if err := m.put(tableAccounts, accountKey(id), a); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: PasswordLinkCreated, Account: id, Until: a.LinkExpires, Act: &Act{Actor: b.Actor, Reason: b.Reason}}
	if err := m.recordFor(id, &e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// endLink ends the link with which the account's password could be set.
func (a *AccountRecord) endLink() { a.Link, a.LinkExpires = command.TokenHash{}, 0 }

// PasswordLink reads what a link to set an account's password is checked against. ok is false if there is none in force.
func (r *Reader) PasswordLink(id command.AccountID) (command.PasswordLink, bool, error) {
	a, ok, err := loadOf[AccountRecord](r, tableAccounts, id)
	ok = ok && a.LinkExpires > r.head.Time
	return command.PasswordLink{Link: a.Link, ExpiresAt: at(a.LinkExpires)}, ok, err
}

// changeEmail sets an account's e-mail address. The history does not say which, since it can't forget.
func (m *Machine) changeEmail(b command.ChangeEmail) (command.Result, error) {
	id := m.command.Account
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if b.EmailKey != "" && !m.isKey(b.EmailKey) || (b.Email == "") != (b.EmailKey == "") {
		return invalidCommand("e-mail key of %d bytes", len(b.EmailKey)), nil
	}
	if r := m.refuseChange(&a, b.Actor, b.OldHash, command.TokenHash{}); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if a.Email == b.Email && a.EmailKey == b.EmailKey {
		return command.Result{}, nil // nothing to change
	}
	if b.EmailKey != "" && b.EmailKey != a.EmailKey {
		if taken, err := m.state.Get(tableEmails, []byte(b.EmailKey)); taken != nil || err != nil {
			return command.Refusef("email_taken", "There is an account with this e-mail address."), err
		}
	}
	if a.EmailKey != "" {
		m.state.Delete(tableEmails, []byte(a.EmailKey))
	}
	if b.EmailKey != "" {
		m.state.Put(tableEmails, []byte(b.EmailKey), accountKey(id))
	}
	a.Email, a.EmailKey = b.Email, b.EmailKey
	if err := m.put(tableAccounts, accountKey(id), a); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: EmailChanged, Account: id}
	if b.Actor != "" {
		e.Act = &Act{Actor: b.Actor, Reason: b.Reason}
	}
	return command.Result{}, m.recordFor(id, &e)
}

// deleteAccount removes what says whose an account is. Its events stay, and so do its seeds, with which its rounds are proven.
func (m *Machine) deleteAccount(b command.DeleteAccount) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if r := m.refuseChange(&a, b.Actor, b.OldHash, command.TokenHash{}); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if w.OpenRound != 0 {
		return command.Refusef("round_open", "A round is still open. Finish it first."), nil
	}
	if w.ExcludedUntil > m.now { // else its owner could sign up again under the same name
		return command.Result{Refusal: &command.Refusal{Code: "excluded", Message: "An excluded account can't be deleted before the exclusion ends.", Until: at(w.ExcludedUntil)}}, nil
	}
	if err := m.dropSessions(id, allSessions); err != nil {
		return command.Result{}, err
	}
	m.state.Delete(tableUsernames, []byte(a.UsernameKey))
	if a.EmailKey != "" {
		m.state.Delete(tableEmails, []byte(a.EmailKey))
	}
	m.state.Delete(tableLimits, accountKey(id))
	if err := m.forgetProfile(id, &w); err != nil {
		return command.Result{}, err
	}
	if err := m.put(tableAccounts, accountKey(id), AccountRecord{Role: a.Role, CreatedAt: a.CreatedAt, DeletedAt: m.now}); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: AccountDeleted, Account: id}
	if b.Actor != "" {
		e.Act = &Act{Actor: b.Actor, Reason: b.Reason}
	}
	if w.Balance > 0 {
		t, err := m.head.Books.Move(command.TransferClosing, ledger.Player(id), ledger.Issue, w.Balance, &w.Balance)
		if err != nil {
			return command.Result{}, err
		}
		e.Transfers = []ledger.Transfer{t}
	}
	w.Deleted, w.Limited = true, false
	return command.Result{}, m.recordOn(id, &w, &e)
}
