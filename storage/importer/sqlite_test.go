package importer

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "sqlite:" + path
	}
	for _, c := range []struct{ from, says string }{
		{"app.db", "sqlite:FILE"},
		{"mysql://u:hunter2@h/d", "sqlite:FILE"},
		{"sqlite:" + dir + "/none.db", "no such file"},
		{"sqlite:" + dir, "is a directory: name the file in it"},
		{file("text.db", strings.Repeat("this is text. ", 100)), "it is not a SQLite database"},
		{file("empty.db", ""), "it has no table users. It has no table at all"},
		{"sqlite:" + sqliteWith(t, "CREATE TABLE people (id INTEGER)", "CREATE TABLE pets (id INTEGER)"), `it has no table users. It has the tables "people", "pets"`},
		{"sqlite:" + sqliteWith(t, "CREATE VIEW users AS SELECT 1 AS id, 'a' AS username, 'b' AS email, 'c' AS password, 1 AS coins"), "it has no table users"},
		{"sqlite:" + sqliteWith(t, "CREATE TABLE users (id INTEGER, username, email, coins)"), `its table users has no column password. It has the columns "id", "username", "email", "coins"`},
		{"sqlite:" + sqliteWith(t, "CREATE TABLE users (id INTEGER, username, email, password)"), "no column coins"},
		{"postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable", "connect to the older casino's database"},
		{"postgres://u:hunter2@127.0.0.1:none/d", "no PostgreSQL URL"},
	} {
		s, err := Open(t.Context(), c.from)
		if err == nil {
			s.Close()
			t.Errorf("%s is opened", c.from)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.from, err)
		}
	}
}

func TestImport_SaysWhichGamesAreMissing(t *testing.T) {
	user := insertUser("1", "'ana'", "'ana@example.com'", "NULL", "1")
	for _, c := range []struct{ games, says string }{
		{"SELECT 1", "no table blackjack_game_state"},
		{"CREATE TABLE blackjack_game_state (id INTEGER, user_id INTEGER, current_wager INTEGER, game_over BOOLEAN, double_down BOOLEAN, split BOOLEAN)", "no column dealer_value"},
	} {
		from := "sqlite:" + sqliteWith(t, "CREATE TABLE users (id INTEGER, username, email, password, coins)", c.games, user)
		d := newDouble()
		if got := doImport(t, from, d); got.err == nil || !strings.Contains(got.err.Error(), c.says) || !strings.Contains(got.err.Error(), "--without-games") || len(d.accounts) > 0 {
			t.Errorf("%v", got.err)
		}
		if got := doImport(t, from, d, func(o *Options) { o.WithoutGames = true }); got.err != nil || got.summary.Imported != 1 {
			t.Errorf("%v", got.err)
		}
	}
}

// The newest rows are in the write-ahead log, since no checkpoint was made. The older casino goes on writing during the import, which
// sees one moment.
func TestImport_ReadsTheWriteAheadLogAndOneMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a name #1?.db")
	// A driver takes what follows the ? for its options, so the file gets its name afterwards.
	plain := filepath.Join(filepath.Dir(path), "app.db")
	old, err := sql.Open("sqlite", plain+"?_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := old.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(schema)
	exec(insertUser("1", "'ana'", "'ana@example.com'", "NULL", "10"))
	if info, err := os.Stat(plain + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no log: %v", err)
	}
	source, err := Open(t.Context(), "sqlite:"+plain)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	exec("UPDATE users SET coins = 99")
	exec(insertUser("2", "'late'", "'late@example.com'", "NULL", "1"))
	d := newDouble()
	s, err := Run(t.Context(), Options{From: source, Casino: d, Names: names, Source: "test"})
	if err != nil || s.Imported != 1 || d.of(t, 1).Coins != 10 {
		t.Errorf("%v, %+v, %+v", err, s, d.accounts)
	}
	// A comparison sees what has happened meanwhile.
	if c := compare(t, "sqlite:"+plain, d); c.Differs != 2 || c.NotImported != 1 {
		t.Errorf("%+v", c)
	}
	// A copy whose directory has odd characters, with its log beside it.
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(plain + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied := newDouble()
	if got := doImport(t, "sqlite:"+path, copied); got.err != nil || got.summary.Imported != 2 || copied.of(t, 1).Coins != 99 {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
}

// A reader with locks would leave two files beside a database with a write-ahead log, and the older casino might not be able to open
// them.
func TestImport_LeavesNoFilesBesideAQuietDatabase(t *testing.T) {
	path := crowd(t, 12*BatchSize)
	change(t, path, "PRAGMA journal_mode=wal")
	d := newDouble()
	if got := doImport(t, "sqlite:"+path, d); got.err != nil || got.summary.Imported != 12*BatchSize {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	// It notices that the older casino starts meanwhile.
	d = newDouble()
	d.before = func(int) error {
		change(t, path, "UPDATE users SET coins = coins + 1")
		return nil
	}
	if got := doImport(t, "sqlite:"+path, d); got.err == nil || !strings.Contains(got.err.Error(), "stop the older casino") {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
}

// While a file without a write-ahead log is written to, readers see the state before, or wait.
func TestImport_OfADatabaseThatIsBeingWritten(t *testing.T) {
	path := crowd(t, 4*BatchSize)
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	writer, err := old.Begin() // it holds what SQLite calls a reserved lock
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec("UPDATE users SET coins = -1"); err != nil {
		t.Fatal(err)
	}
	d := newDouble()
	got := doImport(t, "sqlite:"+path, d)
	if got.err != nil || int64(d.sum()) != crowdCoins(4*BatchSize) {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
	if err := errors.Join(writer.Commit(), old.Close()); err != nil {
		t.Errorf("the older casino can't write any more: %v", err)
	}
}

// The older casino was killed while it wrote: a rollback journal is beside the file, and pages of an unfinished change are in it. To put
// them back is to write.
func TestOpen_DoesNotRepairWhatWasLeftHalfWritten(t *testing.T) {
	path := crowd(t, 4*BatchSize)
	old, err := sql.Open("sqlite", path+"?_pragma=cache_size(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	writer, err := old.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec("UPDATE users SET coins = -1"); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "app.db") // as a kill leaves it
	for _, end := range []string{"", "-journal"} {
		content, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Rollback(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), "sqlite:"+left); err == nil || !strings.Contains(err.Error(), "its last writer was killed") {
		if err == nil {
			s.Close()
		}
		t.Errorf("%v", err)
	}
	if after, err := os.ReadFile(left); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed: %v", err)
	}
}

func TestImport_OfADatabaseThatIsDamaged(t *testing.T) {
	path := crowd(t, 4*BatchSize)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 4; i < len(content)*3/4; i++ {
		content[i] = 0x5a
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDouble()
	if got := doImport(t, "sqlite:"+path, d); got.err == nil || !strings.Contains(got.err.Error(), "the database is damaged") {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
}

func TestImport_OfAFileThatIsCutDuringTheImport(t *testing.T) {
	path, d := crowd(t, 12*BatchSize), newDouble()
	change(t, path, "ALTER TABLE users ADD COLUMN pad", "UPDATE users SET pad = zeroblob(1500)") // more than SQLite keeps in memory
	d.before = func(batch int) error {
		if batch == 1 {
			return os.Truncate(path, 8192)
		}
		return nil
	}
	got := doImport(t, "sqlite:"+path, d)
	if got.err == nil || len(d.accounts)%BatchSize != 0 {
		t.Errorf("%v, %d accounts", got.err, len(d.accounts))
	}
}

func TestOpen_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Open(ctx, sample); err == nil {
		s.Close()
		t.Error("opened")
	}
}
