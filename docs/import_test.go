package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imperio/storage/importer"
)

// Programs that read an import's report rely on its codes: IMPORT.md explains each, in the same words as the verb.
func TestImport_TheDocumentExplainsEachCode(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "IMPORT.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "|---|---|---|\n| `name_not_allowed`")
	table, _, _ = strings.Cut("| `name_not_allowed`"+table, "\n\n")
	var want []string
	for _, c := range importer.Codes {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", c.Code, c.Meaning, map[bool]string{true: "yes", false: ""}[c.Attention]))
	}
	if table != strings.Join(want, "\n") {
		t.Errorf("the table of codes in docs/IMPORT.md must be:\n%s", strings.Join(want, "\n"))
	}
}
