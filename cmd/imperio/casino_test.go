package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience bounds every wait.
const patience = 3 * time.Minute

// casino is a casino with a data directory. It serves players with TLS at an address that nobody knows, and has no operator's listener:
// so the verbs can only use its socket.
type casino struct {
	t       *testing.T
	environ []string
	stop    func()
}

// startCasino starts a casino; stdout and stderr are those of its verb serve. environ is added to its environment.
func startCasino(t *testing.T, stdout, stderr io.Writer, environ ...string) *casino {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs a casino")
	}
	dir, err := os.MkdirTemp("", "imperio-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &casino{t: t, environ: []string{
		"IMPERIO_DATA_DIR=" + filepath.Join(dir, "data"), "IMPERIO_TLS=internal", "IMPERIO_HTTPS_ADDR=127.0.0.1:0", "IMPERIO_HTTP_ADDR=none",
		"IMPERIO_OPS_ADDR=none", "IMPERIO_BCRYPT_COST=10", "IMPERIO_LOG_LEVEL=warn", "IMPERIO_DISK_STALL_LIMIT=10m",
	}}
	c.environ = append(c.environ, environ...)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan int, 1)
	go func() {
		served <- run([]string{"serve"}, &environment{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Environ: c.environ})
	}()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if code := <-served; code != 0 {
			t.Errorf("serve ends with exit code %d", code)
		}
	})
	t.Cleanup(c.stop)
	for deadline := time.Now().Add(patience); ; {
		_, stderr, code := invoke(t, c.environ, "health")
		if code == 0 {
			return c
		}
		select {
		case code := <-served:
			served <- code
			t.Fatalf("serve ended with exit code %d", code)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the casino is not ready: %s", stderr)
		}
	}
}

// does runs a verb that must be done, and returns what it prints.
func (c *casino) does(stdin string, args ...string) string {
	c.t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, &environment{Ctx: c.t.Context(), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Environ: append(c.environ, "SUDO_USER=joe")}); code != 0 {
		c.t.Errorf("%v: exit code %d: %s", args, code, errs.String())
	}
	return out.String() + errs.String()
}

