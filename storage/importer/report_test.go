package importer

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport_HoldsEachRowInBothFormats(t *testing.T) {
	dir := t.TempDir()
	rows := []Row{
		{Table: usersTable, Row: "1", Named: "=cmd|' /C calc'!A0", Result: Imported, Account: 1000, Username: "cmd", Coins: 5, Stakes: 2, Notes: []Note{note("name_not_allowed", "a, \"b\"\nc")}},
		{Table: usersTable, Row: "-3", Named: "-3", Result: AlreadyImported},
		{Table: gamesTable, Row: `"x"`, Named: "\t+1", Result: NotReturned},
	}
	for _, name := range []string{"r.csv", "r.JSON"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := CreateReport(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := r.Row(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		if before, err := os.ReadFile(path); err != nil || string(before) != "before" {
			t.Errorf("%s is replaced before it is complete: %v", name, err)
		}
		if err := r.Complete(map[string]int{"users": 2}); err != nil {
			t.Fatal(err)
		}
		r.Discard()
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "r.csv"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(table) != 4 || table[1][2] != "'"+rows[0].Named || table[1][8] != "yes" || table[2][2] != "-3" || !strings.HasPrefix(table[3][2], "'\t") || table[1][10] != "a, \"b\"\nc" {
		t.Errorf("%v, %q", err, table)
	}
	var document struct {
		Rows    []map[string]any
		Summary map[string]int
	}
	if text, err = os.ReadFile(filepath.Join(dir, "r.JSON")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &document); err != nil || len(document.Rows) != 3 || document.Summary["users"] != 2 || document.Rows[0]["account"] != "1000" {
		t.Errorf("%v: %s", err, text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReport_ThatIsNotCompleteLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.csv")
	r, err := CreateReport(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Row(&Row{})
	r.Discard()
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	empty := filepath.Join(t.TempDir(), "r.json")
	if r, err = CreateReport(empty); err != nil {
		t.Fatal(err)
	}
	if err := r.Complete(nil); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(empty); err != nil || !json.Valid(text) {
		t.Errorf("%s, %v", text, err)
	}
	for _, bad := range []string{"report", "report.txt", filepath.Join(t.TempDir(), "none", "r.csv")} {
		if r, err := CreateReport(bad); err == nil {
			r.Discard()
			t.Errorf("%s is created", bad)
		}
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), "d.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateReport(filepath.Join(filepath.Dir(path), "d.csv")); err == nil {
		t.Error("a directory is taken for a report")
	}
}
