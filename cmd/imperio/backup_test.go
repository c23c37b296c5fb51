package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"imperio/appliance/control"
)

func TestBackup_OnARunningCasinoAndOnItsDirectory(t *testing.T) {
	to := t.TempDir()
	c := startCasino(t, io.Discard, io.Discard, "IMPERIO_BACKUP_TO=file://"+to, "IMPERIO_BACKUP_INTERVAL=1s")
	for i, name := range []string{"ana", "ben"} {
		c.does("a rather long password\n", "account", "create", name)
		// The casino makes its first backup by itself, and refuses another one meanwhile.
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if text := c.does("", "backup", "status"); strings.Contains(text, "shipping") && !strings.Contains(text, "under way") {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the first backup does not come")
			}
		}
		holds(t, c.does("", "backup", "create"), "file://"+to, ".archive", " MB ", "entry ", "took ")
		holds(t, c.does("", "backup", "status"), "shipping", "newest backup", "next backup", "next drill")
		var s control.BackupStatus
		if err := json.Unmarshal([]byte(c.does("", "backup", "status", "--json")), &s); err != nil || len(s.Targets) != 1 || s.Targets[0].Backups < i+1 {
			t.Errorf("%+v, %v", s, err)
		}
		holds(t, c.does("", "backup", "drill"), ".archive", "is right")
		c.stop() // the second time without a server
	}
	if dirs, err := os.ReadDir(to); err != nil || len(dirs) != 1 {
		t.Errorf("the target holds %v, %v", dirs, err)
	}
}

func TestBackup_AFailureIsAnExitCode(t *testing.T) {
	to := t.TempDir() + "/file"
	if err := os.WriteFile(to, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := startCasino(t, io.Discard, io.Discard, "IMPERIO_BACKUP_TO=file://"+to)
	c.stop()
	if out, stderr, code := invoke(t, c.environ, "backup", "create"); code != 1 || !strings.Contains(stderr, "not a directory") {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
	if _, stderr, code := invoke(t, c.environ, "backup", "drill"); code != 1 || stderr == "" {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestBackup_WithoutTargets_SaysWhatToDo(t *testing.T) {
	c := startCasino(t, io.Discard, io.Discard)
	for _, verb := range []string{"create", "status", "drill"} {
		if _, stderr, code := invoke(t, c.environ, "backup", verb); code != 1 || !strings.Contains(stderr, "--backup-to") {
			t.Errorf("%s: exit code %d: %s", verb, code, stderr)
		}
	}
}

// An interruption leaves the server at work, and says so.
func TestBackup_AnInterruption(t *testing.T) {
	c := startCasino(t, io.Discard, io.Discard, "IMPERIO_BACKUP_TO=file://"+t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	env := &environment{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Environ: c.environ}
	err := env.backups(func(client *control.Client, server bool) error {
		_, err := env.follow(client, server, "archive", func(*control.BackupStatus) bool { interrupt(); return false })
		return err
	})
	if !errors.Is(err, errLeft) {
		t.Errorf("got %v", err)
	}
}
