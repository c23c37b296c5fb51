package export

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/storagetest"
)

// olderFile exports a snapshot as the verb does, with passwords that tell what they were asked.
func olderFile(t *testing.T, s *storage.Snapshot) (path string, sum OlderSummary) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a file?with 100% odd#name.db")
	f, err := CreateNew(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	sum, err = Older(t.Context(), s, f.Name(), OlderOptions{
		Casino: "casino-1", Version: "1.2.3", Now: storagetest.Birth.Add(time.Hour),
		NoAddress: func(n uint64) string { return fmt.Sprintf("none-%d", n) },
		Password: func(stored string, denied bool) (string, bool, error) {
			hash, err := storagetest.Keys.OpenPassword(stored)
			return fmt.Sprintf("%s, denied %v", hash, denied), hash == "hash of Ana", err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Keep(); err != nil {
		t.Fatal(err)
	}
	return path, sum
}

func openOlder(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// lines are the rows of a query as text.
func lines(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range cells {
			to[i] = &cells[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, c := range cells {
			line = append(line, c.String)
		}
		list = append(list, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOlder_HasEveryAccountThatIsNotDeleted(t *testing.T) {
	c, _ := house(t)
	s := snapshot(t, c)
	path, sum := olderFile(t, s)
	ana := csvOf(t, accounts, s)[0]
	long := strings.Repeat("d", 60) + "@" + strings.Repeat("d", 59) + ".com"
	got := lines(t, openOlder(t, path), "SELECT id, username, email, password, coins - 100 FROM users ORDER BY id")
	want := []string{
		"1000|Ana|Ana@example.com|hash of Ana, denied false|" + ana["coins"],
		"1001|王小明|none-1001|hash of 王小明, denied true|-93",
		"1003|dora|" + long + "|hash of dora, denied true|-100",
		`1004|eve|=cmd|'/c"calc",@example.com|hash of eve, denied false|2147483548`,
		"1005|finn|finn@example.com|hash of finn, denied false|-95",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	coins := sum.Coins
	sum.Coins, sum.Events = 0, 0
	if sum != (OlderSummary{Accounts: 5, Held: 100, Open: 1, Deleted: 1, Locked: 1, Excluded: 1, NoAddress: 1, Operators: 1, Limited: 1, NewHashes: 2, LongEmail: 1, Rich: 1}) {
		t.Errorf("%+v", sum)
	}
	if players := s.Machine().Books.Players; coins != players+100 {
		t.Errorf("%d coins, and the players have %d and 100 in a round", coins, players)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// The schema is compared with that of a database that the older system made.
func TestOlder_HasTheSchemaOfTheOlderSystem(t *testing.T) {
	c, _ := house(t)
	path, _ := olderFile(t, snapshot(t, c))
	ours, theirs := openOlder(t, path), openOlder(t, "../importer/testdata/imperiocasino.db")
	for _, table := range []string{"users", "blackjack_game_state", "alembic_version"} {
		for _, pragma := range []string{"table_xinfo", "foreign_key_list", "index_list"} {
			query := fmt.Sprintf("PRAGMA %s(%s)", pragma, table)
			if got, want := lines(t, ours, query), lines(t, theirs, query); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s: got %v, want %v", query, got, want)
			}
		}
	}
	if got, want := lines(t, ours, "SELECT * FROM alembic_version"), lines(t, theirs, "SELECT * FROM alembic_version"); got[0] != want[0] {
		t.Errorf("the version is %v instead of %v", got, want)
	}
	if got := lines(t, ours, "PRAGMA integrity_check"); got[0] != "ok" {
		t.Error(got)
	}
	if got := lines(t, ours, "SELECT casino, lineage, events > 10, exported_at, version FROM imperio_export"); len(got) != 1 || got[0] != "casino-1||1|2026-11-23T22:00:00Z|1.2.3" {
		t.Error(got)
	}
}

func TestOlder_APasswordThatCantBeOpenedEndsIt(t *testing.T) {
	c, _ := house(t)
	path := filepath.Join(t.TempDir(), "x.db")
	f, err := CreateNew(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := errors.New("damaged")
	if _, err = Older(t.Context(), snapshot(t, c), f.Name(), OlderOptions{Password: func(string, bool) (string, bool, error) { return "", false, damaged }}); !errors.Is(err, damaged) || !strings.Contains(err.Error(), "account 1000") {
		t.Errorf("%v", err)
	}
	f.Discard()
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestNewFile_NeverTakesThePlaceOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := CreateNew(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("there first"), 0o600); err != nil { // while the export was written
		t.Fatal(err)
	}
	if err := f.Keep(); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("%v", err)
	}
	f.Discard()
	if data, err := os.ReadFile(path); err != nil || string(data) != "there first" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := CreateNew(path); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("%v", err)
	}
	if _, err := CreateNew(filepath.Join(path, "below")); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
}
