package export

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
)

// olderSchema is the older system's, as its own migration makes it; it finds its tables at that version, and migrates nothing. The last
// table is ours: it says where the file came from, so that it is never imported into the casino that wrote it.
const olderSchema = `
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('25ab8b788d50');
CREATE TABLE users (
	id INTEGER NOT NULL,
	username VARCHAR(64) NOT NULL,
	email VARCHAR(120) NOT NULL,
	password VARCHAR(128),
	coins INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (email),
	UNIQUE (username)
);
CREATE TABLE blackjack_game_state (
	id INTEGER NOT NULL,
	user_id INTEGER NOT NULL,
	deck BLOB NOT NULL,
	dealer_hand BLOB NOT NULL,
	player_hand BLOB NOT NULL,
	player_second_hand BLOB,
	player_coins INTEGER NOT NULL,
	current_wager INTEGER NOT NULL,
	game_over BOOLEAN,
	message VARCHAR(255),
	player_stood BOOLEAN,
	double_down BOOLEAN,
	split BOOLEAN,
	current_hand VARCHAR(10),
	dealer_value INTEGER,
	PRIMARY KEY (id),
	FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE imperio_export (
	casino TEXT NOT NULL,
	lineage TEXT NOT NULL,
	events INTEGER NOT NULL,
	exported_at TEXT NOT NULL,
	version TEXT NOT NULL
);`

// The lengths that the older schema names, in characters. SQLite doesn't enforce them; PostgreSQL does.
const (
	olderEmail    = 120
	olderPassword = 128
	olderCoins    = 1<<31 - 1 // the largest INTEGER of PostgreSQL
)

// OlderOptions are the options of Older.
type OlderOptions struct {
	Casino  string    // the casino's own id
	Version string    // of this program
	Now     time.Time // self-exclusions that end later are in force
	// Password returns what the older database holds as the password of an account: stored is its hash as it is stored, and denied says
	// that it must not sign in there. usable says whether the older system can verify it. An error ends the export.
	Password func(stored string, denied bool) (value string, usable bool, err error)
	// NoAddress returns what stands for the address of an account that has none, since the older schema wants one. It is another one for each
	// account.
	NoAddress func(account uint64) string
	Progress  Progress // may be nil
}

// OlderSummary is what an export into the older schema has written, and what does not fit there.
type OlderSummary struct {
	Events    uint64      `json:"events"` // of the history, up to which it goes
	Accounts  int         `json:"accounts"`
	Coins     games.Coins `json:"coins"` // of all accounts, with what follows
	Held      games.Coins `json:"held"`  // of it in open rounds, which do not exist there: their stakes went back to the players
	Open      int         `json:"open_rounds"`
	Deleted   int         `json:"deleted"`            // accounts, which are left out
	Locked    int         `json:"locked"`             // accounts that nobody can sign in to there: locked here
	Excluded  int         `json:"excluded"`           // and those whose players have excluded themselves
	NoAddress int         `json:"without_email"`      // accounts with a stand-in for an address
	Operators int         `json:"operators"`          // who are players like others there
	Limited   int         `json:"with_own_limits"`    // accounts whose limits are not kept there
	NewHashes int         `json:"need_new_passwords"` // accounts whose hash the older system can't verify
	LongEmail int         `json:"long_emails"`        // longer than its column
	LongHash  int         `json:"long_hashes"`
	Rich      int         `json:"many_coins"` // accounts with more coins than a column of PostgreSQL takes
}

// Older writes the accounts into the file of a database in the older system's schema. path is an empty file. It is not durable yet when
// Older returns.
func Older(ctx context.Context, s *storage.Snapshot, path string, o OlderOptions) (sum OlderSummary, err error) {
	if o.Progress == nil {
		o.Progress = func(uint64, uint64) {}
	}
	// Nobody else reads the file, and a broken one is thrown away. So it needs no journal.
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: "_pragma=journal_mode(off)&_pragma=synchronous(off)&_pragma=locking_mode(exclusive)&_pragma=cache_size(-65536)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return sum, err
	}
	db.SetMaxOpenConns(1)
	defer func() {
		if err = errors.Join(err, db.Close()); err != nil {
			err = fmt.Errorf("write the database: %w", err)
		}
	}()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return sum, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, olderSchema); err != nil {
		return sum, err
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO users (id, username, email, password, coins) VALUES (?, ?, ?, ?, ?)`)
	if err != nil {
		return sum, err
	}
	err = eachAccount(s, o.Progress, func(n command.AccountID, a *machine.AccountRecord, w *machine.WalletRecord) error {
		u, err := sum.user(n, a, w, &o)
		if err != nil || u == nil {
			return err
		}
		_, err = insert.ExecContext(ctx, u.id, u.name, u.email, u.password, u.coins)
		return err
	})
	if err != nil {
		return sum, err
	}
	record := s.Machine()
	sum.Events = record.Events
	if _, err := tx.ExecContext(ctx, `INSERT INTO imperio_export (casino, lineage, events, exported_at, version) VALUES (?, ?, ?, ?, ?)`,
		o.Casino, record.Lineage, int64(record.Events), o.Now.UTC().Format(time.RFC3339), o.Version); err != nil {
		return sum, err
	}
	return sum, tx.Commit()
}

// olderUser is a row of users.
type olderUser struct {
	id                    int64
	name, email, password string
	coins                 int64
}

// user makes an account's row, and counts it; nil if it is left out.
func (sum *OlderSummary) user(n command.AccountID, a *machine.AccountRecord, w *machine.WalletRecord, o *OlderOptions) (*olderUser, error) {
	if a.DeletedAt != 0 {
		sum.Deleted++
		return nil, nil
	}
	excluded := w.ExcludedUntil > o.Now.UnixMilli()
	password, usable, err := o.Password(a.PasswordHash, w.Locked || excluded)
	if err != nil {
		return nil, fmt.Errorf("the password of account %d: %w", n, err)
	}
	u := &olderUser{id: int64(n), name: a.Username, email: a.Email, password: password, coins: int64(w.Balance + w.Held)}
	if u.email == "" {
		sum.NoAddress++
		u.email = o.NoAddress(uint64(n))
	}
	sum.Accounts++
	sum.Coins += games.Coins(u.coins)
	sum.Held += w.Held
	count := func(which *int, is bool) {
		if is {
			*which++
		}
	}
	count(&sum.Open, w.OpenRound != 0)
	count(&sum.Locked, w.Locked)
	count(&sum.Excluded, excluded && !w.Locked)
	count(&sum.Operators, a.Role == command.RoleOperator)
	count(&sum.Limited, w.Limited)
	count(&sum.NewHashes, !usable && !excluded && !w.Locked)
	count(&sum.LongEmail, utf8.RuneCountInString(u.email) > olderEmail)
	count(&sum.LongHash, len(u.password) > olderPassword)
	count(&sum.Rich, u.coins > olderCoins)
	return u, nil
}
