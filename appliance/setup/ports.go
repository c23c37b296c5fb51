package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// checkPorts refuses addresses that another program listens on.
func (w *work) checkPorts(ctx context.Context, addresses []string) error {
	casino, passed := w.ownListeners(ctx)
	var errs []error
	for _, address := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		switch {
		case err == nil:
			_ = l.Close()
			w.tell(Fine, "address", "%s is free", address)
		case errors.Is(err, syscall.EADDRINUSE):
			pid, name := w.listener(address)
			switch {
			case pid != 0 && pid == casino, pid == 1 && strings.Contains(passed, portOf(address)+" "):
				w.tell(Fine, "address", "%s is open for the casino", address)
			case pid == 0:
				errs = append(errs, fmt.Errorf("another program listens on %s: 'ss -ltnp' shows which. Stop it, or choose another address with --http-addr or --https-addr", address))
			default:
				errs = append(errs, fmt.Errorf("%s (process %d) listens on %s. Stop it ('systemctl status %d' names its service), or choose another address with --http-addr or --https-addr; "+
					"a web server that must stay can pass requests on, see PROXIES.md", name, pid, address, pid))
			}
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			w.tell(Warning, "address", "this machine has no address %s now: 'ip address' shows those it has", address)
		default:
			w.tell(Warning, "address", "%s can't be tried: %v", address, err)
		}
	}
	return errors.Join(errs...)
}

// ownListeners are those that listen for the casino: its process (0: none), and systemd with the addresses of its socket unit.
func (w *work) ownListeners(ctx context.Context) (casino int, passed string) {
	if !w.systemdRuns() {
		return 0, ""
	}
	if values, err := w.properties(ctx, service, "MainPID"); err == nil {
		fmt.Sscan(values["MainPID"], &casino)
	}
	if w.active(ctx, socket) {
		passed, _ = w.run(ctx, "systemctl", "show", socket, "--property=Listen") // lines such as Listen=[::]:443 (Stream)
	}
	return casino, passed
}

// portOf is an address's port, with the colon before it.
func portOf(address string) string { return address[strings.LastIndexByte(address, ':'):] }

// listener finds the process that listens on an address's port; 0: unknown. Where several have the socket open, as systemd and the
// casino have, it is the one with the least id.
func (h *host) listener(address string) (pid int, name string) {
	_, text, err := net.SplitHostPort(address)
	port, perr := strconv.Atoi(text)
	if err != nil || perr != nil {
		return 0, ""
	}
	inodes := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		h.listening(table, port, inodes)
	}
	processes, err := filepath.Glob(h.path("/proc/[0-9]*/fd/*"))
	if err != nil {
		return 0, ""
	}
	for _, file := range processes {
		target, err := os.Readlink(file)
		if err != nil || !inodes[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] {
			continue
		}
		owner, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(file))))
		if err == nil && (pid == 0 || owner < pid) {
			pid = owner
		}
	}
	comm, err := h.readText(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return pid, "a program"
	}
	return pid, comm
}

// listening adds the inodes of sockets that listen on a port. The table is that of proc(5): the local address is the second field,
// the state the fourth (0A: listening), and the inode the tenth.
func (h *host) listening(table string, port int, inodes map[string]bool) {
	f, err := os.Open(h.path(table))
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && fields[3] == "0A" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
			inodes[fields[9]] = true
		}
	}
}

func (h *host) readText(name string) (string, error) {
	text, err := os.ReadFile(h.path(name))
	return strings.TrimSpace(string(text)), err
}
