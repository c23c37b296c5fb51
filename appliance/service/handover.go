package service

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Handover holds listening sockets open for the program that replaces this one, while this one closes its listeners. It is not
// safe for concurrent use.
type Handover struct {
	sockets []handed
}

type handed struct {
	fd      int
	passed  bool
	address string // as configured
}

// Keep makes a Handover of listeners, by their configured addresses. They must be TCP listeners, still open.
func (s *Sockets) Keep(listeners map[string]net.Listener) (_ *Handover, err error) {
	h := new(Handover)
	defer func() {
		if err != nil {
			h.Close()
		}
	}()
	for address, l := range listeners {
		fd, err := duplicate(l)
		if err != nil {
			return nil, fmt.Errorf("keep the socket for %s open: %w", address, err)
		}
		h.sockets = append(h.sockets, handed{fd, s != nil && slices.Contains(s.passed, address), address})
	}
	return h, nil
}

// duplicate returns another descriptor of a listener's socket.
func duplicate(l net.Listener) (fd int, err error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return -1, fmt.Errorf("a %T has no socket of TCP", l)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	// Not TCPListener.File: its file may switch the socket, which the two share, to blocking.
	if cerr := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 3) }); cerr != nil {
		return -1, cerr
	}
	return fd, err
}

// Duplicate returns a second listener on a listener's socket. Closing one leaves the other open.
func Duplicate(l net.Listener) (net.Listener, error) {
	fd, err := duplicate(l)
	if err != nil {
		return nil, fmt.Errorf("share the socket of %s: %w", l.Addr(), err)
	}
	return listenerOf(os.NewFile(uintptr(fd), l.Addr().String()))
}

// Close lets go of the sockets.
func (h *Handover) Close() {
	for _, s := range h.sockets {
		unix.Close(s.fd)
	}
	h.sockets = nil
}

// Exec replaces the process by a program with the same process id, arguments and environment, and hands the sockets over. It
// returns only if that fails, and can be called again then. The caller must have closed everything that the program opens.
func (h *Handover) Exec(program string) error {
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == handedVariable || name == "LISTEN_PID" || name == "LISTEN_FDS" || name == "LISTEN_FDNAMES"
	})
	var list []string
	for _, s := range h.sockets {
		kind := "own"
		if s.passed {
			kind = "passed"
		}
		list = append(list, fmt.Sprintf("%d %s %s", s.fd, kind, s.address))
	}
	if len(list) > 0 {
		environ = append(environ, "LISTEN_PID="+strconv.Itoa(os.Getpid()), handedVariable+"="+strings.Join(list, ","))
	}
	// No other program may inherit the sockets meanwhile.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	for _, s := range h.sockets {
		if _, err := unix.FcntlInt(uintptr(s.fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("hand over the socket for %s: %w", s.address, err)
		}
	}
	err := syscall.Exec(program, os.Args, environ)
	for _, s := range h.sockets {
		unix.CloseOnExec(s.fd)
	}
	return &os.PathError{Op: "exec", Path: program, Err: err}
}

// Program is the path that the process was started from, and Exec starts a newer program by. A symbolic link in it stays one, so
// that it may point to a newer program by then. Call it before the working directory or the file changes.
func Program() (string, error) {
	running, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program's file: %w", err)
	}
	if called, err := exec.LookPath(os.Args[0]); err == nil {
		if called, err = filepath.Abs(called); err == nil && same(called, running) {
			return called, nil
		}
	}
	return running, nil
}

// Running is a path by which the running program can be started once more, even if its file was replaced, where the system has
// such a path.
func Running(program string) string {
	const link = "/proc/self/exe"
	if _, err := os.Stat(link); err == nil {
		return link
	}
	return program
}

func same(a, b string) bool {
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(fa, fb)
}
