package importer

import (
	"fmt"
	"strings"
	"testing"

	"imperio/storage/command"
)

// Every row of a hostile table becomes an account by the rules, and is reported.
func TestImport_EachOddRowByItsRule(t *testing.T) {
	d := newDouble()
	d.signUp(t, "taken", "taken@example.com")
	d.signUp(t, "player-33", "")
	hash := "'" + good + "'"
	type row struct {
		name, email, password, coins string // SQL
		username, kept               string
		amount                       int64
		locked                       bool
		codes                        string
	}
	rows := []row{
		1:  {"'ana'", "'ana@example.com'", hash, "5", "ana", "ana@example.com", 5, false, ""},
		2:  {"'ANA'", "'ANA@example.com'", hash, "5", "ANA-2", "", 5, false, "name_used_twice email_used_twice"},
		3:  {"'Taken'", "'taken@Example.com'", hash, "5", "Taken-3", "", 5, false, "name_taken email_taken"},
		4:  {"'admin'", "'a4@example.com'", hash, "5", "player-4", "a4@example.com", 5, false, "name_reserved"},
		5:  {"'Ann Smith'", "'a5@example.com'", hash, "5", "Ann-Smith-5", "a5@example.com", 5, false, "name_not_allowed"},
		6:  {"'al'", "'a6@example.com'", hash, "5", "al-6", "a6@example.com", 5, false, "name_not_allowed"},
		7:  {"''", "'a7@example.com'", hash, "5", "player-7", "a7@example.com", 5, false, "name_not_allowed"},
		8:  {"NULL", "NULL", "NULL", "NULL", "player-8", "", 0, true, "name_not_allowed email_missing coins_missing password_missing"},
		9:  {"'" + strings.Repeat("x", 64) + "'", "'no address'", hash, "-5", strings.Repeat("x", 32), "", 0, false, "name_not_allowed email_invalid coins_negative"},
		10: {"'" + strings.Repeat("x", 65) + "'", "'a10@example.com'", hash, "2.9", strings.Repeat("x", 29) + "-10", "a10@example.com", 2, false, "name_not_allowed coins_fractional"},
		11: {"CAST(X'66fc72' AS TEXT)", "CAST(X'ff40ff' AS TEXT)", "''", "'many'", "f-r", "", 0, true, "name_not_allowed email_invalid coins_not_a_number password_missing"},
		12: {"X'00010203'", "X'00'", "'hunter2'", "1e300", "player-12", "", 1e12, true, "name_not_allowed email_invalid coins_too_many password_plain"},
		13: {"'аdmіn'", "'a13@example.com'", "'md5$salt$00112233445566778899aabbccddeeff'", "9223372036854775807", "player-13", "a13@example.com", 1e12, true, "name_not_allowed coins_too_many password_unknown"},
		14: {"'王小明'", "'a14@example.com'", "'scrypt:1073741824:8:1$salt$" + strings.Repeat("00", 64) + "'", "'12'", "王小明", "a14@example.com", 12, true, "password_too_costly"},
		15: {"12345", "15", "15", "100.0", "12345", "", 100, true, "email_invalid password_plain"},
		16: {"'=cmd()|x'", "'a16@example.com'", hash, "-0.0", "cmd---x", "a16@example.com", 0, false, "name_not_allowed"},
		17: {"'ann-smith'", "'a17@example.com'", hash, "1", "ann-smith", "a17@example.com", 1, false, ""},
		18: {"'Ａlma'", "'a18@example.com'", hash, "1", "Alma", "a18@example.com", 1, false, "name_respelled"},
		19: {"'annа'", "'a19@example.com'", hash, "'  7 '", "player-19", "a19@example.com", 7, false, "name_not_allowed"}, // the last a is Cyrillic
		20: {"'" + strings.Repeat("y", 1_000_000) + "'", "'" + strings.Repeat("z", 1_000_000) + "@example.com'", "'" + strings.Repeat("p", 1_000_000) + "'", "'" + strings.Repeat("9", 1_000_000) + "'",
			strings.Repeat("y", 32), "", 0, true, "name_not_allowed email_invalid coins_not_a_number password_unknown"},
		21: {"'lisa'", "'lisa@example.com'", hash, "X'01'", "lisa", "lisa@example.com", 0, false, "name_looks_alike coins_not_a_number"},
		22: {"'Iisa'", "'a22@example.com'", hash, "1", "Iisa", "a22@example.com", 1, false, "name_looks_alike"},
		23: {"'carl'", "'carl@x.invalid'", hash, "1e3", "carl", "", 1000, false, "email_missing"},
		24: {"'back'", "'a24@example.com'", "'imperio:locked:'", "1", "back", "a24@example.com", 1, true, "password_missing"},
		25: {"'-dash-'", "'a25@example.com'", hash, "1000000000001", "dash", "a25@example.com", 1e12, false, "name_not_allowed coins_too_many"},
		26: {"'dora' || char(0) || 'x'", "'a26@example.com'", hash, "1", "dora-x", "a26@example.com", 1, false, "name_not_allowed"},
		27: {"'support-'", "'a27@example.com'", hash, "1", "player-27", "a27@example.com", 1, false, "name_reserved"},
		33: {"''", "'a33@example.com'", hash, "1", "player-33-2", "a33@example.com", 1, false, "name_not_allowed"},
	}
	statements := []string{schema}
	for id, r := range rows {
		if r.name != "" {
			statements = append(statements, insertUser(fmt.Sprint(id), r.name, r.email, r.password, r.coins))
		}
	}
	path := sqliteWith(t, statements...)
	got := doImport(t, "sqlite:"+path, d)
	if got.err != nil {
		t.Fatal(got.err)
	}
	for id, want := range rows {
		if want.name == "" {
			continue
		}
		a, row := d.of(t, int64(id)), got.rows[fmt.Sprint("users ", id)]
		if a.Username != want.username || a.Email != want.kept || int64(a.Coins) != want.amount || a.Locked != want.locked || (a.PasswordHash == "") != want.locked {
			t.Errorf("row %d (%.40s): %q %q %d, locked %t with hash %t; want %q %q %d, locked %t", id, want.name, a.Username, a.Email, a.Coins, a.Locked, a.PasswordHash != "", want.username, want.kept, want.amount, want.locked)
		}
		if codes(row) != want.codes {
			t.Errorf("row %d (%.40s): notes %q, want %q", id, want.name, codes(row), want.codes)
		}
		for _, n := range row.Notes {
			if strings.Contains(n.Text, "hunter2") || strings.Contains(n.Text, "$") || len(n.Text) > 600 {
				t.Errorf("row %d: %s", id, n.Text)
			}
		}
	}
	if c := compare(t, "sqlite:"+path, d); c.Differs != 0 {
		t.Errorf("%+v", c)
	}
	// A second run tells the same.
	second := doImport(t, "sqlite:"+path, d)
	for id, want := range rows {
		if row := second.rows[fmt.Sprint("users ", id)]; want.name != "" && codes(row) != want.codes {
			t.Errorf("row %d, second run: notes %q, want %q", id, codes(row), want.codes)
		}
	}
}

