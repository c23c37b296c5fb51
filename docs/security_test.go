package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that the attack table names must exist.
func TestSecurity_NamesTestsThatExist(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	eachFile(t, "_test.go", func(_ string, content []byte) { source.Write(content) })
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`").FindAllSubmatch(document, -1)
	if len(named) < 30 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !strings.Contains(source.String(), "func "+string(name[1])+"(") {
			t.Errorf("docs/SECURITY.md names %s, which does not exist", name[1])
		}
	}
}
