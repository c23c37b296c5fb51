//go:build !linux

package postgrestest

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// children lists the processes whose parent is pid.
func children(pid int) ([]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, err
	}
	var found []int
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(fields[0])
			found = append(found, child)
		}
	}
	return found, nil
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

var errNoMount = errors.New("small disks need Linux")

func mount(string, int64) error   { return errNoMount }
func remount(string, int64) error { return errNoMount }
func unmount(string) error        { return nil }