func TestImport_RowsWithoutAUsableID(t *testing.T) {
	path := sqliteWith(t, "CREATE TABLE users (id, username, email, password, coins); CREATE TABLE blackjack_game_state (id, user_id, current_wager, game_over, double_down, split, dealer_value)",
		insertUser("NULL", "'null'", "'n@example.com'", "NULL", "1"), insertUser("'x'", "'text'", "'t@example.com'", "NULL", "1"), insertUser("5", "'five'", "'f@example.com'", "NULL", "1"),
		insertUser("5", "'again'", "'g@example.com'", "NULL", "1"), insertUser("1.5", "'real'", "'r@example.com'", "NULL", "1"), insertUser("-3", "'minus'", "'m@example.com'", "NULL", "1"))
	d := newDouble()
	got := doImport(t, "sqlite:"+path, d)
	if got.err != nil || got.summary.Imported != 2 || got.summary.Failed != 4 || got.summary.Users != 6 {
		t.Errorf("%v, %+v", got.err, got.summary)
	}
	if d.of(t, 5).Username != "five" || d.of(t, -3).Username != "minus" {
		t.Error("the wrong rows are imported")
	}
	for row, code := range map[string]string{"NULL": "id_unusable", `"x"`: "id_unusable", "1.5": "id_unusable", "5 again": "id_twice"} {
		if r := got.rows["users "+row]; codes(r) != code || r.Result != Failed {
			t.Errorf("%s: %+v", row, r)
		}
	}
}

