package network

import (
	"net"
	"net/netip"
	"sync"
)

// Bounds on handshakes under way. All members may be behind one address.
const (
	maxHandshakes       = 512
	maxHandshakesOfHost = 128
)

// door counts handshakes under way.
type door struct {
	mu  sync.Mutex // guards all below
	all int
	of  map[netip.Addr]int
}

func newDoor() *door { return &door{of: map[netip.Addr]int{}} }

// enter counts a handshake. It returns false, and does nothing, if there are too many.
func (d *door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= maxHandshakes || d.of[from] >= maxHandshakesOfHost {
		return false
	}
	d.all++
	d.of[from]++
	return true
}

func (d *door) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.of[from]--; d.of[from] == 0 {
		delete(d.of, from)
	}
}

// hostOf is the address of a connection's other end, without the port.
func hostOf(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
