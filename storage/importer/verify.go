package importer

import (
	"context"
	"fmt"

	"imperio/games"
)

// Comparison is what a comparison of source and casino found.
type Comparison struct {
	Users        int64       `json:"users"`   // rows
	Equal        int64       `json:"equal"`   // as imported, and untouched since
	Changed      int64       `json:"changed"` // rightly imported, and used since
	Deleted      int64       `json:"deleted"` // rightly imported, and deleted since
	NotImported  int64       `json:"not_imported"`
	Differs      int64       `json:"differs"` // including those not imported
	Unusable     int64       `json:"unusable"`
	SourceCoins  games.Coins `json:"source_coins"`  // by the rules, of all rows
	CasinoCoins  games.Coins `json:"casino_coins"`  // as imported
	SourceStakes games.Coins `json:"source_stakes"` // of open games, by the rules
	CasinoStakes games.Coins `json:"casino_stakes"` // as imported
	First        []Row       `json:"first"`         // of the rows that differ
}

// Verify compares each row of the source with its account, and changes nothing. It reads the source again: open it anew for that. Rows
// with an unusable id are counted, but are no difference: an import reports them. Options.DryRun has no meaning.
func Verify(ctx context.Context, o Options) (Comparison, error) {
	c := Comparison{First: []Row{}}
	r, err := begin(ctx, o)
	if err != nil {
		return c, err
	}
	err = r.plan(ctx, func(ctx context.Context, batch []*planned) error {
		var rows []*planned
		var queries []Query
		for _, w := range batch {
			if w.failed == nil {
				query := w.query()
				query.PasswordHash = &w.hash
				rows, queries = append(rows, w), append(queries, query)
			}
		}
		c.Unusable += int64(len(batch) - len(rows))
		var found []Found
		if len(queries) > 0 {
			var err error
			if found, err = r.Casino.Find(ctx, r.Source, queries); err != nil {
				return err
			}
			if len(found) != len(queries) {
				return fmt.Errorf("the casino was asked about %d rows, and told of %d", len(queries), len(found))
			}
		}
		for i, w := range rows {
			w.found = found[i]
			if err := r.compared(&c, w); err != nil {
				return err
			}
		}
		c.Users += int64(len(batch))
		r.Progress(PhaseCompare, c.Users, r.total)
		return nil
	})
	if err == nil && c.Users != r.total {
		err = r.lost(c.Users)
	}
	return c, err
}

// compared counts and reports a row.
func (r *run) compared(c *Comparison, w *planned) error {
	row := Row{Table: usersTable, Row: w.row, Named: w.named, Account: w.found.Account, Username: w.found.Username, Coins: w.found.Coins, Stakes: w.found.Stakes}
	c.SourceCoins += w.coins
	c.SourceStakes += w.stakes
	row.Notes = differences(w)
	mine := w.found.Account != 0 && w.found.SameName
	if mine {
		c.CasinoCoins += w.found.Coins
		c.CasinoStakes += w.found.Stakes
	}
	switch {
	case len(row.Notes) > 0:
		row.Result = Differs
		c.Differs++
		if !mine {
			c.NotImported++
		}
		if len(c.First) < mostFirst {
			c.First = append(c.First, row)
		}
	case w.found.Deleted:
		row.Result = DeletedSince
		c.Deleted++
	case w.found.Untouched:
		row.Result = Equal
		c.Equal++
	default:
		row.Result = ChangedSince
		c.Changed++
	}
	if err := r.Report(&row); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// differences tells how an account differs from what the rules make of its row. What players and operators change later is none.
func differences(w *planned) (notes []Note) {
	f := &w.found
	differs := func(code, format string, args ...any) { notes = append(notes, note(code, format, args...)) }
	switch {
	case f.Account == 0:
		differs("not_imported", "the row is not imported")
		return notes
	case !f.SameName:
		differs("other_row", "the account was imported for a row with another name")
		return notes
	}
	if f.Coins != w.coins {
		differs("coins_differ", "%d coins were imported; the row has %d", f.Coins, w.coins)
	}
	if f.Stakes != w.stakes {
		differs("stakes_differ", "%d coins of open games were imported; the rows have %d", f.Stakes, w.stakes)
	}
	if f.Deleted {
		return notes
	}
	if !w.names.allows(f.Username) {
		differs("name_differs", "no rule makes the name %s of this row", quotedName(f.Username))
	}
	if !f.Untouched {
		return notes
	}
	if f.Balance != f.Coins+f.Stakes || f.Held != 0 {
		differs("balance_differs", "the account has %d coins and %d in play, and nothing has happened in it", f.Balance, f.Held)
	}
	if f.Email != w.email && !(f.Email == "" && f.EmailTaken) {
		differs("email_differs", "the account has the address %s; the row has %s", quotedName(f.Email), quotedName(w.email))
	}
	if f.Locked != w.locked {
		differs("lock_differs", "locked: %t; by the rules: %t", f.Locked, w.locked)
	}
	want := PasswordSame
	if w.hash == "" {
		want = PasswordNone
	}
	if f.Password != want {
		differs("password_differs", "compared with the row, the account's password is: %s", f.Password)
	}
	return notes
}