func TestImport_ReturnsStakesOfOpenGames(t *testing.T) {
	games := []struct {
		user, wager, over, double, split, dealer string // SQL
		stake                                    int64
		result, codes                            string
	}{
		{"1", "20", "0", "0", "0", "NULL", 20, Returned, ""},
		{"1", "15", "NULL", "1", "NULL", "NULL", 15, Returned, ""}, // doubled: it is the doubled stake
		{"1", "30", "0", "0", "1", "NULL", 60, Returned, ""},
		{"1", "7", "0", "1", "1", "NULL", 14, Returned, "game_split_and_doubled"},
		{"2", "50", "0", "0", "0", "17", 0, NotReturned, "game_paid_already"},
		{"2", "-5", "0", "0", "0", "NULL", 0, NotReturned, "wager_negative"},
		{"2", "2.5", "'false'", "0", "1", "NULL", 4, Returned, "wager_fractional"},
		{"2", "NULL", "0", "0", "0", "NULL", 0, NotReturned, "wager_missing"},
		{"2", "'ten'", "0", "0", "0", "NULL", 0, NotReturned, "wager_not_a_number"},
		{"2", "1e15", "0", "0", "0", "NULL", 0, NotReturned, "wager_too_many"},
		{"2", fmt.Sprint(int64(command.MaxAmount)), "0", "0", "0", "NULL", 0, NotReturned, "wager_too_many"}, // with the 4 of another game
		{"2", "5", "'maybe'", "0", "0", "NULL", 0, NotReturned, "game_unclear"},
		{"2", "5", "0", "0", "'maybe'", "NULL", 0, NotReturned, "game_unclear"},
		{"2", "0", "0", "0", "0", "NULL", 0, NotReturned, ""},
		{"3", "5", "0", "0", "0", "NULL", 0, NotReturned, "game_without_user"},
		{"NULL", "5", "0", "0", "0", "NULL", 0, NotReturned, "game_without_user"},
		{"'1'", "5", "0", "0", "0", "NULL", 0, NotReturned, "game_without_user"},
	}
	statements := []string{schema, insertUser("1", "'ana'", "'ana@example.com'", "'"+good+"'", "100"), insertUser("2", "'ben'", "'ben@example.com'", "'"+good+"'", "0"),
		insertGame("100", "1", "9", "1", "0", "0", "20"), insertGame("101", "1", "9", "1", "0", "0", "NULL"), insertGame("102", "9", "9", "'true'", "0", "0", "NULL")}
	for id, g := range games {
		statements = append(statements, insertGame(fmt.Sprint(id), g.user, g.wager, g.over, g.double, g.split, g.dealer))
	}
	d := newDouble()
	got := doImport(t, "sqlite:"+sqliteWith(t, statements...), d)
	if got.err != nil {
		t.Fatal(got.err)
	}
	for id, want := range games {
		row := got.rows[fmt.Sprint(gamesTable, " ", id)]
		if row.Result != want.result || codes(row) != want.codes || want.result == Returned && int64(row.Stakes) != want.stake {
			t.Errorf("game %d: %+v; want %+v", id, row, want)
		}
	}
	if ana, ben := d.of(t, 1), d.of(t, 2); ana.Stakes != 20+15+60+14 || ana.Coins != 100 || ben.Stakes != 4 {
		t.Errorf("%+v, %+v", ana, ben)
	}
	if s := got.summary; s.FinishedGames != 3 || s.Stakes != 113 || s.OpenGames != int64(len(games)) {
		t.Errorf("%+v", s)
	}
}

func TestImport_TellsAnotherDatabaseUnderTheSameSource(t *testing.T) {
	d := newDouble()
	one := sqliteWith(t, schema, insertUser("1", "'ana'", "'ana@example.com'", "NULL", "1"))
	two := sqliteWith(t, schema, insertUser("1", "'zoe'", "'zoe@example.com'", "NULL", "9"), insertUser("2", "'yan'", "'yan@example.com'", "NULL", "9"), insertGame("1", "1", "5", "0", "0", "0", "NULL"))
	doImport(t, "sqlite:"+one, d)
	got := doImport(t, "sqlite:"+two, d)
	if r := got.rows["users 1"]; got.err != nil || r.Result != Failed || codes(r) != "other_row" || got.summary.Imported != 1 {
		t.Errorf("%v, %+v", got.err, r)
	}
	if r := got.rows[gamesTable+" 1"]; r.Result != NotReturned || codes(r) != "game_of_failed_user" {
		t.Errorf("%+v", r)
	}
	if c := compare(t, "sqlite:"+two, d); c.Differs != 1 || codes(c.First[0]) != "other_row" {
		t.Errorf("%+v", c)
	}
	if again := doImport(t, "sqlite:"+two, d, func(o *Options) { o.Source = "second" }); again.summary.Imported != 2 || again.rows["users 2"].Username != "yan-2" {
		t.Errorf("%v, %+v", again.err, again.summary)
	}
}

func TestImport_TellsWhatHasChangedThereSince(t *testing.T) {
	d := newDouble()
	path := sqliteWith(t, schema, insertUser("1", "'ana'", "'ana@example.com'", "NULL", "10"), insertGame("1", "1", "5", "0", "0", "0", "NULL"))
	doImport(t, "sqlite:"+path, d)
	change(t, path, "UPDATE users SET coins = 15", "UPDATE blackjack_game_state SET game_over = 1")
	got := doImport(t, "sqlite:"+path, d)
	if r := got.rows["users 1"]; got.err != nil || !strings.Contains(codes(r), "changed_there") || r.Coins != 10 || !r.Attention() {
		t.Errorf("%v, %+v", got.err, r)
	}
	if c := compare(t, "sqlite:"+path, d); c.Differs != 1 || codes(c.First[0]) != "coins_differ stakes_differ" {
		t.Errorf("%+v", c)
	}
}

func TestImport_RefusesWhatThisCasinoExported(t *testing.T) {
	path := sqliteWith(t, schema, "CREATE TABLE imperio_export (casino TEXT, lineage TEXT)", "INSERT INTO imperio_export VALUES ('this casino', 'origin')", insertUser("1", "'ana'", "'a@example.com'", "NULL", "1"))
	d := newDouble()
	if got := doImport(t, "sqlite:"+path, d); got.err == nil || !strings.Contains(got.err.Error(), "exported from this same casino") || len(d.accounts) > 0 {
		t.Errorf("%v", got.err)
	}
	if got := doImport(t, "sqlite:"+path, d, func(o *Options) { o.Cluster = "another" }); got.err != nil || got.summary.Imported != 1 {
		t.Errorf("%v", got.err)
	}
}
