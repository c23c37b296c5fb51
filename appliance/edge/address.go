package edge

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the networks that may name a client's address.
type proxies []netip.Prefix

func (p proxies) trust(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// client finds out whose request it is. peer opened the connection. If peer is a trusted proxy, the client is the last
// address in X-Forwarded-For that is not itself a trusted proxy. Every proxy appends the address that it got the request
// from, so anything left of that is the client's own claim. secure says whether the client speaks TLS, to us or to the
// proxy.
func (p proxies) client(peer netip.Addr, r *http.Request) (client netip.Addr, secure, proxied bool) {
	secure = r.TLS != nil
	if len(p) == 0 || !p.trust(peer) {
		return peer, secure, false
	}
	client = peer
	lines := r.Header["X-Forwarded-For"]
chain:
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; rest != ""; {
			hop := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				rest = ""
			}
			a, ok := parseHop(strings.TrimSpace(hop))
			if !ok {
				break chain // this entry is not an address, so nothing left of it can be trusted
			}
			client = a
			if !p.trust(a) {
				break chain
			}
		}
	}
	if proto := r.Header["X-Forwarded-Proto"]; len(proto) == 1 {
		secure = secure || proto[0] == "https"
	}
	return client, secure, true
}

// parseHop parses an entry of X-Forwarded-For: an address, with a port from some proxies.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	return netip.Addr{}, false
}

// addressOf is the IP address of one end of a connection; the zero Addr if it has none.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return plain(tcp.AddrPort().Addr())
	}
	if a == nil {
		return netip.Addr{}
	}
	if ap, err := netip.ParseAddrPort(a.String()); err == nil {
		return plain(ap.Addr())
	}
	return netip.Addr{}
}

// plain removes what makes one address look like two: the IPv4-in-IPv6 form, and the zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// networkFactor is how many times as much as one client the /48 of an IPv6 client may have as a whole.
const networkFactor = 16

// networkKey is the /48 of an IPv6 address: what a provider gives to one site at most (RFC 6177). Whoever has one would
// otherwise count as 65,536 clients. Of other addresses there is none.
func networkKey(a netip.Addr) (key bucketKey, ok bool) {
	if !a.Is6() || a.Is4In6() {
		return key, false
	}
	key = bucketKey(a.As16())
	clear(key[6:])
	key[15] = 48 // never the key of a /64, which ends in zeros
	return key, true
}

// clientKey is what a client is counted by: its IPv4 address, or the /64 of its IPv6 address, the smallest network that
// a customer gets (RFC 6177).
func clientKey(a netip.Addr) bucketKey {
	k := bucketKey(a.As16())
	if a.Is6() && !a.Is4In6() {
		clear(k[8:])
	}
	return k
}
