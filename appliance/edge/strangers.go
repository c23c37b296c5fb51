package edge

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
)

// strangers notices peers that seem to forward for others, but are not trusted proxies. Most likely the operator forgot to
// name them, and all players behind one of them count as a single client. Anyone can send such a header, so it only costs a
// line in the log, once for peers nearby and once for others. Safe for concurrent use.
type strangers struct {
	log         *slog.Logger
	nearby, far atomic.Pointer[string] // what such a peer sent first; nil: nothing
}

// forwardingHeaders are what proxies add to the requests that they forward.
var forwardingHeaders = [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"}

// look looks at the header of a request whose peer is not trusted.
func (s *strangers) look(peer netip.Addr, h http.Header) {
	for _, name := range forwardingHeaders {
		if len(h[name]) > 0 {
			s.notice(peer, name, "If it is your proxy, name it with --trusted-proxies")
			return
		}
	}
}

// The first bytes of a PROXY header, version 1 and 2.
var proxyV1, proxyV2 = []byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")

// hear looks at the first bytes of a connection that should begin without a PROXY header.
func (s *strangers) hear(peer netip.Addr, first []byte) {
	if bytes.HasPrefix(first, proxyV1) || bytes.HasPrefix(first, proxyV2) {
		s.notice(peer, "a PROXY header", "If it is your proxy, name it with --trusted-proxies, and add --proxy-protocol on")
	}
}

func (s *strangers) notice(peer netip.Addr, what, advice string) {
	seen, near := &s.far, isNear(peer)
	if near {
		seen = &s.nearby
	}
	if seen.Load() != nil || !seen.CompareAndSwap(nil, &what) {
		return
	}
	s.log.Warn("a peer that is not a trusted proxy sends "+what+". "+advice+": until then, all its clients count as one. Told once",
		"peer", peer.String(), "nearby", near)
}

// isNear says whether an address is of this machine or of a private network, as that of a proxy mostly is.
func isNear(a netip.Addr) bool {
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || carrierNetwork.Contains(a)
}

// carrierNetwork is shared address space (RFC 6598), which some clouds use for their load balancers.
var carrierNetwork = netip.MustParsePrefix("100.64.0.0/10")

// Stranger returns what a peer on this machine or on a private network has sent as a proxy does, although it is not a trusted
// proxy, such as X-Forwarded-For; "" if none has. What comes from other addresses can't be taken for a sign of anything.
func (e *Edge) Stranger() string {
	if what := e.strangers.nearby.Load(); what != nil {
		return *what
	}
	return ""
}
