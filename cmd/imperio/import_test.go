package main

import (
	"database/sql"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imperio/storage/importer"
)

// olderDatabase makes an older casino's database; values are rows of users in SQL.
func olderDatabase(t *testing.T, values string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`CREATE TABLE users (id INTEGER PRIMARY KEY, username, email, password, coins, since);
		CREATE TABLE blackjack_game_state (id INTEGER PRIMARY KEY, user_id INTEGER, current_wager INTEGER, game_over BOOLEAN, double_down BOOLEAN, split BOOLEAN, dealer_value INTEGER);
		INSERT INTO users (id, username, email, password, coins) VALUES ` + values)
	if err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

const olderHash = "'pbkdf2:sha1:1000$eyWn9DShVzXtHLrZ$b831252161ae5224f9f994d20bf5f417b2305292'"

func TestImport_ExitCodesAndWhatItTells(t *testing.T) {
	c := startCasino(t, io.Discard, io.Discard)
	c.does("a rather long password\n", "account", "create", "ana")
	odd := olderDatabase(t, `(1, 'ana', 'ana@example.org', `+olderHash+`, 5), (2, 'ben', 'ben@example.org', 'plain hunter2', -7), (3, 'carl', 'carl@example.org', `+olderHash+`, 9)`)
	report := filepath.Join(t.TempDir(), "report.json")
	imports := func(args ...string) (stdout, stderr string, code int) {
		return invoke(t, c.environ, append([]string{"import", "imperiocasino"}, args...)...)
	}

	stdout, stderr, code := imports("--from", odd, "--dry-run", "--report", report)
	if code != exitLook {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	holds(t, stdout, "rows of users                    3\n  to be imported                 3\n", "Nothing was changed.", "ana-1", "coins_negative", "password_plain", "users.since")
	holds(t, stderr, "2 rows need somebody to look at them")
	holds(t, c.does("", "account", "list"), "1000  ana")

	stdout, stderr, code = imports("--from", odd, "--verify", "--report", report)
	if code != exitLook || strings.Contains(stdout+stderr, "hunter2") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	holds(t, stdout, "  imported now                   3\n", "coins imported now               14\n", "  as imported          3\n", "coins                  14 by the rules, 14 imported", "imperio account unlock NAME")
	text, err := os.ReadFile(report)
	var document struct {
		Rows    []importer.Row
		Summary importOutcome
	}
	if err != nil || json.Unmarshal(text, &document) != nil || len(document.Rows) != 3 || document.Summary.Import.Imported != 3 || document.Rows[1].Account != 1002 {
		t.Errorf("%v: %s", err, text)
	}
	holds(t, c.does("", "account", "show", "ben"), "locked", "true")
	holds(t, c.does("", "history", "--acts", "--limit", "1"), "accounts_imported")
	holds(t, c.does("", "audit"), "The books are right.")

	// What is in already, as it stood, needs nobody.
	if _, stderr, code = imports("--from", olderDatabase(t, `(1, 'dora', 'dora@example.org', `+olderHash+`, 5)`), "--source", "other", "--json"); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	// The same source, from another database.
	if stdout, _, code = imports("--from", olderDatabase(t, `(1, 'zoe', 'zoe@example.org', `+olderHash+`, 5)`)); code != exitLook {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	holds(t, stdout, "other_row", "give it a name of its own with --source")
	// A comparison with a database that has changed since.
	if stdout, stderr, code = imports("--from", olderDatabase(t, `(1, 'ana', 'ana@example.org', `+olderHash+`, 6), (4, 'eve', 'eve@example.org', `+olderHash+`, 1)`), "--dry-run", "--verify"); code != exitFailed {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	holds(t, stdout, "5 coins were imported; the row has 6", "the row is not imported")
	holds(t, stderr, "2 of 2 rows differ from their accounts")
}

func TestImport_MakesACasinoOnlyWhereItIsToldTo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "casino")
	from := olderDatabase(t, `(1, 'ana', 'ana@example.org', `+olderHash+`, 5)`)
	imports := func(args ...string) (stdout, stderr string, code int) {
		return invoke(t, []string{"IMPERIO_DATA_DIR=" + dir}, append([]string{"import", "imperiocasino", "--from", from}, args...)...)
	}
	_, stderr, code := imports()
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	holds(t, stderr, "there is no casino", "--new")
	if stdout, stderr, code := imports("--new", "--dry-run"); code != 0 || !strings.Contains(stdout, "to be imported                 1") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a dry run, or a run without --new, has made %s: %v", dir, err)
	}
	for _, now := range []string{"imported now                   1", "imported now                   0"} {
		if stdout, stderr, code := imports("--new", "--verify"); code != 0 || !strings.Contains(stdout, now) {
			t.Errorf("exit code %d, want %q: %s%s", code, now, stdout, stderr)
		}
	}
}

func TestImport_CommandLinesThatMakeNoSense(t *testing.T) {
	environ := []string{"IMPERIO_DATA_DIR=/nowhere/at/all"}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "--from"},
		{[]string{"--from", "app.db"}, exitUsage, "sqlite:FILE"},
		{[]string{"--from", "mysql://u:hunter2@h/d"}, exitUsage, "postgres://"},
		{[]string{"--from", "sqlite:app.db", "--source", "two words"}, exitUsage, "--source"},
		{[]string{"--from", "sqlite:app.db", "--report", "report.txt"}, exitUsage, ".csv or .json"},
		{[]string{"--from", "sqlite:app.db"}, exitFailed, "there is no casino"},
	} {
		_, stderr, code := invoke(t, environ, append([]string{"import", "imperiocasino"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "hunter2") {
			t.Errorf("%q: exit code %d: %s", c.args, code, stderr)
		}
	}
}
