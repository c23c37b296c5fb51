package control

import (
	"context"
	"fmt"
	"strings"
	"time"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/games"
	"imperio/storage/command"
)

// Accounts of another casino's database come in batches: FindImported looks what has become of its rows here, and ImportAccounts
// opens accounts for them. Package importer decides on names and amounts; here they are checked again.

// ImportLookup asks about rows of a database, at most 1000. Source names the database.
type ImportLookup struct {
	Source string        `json:"source"`
	Rows   []ImportQuery `json:"rows"`
}

// ImportQuery asks about one row.
type ImportQuery struct {
	Row         int64   `json:"row,string"`
	Named       string  `json:"named"`                  // the name that the row has there
	UsernameKey string  `json:"username_key,omitzero"`  // a folded name, of which the answer says whether an account has it
	EmailKey    string  `json:"email_key,omitzero"`     // a folded address, likewise
	Password    *string `json:"password_hash,omitzero"` // the hash that the row has there, for the answer's Password
}

// ImportsFound answers ImportLookup, in its order.
type ImportsFound struct {
	Rows []ImportFound `json:"rows"`
}

// ImportFound is what a row was imported as. If it was not, only NameTaken and EmailTaken say something.
type ImportFound struct {
	Account    uint64      `json:"account,string,omitzero"` // 0: the row was not imported yet
	SameName   bool        `json:"same_name,omitzero"`      // the row had this name then, in any case of letters, or the account is deleted
	Deleted    bool        `json:"deleted,omitzero"`        // the account was deleted since, and has no name
	Locked     bool        `json:"locked,omitzero"`
	Username   string      `json:"username,omitzero"`
	Email      string      `json:"email,omitzero"`
	Coins      games.Coins `json:"coins,omitzero"`   // that came with it
	Stakes     games.Coins `json:"stakes,omitzero"`  // of open games that were returned with it
	Balance    games.Coins `json:"balance,omitzero"` // today
	Held       games.Coins `json:"held,omitzero"`    // staked in an open round today
	Untouched  bool        `json:"untouched,omitzero"`
	Password   string      `json:"password,omitzero"` // "same", "changed" or "none": the account's, compared with the query's
	NameTaken  bool        `json:"name_taken,omitzero"`
	EmailTaken bool        `json:"email_taken,omitzero"`
}

// ImportBatch imports rows, all of them or none: 1 to command.MostImported. A refusal names the row: username_taken, email_taken
// or already_imported if another one was faster.
type ImportBatch struct {
	Source   string          `json:"source"` // 1 to 64 ASCII letters, digits, '.', '_' and '-'
	Accounts []ImportAccount `json:"accounts"`
}

// ImportAccount is a row as it is to be imported.
type ImportAccount struct {
	Row          int64       `json:"row,string"`
	Named        string      `json:"named"` // the name that the row has there
	Username     string      `json:"username"`
	Email        string      `json:"email,omitzero"`         // empty: none
	PasswordHash string      `json:"password_hash,omitzero"` // as auth.CheckImportedHash takes it; empty: nobody can sign in yet
	Coins        games.Coins `json:"coins"`
	Stakes       games.Coins `json:"stakes,omitzero"`
	Locked       bool        `json:"locked,omitzero"`
}

// ImportsDone answers ImportBatch. The accounts have the ids from First on, in its order.
type ImportsDone struct {
	First    uint64      `json:"first,string"`
	Accounts int         `json:"accounts"`
	Coins    games.Coins `json:"coins"`
	Stakes   games.Coins `json:"stakes"`
}

const (
	maxImportBytes = 4 << 20 // of a request about imports
	maxLookedUp    = 1000    // rows of one lookup
	sourceLetters  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
)

func (ImportLookup) mostBytes() int { return maxImportBytes }
func (ImportBatch) mostBytes() int  { return maxImportBytes }

func (c *Control) findImported(ctx context.Context, in ImportLookup) (ImportsFound, error) {
	if len(in.Rows) > maxLookedUp {
		return ImportsFound{}, problem.New("bad_request", "A lookup is of %d rows at most.", maxLookedUp)
	}
	found := ImportsFound{Rows: make([]ImportFound, len(in.Rows))}
	for i := range in.Rows {
		if err := ctx.Err(); err != nil {
			return ImportsFound{}, err
		}
		var err error
		if found.Rows[i], err = c.findRow(in.Source, &in.Rows[i]); err != nil {
			return ImportsFound{}, fmt.Errorf("look for row %d of %s: %w", in.Rows[i].Row, in.Source, err)
		}
	}
	return found, nil
}

