package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf returns the user and the process that opened the connection.
func peerOf(c *net.UnixConn) (uid uint32, pid int32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var cred *unix.Ucred
	if err := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || cred == nil {
		return 0, 0, false
	}
	return cred.Uid, cred.Pid, true
}
