package audit

import (
	"imperio/storage/command"
	"imperio/storage/machine"
)

// importing is the newest import of accounts, while its events are read: those of its accounts, and one that counts them.
type importing struct {
	command command.ID
	counted machine.Imports
}

// imports holds the events of an import together, with nothing between them: it opens all of its accounts, or none.
func (a *auditor) imports(e *machine.StoredEvent) error {
	now := &a.importing
	if now.counted.Accounts != 0 && (e.Command != now.command || e.Kind != machine.AccountImported && e.Kind != machine.AccountsImported) {
		return violation(e.Seq, "a %s comes within an import of accounts", e.Kind)
	}
	switch e.Kind {
	case machine.AccountImported:
		if now.counted.Accounts == 0 {
			*now = importing{e.Command, machine.Imports{First: e.Account}}
		}
		return a.accountImported(e)
	case machine.AccountsImported:
		if e.Imported == nil || now.counted.Accounts == 0 || *e.Imported != now.counted {
			return violation(e.Seq, "an import opened the accounts %+v, which is not what the event says", now.counted)
		}
		*now = importing{}
	}
	return nil
}

// accountImported counts an imported account. The record of its row must say the same as the event, so that no row is imported
// twice.
func (a *auditor) accountImported(e *machine.StoredEvent) error {
	if e.From == nil {
		return violation(e.Seq, "an account is imported from nowhere")
	}
	r, ok, err := a.snapshot.Import(e.From.Source, e.From.Row)
	if err != nil {
		return err
	}
	if want := (machine.ImportRecord{Account: e.Account, Event: e.Seq}); !ok || r != want {
		return violation(e.Seq, "row %d of %s is imported as account %d, but it is kept as account %d by event %d",
			e.From.Row, e.From.Source, e.Account, r.Account, r.Event)
	}
	a.imported++
	c := &a.importing.counted
	c.Accounts++
	for _, t := range e.Transfers {
		part := &c.Coins
		if t.Kind == command.TransferReturned {
			part = &c.Stakes
		}
		*part += t.Amount
	}
	return nil
}

// compareImports checks that there are no other records of imported rows.
func (a *auditor) compareImports() error {
	kept, err := a.snapshot.CountImports()
	if err != nil {
		return err
	}
	if kept != a.imported || a.importing.counted.Accounts != 0 {
		return violation(0, "%d rows are kept as imported, the history imports %d", kept, a.imported)
	}
	return nil
}
