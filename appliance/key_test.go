package appliance

import (
	"os"
	"testing"
)

// privateDir is an empty directory that nobody else can use, as a data directory must be.
func privateDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
