package importer

import (
	"context"
	"strings"
	"testing"
)

func TestVerify_FindsEachDifference(t *testing.T) {
	d := newDouble()
	doImport(t, sample, d)
	for _, c := range []struct {
		code  string // empty: it is no difference
		since func(*Found)
	}{
		{"coins_differ", func(f *Found) { f.Coins++; f.Balance++ }},
		{"stakes_differ", func(f *Found) { f.Stakes++; f.Balance++ }},
		{"balance_differs", func(f *Found) { f.Balance-- }},
		{"balance_differs", func(f *Found) { f.Held++ }},
		{"name_differs", func(f *Found) { f.Username = "anabel" }},
		{"email_differs", func(f *Found) { f.Email = "ana@elsewhere.example" }},
		{"email_differs", func(f *Found) { f.Email, f.EmailTaken = "", false }},
		{"lock_differs", func(f *Found) { f.Locked = true }},
		{"password_differs", func(f *Found) { f.Password = PasswordChanged }},
		{"password_differs", func(f *Found) { f.Password = PasswordNone }},
		{"other_row", func(f *Found) { f.SameName = false }},
		{"not_imported", func(f *Found) { *f = Found{} }},
		{"", func(f *Found) { f.Username = "ana-1" }},
		{"", func(f *Found) { f.Username = "player-1-9" }},
		{"", func(f *Found) { f.Email, f.EmailTaken = "", true }},
		// What the player does later.
		{"", func(f *Found) {
			f.Untouched, f.Balance, f.Held, f.Password, f.Locked, f.Email = false, 3, 2, PasswordChanged, true, "new@example.com"
		}},
		{"coins_differ", func(f *Found) { f.Untouched = false; f.Coins-- }},
		{"name_differs", func(f *Found) { f.Untouched = false; f.Username = "eve" }},
		{"stakes_differ", func(f *Found) { f.Deleted, f.Username, f.Untouched = true, "", false; f.Stakes = 5 }},
	} {
		d.since = func(f *Found) {
			if f.Account == 1000 {
				c.since(f)
			}
		}
		var first string
		got := compare(t, sample, d)
		if len(got.First) > 0 {
			first = codes(got.First[0])
		}
		if first != c.code || got.Differs != int64(len(strings.Fields(c.code))) || got.Users != 20 {
			t.Errorf("%q, want %q: %+v", first, c.code, got)
		}
		wantMissing := int64(0)
		if c.code == "not_imported" || c.code == "other_row" {
			wantMissing = 1
		}
		if got.NotImported != wantMissing {
			t.Errorf("%q: %d are not imported", c.code, got.NotImported)
		}
	}
}

// liar is a database that promises a row more than it has.
type liar struct{ memory }

func (l liar) count(ctx context.Context, table string) (int64, error) {
	n, err := l.memory.count(ctx, table)
	return n + 1, err
}

func TestImport_NoticesThatRowsAreMissing(t *testing.T) {
	m := memory{usersTable: {{{kind: integer, number: 1}, textValue("ana"), textValue("ana@example.com"), {}, {}, {}}}}
	s := &Source{database: liar{m}}
	if err := s.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := Options{From: s, Casino: newDouble(), Names: names, Source: "test"}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "had 2 rows, and only 1 could be read") {
		t.Errorf("%v", err)
	}
	if _, err := Verify(t.Context(), o); err == nil || !strings.Contains(err.Error(), "had 2 rows, and only 1 could be read") {
		t.Errorf("%v", err)
	}
}
