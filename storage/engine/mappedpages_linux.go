package engine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// mappedBytes is how much of all mapped files is resident in this process.
func mappedBytes() (int64, error) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("read how much memory is mapped: %w", err)
	}
	fields := bytes.Fields(data) // in pages: size, resident, resident and shared with a file, …
	if len(fields) < 3 {
		return 0, fmt.Errorf("read how much memory is mapped: /proc/self/statm says %q", data)
	}
	pages, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read how much memory is mapped: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// unmapPages releases the pages of a shared, read-only file mapping. Concurrent and later reads bring them back from the
// system's cache or from the file.
func unmapPages(address uintptr, size int64) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, address, uintptr(size), syscall.MADV_DONTNEED); errno != 0 {
		return fmt.Errorf("give mapped pages back: %w", errno)
	}
	return nil
}
