package importer

import (
	"os"
	"path/filepath"
	"testing"
)

const sample = "sqlite:testdata/imperiocasino.db"

func TestImport_OpensAnAccountForEachUserOfTheSample(t *testing.T) {
	before, err := os.ReadFile("testdata/imperiocasino.db")
	if err != nil {
		t.Fatal(err)
	}
	d := newDouble()
	got := doImport(t, sample, d)
	if got.err != nil || got.summary.Imported != 20 || got.summary.Failed != 0 || got.summary.Attention != 0 {
		t.Fatalf("%v, %+v", got.err, got.summary)
	}
	if a := d.of(t, 15); a.Username != "olga" || a.Email != "olga@example.com" || a.Coins != 2147483647 || a.Locked || a.PasswordHash == "" {
		t.Errorf("%+v", a)
	}
	// Three games are open: of 20 and 15 coins, and one that was split, of 30 for each hand.
	for id, stakes := range map[int64]int64{7: 20, 8: 15, 10: 60, 11: 0, 12: 0} {
		if a := d.of(t, id); int64(a.Stakes) != stakes {
			t.Errorf("user %d gets %d coins back, want %d", id, a.Stakes, stakes)
		}
	}
	if s := got.summary; s.OpenGames != 3 || s.Returned != 3 || s.FinishedGames != 2 || s.Stakes != 95 {
		t.Errorf("%+v", s)
	}
	if c := compare(t, sample, d); c.Differs != 0 || c.Equal != 20 || c.SourceCoins != c.CasinoCoins || c.SourceStakes != 95 {
		t.Errorf("%+v", c)
	}
	after, err := os.ReadFile("testdata/imperiocasino.db")
	if err != nil || string(after) != string(before) {
		t.Errorf("the source was changed: %v", err)
	}
	if beside, _ := filepath.Glob("testdata/imperiocasino.db-*"); len(beside) > 0 {
		t.Errorf("left beside the source: %v", beside)
	}
}

func TestImport_ASecondRunImportsNothing(t *testing.T) {
	d := newDouble()
	first := doImport(t, sample, d)
	coins := d.sum()
	second := doImport(t, sample, d)
	if second.err != nil || second.summary.AlreadyImported != 20 || second.summary.Imported != 0 || second.summary.Attention != 0 || d.sum() != coins || len(d.accounts) != 20 {
		t.Errorf("%v, %+v", second.err, second.summary)
	}
	if a, b := first.rows["users 7"], second.rows["users 7"]; a.Account != b.Account || b.Result != AlreadyImported || second.rows[gamesTable+" 1"].Result != AlreadyReturned {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestImport_ADryRunChangesNothingAndSaysTheSame(t *testing.T) {
	d := newDouble()
	dry := doImport(t, sample, d, func(o *Options) { o.DryRun = true })
	if dry.err != nil || len(d.accounts) != 0 || dry.summary.Imported != 20 || dry.rows["users 1"].Result != WouldImport || dry.rows[gamesTable+" 12"].Result != WouldReturn {
		t.Fatalf("%v, %+v", dry.err, dry.summary)
	}
	real := doImport(t, sample, d)
	for key, planned := range dry.rows {
		done := real.rows[key]
		if planned.Username != done.Username || planned.Coins != done.Coins || planned.Stakes != done.Stakes || codes(planned) != codes(done) {
			t.Errorf("planned %+v, done %+v", planned, done)
		}
	}
}

func TestImport_OfAVeryOldSchema(t *testing.T) {
	path := sqliteWith(t, `CREATE TABLE USERS (ID INTEGER PRIMARY KEY, Username TEXT, email TEXT, password_hash TEXT, coins INTEGER, created_at TEXT)`,
		`INSERT INTO users VALUES (1, 'ana', 'ana@example.com', '`+good+`', 5, 'long ago')`)
	d := newDouble()
	if got := doImport(t, "sqlite:"+path, d); got.err == nil {
		t.Error("stakes of open games are lost in silence")
	}
	got := doImport(t, "sqlite:"+path, d, func(o *Options) { o.WithoutGames = true })
	if got.err != nil || got.summary.Imported != 1 || d.of(t, 1).PasswordHash != good {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
	source, err := Open(t.Context(), "sqlite:"+path)
	if err != nil || len(source.Ignored()) != 1 || source.Ignored()[0] != "users.created_at" {
		t.Errorf("%v, %v", err, source.Ignored())
	}
	source.Close()
}

func TestImport_DoesNotOpenDeletedAccountsAgain(t *testing.T) {
	d := newDouble()
	doImport(t, sample, d)
	d.deleted = map[uint64]bool{1006: true}
	got := doImport(t, sample, d)
	if r := got.rows["users 7"]; got.err != nil || got.summary.Attention != 0 || codes(r) != "deleted_since" || r.Result != AlreadyImported || r.Username != "" || len(d.accounts) != 20 {
		t.Errorf("%v, %+v", got.err, r)
	}
	if c := compare(t, sample, d); c.Differs != 0 || c.Deleted != 1 || c.Equal != 19 || c.SourceCoins != c.CasinoCoins {
		t.Errorf("%+v", c)
	}
}
