package upgrade

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// pidOf is the process that listens on a control socket, by the word of the kernel; 0 if none does.
func pidOf(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return 0
	}
	return int(cred.Pid)
}

// programOf is the file that a process runs; "" if that can't be told.
func programOf(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)")
}

// userOf are the rights that a process has, for one that is to have the same; nil: those of this process.
func userOf(pid int) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, fmt.Errorf("look at the casino's process: %w", err)
	}
	c := &syscall.Credential{}
	found := 0
	for line := range strings.Lines(string(status)) {
		name, text, _ := strings.Cut(line, ":")
		numbers := strings.Fields(text)
		switch {
		case name == "Uid" && len(numbers) == 4: // real, effective, saved, of the file system
			found++
			c.Uid = number(numbers[1])
		case name == "Gid" && len(numbers) == 4:
			found++
			c.Gid = number(numbers[1])
		case name == "Groups":
			for _, n := range numbers {
				c.Groups = append(c.Groups, number(n))
			}
		}
	}
	if found != 2 {
		return nil, fmt.Errorf("whose the process %d is can't be told", pid)
	}
	return &syscall.SysProcAttr{Credential: c}, nil
}

func number(text string) uint32 {
	n, _ := strconv.ParseUint(text, 10, 32) // the kernel's
	return uint32(n)
}

// outputOf are a process's standard output and error: the very descriptors, since the files behind them might be opened for
// more than the process may do; nil if they are not to be had.
func outputOf(pid int) (files []*os.File) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(p)
	for _, fd := range []int{1, 2} {
		n, err := unix.PidfdGetfd(p, fd, 0)
		if err != nil {
			return nil
		}
		files = append(files, os.NewFile(uintptr(n), "output of the casino"))
	}
	return files
}

// keepRights gives the new program what the installed one may do beyond its user, such as to listen on low ports (setcap).
func keepRights(installed, program string) error {
	const attribute = "security.capability"
	value := make([]byte, 64)
	n, err := unix.Lgetxattr(installed, attribute, value)
	if err != nil || n == 0 {
		return nil // it has none
	}
	return unix.Lsetxattr(program, attribute, value[:n], 0)
}
