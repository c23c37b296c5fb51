package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// parseNetwork takes a network (10.0.0.0/8), or an address alone, which stands for itself. An IPv4 network in IPv6 form
// (::ffff:10.0.0.0/104) becomes the IPv4 network: that is the form that clients' addresses are compared in.
func parseNetwork(text string) (netip.Prefix, error) {
	refused := fmt.Errorf("%q is neither an address nor a network such as 127.0.0.1, 10.0.0.0/8 or fd00::/8", text)
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, refused
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, refused
	}
	const mappedBits = 96 // of the prefix ::ffff:0:0/96
	switch {
	case !p.Addr().Is4In6():
		return p, nil
	case p.Bits() < mappedBits:
		return netip.Prefix{}, fmt.Errorf("%q is more than the IPv4 addresses: write 0.0.0.0/0 or an IPv6 network", text)
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits), nil
}

// isWide says whether a network has many more addresses than the proxies of one casino: more than 10.0.0.0/8 or fc00::/7.
func isWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < 8
	}
	return p.Bits() < 7
}

// asciiDomain returns a domain name or an address in the form that Validate accepts.
func asciiDomain(name string) (string, error) {
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && a.Zone() == "" {
		return a.Unmap().String(), nil
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	if err != nil || !isHostName(ascii) {
		return "", notDomain(name)
	}
	return ascii, nil
}

func notDomain(name string) error {
	return fmt.Errorf("%q is not a domain name: use one such as casino.example, without scheme or port", name)
}

// reservedTops are the top-level names that no public authority issues certificates for (RFC 2606, 6761, 6762, 7686 and
// 9476, and ICANN's internal).
var reservedTops = []string{"localhost", "local", "test", "example", "invalid", "internal", "home.arpa", "onion", "alt", "lan", "home", "corp", "intranet"}

// isPublic says whether a public authority may issue a certificate for a domain.
func isPublic(domain string) bool {
	if net.ParseIP(domain) != nil || !strings.Contains(domain, ".") {
		return false
	}
	return !slices.ContainsFunc(reservedTops, func(top string) bool { return strings.HasSuffix(domain, "."+top) })
}

// isDomain says whether name is a host name, as in a certificate: lower-case ASCII labels (other letters in the xn-- form),
// or an IP address.
func isDomain(name string) bool {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Zone() == "" && a.String() == name
	}
	return isHostName(name)
}

func isHostName(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
