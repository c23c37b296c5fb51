package importer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"imperio/appliance/auth"
	"imperio/games"
)

// patience of a test is that of go test: nothing here waits for a time.

// names are the casino's real rules.
var names = Names{
	Username: auth.Username, Reserved: auth.CheckReserved, Email: auth.Email, Own: auth.ParseOwnHash,
	Look: func(name string) string {
		return strings.ToLower(strings.NewReplacer("I", "l", "1", "l", "-", "").Replace(name))
	},
	Hash: func(hash string) string {
		switch err := auth.CheckOlderHash(hash); {
		case err == nil:
			return HashGood
		case errors.Is(err, auth.ErrHashPlain):
			return HashPlain
		case errors.Is(err, auth.ErrHashTooCostly):
			return HashTooCostly
		}
		return HashUnknown
	},
}

// good is a hash of "correct horse".
const good = "pbkdf2:sha1:1000$eyWn9DShVzXtHLrZ$b831252161ae5224f9f994d20bf5f417b2305292"

// double is a casino by its contract: an import takes all rows or none, and refuses what is taken.
type double struct {
	mu       sync.Mutex
	accounts []Account // the first has id 1000
	sources  []string  // of the accounts; "": signed up here
	rows     map[string]int
	byName   map[string]bool
	byEmail  map[string]bool

	before func(batch int) error // called before each import
	after  func(batch int) error // called after each import
	batch  int

	deleted map[uint64]bool // accounts
	since   func(*Found)    // what has become of accounts
}

func newDouble() *double {
	return &double{rows: map[string]int{}, byName: map[string]bool{}, byEmail: map[string]bool{}}
}

func (d *double) signUp(t *testing.T, name, email string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open("", Account{Username: name, Email: email}); err != nil {
		t.Fatal(err)
	}
}

func (d *double) check(source string, a Account) error {
	_, key, err := auth.Username(a.Username)
	if err != nil {
		return err
	}
	_, there := d.rows[fmt.Sprint(source, a.Row)]
	emailKey := ""
	if a.Email != "" {
		if _, emailKey, err = auth.Email(a.Email); err != nil {
			return err
		}
	}
	if source != "" && there || d.byName[key] || emailKey != "" && d.byEmail[emailKey] {
		return &Taken{fmt.Sprintf("row %d: taken", a.Row)}
	}
	return nil
}

func (d *double) open(source string, a Account) error {
	if err := d.check(source, a); err != nil {
		return err
	}
	_, key, _ := auth.Username(a.Username)
	_, emailKey, _ := auth.Email(a.Email)
	d.byName[key], d.byEmail[emailKey] = true, true
	delete(d.byEmail, "")
	if source != "" {
		d.rows[fmt.Sprint(source, a.Row)] = len(d.accounts)
	}
	d.accounts, d.sources = append(d.accounts, a), append(d.sources, source)
	return nil
}

func (d *double) Find(_ context.Context, source string, rows []Query) (found []Found, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range rows {
		f := Found{NameTaken: d.byName[q.UsernameKey], EmailTaken: d.byEmail[q.EmailKey]}
		if i, ok := d.rows[fmt.Sprint(source, q.Row)]; ok {
			a := d.accounts[i]
			f.Account, f.SameName, f.Username, f.Email, f.Locked = 1000+uint64(i), a.Named == q.Named, a.Username, a.Email, a.Locked
			f.Coins, f.Stakes, f.Balance, f.Untouched = a.Coins, a.Stakes, a.Coins+a.Stakes, true
			if d.deleted[f.Account] {
				f.Deleted, f.SameName, f.Username, f.Email, f.Balance, f.Untouched, a.PasswordHash = true, true, "", "", 0, false, ""
			}
			switch {
			case a.PasswordHash == "":
				f.Password = PasswordNone
			case q.PasswordHash != nil && *q.PasswordHash == a.PasswordHash:
				f.Password = PasswordSame
			default:
				f.Password = PasswordChanged
			}
		}
		if d.since != nil && f.Account != 0 {
			d.since(&f)
		}
		found = append(found, f)
	}
	return found, nil
}

