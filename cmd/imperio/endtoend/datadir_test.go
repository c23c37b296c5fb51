package endtoend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// playedCasino is a casino with some rounds, stopped by a signal or killed.
func playedCasino(t *testing.T, killed bool) *process {
	t.Helper()
	c := newProcess(t)
	c.start(t)
	p := &player{name: "ana", casino: c}
	p.signUp(t)
	for i := range 20 {
		p.pending = &bet{path: "/api/v1/games/slots/spins", body: `{"stake":1}`, key: fmt.Sprint(i)}
		if !p.try(t.Context()) {
			t.Fatal("a spin was not answered")
		}
	}
	if killed {
		c.kill(t)
	} else {
		c.stop(t)
	}
	return c
}

// fingerprint is a hash of each file of the directory.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		fmt.Fprintln(&all, filepath.Base(path), len(data), hex.EncodeToString(sum[:]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// refuses checks that a start and an audit are refused with a message that contains all of want, and that no file changes.
func refuses(t *testing.T, c *process, want ...string) {
	t.Helper()
	before := fingerprint(t, c.dir)
	for _, verb := range []string{"serve", "audit"} {
		args := []string{verb, "--data-dir", c.dir}
		if verb == "serve" {
			args = append(args, "--http-addr", c.address, "--ops-addr", "none")
		}
		out, err := c.run(args...)
		if err == nil {
			t.Fatalf("%s: it was not refused:\n%s", verb, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: the message does not say %q:\n%s", verb, w, out)
			}
		}
		if strings.Contains(out, "goroutine ") || strings.Contains(out, "panic:") {
			t.Errorf("%s: it crashed:\n%s", verb, out)
		}
		if after := fingerprint(t, c.dir); after != before {
			t.Errorf("%s: it touched the files:\n%s\nbefore:\n%s", verb, after, before)
		}
	}
}

func TestDataDir_AMissingFileIsNotAFirstStart(t *testing.T) {
	for file, want := range map[string]string{
		"state.db":  "state.db is missing",
		"log":       "the log is missing",
		"log/state": "the log is missing",
		"node.json": "node.json is missing",
	} {
		t.Run(file, func(t *testing.T) {
			c := playedCasino(t, false)
			if err := os.RemoveAll(filepath.Join(c.dir, file)); err != nil {
				t.Fatal(err)
			}
			if file == "node.json" {
				before := fingerprint(t, c.dir)
				out, err := c.run("serve", "--data-dir", c.dir, "--http-addr", c.address, "--ops-addr", "none")
				if err == nil || !strings.Contains(out, want) || fingerprint(t, c.dir) != before {
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			refuses(t, c, want, "backup")
		})
	}
}

func TestDataDir_ACutFileIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts about 30 processes")
	}
	for _, file := range []string{"state.db", "log/000001.segment"} {
		c := playedCasino(t, true)
		whole, err := os.ReadFile(filepath.Join(c.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		used := bytes.TrimRight(whole, "\x00")
		for _, n := range []int{0, 1, 100, 4096, 8191, len(used) / 2, len(used) - 100} {
			if n >= len(used) {
				continue
			}
			t.Run(fmt.Sprintf("%s at %d", file, n), func(t *testing.T) {
				if err := os.WriteFile(filepath.Join(c.dir, file), whole[:n], 0o600); err != nil {
					t.Fatal(err)
				}
				refuses(t, c, file)
			})
		}
		if err := os.WriteFile(filepath.Join(c.dir, file), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		c.audit(t) // and with the whole file it is still a casino
	}
}

func TestDataDir_AFlippedBitIsRefusedOrDoesNotMatter(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs about 120 audits, each in its own process")
	}
	for _, file := range []string{"state.db", "log/000001.segment"} {
		c := playedCasino(t, true)
		path := filepath.Join(c.dir, file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		right, err := c.run("audit", "--data-dir", c.dir)
		if err != nil {
			t.Fatal(right)
		}
		refused := 0
		used := len(bytes.TrimRight(whole, "\x00"))
		for at := 17; at < used; at += used/60 + 1 {
			damaged := bytes.Clone(whole)
			damaged[at] ^= 0x10
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := c.run("audit", "--data-dir", c.dir)
			switch {
			case strings.Contains(out, "goroutine "):
				t.Fatalf("%s, byte %d: it crashed:\n%s", file, at, out)
			case err != nil:
				refused++
				if !strings.Contains(out, file) {
					t.Errorf("%s, byte %d: the message does not name the file:\n%s", file, at, out)
				}
			case withoutTime(out) != withoutTime(right):
				t.Errorf("%s, byte %d: the audit reports another casino:\n%s\nnot:\n%s", file, at, out, right)
			}
		}
		if refused == 0 {
			t.Errorf("%s: no flipped bit was noticed", file)
		}
		t.Logf("%s: %d flipped bits noticed; the others were in pages out of use", file, refused)
	}
}

// withoutTime removes the duration of an audit.
func withoutTime(report string) string {
	head, _, _ := strings.Cut(report, "took ")
	return head
}

func TestDataDir_ANewerFormatIsRefused(t *testing.T) {
	c := playedCasino(t, false)
	path := filepath.Join(c.dir, "node.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(data), `"format": 1`, `"format": 2`, 1)
	if newer == string(data) {
		t.Fatalf("this test doesn't know this form of node.json: %s", data)
	}
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, c, "format version 2", "newer")
}

func TestDataDir_ASecondProcessIsRefused(t *testing.T) {
	c := newProcess(t)
	c.start(t)
	out, err := c.run("serve", "--data-dir", c.dir, "--http-addr", "127.0.0.1:0", "--ops-addr", "none")
	if err == nil || !strings.Contains(out, "in use by another imperio") {
		t.Errorf("%v\n%s", err, out)
	}
	c.stop(t)
}

func TestDataDir_NoCasinoIsSaidSo(t *testing.T) {
	c := newProcess(t)
	for _, args := range [][]string{{"audit"}, {"account", "list"}} {
		out, err := c.run(append(args, "--data-dir", c.dir)...)
		if err == nil || !strings.Contains(out, "there is no casino in this directory") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		if _, err := os.Stat(c.dir); err == nil {
			t.Errorf("%v created the directory", args)
		}
	}
}
