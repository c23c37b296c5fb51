package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The metrics that documents name, or the beginnings of their names, are in the list of OPERATIONS.md, which a test of appliance/ops compares with a node's.
func TestDocuments_NameMetricsThatExist(t *testing.T) {
	root := moduleRoot(t)
	list, err := os.ReadFile(filepath.Join(root, "docs", "OPERATIONS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range regexp.MustCompile(`\bimperio_[a-z_]*[a-z]`).FindAllString(string(text), -1) {
				if !strings.Contains(string(list), "\n| `"+name) {
					t.Errorf("%s names %s, which is not in the list of OPERATIONS.md", path, name)
				}
			}
		}
	}
}
