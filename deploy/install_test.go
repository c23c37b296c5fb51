package deploy

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The script of a release archive checks the program beside it, and hands its flags on.
func TestInstallScript_ChecksTheProgramBesideIt(t *testing.T) {
	const program = "#!/bin/sh\n[ \"$1\" = version ] || echo \"ran: $*\"\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	for name, c := range map[string]struct {
		program, sums, says string
		ends                bool // in an error
	}{
		"right":         {program, sum + "  imperio\n" + strings.Repeat("0", 64) + "  other\n", "ran: install --dry-run --domain a.example", false},
		"no sums":       {program, "", "was not checked", false},
		"a wrong sum":   {program, strings.Repeat("0", 64) + "  imperio\n", "download the archive again", true},
		"no sum":        {program, strings.Repeat("0", 64) + "  other\n", "has no line for imperio", true},
		"no program":    {"", "", "Unpack the whole archive", true},
		"does not run":  {"\x7fELF", "", "for its architecture", true},
		"ends in error": {"#!/bin/sh\n[ \"$1\" = version ]\n", "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "imperio 1.0")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			script, err := os.ReadFile("install.sh")
			if err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{"install.sh": string(script), "imperio": c.program, "SHA256SUMS": c.sums} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command("sh", filepath.Join(dir, "install.sh"), "--dry-run", "--domain", "a.example").CombinedOutput()
			if (err != nil) != c.ends || !strings.Contains(string(out), c.says) {
				t.Errorf("error %v, says %q", err, out)
			}
		})
	}
}

func TestInstallScript_SatisfiesShellcheck(t *testing.T) {
	path, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("shellcheck is missing; it is in Debian's package shellcheck")
		}
		t.Skip("needs shellcheck, which is in Debian's package shellcheck")
	}
	if out, err := exec.Command(path, "install.sh", "../cmd/imperio/debian/debootstrap.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
