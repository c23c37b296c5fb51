package edge

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func trustLoopback(o *Options) {
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::/8")}
}

func TestClient_IsTheLastAddressThatIsNoTrustedProxy(t *testing.T) {
	var o Options
	trustLoopback(&o)
	p := proxies(o.TrustedProxies)
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "203.0.113.5", nil, "203.0.113.5"},
		{"a stranger's claim", "203.0.113.5", []string{"198.51.100.1"}, "203.0.113.5"},
		{"a proxy without the header", "127.0.0.1", nil, "127.0.0.1"},
		{"one proxy", "127.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "127.0.0.1", []string{"198.51.100.1, 10.0.0.7"}, "198.51.100.1"},
		{"a claim before the proxy's word", "127.0.0.1", []string{"8.8.8.8, 198.51.100.1"}, "198.51.100.1"},
		{"a claim in a header of its own", "127.0.0.1", []string{"8.8.8.8", "198.51.100.1"}, "198.51.100.1"},
		{"a claim to be a proxy", "127.0.0.1", []string{"8.8.8.8, 10.0.0.9, 198.51.100.1"}, "198.51.100.1"},
		{"all are proxies", "127.0.0.1", []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"nonsense", "127.0.0.1", []string{"nonsense"}, "127.0.0.1"},
		{"nonsense before a proxy", "127.0.0.1", []string{"198.51.100.1, nonsense, 10.0.0.2"}, "10.0.0.2"},
		{"an empty entry", "127.0.0.1", []string{","}, "127.0.0.1"},
		{"with a port", "127.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6", "fd00::1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", "fd00::1", []string{"[2001:db8::1]:80"}, "2001:db8::1"},
		{"IPv4 in IPv6", "127.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"with an IPv6 zone", "127.0.0.1", []string{"fe80::1%eth0"}, "fe80::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-For"] = c.forwarded
		if got, _, _ := p.client(netip.MustParseAddr(c.peer), r); got != netip.MustParseAddr(c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestClient_IsSecureBehindAProxyThatSpeaksTLS(t *testing.T) {
	var secure bool
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { secure = Secure(r.Context()) })
	for _, c := range []struct {
		change func(*Options)
		proto  string
		want   bool
	}{{nil, "https", false}, {trustLoopback, "https", true}, {trustLoopback, "http", false}, {trustLoopback, "", false}} {
		h := open(t, "http", handler, c.change)
		answer, _ := h.ask(t, "GET", "/", "", "X-Forwarded-Proto", c.proto)
		if secure != c.want || (answer.Header.Get("Strict-Transport-Security") != "") != c.want {
			t.Errorf("trusted %t, %q: secure %t", c.change != nil, c.proto, secure)
		}
	}
}

func TestClientKey_CountsIPv6ByNetworks(t *testing.T) {
	same := func(a, b string) bool { return clientKey(netip.MustParseAddr(a)) == clientKey(netip.MustParseAddr(b)) }
	if !same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") {
		t.Error("two addresses of one /64 count apart")
	}
	if same("2001:db8:1:2::1", "2001:db8:1:3::1") {
		t.Error("two /64 networks count together")
	}
	if same("192.0.2.1", "192.0.2.2") {
		t.Error("two IPv4 addresses count together")
	}
	if !same("192.0.2.1", "::ffff:192.0.2.1") {
		t.Error("one IPv4 address in two forms counts apart")
	}
}

func FuzzClient_NeverBelievesAStranger(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.7")
	f.Add(",,, ::, [::1]:99999, 1.2.3.4:x")
	var o Options
	trustLoopback(&o)
	p := proxies(o.TrustedProxies)
	f.Fuzz(func(t *testing.T, forwarded string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-For"] = []string{forwarded}
		stranger := netip.MustParseAddr("203.0.113.5")
		if got, _, proxied := p.client(stranger, r); got != stranger || proxied {
			t.Fatalf("%q: %s", forwarded, got)
		}
		// Only what the proxy appends counts.
		r.Header["X-Forwarded-For"] = []string{forwarded + ", 203.0.113.9"}
		if got, _, _ := p.client(netip.MustParseAddr("127.0.0.1"), r); got != netip.MustParseAddr("203.0.113.9") {
			t.Fatalf("%q: %s", forwarded, got)
		}
	})
}
