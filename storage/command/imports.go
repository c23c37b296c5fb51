package command

import (
	"time"

	"imperio/games"
)

// MostImported is how many accounts one ImportAccounts opens at most. With the longest names and hashes, they still fit into an
// entry of the log.
const MostImported = 500

// ImportAccounts opens accounts that another casino's database holds, with their balances there. All of them are opened, or
// none. A row is imported once: it is refused with already_imported from then on, even if its account is deleted. Refusals name
// the row. The accounts are players', and get no welcome coins. It concerns no account alone, so Command.Account must be 0.
// Seeds: two for each account, in their order. Answer: *AccountsImported.
type ImportAccounts struct {
	Source   string            `cbor:"1,keyasint"` // names that database: 1 … 64 ASCII letters, digits, '.', '_' and '-'
	Actor    string            `cbor:"2,keyasint"`
	Accounts []ImportedAccount `cbor:"3,keyasint"` // 1 … MostImported
}

// ImportedAccount is one of them.
type ImportedAccount struct {
	Row          int64       `cbor:"1,keyasint"` // its id there
	Username     string      `cbor:"2,keyasint"`
	UsernameKey  string      `cbor:"3,keyasint"` // folded: what must be unique
	Email        string      `cbor:"4,keyasint,omitempty"`
	EmailKey     string      `cbor:"5,keyasint,omitempty"`
	PasswordHash string      `cbor:"6,keyasint,omitempty"` // sealed; empty: nobody can sign in until a password is set
	Coins        games.Coins `cbor:"7,keyasint,omitempty"` // its balance there: 0 … MaxAmount
	Stakes       games.Coins `cbor:"8,keyasint,omitempty"` // of games that were open there, which the player gets back: 0 … MaxAmount
	Locked       bool        `cbor:"9,keyasint,omitempty"`
	// Mark is a keyed hash of the name that the row had there. It tells whether a row of the same number is the same player's.
	Mark Subject `cbor:"10,keyasint,omitzero"`
}

// AccountsImported answers ImportAccounts.
type AccountsImported struct {
	First    AccountID   `cbor:"1,keyasint,omitempty"` // the others follow it, in the order of the command
	Accounts int         `cbor:"2,keyasint,omitempty"`
	Coins    games.Coins `cbor:"3,keyasint,omitempty"` // all their balances there
	Stakes   games.Coins `cbor:"4,keyasint,omitempty"` // and stakes that were returned
}

// RowLookup asks about a row of another casino's database, and about a name and an address, which may be empty.
type RowLookup struct {
	Source      string
	Row         int64
	UsernameKey string
	EmailKey    string
}

// RowFound answers RowLookup.
type RowFound struct {
	Imported   *Imported // nil: the row was not imported
	NameTaken  bool      // an account has the name
	EmailTaken bool      // an account has the address
}

// Imported is what a row of another casino's database was imported as.
type Imported struct {
	Account AccountID // it may have been deleted since
	Event   uint64    // that opened it
	At      time.Time
	Coins   games.Coins
	Stakes  games.Coins
	Mark    Subject // see ImportedAccount; zero once the account is deleted
	// Untouched says that nothing has happened in the account since.
	Untouched bool
}
