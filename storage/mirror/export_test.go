package mirror

import "testing"

// SetRereadMost changes, for a test, after how many events all accounts are written.
func SetRereadMost(t *testing.T, n uint64) {
	was := rereadMost
	rereadMost = n
	t.Cleanup(func() { rereadMost = was })
}
