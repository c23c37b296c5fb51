package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// invoke runs the program in this process and returns its output and its exit code.
func invoke(t *testing.T, environ []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	code = run(args, &environment{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Environ: environ})
	return out.String(), errs.String(), code
}

func TestRun_ExitCodes(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		stderr  string // a part of it
	}{
		{"no verb", nil, nil, 0, ""},
		{"unknown verb", nil, []string{"gamble"}, 2, "gamble"},
		{"unknown flag", nil, []string{"config", "--data-dri", "x"}, 2, "--data-dri"},
		{"value of another type", nil, []string{"config", "--limits", "maybe"}, 2, "neither on nor off"},
		{"values that don't go together", nil, []string{"config", "--tls", "acme"}, 2, "set --domain"},
		{"unknown variable", []string{"IMPERIO_DATA_DRI=x"}, []string{"config"}, 2, "Did you mean IMPERIO_DATA_DIR?"},
		{"negative number", nil, []string{"account", "grant", "ana", "-5", "--reason", "a mistake", "--data-dir", "/nowhere/at/all"}, 1, "there is no casino"},
		{"negative number last", nil, []string{"account", "grant", "ana", "--data-dir=/nowhere/at/all", "--reason=a mistake", "-5"}, 1, "there is no casino"},
		{"negative number behind two hyphens", nil, []string{"account", "grant", "ana", "--data-dir=/nowhere/at/all", "--reason=a mistake", "--", "-5"}, 1, "there is no casino"},
		{"a number that is a flag", nil, []string{"version", "-5"}, 2, "-5"},
		{"a stake of nothing", nil, []string{"bench", "--stake", "0"}, 2, "stake"},
		{"a grant without a reason", nil, []string{"account", "grant", "ana", "5"}, 2, "say why with --reason TEXT"},
		{"a lock with an empty reason", nil, []string{"account", "lock", "ana", "--reason", " "}, 2, "say why with --reason TEXT"},
		{"an unlock without a reason", nil, []string{"account", "unlock", "ana"}, 2, "say why with --reason TEXT"},
		{"a role without a reason", nil, []string{"account", "role", "ana", "operator"}, 2, "say why with --reason TEXT"},
		{"a link without a reason", nil, []string{"account", "password", "ana", "--link"}, 2, "say why with --reason TEXT"},
		{"an invitation without a reason", nil, []string{"invite", "create"}, 2, "say why with --reason TEXT"},
		{"a season's end without a reason", nil, []string{"season", "end"}, 2, "say why with --reason TEXT"},
		{"a deletion without a reason", nil, []string{"account", "delete", "ana"}, 2, "say why with --reason TEXT"},
		{"a password without a reason", nil, []string{"account", "password", "ana"}, 2, "say why with --reason TEXT"},
		{"a list of nothing", nil, []string{"account", "list", "--limit", "0"}, 2, "--limit"},
		{"an unknown kind of event", nil, []string{"history", "--kind", "coins_lost"}, 2, "coins_granted, "},
		{"no time", nil, []string{"history", "--since", "yesterday"}, 2, "2026-11-29T15:04:05"},
		{"following the past", nil, []string{"history", "--follow", "--until", "1h"}, 2, "--until"},
		{"help", nil, []string{"--help"}, 0, ""},
		{"the verb help", nil, []string{"help"}, 0, ""},
		{"the verb help of a verb", nil, []string{"help", "account", "grant"}, 0, ""},
		{"help of an unknown verb", nil, []string{"help", "gamble"}, 2, "gamble"},
		{"the flag of the version", nil, []string{"--version"}, 0, ""},
		{"help of a verb", nil, []string{"config", "--help"}, 0, ""},
		{"help of a verb that lacks arguments", nil, []string{"-h"}, 0, ""},
		{"version", nil, []string{"version"}, 0, ""},
		{"notices", nil, []string{"version", "--notices"}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, stderr, code := invoke(t, c.environ, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, c.code, stderr)
			}
			if !strings.Contains(stderr, c.stderr) || (c.code == 0 && stderr != "") {
				t.Errorf("stderr is %q, want a part %q", stderr, c.stderr)
			}
		})
	}
}

