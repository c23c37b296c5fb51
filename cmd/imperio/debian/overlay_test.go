package debian

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
)

// writeOverlay writes what 'go build -overlay' reads, and returns its path.
func writeOverlay(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	var overlay struct{ Replace map[string]string }
	overlay.Replace = make(map[string]string)
	for name, text := range texts {
		replaced, err := filepath.Abs(filepath.Join("../../..", name))
		if err != nil {
			t.Fatal(err)
		}
		by := filepath.Join(dir, strconv.Itoa(len(overlay.Replace))+".go")
		if err := os.WriteFile(by, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[replaced] = by
	}
	content, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
