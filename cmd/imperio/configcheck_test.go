package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSockets_AreThoseOfTheLoadedUnit(t *testing.T) {
	const listens = "Listen=[::]:443 (Stream)\nListen=0.0.0.0:80 (Stream)\nListen=/run/x (Datagram)\n"
	for shown, open := range map[string]bool{listens + "LoadState=loaded\nActiveState=active\n": true, listens + "LoadState=loaded\nActiveState=inactive\n": false} {
		if got := parseSockets(shown); !slices.Equal(got.Addresses, []string{"[::]:443", "0.0.0.0:80"}) || got.Open != open {
			t.Errorf("%q: got %+v", shown, got)
		}
	}
	for _, shown := range []string{listens + "LoadState=masked\nActiveState=inactive\n", "LoadState=not-found\nActiveState=inactive\n", ""} {
		if got := parseSockets(shown); len(got.Addresses) > 0 {
			t.Errorf("%q: got %+v", shown, got)
		}
	}
}

func TestConfig_TakesAnEnvFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "imperio.env")
	if err := os.WriteFile(file, []byte("IMPERIO_LIMIT_SLOTS_RATE=7/h\nIMPERIO_METRICS_TOKEN=not-to-be-seen-by-anyone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"config", "--env-file", file}, "env file " + file},
		{[]string{"config", "limits", "--env-file", file}, "7/h"},
		{[]string{"config", "show", "--json", "--env-file", file}, `"value": "7/h"`},
	} {
		stdout, stderr, code := invoke(t, nil, c.args...)
		if code != 0 || !strings.Contains(stdout, c.want) || strings.Contains(stdout, "not-to-be-seen") {
			t.Errorf("%q: exit code %d: %s %s", c.args, code, stdout, stderr)
		}
	}
	stdout, stderr, code := invoke(t, []string{"IMPERIO_ENV_FILE=" + file}, "config", "limits")
	if code != 0 || !strings.Contains(stdout, "7/h") {
		t.Errorf("by the variable, exit code %d: %s %s", code, stdout, stderr)
	}
}

func TestConfigCheck_TellsWhetherAStartWouldWork(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	check := []string{"config", "check", "--data-dir", dir, "--http-addr", "127.0.0.1:0", "--ops-addr", "none"}
	if stdout, stderr, code := invoke(t, nil, check...); code != 0 || !strings.Contains(stdout, "OK") {
		t.Errorf("exit code %d: %s %s", code, stdout, stderr)
	}
	if _, stderr, code := invoke(t, nil, append(check, "--ops-addr", busy.Addr().String(), "--encryption-key-file", filepath.Join(dir, "none"))...); code != 2 || !strings.Contains(stderr, "none") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, stderr, code := invoke(t, nil, append(check, "--ops-addr", busy.Addr().String())...); code != 2 || !strings.Contains(stderr, "ops-addr") || !strings.Contains(stderr, "Another program listens there") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("the check has made %v, %v", entries, err)
	}
}
