package edge

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A line of the attack table that names a test which is not there promises what nobody shows.
func TestSecurityDoc_NamesTestsThatExist(t *testing.T) {
	doc, err := os.ReadFile("../../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, pattern := range []string{"../*/*_test.go", "../*_test.go", "../../*/*/*_test.go", "../../*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(content)
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`").FindAllSubmatch(doc, -1)
	if len(named) < 30 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !strings.Contains(source.String(), "func "+string(name[1])+"(") {
			t.Errorf("docs/SECURITY.md names %s, which is not there", name[1])
		}
	}
}
