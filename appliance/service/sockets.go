package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Sockets are the listening sockets that the process was started with. They are passed by a supervisor, which holds them as
// well, or handed over by the program that this one replaces. Sockets is not safe for concurrent use. A nil Sockets is empty.
type Sockets struct {
	rest   []socket
	passed []string // the configured addresses whose sockets a supervisor holds, once they are taken
}

// socket is one that nobody has taken yet.
type socket struct {
	net.Listener
	passed bool   // a supervisor holds it, too
	opened string // the configured address that it was opened for; "": unknown
}

// Inherited takes over the sockets that the environment names, and removes them from the environment. Without any, it returns
// empty Sockets.
func Inherited() (*Sockets, error) {
	s := new(Sockets)
	handed, err := handedOver()
	if err != nil {
		return nil, err
	}
	s.rest = handed
	for _, f := range activation.Files(true) {
		l, err := listenerOf(f)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("use the socket %s that the service manager passed: %w", f.Name(), err)
		}
		s.rest = append(s.rest, socket{Listener: l, passed: true})
	}
	return s, nil
}

var errNoListener = errors.New("it is not a listening socket of TCP. In the socket unit, use ListenStream= with an address and a port, and leave Accept= at no")

// listenerOf makes a listener of a file, and closes the file.
func listenerOf(f *os.File) (net.Listener, error) {
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var accepts int
	if cerr := raw.Control(func(fd uintptr) { accepts, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN) }); cerr != nil {
		return nil, cerr
	}
	if err != nil || accepts == 0 {
		return nil, errNoListener
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	if _, ok := l.(*net.TCPListener); !ok {
		l.Close()
		return nil, errNoListener
	}
	return l, nil
}

// Take returns the socket that belongs to a configured address such as :443; each at most once. It belongs there if it was opened
// for the same address, or if it has the same port and the same host, or both have all hosts: [::]:443 and 0.0.0.0:443 belong
// to :443.
func (s *Sockets) Take(address string) (l net.Listener, ok bool) {
	i := s.find(address)
	if i < 0 {
		return nil, false
	}
	l = s.rest[i].Listener
	if s.rest[i].passed {
		s.passed = append(s.passed, address)
	}
	s.rest = slices.Delete(s.rest, i, i+1)
	return l, true
}

// Has says whether Take would return a socket.
func (s *Sockets) Has(address string) bool { return s.find(address) >= 0 }

func (s *Sockets) find(address string) int {
	if s == nil || address == "" {
		return -1
	}
	if i := slices.IndexFunc(s.rest, func(r socket) bool { return r.opened == address }); i >= 0 {
		return i
	}
	return slices.IndexFunc(s.rest, func(r socket) bool { return belongs(r.Addr(), address) })
}

// belongs says whether a socket's address is what a listener with a configured address would have.
func belongs(socket net.Addr, configured string) bool {
	has, ok := socket.(*net.TCPAddr)
	if !ok {
		return false
	}
	wants, err := net.ResolveTCPAddr("tcp", configured) // the same choice among a name's addresses as net.Listen
	if err != nil || wants.Port != has.Port {
		return false
	}
	if wants.IP == nil || wants.IP.IsUnspecified() {
		return has.IP.IsUnspecified()
	}
	return wants.IP.Equal(has.IP) && wants.Zone == has.Zone
}

// Left lists the addresses of the sockets that a supervisor holds and nobody took. Clients would wait in their queues for ever.
func (s *Sockets) Left() []string {
	if s == nil {
		return nil
	}
	var left []string
	for _, r := range s.rest {
		if r.passed {
			left = append(left, r.Addr().String())
		}
	}
	return left
}

// Close closes the sockets that nobody took.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	for _, r := range s.rest {
		r.Close()
	}
	s.rest = nil
}

// handedVariable names the sockets that a Handover has left open: for each its descriptor, "passed" or "own", and the
// configured address, as in "7 passed :443,9 own 127.0.0.1:0". LISTEN_FDS can't say that, and it wants the descriptors from 3 on,
// which a running Go program can't free. LISTEN_PID says for which process it is.
const handedVariable = "LISTEN_HANDED"

// handedOver returns the sockets of a Handover.
func handedOver() ([]socket, error) {
	list := os.Getenv(handedVariable)
	pid := os.Getenv("LISTEN_PID")
	if err := os.Unsetenv(handedVariable); err != nil {
		return nil, err
	}
	if list == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	var sockets []socket
	for entry := range strings.SplitSeq(list, ",") {
		fields := strings.SplitN(entry, " ", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s: %q is no socket", handedVariable, entry)
		}
		fd, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no socket", handedVariable, entry)
		}
		unix.CloseOnExec(fd)
		l, err := listenerOf(os.NewFile(uintptr(fd), fields[2]))
		if err != nil {
			return nil, fmt.Errorf("use the socket for %s that the program before this one has left open: %w", fields[2], err)
		}
		sockets = append(sockets, socket{Listener: l, passed: fields[1] == "passed", opened: fields[2]})
	}
	return sockets, nil
}