// holds fails unless every part is in the text.
func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func TestVerbs_OnARunningCasinoAndOnItsDirectory(t *testing.T) {
	var log bytes.Buffer // what serve prints: nothing without a terminal
	c := startCasino(t, &log, io.Discard)
	holds(t, c.does("a rather long password\n", "account", "create", "ana", "--role", "operator", "--email", "ana@example.org"), "operator")
	c.does("a rather long password\n", "account", "create", "王小明", "--coins", "7")
	holds(t, c.does("", "account", "list"), "1000  ana       operator  100    0 ", "1001  王小明    player    7      0 ")
	holds(t, c.does("", "account", "list", "--limit", "1"), "There are more accounts: go on with --from 1001.")
	holds(t, c.does("", "account", "list", "--search", "EXAMPLE", "--json"), `"username": "ana"`)
	holds(t, c.does("", "account", "grant", "王小明", "5", "--reason", "a gift", "--json"), `"coins": 12`)
	holds(t, c.does("", "account", "show", "ana"), "LIMIT", "stake per day", "none")
	holds(t, c.does("", "account", "rounds", "ana", "--json"), `"rounds": []`)
	holds(t, c.does("", "history"), `account_created, from "" to "operator"`, `coins_granted 王小明 (#1001), by "joe as `, `from "7" to "12", because "a gift"`)
	holds(t, c.does("", "history", "--acts", "--limit", "1"), "There are more events: go on with --before ")
	var document struct {
		Events uint64 `json:"events"`
		Proved []string
	}
	if err := json.Unmarshal([]byte(strings.TrimSuffix(c.does("", "audit", "--json"), "events: 100 %\n")), &document); err != nil || document.Events == 0 || len(document.Proved) == 0 {
		t.Errorf("%+v, %v", document, err)
	}

	holds(t, c.does("", "invite", "create", "--uses", "3", "--reason", "friends"), "https://127.0.0.1:", "/sign-up#")
	holds(t, c.does("", "invite", "list", "--json"), `"uses_left": 3`, `"reason": "friends"`)
	holds(t, c.does("", "account", "create", "carl", "--link"), "carl", "/reset-password#1002.")
	holds(t, c.does("", "account", "password", "carl", "--link", "--reason", "lost it", "--json"), `/reset-password#1002.`)
	holds(t, c.does("", "account", "email", "carl", "carl@example.org", "--reason", "asked for it"), "carl@example.org")
	holds(t, c.does("", "account", "delete", "carl", "--reason", "asked for it"), "deleted")
	holds(t, c.does("", "account", "list"), "1002  (deleted)")
	holds(t, c.does("", "history", "--limit", "1"), `account_deleted #1002, by "`)
	if _, stderr, code := invoke(t, c.environ, "account", "email", "王小明", "ana@example.org", "--reason", "a mistake"); code != 1 || !strings.Contains(stderr, "e-mail address") {
		t.Errorf("exit code %d: %s", code, stderr)
	}

	// What comes while history follows is printed.
	ctx, interrupt := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	followed := make(chan int, 1)
	go func() {
		followed <- run([]string{"history", "--follow", "--json", "--kind", "account_locked"}, &environment{Ctx: ctx, Stdout: writer, Stderr: io.Discard, Environ: c.environ})
		writer.Close()
	}()
	c.does("", "account", "lock", "王小明", "--reason", "asked for it")
	var event struct{ Kind, Before, After, Reason string }
	if err := json.NewDecoder(reader).Decode(&event); err != nil || event.Kind != "account_locked" || event.After != "locked" || event.Reason != "asked for it" {
		t.Errorf("%+v, %v", event, err)
	}
	interrupt()
	go io.Copy(io.Discard, reader)
	if code := <-followed; code != 0 {
		t.Errorf("an interrupted history ends with exit code %d", code)
	}

	// All of it can be read, and changed, without a server as well.
	c.stop()
	if log.Len() > 0 {
		t.Errorf("without a terminal serve prints %q", log.String())
	}
	if _, stderr, code := invoke(t, c.environ, "health"); code != 1 || !strings.Contains(stderr, "imperio.sock") {
		t.Errorf("health of a stopped casino: exit code %d: %s", code, stderr)
	}
	holds(t, c.does("", "account", "unlock", "王小明", "--reason", "asked again"), "false")
	holds(t, c.does("", "history", "--account", "王小明", "--since", "24h"), `account_unlocked 王小明 (#1001), by "joe as `, `because "asked again"`)
	holds(t, c.does("", "audit"), "The books are right.")
	if _, stderr, code := invoke(t, c.environ, "history", "--follow"); code != 1 || !strings.Contains(stderr, "--follow needs a running server") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, args := range [][]string{{"audit"}, {"history"}, {"account", "list"}, {"account", "show", "ana", "--json"}} {
		var errs bytes.Buffer
		if code := run(args, &environment{Ctx: t.Context(), Stdout: full{}, Stderr: &errs, Environ: c.environ}); code != 1 || !strings.Contains(errs.String(), "write the output: no space left") {
			t.Errorf("%v on a full disk: exit code %d: %s", args, code, errs.String())
		}
	}
}

func TestServe_WelcomesAPersonAtATerminal(t *testing.T) {
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	c := startCasino(t, tty, tty)
	c.stop()
	tty.Close()
	screen, _ := io.ReadAll(keys) // ends with an error, since the other side is closed
	dir, _, _ := strings.Cut(strings.TrimPrefix(c.environ[0], "IMPERIO_DATA_DIR="), "\n")
	holds(t, string(screen), "The casino is open at https://127.0.0.1:", " account create NAME --role operator --data-dir "+dir, " health --data-dir "+dir, "docs/OPERATIONS.md")

}
