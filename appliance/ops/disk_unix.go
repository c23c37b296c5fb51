//go:build linux || darwin

package ops

import (
	"fmt"
	"syscall"
)

// SpaceOf returns the free space that an unprivileged process may use on a directory's file system, and the size of that
// file system, in bytes.
func SpaceOf(dir string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("ask for free space: %w", err)
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), nil
}
