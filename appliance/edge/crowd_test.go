package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// working is a handler whose requests to /work last until they are let go.
func working() (h http.Handler, letGo func()) {
	release := make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/work" {
			<-release
		}
		_, _ = io.WriteString(w, "{}")
	}), sync.OnceFunc(func() { close(release) })
}

// work sends a request over a new connection, and returns once it is in progress.
func (h *house) work(t testing.TB, c net.Conn) net.Conn {
	t.Helper()
	before := h.busy()
	if _, err := io.WriteString(c, "GET /work HTTP/1.1\r\nHost: casino.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is in progress", func() bool { return h.busy() == before+1 })
	return c
}

// busy is the number of connections with a request in progress.
func (h *house) busy() (n int) {
	h.edge.counts.mu.Lock()
	defer h.edge.counts.mu.Unlock()
	for c := range h.edge.counts.open {
		if c.requests.Load() > 0 {
			n++
		}
	}
	return n
}

func TestConnections_AreCappedForEachAddress(t *testing.T) {
	handler, letGo := working()
	h := open(t, "http", handler, func(o *Options) { o.Zones = nil; o.MaxConnectionsPerAddress = 3 })
	defer letGo()
	var held []net.Conn
	for range 3 {
		held = append(held, h.work(t, h.dial(t)))
	}
	open := func(want int) func() bool {
		return func() bool { open := 0; h.seen.read(func() { open = h.seen.open }); return open == want }
	}
	for i := range 3 { // above the cap: answered with 429, and closed
		c := h.dial(t)
		if status, closes := talk(c, "/"); status != 429 || !closes {
			t.Fatalf("connection %d above the cap: %d, closes %t", i, status, closes)
		}
		closedByServer(t, c)
		eventually(t, "the connection that got 429 is gone", open(3))
	}
	letGo()
	for i, c := range held {
		if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != 200 {
			t.Errorf("connection %d, within the cap: %v", i, err)
		}
	}
}

func TestConnections_GiveTheirPlaceBack(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { o.Zones = nil; o.MaxConnectionsPerAddress = 2 })
	for range 20 {
		a, b := h.dial(t), h.dial(t)
		if status, _ := talk(a, "/"); status != 200 {
			t.Fatal(status)
		}
		if status, _ := talk(b, "/"); status != 200 {
			t.Fatal(status)
		}
		a.Close()
		b.Close()
		eventually(t, "the places are free", func() bool {
			h.edge.counts.mu.Lock()
			defer h.edge.counts.mu.Unlock()
			return len(h.edge.counts.open) == 0 && len(h.edge.counts.groups) == 0
		})
	}
}

func TestConnections_AreCappedInTotal(t *testing.T) {
	handler, letGo := working()
	h := open(t, "http", handler, func(o *Options) { o.MaxConnections, o.MaxConnectionsPerAddress = 2, 0 })
	defer letGo()
	h.work(t, h.dial(t))
	h.work(t, h.dial(t))
	h.turnsAway(t)
	h.seen.read(func() {
		if h.seen.refused["total"] != 1 || h.seen.gaveWay["total"] != 0 {
			t.Errorf("refused %v, gave way %v", h.seen.refused, h.seen.gaveWay)
		}
	})
	letGo()
	eventually(t, "there is room again", func() bool {
		c, err := net.Dial("tcp", h.address)
		if err != nil {
			return false
		}
		defer c.Close()
		status, _ := talk(c, "/")
		return status == 200
	})
}

// A flood of connections that do nothing, from as many addresses as it likes, keeps nobody out. Those that have been idle
// longest give way first; a request in progress never does.
func TestConnections_IdleOnesGiveWayToNewClients(t *testing.T) {
	handler, letGo := working()
	h := open(t, "http", handler, func(o *Options) {
		trustLoopback(o)
		o.Zones, o.ProxyProtocol = nil, true
		o.MaxConnections, o.MaxConnectionsPerAddress = 100, 10
	})
	defer letGo()
	player := h.work(t, h.proxied(t, "203.0.113.1", 2))
	var flood []net.Conn
	for i := range 94 {
		c := h.proxied(t, fmt.Sprintf("198.51.100.%d", i/10), 2)
		if i%2 == 0 { // some have asked for something before, some never do
			if status, _ := talk(c, "/"); status != 200 {
				t.Fatalf("connection %d of the flood: %d", i, status)
			}
		}
		flood = append(flood, c)
	}
	eventually(t, "all of the flood is in", func() bool { open := 0; h.seen.read(func() { open = h.seen.open }); return open == 95 })
	for i := range 20 {
		if status, _ := talk(h.proxied(t, fmt.Sprintf("203.0.113.%d", 10+i), 2), "/"); status != 200 {
			t.Fatalf("new client %d: %d", i, status)
		}
	}
	for _, c := range flood[:5] { // the oldest have made room
		closedByServer(t, c)
	}
	h.seen.read(func() {
		if h.seen.gaveWay["total"] != 20 || len(h.seen.refused) != 0 || h.seen.open != 95 {
			t.Errorf("gave way %v, refused %v, %d open", h.seen.gaveWay, h.seen.refused, h.seen.open)
		}
	})
	letGo()
	if answer, err := http.ReadResponse(bufio.NewReader(player), nil); err != nil || answer.StatusCode != 200 {
		t.Errorf("the request that was in progress: %v", err)
	}
}

