package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// crowd is a database with many users, each with an open game of 2 coins.
func crowd(t *testing.T, users int) string {
	t.Helper()
	return sqliteWith(t, strings.ReplaceAll(schema, "id INTEGER,", "id INTEGER PRIMARY KEY,"), fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO users SELECT i, 'user' || i, 'user' || i || '@example.com', '%s', i FROM n;
		INSERT INTO blackjack_game_state (id, user_id, current_wager, split) SELECT id, id, 2, 0 FROM users;`, users, good))
}

func crowdCoins(users int) int64 { return int64(users)*int64(users+1)/2 + 2*int64(users) }

func TestImport_ThatIsBrokenOffGoesOn(t *testing.T) {
	const users = 5*BatchSize + 7
	from, d := "sqlite:"+crowd(t, users), newDouble()
	lost := errors.New("the connection is lost")
	// The casino dies before it has taken a batch, and then after it has taken one, without an answer.
	d.before = func(batch int) error {
		if batch == 2 {
			return lost
		}
		return nil
	}
	d.after = func(batch int) error {
		if batch == 4 {
			return lost
		}
		return nil
	}
	first := doImport(t, from, d)
	if !errors.Is(first.err, lost) || first.summary.Imported != 2*BatchSize || !strings.Contains(first.err.Error(), fmt.Sprintf("rows %d to %d", 2*BatchSize+1, 3*BatchSize)) {
		t.Errorf("%v, %+v", first.err, first.summary)
	}
	second := doImport(t, from, d)
	if !errors.Is(second.err, lost) || second.summary.AlreadyImported != 2*BatchSize || second.summary.Imported != BatchSize {
		t.Errorf("%v, %+v", second.err, second.summary)
	}
	third := doImport(t, from, d)
	if third.err != nil || third.summary.AlreadyImported != 4*BatchSize || third.summary.AlreadyImported+third.summary.Imported != users || int64(d.sum()) != crowdCoins(users) {
		t.Errorf("%v, %+v; the casino has %d coins", third.err, third.summary, d.sum())
	}
	if c := compare(t, from, d); c.Differs != 0 || c.Equal != users {
		t.Errorf("%+v", c)
	}
}

func TestImport_ThatIsInterruptedEndsBetweenBatches(t *testing.T) {
	const users = 8 * BatchSize
	from, d := "sqlite:"+crowd(t, users), newDouble()
	ctx, interrupt := context.WithCancel(t.Context())
	d.before = func(batch int) error {
		if batch == 3 {
			interrupt() // in the middle of a batch
		}
		return nil
	}
	source, err := Open(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	s, err := Run(ctx, Options{From: source, Casino: d, Names: names, Source: "test"})
	if !errors.Is(err, context.Canceled) || s.Imported != 4*BatchSize || len(d.accounts) != 4*BatchSize {
		t.Errorf("%v, %+v, %d accounts", err, s, len(d.accounts))
	}
}

// While the import runs, players sign up under names that it has found free.
func TestImport_FindsOtherNamesWhenSomebodyIsFaster(t *testing.T) {
	const users = 2*BatchSize + 1
	const late = BatchSize + 50 // a row of the second batch
	d := newDouble()
	d.before = func(batch int) error {
		if batch == 1 {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.open("", Account{Username: fmt.Sprintf("User%d", late), Email: fmt.Sprintf("user%d@example.com", late+1)})
		}
		return nil
	}
	got := doImport(t, "sqlite:"+crowd(t, users), d)
	if got.err != nil || got.summary.Imported != users || len(d.accounts) != users+1 {
		t.Fatalf("%v, %+v", got.err, got.summary)
	}
	if a := d.of(t, late); a.Username != fmt.Sprintf("user%d-%d", late, late) || codes(got.rows[fmt.Sprint("users ", late)]) != "name_taken" {
		t.Errorf("%+v", a)
	}
	if a := d.of(t, late+1); a.Email != "" || codes(got.rows[fmt.Sprint("users ", late+1)]) != "email_taken" {
		t.Errorf("%+v", a)
	}
}

func TestImport_GivesUpIfTheCasinoAlwaysSaysTaken(t *testing.T) {
	d := newDouble()
	d.before = func(int) error { return &Taken{"row 1: it is taken"} }
	got := doImport(t, "sqlite:"+crowd(t, 3), d)
	if got.err == nil || !strings.Contains(got.err.Error(), "row 1: it is taken") || got.summary.Imported != 0 {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
}

func TestImport_EndsWhenTheReportCantBeWritten(t *testing.T) {
	full := errors.New("no space left on device")
	got := doImport(t, "sqlite:"+crowd(t, 3*BatchSize), newDouble(), func(o *Options) { o.Report = func(*Row) error { return full } })
	if !errors.Is(got.err, full) {
		t.Errorf("%v", got.err)
	}
}
