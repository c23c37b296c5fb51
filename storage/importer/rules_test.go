package importer

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"imperio/appliance/auth"
)

// memory is a database in memory.
type memory map[string][][]value

func (m memory) columns(context.Context) (map[string][]string, error) {
	return map[string][]string{usersTable: userColumns, gamesTable: gameColumns}, nil
}
func (m memory) count(_ context.Context, table string) (int64, error) {
	return int64(len(m[table])), nil
}
func (m memory) close() error { return nil }

func (m memory) read(_ context.Context, table string, columns []string, fn func([]value) error) error {
	for _, row := range m[table] {
		given := make([]value, len(columns))
		for i, column := range columns {
			if column != "" {
				given[i] = row[i]
			}
		}
		if err := fn(given); err != nil {
			return err
		}
	}
	return nil
}

func textValue(s string) value { return value{kind: text, text: s} }

// Whatever the names are: each row becomes an account, with a name of its own that the casino allows. A name that is allowed stays
// with the lowest id that has it. A name that the casino has already stays with its player.
func TestImport_EveryNameIsImportedUnderTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.SampledFrom([]string{"ana", "Ana", "ANA", "ana-2", "ana-3", "player-1", "player-2", "Player-3", "admin", "Аna", "ana b", "ana_b", "a", "", "ß", "ss", "straße", "STRASSE", "１２３", "123", "x\u0301yz", "\u202eana", "ana\u0000"}),
			rapid.String(), rapid.StringMatching(`[a-z ]{1,40}`), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }))
		rows := rapid.SliceOfN(name, 1, 30).Draw(t, "names")
		m := memory{}
		for i, n := range rows {
			m[usersTable] = append(m[usersTable], []value{{kind: integer, number: int64(i + 1)}, textValue(n), textValue(fmt.Sprintf("a%d@example.com", i)), textValue(good), {}, {kind: integer, number: 1}})
		}
		d := newDouble()
		there := rapid.SampledFrom([]string{"ana", "player-1", "ana-2", "zoe"}).Draw(t, "in the casino")
		if err := d.open("", Account{Username: there}); err != nil {
			t.Fatal(err)
		}
		s := &Source{database: m}
		if err := s.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), Options{From: s, Casino: d, Names: names, Source: "test"}); err != nil {
			t.Fatal(err)
		}
		keeper := map[string]int64{}
		for i, n := range rows {
			if shown, key, err := auth.Username(n); err == nil && auth.CheckReserved(shown, key) == nil && keeper[key] == 0 && !strings.EqualFold(key, there) {
				keeper[key] = int64(i + 1)
			}
		}
		seen := map[string]bool{}
		for i := range rows {
			a := d.accounts[d.rows[fmt.Sprint("test", i+1)]]
			shown, key, err := auth.Username(a.Username)
			if err != nil || auth.CheckReserved(shown, key) != nil || seen[key] || key == there || a.Row != int64(i+1) {
				t.Fatalf("row %d, %q, is %q: %v", i+1, rows[i], a.Username, err)
			}
			seen[key] = true
			if owner := keeper[key]; owner != 0 && owner != a.Row {
				t.Fatalf("row %d has the name %q, which is row %d's", a.Row, a.Username, owner)
			}
			if own, key, err := auth.Username(rows[i]); err == nil && keeper[key] == a.Row && a.Username != own {
				t.Fatalf("row %d could keep its name %q, and is %q", a.Row, own, a.Username)
			}
		}
		c, err := Verify(t.Context(), Options{From: s, Casino: d, Names: names, Source: "test"})
		if err != nil || c.Differs != 0 || c.Equal != int64(len(rows)) {
			t.Fatalf("%v, %+v", err, c)
		}
	})
}

func TestValue_Amounts(t *testing.T) {
	for _, c := range []struct {
		v     value
		coins int64
		odd   string
	}{
		{value{}, 0, missing},
		{value{kind: integer, number: -1 << 63}, 0, negative},
		{value{kind: integer, number: 1e12}, 1e12, exact},
		{value{kind: integer, number: 1e12 + 1}, 1e12, tooMany},
		{value{kind: real, real: 0.999999}, 0, fractional},
		{value{kind: real, real: -1e-300}, 0, negative},
		{value{kind: boolean, number: 1}, 0, noNumber},
		{value{kind: blob, text: "5"}, 0, noNumber},
		{textValue("5"), 5, exact},
		{textValue("+5.000"), 5, exact},
		{textValue("5."), 5, exact},
		{textValue("5.5"), 5, fractional},
		{textValue("-5"), 0, negative},
		{textValue("1e2"), 100, exact},
		{textValue("-1e9999"), 0, negative},
		{textValue("1e9999"), 1e12, tooMany},
		{textValue("1e-5"), 0, fractional},
		{textValue("0x10"), 0, noNumber},
		{textValue("1/2"), 0, noNumber},
		{textValue("1_000"), 0, noNumber},
		{textValue("NaN"), 0, noNumber},
		{textValue("Infinity"), 0, noNumber},
		{textValue("1e999999999"), 0, noNumber},
		{textValue(strings.Repeat("9", 400)), 1e12, tooMany},
		{textValue("1000000000000.5"), 1e12, tooMany},
	} {
		if coins, odd := c.v.amount(); int64(coins) != c.coins || odd != c.odd {
			t.Errorf("%s: %d %q, want %d %q", c.v.shown(), coins, odd, c.coins, c.odd)
		}
	}
}

func TestImport_OwnHashesComeBackAsTheyWere(t *testing.T) {
	const bcrypt = "$2a$10$abcdefghijklmnopqrstuuQ2Zy1G0W9lGmYxXqvF3oT9n6s1y2w3e"
	for _, c := range []struct {
		stored, hash string
		locked       bool
		codes        string
	}{
		{auth.OwnHash(bcrypt, false), bcrypt, false, ""},
		{auth.OwnHash(bcrypt, true), bcrypt, true, "locked_there"},
		{auth.OwnHash(good, true), good, true, "locked_there"},
		{auth.OwnHash("", true), "", true, "password_missing"},
		{bcrypt, "", true, "password_unknown"}, // of another program
		{"imperio:bcrypt:!", "", true, "password_unknown"},
	} {
		hash, locked, notes := names.passwordRule(textValue(c.stored), value{})
		if hash != c.hash || locked != c.locked || codes(Row{Notes: notes}) != c.codes {
			t.Errorf("%.20s…: hash %q, locked %t, %v", c.stored, hash, locked, notes)
		}
	}
}
