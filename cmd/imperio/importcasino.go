package main

import (
	"context"
	"errors"

	"imperio/appliance/auth"
	"imperio/appliance/control"
	"imperio/storage/importer"
)

// importNames are the casino's own rules.
var importNames = importer.Names{
	Username: auth.Username, Reserved: auth.CheckReserved, Email: auth.Email, Look: auth.Look, Own: auth.ParseOwnHash,
	Hash: func(hash string) string {
		switch err := auth.CheckOlderHash(hash); {
		case err == nil:
			return importer.HashGood
		case errors.Is(err, auth.ErrHashPlain):
			return importer.HashPlain
		case errors.Is(err, auth.ErrHashTooCostly):
			return importer.HashTooCostly
		}
		return importer.HashUnknown
	},
}

// importingCasino is a casino behind the operators' API.
type importingCasino struct{ client *control.Client }

// Find implements importer.Casino.
func (c importingCasino) Find(ctx context.Context, source string, rows []importer.Query) ([]importer.Found, error) {
	in := control.ImportLookup{Source: source, Rows: make([]control.ImportQuery, len(rows))}
	for i, q := range rows {
		in.Rows[i] = control.ImportQuery{Row: q.Row, Named: q.Named, UsernameKey: q.UsernameKey, EmailKey: q.EmailKey, Password: q.PasswordHash}
	}
	out, err := control.FindImported.Call(ctx, c.client, in)
	if err != nil {
		return nil, err
	}
	found := make([]importer.Found, len(out.Rows))
	for i, f := range out.Rows {
		found[i] = importer.Found(f)
	}
	return found, nil
}

// Import implements importer.Casino.
func (c importingCasino) Import(ctx context.Context, source string, accounts []importer.Account) (importer.Done, error) {
	in := control.ImportBatch{Source: source, Accounts: make([]control.ImportAccount, len(accounts))}
	for i, a := range accounts {
		in.Accounts[i] = control.ImportAccount(a)
	}
	done, err := control.ImportAccounts.Call(ctx, c.client, in)
	if refused, ok := errors.AsType[*control.Refusal](err); ok {
		switch refused.Code {
		case "username_taken", "email_taken", "already_imported":
			return importer.Done{}, &importer.Taken{Message: refused.Message}
		}
	}
	return importer.Done(done), err
}
