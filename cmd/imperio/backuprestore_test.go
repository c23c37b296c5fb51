package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/appliance"
	"imperio/storage/backup"
)

func TestMoment_NeedsAZoneAndLiesInThePast(t *testing.T) {
	now := time.Date(2026, 11, 20, 13, 0, 0, 0, time.FixedZone("Somewhere", 3600))
	for text, want := range map[string]string{ // a time, or what the refusal says
		"2026-11-20T10:00:00Z":           "2026-11-20T10:00:00Z",
		"2026-11-20T11:00:00.25+01:00":   "2026-11-20T10:00:00.25Z",
		"2026-11-20T10:00:00":            "Write 2026-11-20T10:00:00Z if it is UTC, or 2026-11-20T10:00:00+01:00 if it is the local time",
		"2026-11-20 10:00:00.5":          "2026-11-20T10:00:00.5Z if it is UTC, or 2026-11-20T10:00:00.5+01:00",
		"2026-11-20T10:00":               "2026-11-20T10:00:00Z",
		"2026-11-20":                     "2026-11-20T00:00:00Z if it is UTC, or 2026-11-20T00:00:00+01:00",
		"2026-11-20T12:00:00.000000001Z": "in the future",
		"yesterday":                      "is no time",
		"10:00":                          "is no time",
	} {
		at, err := parseMoment(text, now)
		got := at.UTC().Format(time.RFC3339Nano)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if _, err := (&backupRestoreCommand{At: "2026-11-20T10:00:00Z", Index: 3}).moment(now); err == nil {
		t.Error("both a time and an index are taken")
	}
}

func TestBackup_IsListedInspectedVerifiedRestoredAndPruned(t *testing.T) {
	to := t.TempDir()
	c := startCasino(t, io.Discard, io.Discard, "IMPERIO_BACKUP_TO=file://"+to, "IMPERIO_BACKUP_INTERVAL=1s")
	c.does("a rather long password\n", "account", "create", "ana")
	c.does("", "backup", "create")
	c.does("", "account", "grant", "ana", "77", "--reason", "luck")

	if _, errs, code := invoke(t, c.environ, "backup", "restore", "--reason", "x", "--yes"); code != 1 || !strings.Contains(errs, "systemctl stop imperio") {
		t.Errorf("a restore of a running casino: exit code %d, %s", code, errs)
	}
	for _, args := range [][]string{{}, {"--yes"}, {"--reason", "x"}, {"--reason", "x", "--yes", "--at", "2026-11-20"}} {
		if _, errs, code := invoke(t, c.environ, append([]string{"backup", "restore"}, args...)...); code != exitUsage {
			t.Errorf("restore %v: exit code %d, %s", args, code, errs)
		}
	}
	c.stop() // which ships the grant

	var list appliance.BackupList
	if err := json.Unmarshal([]byte(c.quiet("backup", "list", "--json")), &list); err != nil || len(list.Casinos) != 1 || len(list.Casinos[0].Lineages) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	l := list.Casinos[0].Lineages[0]
	archive := l.Archives[len(l.Archives)-1]
	holds(t, c.does("", "backup", "list"), list.Target, "lineage origin", "restorable", archive.Name, "not encrypted, without the casino's key")
	short := archive.Name[strings.LastIndex(archive.Name, "/")+1:]
	holds(t, c.does("", "backup", "inspect", short), archive.Name, "accounts    1, ", "is not in it")
	var m backup.Manifest
	if err := json.Unmarshal([]byte(c.quiet("backup", "inspect", filepath.Join(to, archive.Name), "--json")), &m); err != nil || m.Index != archive.Index {
		t.Errorf("%+v, %v", m, err)
	}
	holds(t, c.does("", "backup", "verify"), archive.Name, "The backup is right.")
	holds(t, c.does("", "backup", "verify", short, "--json"), `"proved"`)

	index := fmt.Sprint(archive.Index)
	holds(t, c.does("", "backup", "restore", "--index", index, "--dry-run"), "It takes back", "1 grants of coins", "Nothing was changed.")
	holds(t, c.does("", "backup", "restore", "--index", index, "--dry-run", "--no-count"), "It takes back", "was not counted")
	holds(t, c.does("", "backup", "restore", "--index", index, "--reason", "no luck", "--yes"),
		"1 grants of coins", "entry "+index, "new lineage", "before-restore-")
	holds(t, c.does("", "history", "--acts"), "casino_restored", "no luck", "origin, entry "+index)
	if out := c.does("", "account", "show", "ana"); strings.Contains(out, "77") {
		t.Errorf("the grant is still there: %s", out)
	}
	holds(t, c.does("", "audit"), "The books are right.")
	var r appliance.RestoreReport
	if err := json.Unmarshal([]byte(c.quiet("backup", "restore", "--lineage", "origin", "--reason", "after all", "--yes", "--json")), &r); err != nil || !r.Done || r.NewLineage == "" {
		t.Errorf("%+v, %v", r, err)
	}
	holds(t, c.does("", "account", "show", "ana"), "77")

	holds(t, c.does("", "backup", "prune", "--dry-run"), "0 backups")
	if err := os.WriteFile(filepath.Join(to, archive.Name), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := invoke(t, c.environ, "backup", "verify", short); code != 1 || !strings.Contains(errs, "is damaged") {
		t.Errorf("a damaged archive: exit code %d, %s", code, errs)
	}
}

// quiet is does, and returns what the verb prints on its standard output alone.
func (c *casino) quiet(args ...string) string {
	c.t.Helper()
	out, errs, code := invoke(c.t, c.environ, args...)
	if code != 0 {
		c.t.Errorf("%v: exit code %d: %s", args, code, errs)
	}
	return out
}
