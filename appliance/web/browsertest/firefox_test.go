package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Chromium's other tests go deeper; this one shows that nothing in the pages is Chromium's alone.
func TestFirefox_PlaysEveryGameAndVerifiesIt(t *testing.T) {
	ready(t)
	firefox := need(t, "firefox-esr", "firefox")
	node := need(t, "node")
	check, err := filepath.Abs("../check")
	must(t, err)
	if _, err := os.Stat(filepath.Join(check, "node_modules", "puppeteer-core")); err != nil {
		npm := exec.Command(need(t, "npm"), "ci", "--prefix", check, "--silent", "--no-audit", "--no-fund")
		if out, err := npm.CombinedOutput(); err != nil {
			t.Fatalf("install what drives Firefox: %v\n%s", err, out)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	script := exec.CommandContext(ctx, node, filepath.Join(check, "firefox.js"), shared.house.base, firefox)
	script.Env = append(os.Environ(), "HOME="+t.TempDir()) // Firefox refuses a home of somebody else
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, game := range []string{"slots", "roulette", "blackjack"} {
		if !strings.Contains(string(out), "verified a round of "+game) {
			t.Errorf("no round of %s was verified:\n%s", game, out)
		}
	}
}

// need returns the path of a program, under one of its names.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}