// findRow answers about one row.
func (c *Control) findRow(source string, q *ImportQuery) (ImportFound, error) {
	row, err := c.o.Casino.LookUpRow(command.RowLookup{Source: source, Row: q.Row, UsernameKey: q.UsernameKey, EmailKey: q.EmailKey})
	f := ImportFound{NameTaken: row.NameTaken, EmailTaken: row.EmailTaken}
	was := row.Imported
	if err != nil || was == nil {
		return f, err
	}
	a, _, err := c.o.Casino.Account(was.Account)
	if err != nil {
		return f, err
	}
	f.Account, f.Deleted, f.Locked, f.Username, f.Email = uint64(was.Account), !a.DeletedAt.IsZero(), a.Locked, a.Username, a.Email
	f.SameName = f.Deleted || was.Mark == c.mark(q.Named)
	f.Coins, f.Stakes, f.Untouched = was.Coins, was.Stakes, was.Untouched
	f.Balance, f.Held = a.Coins, a.HeldCoins
	if q.Password != nil {
		f.Password, err = c.comparePassword(was.Account, *q.Password)
	}
	return f, err
}

// mark is the keyed hash of a name in another casino's database.
func (c *Control) mark(named string) command.Subject {
	return c.o.Keys.ImportedName(auth.FoldName(named))
}

// comparePassword says how an account's password hash compares with another one.
func (c *Control) comparePassword(id command.AccountID, hash string) (string, error) {
	cred, _, err := c.o.Casino.CredentialsOf(id)
	switch {
	case err != nil:
		return "", err
	case cred.PasswordHash == "":
		return "none", nil
	}
	stored, err := c.o.Keys.OpenPassword(cred.PasswordHash)
	if err != nil {
		return "", err
	}
	if stored == hash {
		return "same", nil
	}
	return "changed", nil
}

func (c *Control) importAccounts(ctx context.Context, in ImportBatch) (ImportsDone, error) {
	if len(in.Source) > 64 || in.Source == "" || strings.Trim(in.Source, sourceLetters) != "" {
		return ImportsDone{}, problem.New("bad_request", "A source has 1 to 64 letters from a to z, digits, '.', '_' and '-'.")
	}
	if n := len(in.Accounts); n < 1 || n > command.MostImported {
		return ImportsDone{}, problem.New("bad_request", "An import is of 1 to %d accounts at a time.", command.MostImported)
	}
	body := command.ImportAccounts{Source: in.Source, Actor: c.o.Actor(ctx), Accounts: make([]command.ImportedAccount, len(in.Accounts))}
	for i := range in.Accounts {
		if err := c.importRow(&in.Accounts[i], &body.Accounts[i]); err != nil {
			p := problem.Of(err)
			return ImportsDone{}, problem.New(p.Code, "Row %d of %s: %s", in.Accounts[i].Row, in.Source, p.Detail)
		}
	}
	if c.o.Admit != nil {
		if err := c.o.Admit(ctx); err != nil {
			return ImportsDone{}, err
		}
	}
	began := time.Now()
	res, err := c.propose(ctx, 0, 2*len(body.Accounts)*command.SeedSize, body)
	if err != nil {
		return ImportsDone{}, err
	}
	done, err := command.ValueOf[command.AccountsImported](res)
	if err != nil {
		return ImportsDone{}, err
	}
	if c.othersActed(res.Event, len(body.Accounts)) {
		rest(ctx, importRest*time.Since(began))
	}
	return ImportsDone{First: uint64(done.First), Accounts: done.Accounts, Coins: done.Coins, Stakes: done.Stakes}, nil
}

// importRest is how many times as long as a batch took its importer waits for the next one, while people use the casino.
const importRest = 6

// othersActed reports whether anything else has happened since the batch before. A batch of n accounts leaves n+1 events, of which last
// is the newest.
func (c *Control) othersActed(last uint64, n int) bool {
	before := c.imported.Swap(last)
	return before != 0 && last-before > uint64(n)+1
}

// rest leaves the processors and the disk to the players for a while.
func rest(ctx context.Context, long time.Duration) {
	pause := time.NewTimer(min(long, 5*time.Second))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

// importRow checks a row, and fills in what the machine needs of it.
func (c *Control) importRow(in *ImportAccount, out *command.ImportedAccount) (err error) {
	*out = command.ImportedAccount{Row: in.Row, Coins: in.Coins, Stakes: in.Stakes, Locked: in.Locked, Mark: c.mark(in.Named)}
	if out.Username, out.UsernameKey, err = auth.Username(in.Username); err != nil {
		return err
	}
	if in.Email != "" {
		if out.Email, out.EmailKey, err = auth.Email(in.Email); err != nil {
			return err
		}
	}
	if in.Coins < 0 || in.Coins > command.MaxAmount || in.Stakes < 0 || in.Stakes > command.MaxAmount {
		return problem.New("amount_out_of_range", "A balance and stakes are 0 to %d coins each.", command.MaxAmount)
	}
	if in.PasswordHash != "" {
		if err := auth.CheckImportedHash(in.PasswordHash); err != nil {
			return problem.New("bad_request", "The password hash can't be used: %s.", err)
		}
		out.PasswordHash = c.o.Keys.SealPassword(in.PasswordHash)
	}
	return nil
}
