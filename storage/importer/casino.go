package importer

import (
	"context"

	"imperio/games"
)

// Casino is the casino that accounts are imported into. Its methods are safe for concurrent use.
type Casino interface {
	// Find tells what the casino knows of rows of a source, in their order. At most BatchSize at a time.
	Find(ctx context.Context, source string, rows []Query) ([]Found, error)
	// Import opens accounts for rows: all of them, or none. The error is a *Taken if a name, an address or a row was taken since
	// Find: then the batch is to be planned anew. After any other error, the accounts may be open or not; Find tells.
	Import(ctx context.Context, source string, accounts []Account) (Done, error)
}

// Query asks about one row.
type Query struct {
	Row         int64
	Named       string // the name that the row has there
	UsernameKey string // folded name that is wanted; empty: none
	EmailKey    string // folded address that is wanted; empty: none
	// PasswordHash is the hash to compare with that of the account; nil: none is compared.
	PasswordHash *string
}

// Found is what the casino knows of a row.
type Found struct {
	Account         uint64 // as which it was imported; 0: it was not
	SameName        bool   // the row had this name then
	Deleted, Locked bool
	Username, Email string
	Coins, Stakes   games.Coins // as imported
	Balance, Held   games.Coins // today
	Untouched       bool        // nothing has happened in the account since
	Password        string      // PasswordSame, PasswordChanged or PasswordNone
	// NameTaken and EmailTaken tell that an account, whichever, has the name and the address that were asked for.
	NameTaken, EmailTaken bool
}

// How an account's password compares with a hash.
const (
	PasswordSame    = "same"
	PasswordChanged = "changed"
	PasswordNone    = "none" // the account has none
)

// Account is an account to open for a row.
type Account struct {
	Row          int64
	Named        string // the name that the row has there
	Username     string
	Email        string // empty: none
	PasswordHash string // empty: nobody can sign in until a password is set
	Coins        games.Coins
	Stakes       games.Coins // of games that were open there
	Locked       bool
}

// Done is what an import did.
type Done struct {
	First         uint64 // id of the first account; the others follow, in order
	Accounts      int
	Coins, Stakes games.Coins
}

// Taken is a batch that was not imported, since a name, an address or a row was taken meanwhile.
type Taken struct{ Message string }

func (e *Taken) Error() string { return e.Message }

// Names are the casino's rules for names, addresses and password hashes. All functions are pure.
type Names struct {
	// Username checks a name of any bytes. It returns the name as it is shown, and its folded key.
	Username func(name string) (shown, key string, err error)
	// Reserved refuses names that are kept for the house.
	Reserved func(shown, key string) error
	// Email checks an address. It returns the address as it is kept, and its folded key.
	Email func(address string) (kept, key string, err error)
	// Look is the same for names that look alike.
	Look func(name string) string
	// Hash tells what is wrong with a password hash: HashGood, HashPlain, HashUnknown or HashTooCostly.
	Hash func(hash string) string
	// Own reads a password that this program exported for an older casino. ok is false for any other.
	Own func(password string) (hash string, locked, ok bool)
}

// What Names.Hash tells.
const (
	HashGood      = ""           // the casino can check passwords against it
	HashPlain     = "plain"      // it looks like a password in plain text
	HashUnknown   = "unknown"    // it is of an unknown kind, or damaged
	HashTooCostly = "too_costly" // checking it would take too much work
)
