package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompletion_KnowsVerbsFlagsAndValues(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string // separated by blanks
	}{
		{[]string{"acc"}, "account"},
		{[]string{"account", "gr"}, "grant"},
		{[]string{"account", "role", "ana", ""}, "player operator"},
		{[]string{"account", "role", "ana", "o"}, "operator"},
		{[]string{"account", "role", ""}, ""},
		{[]string{"account", "create", "ana", "--role", ""}, "player operator"},
		{[]string{"account", "create", "ana", "--role", "=", "op"}, "operator"}, // as bash splits it
		{[]string{"account", "grant", "--rea"}, "--reason"},
		{[]string{"account", "grant", "--reason", "gr"}, ""},
		{[]string{"account", "--data-dir", "x", "gr"}, "grant"},
		{[]string{"account", "--data-dir", ""}, ":files"},
		{[]string{"fair", "--ser"}, "--server-seed"}, // a flag of the default verb
		{[]string{"config", "reference", "--format", ""}, "text markdown env"},
		{[]string{"help", "acc"}, "account"},
		{[]string{"help", "account", "gr"}, "grant"},
		{[]string{"gamble", "x", ""}, "serve install uninstall reload health cluster restart account invite season history import backup mirror audit export fair odds upgrade config notify tls bench completion version help"},
		{[]string{"account", "--", "-"}, ""},
	} {
		stdout, stderr, code := invoke(t, nil, append([]string{"completion", "words", "--"}, c.words...)...)
		var got []string
		for line := range strings.Lines(stdout) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, word)
		}
		if code != 0 || strings.Join(got, " ") != c.want {
			t.Errorf("%q: exit code %d, %q, want %q; %s", c.words, code, got, c.want, stderr)
		}
	}
}

// program is this test's binary under the name of imperio. TestMain makes it the program if runAsProgram is set.
func program(t *testing.T) (path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "imperio")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// need skips a test whose program is not installed. In CI it must be.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%s is not installed", name)
	}
}

// inShell runs a script in a shell that has its completion in the file "completion", and returns what it prints.
func inShell(t *testing.T, shell string, args ...string) string {
	t.Helper()
	need(t, shell)
	dir := filepath.Dir(program(t))
	completion, stderr, code := invoke(t, nil, "completion", shell)
	if code != 0 {
		t.Fatal(stderr)
	}
	for name, text := range map[string]string{"completion": completion, "settings.toml": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(shell, args...)
	command.Env, command.Dir = append(os.Environ(), runAsProgram+"=1", "HOME="+dir, "PATH="+dir+":"+os.Getenv("PATH")), dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

func TestCompletion_BashCompletes(t *testing.T) {
	got := inShell(t, "bash", "--norc", "-c", `
source completion
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _imperio; echo "${COMPREPLY[*]}"; }
try imperio account role ana ""
try imperio serve --config ""
complete -p imperio`)
	if want := "player operator\n\ncomplete -F _imperio imperio\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCompletion_FishCompletes(t *testing.T) {
	got := inShell(t, "fish", "-c", `source completion; complete -C "imperio account gr"; complete -C "imperio serve --config sett"`)
	if want := "grant\tGrant coins to an account, or take them back\nsettings.toml\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Without a person at it, zsh completes nothing; its script must parse.
func TestCompletion_TheScriptForZshParses(t *testing.T) {
	inShell(t, "zsh", "-n", "completion")
}

func TestMan_HasEveryVerbAndFlag(t *testing.T) {
	page, stderr, code := invoke(t, nil, "man")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, part := range []string{".TH IMPERIO 1 ", ".SS account grant <account> <coins> [flags]\n", ".B \\-\\-reason=TEXT\n", "imperio account grant ana \\-5 \\-\\-reason", ".SH EXIT STATUS"} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is missing", part)
		}
	}
	if n := strings.Count(page, ".B \\-\\-https\\-addr="); n != 1 {
		t.Errorf("--https-addr is described %d times", n)
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, ".") && !strings.Contains(".TH .SH .SS .PP .TP .B .RS .RE .EX .EE", strings.Fields(line)[0]) {
			t.Errorf("a line of text would be obeyed: %s", line)
		}
	}
	need(t, "groff")
	groff := exec.Command("groff", "-man", "-Tutf8", "-ww", "-K", "utf8")
	groff.Stdin = strings.NewReader(page)
	if out, err := groff.CombinedOutput(); err != nil || strings.Contains(string(out), "warning") || !strings.Contains(string(out), "won the raffle") {
		t.Errorf("%v\n%s", err, out)
	}
}
