package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// makeCommand is a make command in code: at the start of a line of a block, or between backquotes.
var makeCommand = regexp.MustCompile("(?m)(?:^(?:\\$ )?|`)make ([a-z][a-z-]*)")

// What the documents tell to make can be made. cmd/imperio checks the verbs and flags that they name, and cmd/imperio/endtoend runs
// their commands.
func TestCommands_TheTargetsOfMakeExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(moduleRoot(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	eachFile(t, ".md", func(path string, content []byte) {
		for _, found := range makeCommand.FindAllStringSubmatch(string(content), -1) {
			named++
			if !strings.Contains(string(makefile), "\n"+found[1]+":") {
				t.Errorf("%s: there is no target %s", path, found[1])
			}
		}
	})
	if named < 20 {
		t.Errorf("only %d targets are named: the test looks in the wrong place", named)
	}
}

// The documents may only name variables that the program reads, or that the tests do.
func TestCommands_TheVariablesExist(t *testing.T) {
	reference, err := os.ReadFile(filepath.Join(moduleRoot(t), "deploy", "imperio.env.example"))
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"IMPERIO_CONFIG", "IMPERIO_ENV_FILE", "IMPERIO_"}
	for _, path := range plain {
		text, err := os.ReadFile(filepath.Join(moduleRoot(t), path))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`IMPERIO_[A-Z0-9_]*`).FindAllString(string(text), -1) {
			if !strings.Contains(string(reference), "#"+name+"=") && !strings.Contains(strings.Join(others, " ")+" ", name+" ") {
				t.Errorf("%s names %s, which does not exist", path, name)
			}
		}
	}
}

// The campaign takes up to hours, so its commands are not run. Their flags must exist.
func TestCommands_TheCampaignHasTheFlags(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(moduleRoot(t), "cmd", "imperio", "campaign", "main_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	eachFile(t, ".md", func(path string, content []byte) {
		for _, given := range regexp.MustCompile("BENCHFLAGS=(\"[^\"]*\"|[^\\s`]+)").FindAllStringSubmatch(string(content), -1) {
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(given[1], -1) {
				named++
				if !strings.Contains(string(source), `"`+flag[1]+`", `) {
					t.Errorf("%s: the campaign has no flag --%s", path, flag[1])
				}
			}
		}
	})
	if named < 5 {
		t.Errorf("only %d flags are named: the test looks in the wrong place", named)
	}
}
