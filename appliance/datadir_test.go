package appliance

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imperio/appliance/config"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
)

func openDir(dir string, create bool) (*dataDir, error) {
	return openDataDir(dataDirOptions{path: dir, create: create, stallLimit: patientConfig().Data.DiskStallLimit, log: slog.New(slog.DiscardHandler)})
}

// makeCasino makes a casino in a directory, does something in it, and closes it.
func makeCasino(t *testing.T, dir string, do ...command.Body) {
	t.Helper()
	d, err := openDir(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, body := range do {
		if _, err := d.node.Propose(t.Context(), command.Command{ID: command.ID{byte(i)}, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// setReady writes node.json as an interrupted start leaves it, or as a completed one does.
func setReady(t *testing.T, dir string, ready bool) {
	t.Helper()
	id, err := storage.ReadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	id.Ready = ready
	if err := storage.WriteIdentity(dir, id); err != nil {
		t.Fatal(err)
	}
}

// contentOf is the content of all files in a directory.
func contentOf(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %x\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// opensNot checks that every way to open the directory fails with want, and that no file is touched.
func opensNot(t *testing.T, dir string, want ...string) {
	t.Helper()
	before := contentOf(t, dir)
	for name, open := range map[string]func() error{
		"serve":                   func() error { _, err := openDir(dir, true); return err },
		"a verb without a server": func() error { _, err := openDir(dir, false); return err },
		"audit":                   func() error { _, err := Audit(context.Background(), config.Data{Dir: dir}, nil); return err },
	} {
		err := open()
		if err == nil {
			t.Fatalf("%s: it opens", name)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s does not say %q: %v", name, w, err)
			}
		}
		if contentOf(t, dir) != before {
			t.Errorf("%s: it touched the files", name)
		}
	}
}

var something = command.RecordAct{Actor: "operator", Act: "noted"}

func TestDataDir_AFirstStartThatBrokeOffIsBegunAnew(t *testing.T) {
	for name, breakOff := range map[string]func(dir string) error{
		"when all files were there": func(string) error { return nil },
		"before the log":            func(dir string) error { return os.RemoveAll(filepath.Join(dir, replication.LogDir)) },
		"within the state": func(dir string) error {
			if err := os.RemoveAll(filepath.Join(dir, replication.LogDir)); err != nil {
				return err
			}
			path := filepath.Join(dir, storage.StateFile)
			if err := os.Truncate(path, 100); err != nil {
				return err
			}
			return os.Rename(path, path+".new")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := privateDir(t)
			makeCasino(t, dir)
			setReady(t, dir, false)
			if err := breakOff(dir); err != nil {
				t.Fatal(err)
			}
			makeCasino(t, dir, something)
			if _, err := Audit(t.Context(), config.Data{Dir: dir}, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// If node.json says that the casino was never used, but other files hold a history, node.json is wrong: nothing is removed.
func TestDataDir_WhatWasDoneIsNeverRemoved(t *testing.T) {
	for name, lose := range map[string]string{"both files": "", "the log alone": storage.StateFile, "the state alone": replication.LogDir} {
		t.Run(name, func(t *testing.T) {
			dir := privateDir(t)
			makeCasino(t, dir, something)
			setReady(t, dir, false)
			if lose != "" {
				if err := os.RemoveAll(filepath.Join(dir, lose)); err != nil {
					t.Fatal(err)
				}
			}
			before := contentOf(t, dir)
			_, err := openDir(dir, true)
			if err == nil || !strings.Contains(err.Error(), "Nothing was changed") || contentOf(t, dir) != before {
				t.Errorf("error %v, files as before: %v", err, contentOf(t, dir) == before)
			}
		})
	}
}

func TestDataDir_UnreadableFilesOfAFirstStartAreKept(t *testing.T) {
	for _, file := range []string{storage.StateFile, replication.LogDir + "/state"} {
		dir := privateDir(t)
		makeCasino(t, dir)
		setReady(t, dir, false)
		if err := os.Truncate(filepath.Join(dir, file), 100); err != nil {
			t.Fatal(err)
		}
		before := contentOf(t, dir)
		if _, err := openDir(dir, true); err == nil || !strings.Contains(err.Error(), file) || contentOf(t, dir) != before {
			t.Errorf("%s: error %v, files as before: %v", file, err, contentOf(t, dir) == before)
		}
	}
}

// Without "ready", the casino once looked unused, and was replaced by a new one.
func TestDataDir_AFlippedBitOfTheIdentityIsRefused(t *testing.T) {
	dir := privateDir(t)
	makeCasino(t, dir, something)
	path := filepath.Join(dir, storage.NodeFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte(`"ready"`), []byte(`"reada"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	opensNot(t, dir, storage.NodeFile, "is damaged", "Nothing was changed")
}

// Two casinos with the same number of commands have logs and states that seem to match.
func TestDataDir_TheStateOfAnotherCasinoIsRefused(t *testing.T) {
	dir, other := privateDir(t), privateDir(t)
	makeCasino(t, dir, something)
	makeCasino(t, other, something)
	if err := os.Rename(filepath.Join(other, storage.StateFile), filepath.Join(dir, storage.StateFile)); err != nil {
		t.Fatal(err)
	}
	opensNot(t, dir, storage.StateFile, "Files of different data directories were mixed", "Nothing was changed")
}

func TestDataDir_WhatIsNoDirectoryOrNoFileIsSaidSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "casino")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func() error{
		func() error { _, err := openDir(file, false); return err },
		func() error { _, err := Audit(t.Context(), config.Data{Dir: file}, nil); return err },
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), file+" is not a directory") {
			t.Errorf("a file in place of the directory: %v", err)
		}
	}
	dir := privateDir(t)
	makeCasino(t, dir, something)
	log := filepath.Join(dir, replication.LogDir)
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	opensNot(t, dir, "the log is missing", "Nothing was changed")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func() error{
		func() error { _, err := openDir(dir, true); return err },
		func() error { _, err := Audit(t.Context(), config.Data{Dir: dir}, nil); return err },
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), log+" is not a directory") {
			t.Errorf("a file in place of the log: %v", err)
		}
	}
}
