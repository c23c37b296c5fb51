package service

import "net"

// Belongs says whether a socket that listens on one address is what a listener with a configured address would have; see
// Sockets.Take.
func Belongs(socket, configured string) bool {
	has, err := net.ResolveTCPAddr("tcp", socket)
	if err != nil {
		return false
	}
	if has.IP == nil {
		has.IP = net.IPv6unspecified
	}
	return belongs(has, configured)
}
