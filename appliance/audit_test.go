package appliance

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imperio/appliance/config"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
)

// noted is something to do in a casino that nothing else does.
func noted(what string) command.Body { return command.RecordAct{Actor: "operator", Act: what} }

// copyFiles copies files of a casino that is not running into another directory, which may hold others.
func copyFiles(t *testing.T, dir string, to string, names ...string) string {
	t.Helper()
	for _, name := range names {
		from := filepath.Join(dir, name)
		if info, err := os.Stat(from); err != nil {
			t.Fatal(err)
		} else if info.IsDir() {
			if err := os.RemoveAll(filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Join(to, name), os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// whole is all that makes a casino.
var whole = []string{storage.NodeFile, KeyFile, storage.StateFile, replication.LogDir}

// auditRefuses holds that an audit does not take a log and a state for one casino's.
func auditRefuses(t *testing.T, dir string, want string) {
	t.Helper()
	without := copyFiles(t, dir, privateDir(t), storage.NodeFile, storage.StateFile, replication.LogDir)
	for _, dir := range []string{dir, without} {
		before := contentOf(t, dir)
		if _, err := Audit(t.Context(), config.Data{Dir: dir}, nil); !errors.Is(err, replication.ErrMismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("an audit of mixed files says %v, not %q", err, want)
		}
		if contentOf(t, dir) != before {
			t.Error("it touched the files")
		}
	}
}

// A copy of a casino at an earlier time, and the casino as it went on: their files are mixed.
func TestAudit_OfFilesOfDifferentTimes(t *testing.T) {
	dir := privateDir(t)
	makeCasino(t, dir, noted("one"))
	earlier := copyFiles(t, dir, privateDir(t), whole...)
	makeCasino(t, dir, noted("two"), noted("three"))
	later := copyFiles(t, dir, privateDir(t), whole...)

	// The log tells what the older state lacks.
	mixed := copyFiles(t, later, copyFiles(t, earlier, privateDir(t), storage.NodeFile, KeyFile, storage.StateFile), replication.LogDir)
	proved, err := Audit(t.Context(), config.Data{Dir: mixed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Audit(t.Context(), config.Data{Dir: later}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if proved.Proved[0] != want.Proved[0] {
		t.Errorf("an older state and a newer log prove %q, and the casino %q", proved.Proved[0], want.Proved[0])
	}
	mixed = copyFiles(t, earlier, copyFiles(t, later, privateDir(t), storage.NodeFile, KeyFile, storage.StateFile), replication.LogDir)
	auditRefuses(t, mixed, "the log is older than the state")
}

// Two copies of a casino went on separately, one as far as the other, or further.
func TestAudit_OfFilesOfCopiesThatParted(t *testing.T) {
	dir := privateDir(t)
	makeCasino(t, dir, noted("one"))
	one, other := copyFiles(t, dir, privateDir(t), whole...), copyFiles(t, dir, privateDir(t), whole...)
	makeCasino(t, one, noted("two"), noted("three"))
	makeCasino(t, other, noted("zwei"), noted("drei"))
	further := copyFiles(t, other, privateDir(t), whole...)
	makeCasino(t, further, noted("vier"), noted("fünf"))
	for name, c := range map[string]struct{ state, log string }{
		"as far":                {one, other},
		"the log came further":  {one, further},
		"the state came before": {dir, other}, // the log has what that state became in this copy
	} {
		t.Run(name, func(t *testing.T) {
			mixed := copyFiles(t, c.log, copyFiles(t, c.state, privateDir(t), storage.NodeFile, KeyFile, storage.StateFile), replication.LogDir)
			if c.state == dir {
				if _, err := Audit(t.Context(), config.Data{Dir: mixed}, nil); err != nil {
					t.Error(err)
				}
				return
			}
			auditRefuses(t, mixed, "different histories")
		})
	}
	mixed := copyFiles(t, one, copyFiles(t, further, privateDir(t), storage.NodeFile, KeyFile, storage.StateFile), replication.LogDir)
	auditRefuses(t, mixed, "the log is older than the state")
}

// A kill within a write leaves a part of it. That is no fault as long as neither the state nor the witness knows of it.
func TestAudit_TellsOfATornEndOfTheLog(t *testing.T) {
	dir := privateDir(t)
	makeCasino(t, dir, noted("one"))
	before := privateDir(t)
	d, err := openDir(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.node.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	logState := filepath.Join(replication.LogDir, "state")
	if err := os.Mkdir(filepath.Join(before, replication.LogDir), 0o700); err != nil {
		t.Fatal(err)
	}
	copyFiles(t, dir, before, storage.NodeFile, storage.StateFile, logState)
	if _, err := d.node.Propose(t.Context(), command.Command{ID: command.ID{9}, Body: noted(strings.Repeat("long ", 300))}); err != nil {
		t.Fatal(err)
	}
	if err := d.close(context.Background()); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, replication.LogDir, "*.segment"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(data, "\x00"))
	clear(data[end-600 : end])
	if err := os.WriteFile(segments[0], data, 0o600); err != nil {
		t.Fatal(err)
	}

	opensNot(t, dir, "is damaged", "all entries up to") // the witness knows of the write
	copyFiles(t, before, dir, logState)
	auditRefuses(t, dir, "the log is older than the state") // and so does the state
	copyFiles(t, before, dir, storage.StateFile)
	proved, err := Audit(t.Context(), config.Data{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(proved.Proved, func(line string) bool {
		return strings.Contains(line, "was never finished") && strings.Contains(line, "normal after a kill")
	}) {
		t.Errorf("the audit does not tell of the torn write:\n%s", strings.Join(proved.Proved, "\n"))
	}
	makeCasino(t, dir, noted("and on")) // a start drops it
	proved, err = Audit(t.Context(), config.Data{Dir: dir}, nil)
	if err != nil || strings.Contains(strings.Join(proved.Proved, "\n"), "never finished") {
		t.Errorf("after a start: %v\n%s", err, strings.Join(proved.Proved, "\n"))
	}
}
