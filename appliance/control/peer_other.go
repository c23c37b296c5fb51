//go:build !linux

package control

import "net"

// peerUID is not known on this system.
func peerUID(*net.UnixConn) (uid uint32, ok bool) { return 0, false }
