package machine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"imperio/storage/command"
	"imperio/storage/ledger"
)

// Accounts can be imported from another casino's database, which has a name, the source, and gives each account a number there,
// the row. A row is imported once, whatever becomes of its account.

// ImportedRow is where an imported account comes from.
type ImportedRow struct {
	_      struct{} `cbor:",toarray"`
	Source string
	Row    int64
	Locked bool // the account was opened locked
}

// Imports counts what an import of accounts did.
type Imports struct {
	_        struct{}          `cbor:",toarray"`
	First    command.AccountID // the others follow it
	Accounts int
	Coins    coins // of transfers that bring balances
	Stakes   coins // and of those that return stakes
}

// ImportRecord says as which account a row was imported, and by which event. It stays when the account is deleted. The mark of the
// name is in the account's record, which forgets it then; the history, which can't forget, does not have it.
type ImportRecord struct {
	Account command.AccountID `cbor:"1,keyasint"`
	Event   uint64            `cbor:"2,keyasint"`
}

// importAccounts opens accounts with the balances that another casino's database has. All of them are opened, or none.
func (m *Machine) importAccounts(b command.ImportAccounts) (command.Result, error) {
	if r := m.refuseImport(&b); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if r := m.refuseSeeds(2 * len(b.Accounts)); r != nil {
		return command.Result{Refusal: r}, nil
	}
	done := Imports{First: m.head.NextAccount, Accounts: len(b.Accounts)}
	if r, err := m.refuseRows(&b, &done); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	for i := range b.Accounts {
		if err := m.importAccount(b.Source, &b.Accounts[i], m.command.Seeds[2*i:2*i+2]); err != nil {
			return command.Result{}, fmt.Errorf("import row %d of %s: %w", b.Accounts[i].Row, b.Source, err)
		}
	}
	e := Event{Kind: AccountsImported, Imported: &done, Act: &Act{
		Actor: b.Actor, After: fmt.Sprintf("%d accounts from %s, with %d coins and %d of stakes returned", done.Accounts, b.Source, done.Coins, done.Stakes)}}
	if err := m.record(&e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// refuseImport refuses an import that no correct proposer sends.
func (m *Machine) refuseImport(b *command.ImportAccounts) *command.Refusal {
	switch {
	case m.command.Account != 0:
		return invalidCommand("an import on behalf of account %d", m.command.Account).Refusal
	case !m.isSource(b.Source):
		return invalidCommand("an import from %.80q", b.Source).Refusal
	case len(b.Accounts) < 1 || len(b.Accounts) > m.is().mostImported:
		return invalidCommand("an import of %d accounts", len(b.Accounts)).Refusal
	}
	for i := range b.Accounts {
		a := &b.Accounts[i]
		if !m.isKey(a.UsernameKey) || a.EmailKey != "" && !m.isKey(a.EmailKey) || (a.Email == "") != (a.EmailKey == "") {
			return invalidCommand("row %d with a name key of %d bytes and an e-mail key of %d", a.Row, len(a.UsernameKey), len(a.EmailKey)).Refusal
		}
	}
	return nil
}

// isSource reports whether a database may have a name.
func (m *Machine) isSource(name string) bool {
	const allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
	return name != "" && len(name) <= m.is().longestSource && strings.Trim(name, allowed) == ""
}

// refuseRows refuses an import if a row can't be imported, and names it. Rows of one command must not collide either. It adds up
// the coins.
func (m *Machine) refuseRows(b *command.ImportAccounts, done *Imports) (*command.Refusal, error) {
	names, emails, rows := make(map[string]bool), make(map[string]bool), make(map[int64]bool)
	for i := range b.Accounts {
		a := &b.Accounts[i]
		refuse := func(code, format string, args ...any) *command.Refusal {
			return command.Refusef(code, "Row %d of %s: "+format, append([]any{a.Row, b.Source}, args...)...).Refusal
		}
		taken := func(table int, key []byte, known bool) (bool, error) {
			v, err := m.state.Get(table, key)
			return v != nil || known, err
		}
		if is, err := taken(tableImports, importKey(b.Source, a.Row), rows[a.Row]); is || err != nil {
			return refuse("already_imported", "it has been imported already."), err
		}
		if is, err := m.nameTaken(a.UsernameKey); is || names[a.UsernameKey] || err != nil {
			return refuse("username_taken", "the name %q is taken.", a.Username), err
		}
		if a.EmailKey != "" {
			if is, err := taken(tableEmails, []byte(a.EmailKey), emails[a.EmailKey]); is || err != nil {
				return refuse("email_taken", "there is an account with its e-mail address."), err
			}
		}
		most := m.is().mostCoins
		if a.Coins < 0 || a.Coins > most || a.Stakes < 0 || a.Stakes > most {
			return refuse("amount_out_of_range", "a balance and stakes are 0 to %d coins each.", most), nil
		}
		names[a.UsernameKey], emails[a.EmailKey], rows[a.Row] = true, true, true
		done.Coins += a.Coins
		done.Stakes += a.Stakes
	}
	if m.issueExhausted(done.Coins + done.Stakes) {
		return noCoinsLeft().Refusal, nil
	}
	return nil, nil
}

// importAccount opens one account. Its records don't go through the cache, which is for players who play.
func (m *Machine) importAccount(source string, a *command.ImportedAccount, seeds []command.SealedSeed) error {
	id := m.head.NextAccount
	event := m.head.Events + 1
	first, err := m.addAccount(&AccountRecord{
		Username: a.Username, UsernameKey: a.UsernameKey, Email: a.Email, EmailKey: a.EmailKey, PasswordHash: a.PasswordHash,
		Role: command.RolePlayer, CreatedAt: m.now, Mark: a.Mark,
	}, seeds)
	if err != nil {
		return err
	}
	w := WalletRecord{Locked: a.Locked}
	e := Event{Kind: AccountImported, Seeds: first, From: &ImportedRow{Source: source, Row: a.Row, Locked: a.Locked}}
	for _, part := range [2]struct {
		kind   command.TransferKind
		amount coins
	}{{command.TransferImport, a.Coins}, {command.TransferReturned, a.Stakes}} {
		if part.amount == 0 {
			continue
		}
		t, err := m.head.Books.Move(part.kind, ledger.Issue, ledger.Player(id), part.amount, &w.Balance)
		if err != nil {
			return err
		}
		e.Transfers = append(e.Transfers, t)
	}
	if err := m.put(tableImports, importKey(source, a.Row), ImportRecord{Account: id, Event: event}); err != nil {
		return err
	}
	if err := m.chain(id, &w, &e); err != nil {
		return err
	}
	return m.put(tableWallets, accountKey(id), &w)
}

// importKey is the key of a row: the source, a zero, and the row so that rows sort.
func importKey(source string, row int64) []byte {
	k := make([]byte, 0, len(source)+1+8)
	k = append(append(k, source...), 0)
	return binary.BigEndian.AppendUint64(k, uint64(row)^1<<63)
}

// readImportKey is the inverse of importKey.
func readImportKey(key []byte) (source string, row int64, ok bool) {
	name, number, ok := bytes.Cut(key, []byte{0})
	if !ok || len(number) != 8 {
		return "", 0, false
	}
	return string(name), int64(binary.BigEndian.Uint64(number) ^ 1<<63), true
}

// checkImport checks that the event of a row's record imported that row.
func checkImport(v View, key, value []byte) error {
	source, row, ok := readImportKey(key)
	var r ImportRecord
	if err := decMode.Unmarshal(value, &r); !ok || err != nil {
		return unreadable(v, tableImports, key, err)
	}
	e, ok, err := load[Event](&Reader{view: v}, tableHistory, eventKey(r.Event))
	if err != nil {
		return err
	}
	if !ok || e.Kind != AccountImported || e.Account != r.Account || e.From == nil || e.From.Source != source || e.From.Row != row {
		return v.Damage(fmt.Sprintf("event %d does not import row %d of %s as account %d, as the table %s says", r.Event, row, source, r.Account, tableNames[tableImports]), nil)
	}
	return nil
}

// checkEvent checks that an event which imported a row is found under it. Otherwise the row could be imported again.
func checkEvent(v View, key, value []byte) error {
	var e struct {
		Kind    EventKind         `cbor:"3,keyasint"`
		Account command.AccountID `cbor:"6,keyasint"`
		From    *ImportedRow      `cbor:"26,keyasint"`
	}
	if err := headMode.Unmarshal(value, &e); err != nil {
		return unreadable(v, tableHistory, key, err)
	}
	if e.Kind != AccountImported || e.From == nil {
		return nil
	}
	r, ok, err := load[ImportRecord](&Reader{view: v}, tableImports, importKey(e.From.Source, e.From.Row))
	if err == nil && (!ok || r.Account != e.Account || string(eventKey(r.Event)) != string(key)) {
		err = v.Damage(fmt.Sprintf("event %d, which imported row %d of %s, is not found in the table %s",
			binary.BigEndian.Uint64(key), e.From.Row, e.From.Source, tableNames[tableImports]), nil)
	}
	return err
}

// Import reads the record of a row. ok is false if it was not imported.
func (r *Reader) Import(source string, row int64) (ImportRecord, bool, error) {
	return load[ImportRecord](r, tableImports, importKey(source, row))
}

// LookUpRow reads what became of a row, and whether a name and an address are taken.
func (r *Reader) LookUpRow(q command.RowLookup) (found command.RowFound, err error) {
	for _, by := range [3]struct {
		table int
		key   string
		taken *bool
	}{{tableUsernames, q.UsernameKey, &found.NameTaken}, {tableShownNames, q.UsernameKey, &found.NameTaken}, {tableEmails, q.EmailKey, &found.EmailTaken}} {
		if by.key == "" {
			continue
		}
		id, err := r.view.Get(by.table, []byte(by.key))
		if err != nil {
			return found, err
		}
		*by.taken = *by.taken || id != nil
	}
	record, ok, err := r.Import(q.Source, q.Row)
	if !ok || err != nil {
		return found, err
	}
	found.Imported, err = r.imported(&record)
	return found, err
}

// imported reads as what the row of a record was imported.
func (r *Reader) imported(record *ImportRecord) (*command.Imported, error) {
	e, ok, err := r.Event(record.Event)
	if err == nil && !ok {
		err = r.Damage("event %d, which imported account %d, is not in the history yet", record.Event, record.Account)
	}
	if err != nil {
		return nil, err
	}
	a, ok, err := loadOf[AccountRecord](r, tableAccounts, record.Account)
	if err == nil && !ok {
		err = r.Damage("account %d, which was imported, does not exist", record.Account)
	}
	if err != nil {
		return nil, err
	}
	w, _, err := r.Wallet(record.Account)
	v := command.Imported{Account: record.Account, Event: record.Event, At: at(e.Time), Mark: a.Mark, Untouched: w.Last == record.Event}
	v.Coins, v.Stakes = e.imported()
	return &v, err
}

// imported is what an AccountImported brought: the balance, and stakes that were returned.
func (e *Event) imported() (balance, stakes coins) {
	for _, t := range e.Transfers {
		switch t.Kind {
		case command.TransferImport:
			balance += t.Amount
		case command.TransferReturned:
			stakes += t.Amount
		}
	}
	return balance, stakes
}

// Imports visits the records of all imported rows, by source and row.
func (r *Reader) Imports(fn func(source string, row int64, record *ImportRecord) error) error {
	return each(r, tableImports, nil, func(k, _ []byte, record *ImportRecord) error {
		source, row, ok := readImportKey(k)
		if !ok {
			return r.Damage("the table %s has the key %x", tableNames[tableImports], k)
		}
		return fn(source, row, record)
	})
}