func TestHelp_OfAVerbWithADefaultNamesItsNeighbours(t *testing.T) {
	stdout, _, _ := invoke(t, nil, "config", "--help")
	for _, part := range []string{"--data-dir=DIR", "imperio config reference --help", "imperio config limits --help"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is missing in:\n%s", part, stdout)
		}
	}
}

func TestVersion_NamesProgramGoAndRules(t *testing.T) {
	stdout, _, _ := invoke(t, nil, "version")
	for _, part := range []string{"imperio ", "commit ", runtime.Version(), "slots/1 slots/2"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is missing in %q", part, stdout)
		}
	}
}

func TestHelp_IsTheSameInEveryForm(t *testing.T) {
	whole, _, _ := invoke(t, nil)
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		if got, _, _ := invoke(t, nil, args...); got != whole {
			t.Errorf("%v prints\n%s", args, got)
		}
	}
	if !strings.Contains(whole, "account ") || !strings.Contains(whole, "Exit codes: 0 done, 1 failed") {
		t.Errorf("the help is\n%s", whole)
	}
	verb, _, _ := invoke(t, nil, "account", "grant", "--help")
	if got, _, _ := invoke(t, nil, "help", "account", "grant"); got != verb || !strings.Contains(got, "--reason=TEXT") {
		t.Errorf("help account grant prints\n%s", got)
	}
	flag, _, _ := invoke(t, nil, "--version")
	if got, _, _ := invoke(t, nil, "version"); got != flag {
		t.Errorf("--version prints\n%s", flag)
	}
}

// The examples of the help are command lines that parse.
func TestHelp_EveryVerbHasExamplesThatParse(t *testing.T) {
	parser, err := newParser(&environment{Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range parser.Model.Leaves(true) {
		_, examples, found := strings.Cut(verb.Detail, "Examples:\n")
		if !found {
			t.Errorf("%s has no examples", verb.FullPath())
		}
		for line := range strings.Lines(examples) {
			_, line, found = strings.Cut(" "+strings.TrimSpace(line), " imperio")
			if !found {
				continue
			}
			line = strings.NewReplacer(" <(", " ", ")", "").Replace(line)
			line, _, _ = strings.Cut(line, " > ")
			line, _, _ = strings.Cut(line, " | ")
			args := shellWords(line)
			if _, err = parser.Parse(numbersLast(helpLast(args))); err != nil && !errors.Is(err, errAnswered) {
				t.Errorf("%s: imperio %q: %v", verb.FullPath(), args, err)
			}
		}
	}
}

// shellWords splits a line as a shell does, as far as the examples need it.
func shellWords(line string) (words []string) {
	for _, found := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, found[1]+found[2]+found[3])
	}
	return words
}

func TestConfig_ShowsValuesWithTheirSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "imperio.toml")
	if err := os.WriteFile(file, []byte("welcome-coins = 250\ndaily-coins = 10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"IMPERIO_DAILY_COINS=20", "IMPERIO_METRICS_TOKEN=not-to-be-seen-by-anyone", "IMPERIO_CONFIG=" + file}
	stdout, stderr, code := invoke(t, environ, "config", "--domain", "a.example.org", "--domain", "b.example.org")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, line := range []string{
		"domain a.example.org,b.example.org flag --domain",
		"daily-coins 20 environment IMPERIO_DAILY_COINS",
		"welcome-coins 250 file " + file,
		"https-addr :443 default, since a domain is given",
		"metrics-token ******** environment IMPERIO_METRICS_TOKEN",
		"log-level info default",
	} {
		if !containsLine(stdout, line) {
			t.Errorf("no line %q in:\n%s", line, stdout)
		}
	}
	if strings.Contains(stdout+stderr, "not-to-be-seen") {
		t.Error("a secret was printed")
	}
}

// containsLine says whether text has the line, ignoring the width of the spaces between columns.
func containsLine(text, line string) bool {
	for got := range strings.Lines(text) {
		if strings.Join(strings.Fields(got), " ") == line {
			return true
		}
	}
	return false
}

// An operator who has to try again for each mistake loses a night.
func TestServe_ReportsMistakesFromAllSourcesAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "imperio.toml")
	if err := os.WriteFile(file, []byte("# house rules\nwelcome-coins = \"many\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	_, stderr, code := invoke(t, []string{"IMPERIO_LOG_LEVEL=loud", "IMPERIO_DISK_RESERVE=1MiB"},
		"serve", "--config", file, "--data-dir", dir, "--acme-staging=perhaps", "--slots=maybe", "--trusted-proxies", "1.2.3", "--trusted-proxies=10.0.0.1")
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"file " + file + ", line 2, key welcome-coins: ", "environment IMPERIO_LOG_LEVEL: ", "disk-reserve: 1MiB is too small",
		"flag --acme-staging: ", "flag --slots: ", `flag --trusted-proxies: "1.2.3" is neither`,
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in:\n%s", want, stderr)
		}
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("the data directory was made")
	}
}

