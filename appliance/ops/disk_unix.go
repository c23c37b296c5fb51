//go:build linux || darwin || freebsd

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
	free = uint64(max(int64(s.Bavail), 0)) // FreeBSD counts on below 0 where only root may write
	return free * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}
