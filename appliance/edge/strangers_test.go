package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// strangersLog returns strangers and what they log.
func strangersLog() (*strangers, *safeBuffer) {
	log := &safeBuffer{}
	return &strangers{log: slog.New(slog.NewTextHandler(log, nil))}, log
}

func TestStrangers_AreToldOfOnce(t *testing.T) {
	s, log := strangersLog()
	e := &Edge{}
	e.strangers.log = s.log
	near, far := netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("203.0.113.5")
	forwarded := http.Header{"X-Forwarded-For": {"198.51.100.1"}}
	for range 3 {
		e.strangers.look(far, forwarded)
	}
	if what := e.Stranger(); what != "" {
		t.Errorf("anyone on the internet can make health say %q", what)
	}
	for range 3 {
		e.strangers.look(near, forwarded)
		e.strangers.look(near, http.Header{"Forwarded": {"for=198.51.100.1"}})
	}
	if what := e.Stranger(); what != "X-Forwarded-For" {
		t.Errorf("health says %q", what)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines, one for each of the two would do:\n%s", n, log)
	}
	for _, want := range []string{"--trusted-proxies", "peer=172.17.0.1", "peer=203.0.113.5"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in:\n%s", want, log)
		}
	}
}

func TestStrangers_AreThoseWhoForward(t *testing.T) {
	peer := netip.MustParseAddr("127.0.0.1")
	for _, c := range []struct {
		header http.Header
		want   bool
	}{
		{http.Header{}, false},
		{http.Header{"X-Request-Id": {"1"}}, false},
		{http.Header{"X-Forwarded-For": {"198.51.100.1"}}, true},
		{http.Header{"Forwarded": {"for=198.51.100.1"}}, true},
		{http.Header{"X-Real-Ip": {"198.51.100.1"}}, true},
	} {
		s, log := strangersLog()
		if s.look(peer, c.header); (log.String() != "") != c.want {
			t.Errorf("%v: %s", c.header, log)
		}
	}
}

func TestStrangers_InPrivateNetworksAreNear(t *testing.T) {
	for address, near := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.31.0.1": true, "192.168.0.1": true, "fd00::1": true, "fe80::1": true, "100.64.0.1": true,
		"203.0.113.5": false, "2001:db8::1": false, "100.128.0.1": false,
	} {
		if isNear(netip.MustParseAddr(address)) != near {
			t.Errorf("%s: near is not %t", address, near)
		}
	}
}

func TestStrangers_TrustedProxiesAreNone(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		h := open(t, "http", says("{}"), func(o *Options) {
			if trusted {
				trustLoopback(o)
			}
		})
		h.ask(t, "GET", "/", "", "X-Forwarded-For", "198.51.100.1")
		if got := h.edge.Stranger() != ""; got == trusted {
			t.Errorf("trusted %t: noticed %t", trusted, got)
		}
	}
}

// A proxy that was told to speak the PROXY protocol, to a casino that was not: every connection fails.
func TestStrangers_WithAPROXYHeaderAreNoticed(t *testing.T) {
	for _, over := range []string{"http", "https"} {
		for _, version := range []byte{1, 2} {
			h := open(t, over, says("{}"), nil)
			talk(h.proxied(t, "198.51.100.1", version), "/")
			eventually(t, "it is noticed", func() bool { return h.edge.Stranger() == "a PROXY header" })
			if !strings.Contains(h.log.String(), "--proxy-protocol on") {
				t.Errorf("%s, version %d: no advice in:\n%s", over, version, h.log)
			}
		}
	}
}
