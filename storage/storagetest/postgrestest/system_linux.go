package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// attributes make the server end with the test's process, even if that is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true} // a Ctrl-C is for the test, which stops the server
}

// children lists the processes whose parent is pid.
func children(pid int) ([]int, error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, name := range names {
		if fields := statFields(name); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			found = append(found, child)
		}
	}
	return found, nil
}

// running says whether a process is there and not only waits to be collected.
func running(pid int) bool {
	fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	return len(fields) > 0 && fields[0] != "Z"
}

// statFields lists the state, the parent, and so on; nothing if the process has ended.
func statFields(name string) []string {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	// After the name in parentheses, which may hold anything.
	return strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
}

func mount(directory string, bytes int64) error {
	if os.Getuid() != 0 {
		return errors.New("only root mounts")
	}
	return syscall.Mount("tmpfs", directory, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes))
}

func remount(directory string, bytes int64) error {
	return syscall.Mount("tmpfs", directory, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes))
}

func unmount(directory string) error { return syscall.Unmount(directory, 0) }