func (d *double) Import(ctx context.Context, source string, accounts []Account) (done Done, err error) {
	d.mu.Lock()
	before, after, batch := d.before, d.after, d.batch
	d.batch++
	d.mu.Unlock()
	if before != nil {
		if err := before(batch); err != nil {
			return done, err
		}
	}
	if ctx.Err() != nil {
		return done, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range accounts {
		if err := d.check(source, a); err != nil {
			return done, err
		}
	}
	done = Done{First: 1000 + uint64(len(d.accounts)), Accounts: len(accounts)}
	for _, a := range accounts {
		if err := d.open(source, a); err != nil {
			panic(err) // two of a batch clash
		}
		done.Coins += a.Coins
		done.Stakes += a.Stakes
	}
	if after != nil {
		return done, after(batch)
	}
	return done, nil
}

// named returns the account of a row.
func (d *double) of(t *testing.T, row int64) Account {
	t.Helper()
	i, ok := d.rows[fmt.Sprint("test", row)]
	if !ok {
		t.Fatalf("row %d has no account", row)
	}
	return d.accounts[i]
}

// schema is that of an older casino, without its checks: a hostile database has none.
const schema = `CREATE TABLE users (id INTEGER, username, email, password, coins);
	CREATE TABLE blackjack_game_state (id INTEGER, user_id, deck BLOB, dealer_hand BLOB, player_hand BLOB, player_second_hand BLOB, player_coins,
	current_wager, game_over, message, player_stood, double_down, split, current_hand, dealer_value);`

// sqliteWith makes a database by statements, and returns its path.
func sqliteWith(t *testing.T, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, statements...)
	return path
}

func change(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// user is a statement that inserts a row of users; values are SQL.
func insertUser(id, username, email, password, coins string) string {
	return fmt.Sprintf("INSERT INTO users (id, username, email, password, coins) VALUES (%s, %s, %s, %s, %s);", id, username, email, password, coins)
}

// insertGame inserts a game, whose pickles would run a command if anybody read them.
func insertGame(id, user, wager, over, double, split, dealer string) string {
	const pickle = `X'80049525000000000000008c05706f736978948c0673797374656d9493948c0a746f756368202f746d709485945294'` // os.system("touch /tmp")
	return fmt.Sprintf(`INSERT INTO blackjack_game_state (id, user_id, deck, dealer_hand, player_hand, current_wager, game_over, double_down, split, dealer_value)
		VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s);`, id, user, pickle, pickle, pickle, wager, over, double, split, dealer)
}

// imported is an import that has ended.
type imported struct {
	summary Summary
	rows    map[string]Row // by table and row
	err     error
}

// doImport imports from a source into a casino.
func doImport(t *testing.T, from string, d *double, change ...func(*Options)) imported {
	t.Helper()
	source, err := Open(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	got := imported{rows: map[string]Row{}}
	o := Options{From: source, Casino: d, Names: names, Source: "test", Cluster: "this casino", Report: func(r *Row) error {
		key := r.Table + " " + r.Row
		if _, twice := got.rows[key]; twice {
			key += " again"
		}
		got.rows[key] = *r
		return nil
	}}
	for _, c := range change {
		c(&o)
	}
	got.summary, got.err = Run(t.Context(), o)
	return got
}

func compare(t *testing.T, from string, d *double) Comparison {
	t.Helper()
	source, err := Open(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	c, err := Verify(t.Context(), Options{From: source, Casino: d, Names: names, Source: "test", Cluster: "this casino"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// codes are the codes of a row's notes.
func codes(r Row) string {
	var all []string
	for _, n := range r.Notes {
		all = append(all, n.Code)
	}
	return strings.Join(all, " ")
}

func (d *double) sum() (coins games.Coins) {
	for _, a := range d.accounts {
		coins += a.Coins + a.Stakes
	}
	return coins
}