func TestConfig_FlagsAreReadAsTheyAreWritten(t *testing.T) {
	stdout, stderr, code := invoke(t, nil, "config", "--acme-staging", "--domain", "b.example.org,a.example.org", "--domain=müller.example.org", "--slots", "off", "--limits=on")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, line := range []string{
		"acme-staging true flag --acme-staging", "domain b.example.org,a.example.org,xn--mller-kva.example.org flag --domain",
		"slots off flag --slots", "limits on flag --limits",
	} {
		if !containsLine(stdout, line) {
			t.Errorf("no line %q in:\n%s", line, stdout)
		}
	}
}

func TestConfigLimits_ShowsEachZone(t *testing.T) {
	stdout, _, code := invoke(t, []string{"IMPERIO_LIMIT_SLOTS_RATE=7/h"}, "config", "limits")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, part := range []string{"general ", "sign-in ", "sign-up ", "slots            7/h", "100 per address"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is missing in:\n%s", part, stdout)
		}
	}
}

// The program generates these documents; regenerate them after changing a key.
func TestConfigReference_IsWhatTheDocumentsSay(t *testing.T) {
	for format, document := range map[string]string{
		"markdown": "../../docs/CONFIGURATION.md",
		"env":      "../../deploy/imperio.env.example",
	} {
		want, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		got, _, code := invoke(t, nil, "config", "reference", "--format", format)
		if code != 0 || got != string(want) {
			t.Errorf("%s is outdated; regenerate it with: imperio config reference --format %s > %s", document, format, strings.TrimPrefix(document, "../../"))
		}
	}
}

// full is a disk without room, such as /dev/full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestRun_FailsIfTheOutputCantBeWritten(t *testing.T) {
	seeds := []string{"--server-seed", zeroSeed, "--client-seed", "a", "--nonce", "0"}
	for _, args := range [][]string{
		{}, {"help"}, {"--version"}, {"version"}, {"version", "--json"}, {"version", "--notices"}, {"config"}, {"config", "--json"}, {"config", "limits"},
		{"config", "reference"}, {"config", "reference", "--format", "env"}, {"odds", "slots"}, {"odds", "roulette", "--json"}, {"completion", "bash"},
		{"completion", "zsh"}, {"completion", "fish"}, {"completion", "words", "--", ""}, {"man"}, append([]string{"fair", "--rules", "slots/2", "--stake", "1"}, seeds...),
		{"fair", "stream", "--server-seed", zeroSeed, "--words", "9"},
	} {
		var errs bytes.Buffer
		code := run(args, &environment{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: full{}, Stderr: &errs})
		if code != 1 || !strings.HasPrefix(errs.String(), "imperio: write the output: no space left") {
			t.Errorf("%v: exit code %d: %s", args, code, errs.String())
		}
	}
}

func TestJSON_OfEveryVerbThatPrintsFacts(t *testing.T) {
	for _, args := range [][]string{
		{"version"}, {"config"}, {"config", "limits"}, {"config", "reference"}, {"odds", "slots"}, {"odds", "roulette/2"},
	} {
		stdout, stderr, code := invoke(t, []string{"IMPERIO_METRICS_TOKEN=not-to-be-seen-by-anyone"}, append(args, "--json")...)
		var document map[string]any
		if err := json.Unmarshal([]byte(stdout), &document); err != nil || code != 0 || len(document) == 0 {
			t.Errorf("%v: exit code %d, %v, %s", args, code, err, stderr)
		}
		if strings.Contains(stdout, "not-to-be-seen") {
			t.Errorf("%v: a secret was printed", args)
		}
	}
}
