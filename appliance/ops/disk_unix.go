//go:build linux || darwin || freebsd

package ops

import (
	"fmt"
	"syscall"
)

// SpaceOf gives the free space that a process without privileges may use on the file system of a directory, and that
// file system's size, in bytes.
func SpaceOf(dir string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("ask for free space: %w", err)
	}
	free = uint64(max(int64(s.Bavail), 0)) // FreeBSD counts on below 0 where only root may write
	return free * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}
