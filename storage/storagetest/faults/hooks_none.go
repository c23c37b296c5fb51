//go:build !faults

package faults

import (
	"os"
	"testing"
)

var _ = handle // called by the hooks only

// require skips the test, or fails it in CI, where the hooks must be present.
func require(t testing.TB) {
	t.Helper()
	const how = "needs hooks in the writes of the log and of bbolt: go run ./storage/storagetest/faults/patch -out build/faults && " +
		"go test -tags faults -modfile build/faults/go.mod"
	if os.Getenv("CI") == "true" {
		t.Fatal(how)
	}
	t.Skip(how)
}