// An address at its cap closes its own idle connections, and nobody else's.
func TestConnections_OfAnAddressGiveWayToItsNewOnes(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) {
		trustLoopback(o)
		o.Zones, o.ProxyProtocol, o.MaxConnectionsPerAddress = nil, true, 2
	})
	other := h.proxied(t, "203.0.113.1", 2)
	talk(other, "/")
	first := h.proxied(t, "198.51.100.1", 2)
	talk(first, "/")
	for i := range 10 {
		if status, _ := talk(h.proxied(t, "198.51.100.1", 2), "/"); status != 200 {
			t.Fatalf("connection %d: %d", i, status)
		}
	}
	closedByServer(t, first)
	if status, _ := talk(other, "/"); status != 200 {
		t.Errorf("another address: %d", status)
	}
	h.seen.read(func() {
		if h.seen.gaveWay["address"] != 9 || h.seen.refused["address"] != 0 {
			t.Errorf("gave way %v, refused %v", h.seen.gaveWay, h.seen.refused)
		}
	})
}

// Over HTTP/2, a connection is idle while none of its requests is in progress.
func TestConnections_OverHTTP2AreIdleBetweenRequests(t *testing.T) {
	handler, letGo := working()
	h := open(t, "https", handler, func(o *Options) { o.Zones = nil; o.MaxConnectionsPerAddress = 1 })
	defer letGo()
	another := func() *house { // with a connection of its own
		other, transport := *h, h.client.Transport.(*http.Transport).Clone()
		other.client = &http.Client{Transport: transport}
		t.Cleanup(transport.CloseIdleConnections)
		return &other
	}
	if answer, _ := h.ask(t, "GET", "/", ""); answer.StatusCode != 200 || answer.ProtoMajor != 2 {
		t.Fatalf("%d over HTTP/%d", answer.StatusCode, answer.ProtoMajor)
	}
	second := another()
	if answer, _ := second.ask(t, "GET", "/", ""); answer.StatusCode != 200 {
		t.Errorf("while the first is idle: %d", answer.StatusCode)
	}
	worked := make(chan int)
	go func() {
		answer, err := second.client.Get(second.url + "/work")
		if err != nil {
			worked <- 0
			return
		}
		answer.Body.Close()
		worked <- answer.StatusCode
	}()
	eventually(t, "the request is in progress", func() bool { return h.busy() == 1 })
	if answer, _ := another().ask(t, "GET", "/", ""); answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "5" {
		t.Errorf("while the second works: %d %v", answer.StatusCode, answer.Header)
	}
	letGo()
	if status := <-worked; status != 200 {
		t.Errorf("the request in progress: %d", status)
	}
	h.seen.read(func() {
		if h.seen.gaveWay["address"] != 1 {
			t.Errorf("gave way %v", h.seen.gaveWay)
		}
	})
}

// The /64s of one /48 have 16 times as many connections as one client, together.
func TestConnections_OfASiteAreCappedTogether(t *testing.T) {
	handler, letGo := working()
	h := open(t, "http", handler, func(o *Options) {
		trustLoopback(o)
		o.Zones, o.ProxyProtocol, o.MaxConnectionsPerAddress = nil, true, 1
	})
	defer letGo()
	for i := range 16 {
		h.work(t, h.proxied(t, fmt.Sprintf("2001:db8:1:%x::1", i), 2))
	}
	if status, _ := talk(h.proxied(t, "2001:db8:1:ffff::1", 2), "/"); status != 429 {
		t.Errorf("the 17th network of the site: %d", status)
	}
	if status, _ := talk(h.proxied(t, "2001:db8:2::1", 2), "/"); status != 200 {
		t.Errorf("another site: %d", status)
	}
}
