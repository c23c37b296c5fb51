package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every dependency needs a row in the table.
func TestLibraries_TheTableNamesEveryDirectRequirement(t *testing.T) {
	decided := librariesBySection(t)
	inProgram := make(map[string]bool)
	for _, c := range modules(t) {
		inProgram[c.name] = true
	}
	required := directRequirements(t)
	for path := range required {
		if decided[path] == "" {
			t.Errorf("go.mod requires %s, which docs/decisions/0001-libraries.md does not name", path)
		}
	}
	for path, section := range decided {
		switch {
		case !required[path]:
			t.Errorf("docs/decisions/0001-libraries.md names %s, which go.mod does not require directly", path)
		case (section == "In the program") != inProgram[path]:
			t.Errorf("%s is under %q; in the program: %t", path, section, inProgram[path])
		}
	}
}

var libraryRow = regexp.MustCompile("^\\| `([^`]+)` \\|")

// librariesBySection returns the heading above each library in the table.
func librariesBySection(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "decisions", "0001-libraries.md"))
	if err != nil {
		t.Fatal(err)
	}
	decided, section := make(map[string]string), ""
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
		}
		if found := libraryRow.FindStringSubmatch(line); found != nil {
			if decided[found[1]] != "" {
				t.Errorf("%s has two rows", found[1])
			}
			decided[found[1]] = section
		}
	}
	return decided
}

// directRequirements are the modules that go.mod requires for our own code and for its tools.
func directRequirements(t *testing.T) map[string]bool {
	t.Helper()
	command := exec.Command("go", "mod", "edit", "-json")
	command.Dir = moduleRoot(t)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	direct := make(map[string]bool)
	for _, r := range file.Require {
		isTool := false
		for _, tool := range file.Tool {
			isTool = isTool || strings.HasPrefix(tool.Path, r.Path+"/")
		}
		if !r.Indirect || isTool {
			direct[r.Path] = true
		}
	}
	if len(direct) == 0 {
		t.Fatal("go.mod has no requirements: the test looks in the wrong place")
	}
	return direct
}
