package export

import (
	"os"
	"strings"
	"testing"
)

func TestDocument_HasEveryColumn(t *testing.T) {
	text, err := os.ReadFile("../../docs/EXPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range Tables {
		section := strings.ToUpper(table.Name[:1]) + table.Name[1:] + "\n\n" + table.Help + "\n\n| column | |\n|---|---|\n"
		for _, c := range table.Columns {
			section += "| `" + c.Name + "` | " + c.Help + " |\n"
		}
		if !strings.Contains(string(text), section) {
			t.Errorf("docs/EXPORT.md must say:\n%s", section)
		}
	}
}
