package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listenError says why a listener could not be opened, and what to do about just that. key names the address's flag.
func listenError(what, key string, err error) error {
	advice := "Choose another --" + key
	var name *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "Another program listens there: 'ss -ltnp' shows which. Stop that one, or choose another --" + key
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		advice = "Ports below 1024 need a right. For the service, systemd opens them: run 'imperio install' again after changing addresses, and see 'systemctl status imperio.socket'. " +
			"Elsewhere, 'setcap cap_net_bind_service=+ep' on the binary gives it. Or choose a port from 1024 on with --" + key
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "This machine has no such address: 'ip address' shows those it has. Choose one of these with --" + key + ", or none, as in ':443', for all"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		advice = "This machine does not speak that version of IP. Choose an address of the other one with --" + key
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		advice = "Too many files are open. Raise the limit (LimitNOFILE= in the unit, 'ulimit -n' in a shell)"
	case errors.As(err, &name):
		advice = "The name of the host can't be resolved. Use an IP address for --" + key
	}
	return fmt.Errorf("listen for %s: %w. %s", what, err, advice)
}

// socketError does the same for making the control socket.
func socketError(err error) error {
	advice := "It must be possible to make a socket in the data directory"
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "The user who runs imperio needs the right to write there"
	case errors.Is(err, syscall.EROFS):
		advice = "The file system is read-only. Choose another --data-dir, or mount it for writing"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENAMETOOLONG):
		advice = "The path is too long for a socket. Choose a shorter --data-dir, or a relative one"
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
		advice = "The file system has no sockets, as some network and shared folders. Choose a --data-dir on a local disk"
	}
	return fmt.Errorf("open the control socket: %w. %s", err, advice)
}

// errInUse says that another process has the data directory open.
var errInUse = errors.New("in use by another imperio")

// noServerError explains an error of opening a data directory, after no server could be asked over the socket in it: a server may
// run all the same. dial is why it could not be asked.
func noServerError(socket string, dial, err error) error {
	switch inUse := errors.Is(err, errInUse); {
	case errors.Is(dial, fs.ErrPermission) && (inUse || errors.Is(err, fs.ErrPermission)):
		return fmt.Errorf("only the casino's own user may use %s: run this with 'sudo -u' and that user's name, or as root", socket)
	case !inUse:
		return err
	}
	return fmt.Errorf("a casino has its directory open, but does not answer on %s: it may be starting or stopping. Try again in a moment, or stop it first (%w)", socket, dial)
}

// dirError says why the data directory can't be made or used, and what to do about it. err names the path.
func dirError(what string, err error) error {
	advice := "Name another directory with --data-dir"
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "The user who runs imperio needs the right to use it: change its owner with 'chown', or name another one with --data-dir"
	case errors.Is(err, syscall.EROFS):
		advice = "The file system is read-only: mount it for writing (in a systemd unit: ReadWritePaths= or StateDirectory=), or name another directory with --data-dir"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		advice = "A file has the place of a directory. Name another directory with --data-dir"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = "The disk is full, or a quota is used up. Make room"
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
		advice = "The file system has no locks, as some network and shared folders. Choose a directory on a local disk"
	}
	return fmt.Errorf("%s: %w. %s", what, err, advice)
}
