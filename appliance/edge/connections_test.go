package edge

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

// dial opens a raw connection with a deadline for everything.
func (h *house) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// turnsAway opens a connection that the server must close at once, without an answer.
func (h *house) turnsAway(t testing.TB) {
	t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		return // closed before the client had connected
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if rest := closedByServer(t, c); rest != "" {
		t.Errorf("got %q", rest)
	}
}

// talk sends one request over a connection and returns the answer's status; 0 if the connection was closed.
func talk(c net.Conn, path string) (status int, closes bool) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: casino.example\r\n\r\n", path); err != nil {
		return 0, true
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, true
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Close
}

// closedByServer waits until the server closes the connection.
func closedByServer(t testing.TB, c net.Conn) string {
	t.Helper()
	rest, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server kept the connection")
	}
	return string(rest)
}

func TestConnections_OfHTTPProxiesAreNotCappedForTheirAddress(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { trustLoopback(o); o.MaxConnectionsPerAddress = 1 })
	for i := range 5 {
		if status, _ := talk(h.dial(t), "/"); status != 200 {
			t.Fatalf("connection %d: %d", i, status)
		}
	}
}

// proxied opens a connection as a proxy would for a client, with the PROXY protocol.
func (h *house) proxied(t testing.TB, client string, version byte) net.Conn {
	t.Helper()
	c := h.dial(t)
	header := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.ParseIP(client), Port: 4711}, &net.TCPAddr{IP: net.ParseIP("192.0.2.80"), Port: 443})
	if strings.Contains(client, ":") {
		header = proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.ParseIP(client), Port: 4711}, &net.TCPAddr{IP: net.ParseIP("2001:db8::80"), Port: 443})
	}
	if _, err := header.WriteTo(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPROXY_GivesTheClientsAddressFromTrustedProxies(t *testing.T) {
	addresses := make(chan string, 1)
	h := open(t, "http", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		addresses <- ClientAddress(r.Context()).String() + " " + ClientNetwork(r.Context())
	}), func(o *Options) { trustLoopback(o); o.ProxyProtocol = true })
	for _, c := range []struct {
		client  string
		version byte
		want    string
	}{
		{"198.51.100.9", 1, "198.51.100.9 198.51.100.9"},
		{"198.51.100.9", 2, "198.51.100.9 198.51.100.9"},
		{"2001:db8:5:6::9", 1, "2001:db8:5:6::9 2001:db8:5:6::/64"},
		{"2001:db8:5:6::9", 2, "2001:db8:5:6::9 2001:db8:5:6::/64"},
	} {
		if status, _ := talk(h.proxied(t, c.client, c.version), "/"); status != 200 {
			t.Fatalf("%v: %d", c, status)
		}
		if got := <-addresses; got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func TestPROXY_ConnectionsCountForTheirClient(t *testing.T) {
	handler, letGo := working()
	h := open(t, "http", handler, func(o *Options) { trustLoopback(o); o.ProxyProtocol = true; o.MaxConnectionsPerAddress = 1 })
	defer letGo()
	h.work(t, h.proxied(t, "198.51.100.1", 2))
	if status, _ := talk(h.proxied(t, "198.51.100.1", 2), "/"); status != 429 {
		t.Errorf("a second connection of the same client: %d", status)
	}
	if status, _ := talk(h.proxied(t, "198.51.100.2", 2), "/"); status != 200 {
		t.Errorf("another client: %d", status)
	}
}

func TestPROXY_IsRequiredOfTrustedProxies(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { trustLoopback(o); o.ProxyProtocol = true })
	if status, _ := talk(h.dial(t), "/"); status != 0 {
		t.Errorf("got %d without a PROXY header", status)
	}
	h.seen.read(func() {
		if h.seen.refused["proxy_header"] != 1 {
			t.Errorf("observed %v", h.seen.refused)
		}
	})
}

// A TCP proxy passes on what the client wrote. If it does not know the client, no header of the request may name one.
func TestPROXY_UnknownClientsCantNameThemselves(t *testing.T) {
	addresses := make(chan string, 1)
	h := open(t, "http", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		addresses <- fmt.Sprint(ClientAddress(r.Context()), Secure(r.Context()))
	}), func(o *Options) { trustLoopback(o); o.ProxyProtocol = true })
	c := h.dial(t)
	_, _ = io.WriteString(c, "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := <-addresses; got != "127.0.0.1 false" || answer.Header.Get("X-Request-Id") == "mine" {
		t.Errorf("taken for %s, request id %s", got, answer.Header.Get("X-Request-Id"))
	}
}

func TestPROXY_FromStrangersIsNotUnderstood(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) {
		trustLoopback(o)
		o.TrustedProxies = o.TrustedProxies[1:] // not loopback
		o.ProxyProtocol = true
	})
	if status, _ := talk(h.proxied(t, "198.51.100.1", 1), "/"); status != 400 {
		t.Errorf("got %d", status)
	}
}

func TestPROXY_WorksUnderTLS(t *testing.T) {
	addresses := make(chan string, 1)
	h := open(t, "https", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		addresses <- ClientAddress(r.Context()).String()
	}), func(o *Options) { trustLoopback(o); o.ProxyProtocol = true })
	c := tls.Client(h.proxied(t, "198.51.100.9", 2), &tls.Config{InsecureSkipVerify: true})
	if status, _ := talk(c, "/"); status != 200 {
		t.Fatal(status)
	}
	if got := <-addresses; got != "198.51.100.9" {
		t.Error(got)
	}
}

// short is a timeout that a test waits for.
const short = 300 * time.Millisecond

func shortHeader(o *Options) { o.HeaderTimeout = short }
func shortBody(o *Options)   { o.BodyTimeout = short }
func shortIdle(o *Options)   { o.IdleTimeout = short }
func shortWrite(o *Options)  { o.WriteTimeout = short }

// drip writes a little now and then until a write fails. Then it closes done.
func drip(write func() error) (done <-chan struct{}) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for range time.Tick(20 * time.Millisecond) {
			if write() != nil {
				return
			}
		}
	}()
	return stopped
}

func TestSlowLoris_IsDroppedWhileItSendsItsHeader(t *testing.T) {
	h := open(t, "http", says("{}"), shortHeader)
	c := h.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: casino.example\r\n")
	done := drip(func() error { _, err := io.WriteString(c, "X: y\r\n"); return err })
	closedByServer(t, c)
	<-done
}

func TestSlowLoris_IsDroppedWhileItSaysNothing(t *testing.T) {
	h := open(t, "http", says("{}"), shortHeader)
	closedByServer(t, h.dial(t))
	s := open(t, "https", says("{}"), shortHeader) // in the handshake
	closedByServer(t, s.dial(t))
}

func TestSlowLoris_IsDroppedWhileItSendsItsBody(t *testing.T) {
	failed := make(chan error, 1)
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
		w.WriteHeader(http.StatusRequestTimeout)
	}), shortBody)
	c := h.dial(t)
	_, _ = io.WriteString(c, "POST /api/v1/sessions HTTP/1.1\r\nHost: casino.example\r\nContent-Length: 1000\r\n\r\n")
	done := drip(func() error { _, err := io.WriteString(c, "x"); return err })
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the handler read on: %v", err)
	}
	closedByServer(t, c)
	<-done
}

// A request to upgrade to another protocol is subject to all limits.
func TestUpgrade_KeepsTheBoundsOfBodies(t *testing.T) {
	failed := make(chan error, 1)
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
	}), shortBody)
	for _, method := range []string{"POST", "GET"} {
		for _, upgrade := range []string{"Upgrade: x\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n"} {
			c := h.dial(t)
			_, _ = fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1000\r\n\r\nhalf", method, upgrade)
			if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s, %q, half a body: %v", method, upgrade, err)
			}
			c = h.dial(t)
			_, _ = fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 70000\r\n\r\n", method, upgrade)
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s, %q, a large body: %d", method, upgrade, answer.StatusCode)
			}
		}
	}
}

func TestSlowLoris_IsDroppedWhileItDoesntTakeTheAnswer(t *testing.T) {
	failed := make(chan error, 1)
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				failed <- err
				return
			}
		}
	}), shortWrite)
	_, _ = io.WriteString(h.dial(t), "GET / HTTP/1.1\r\nHost: casino.example\r\n\r\n")
	if err := <-failed; err == nil {
		t.Error("no error")
	}
}

func TestIdleConnections_AreClosed(t *testing.T) {
	h := open(t, "http", says("{}"), shortIdle)
	c := h.dial(t)
	if status, _ := talk(c, "/"); status != 200 {
		t.Fatal(status)
	}
	closedByServer(t, c)
}

func TestHeaderSize_IsBounded(t *testing.T) {
	for _, over := range []string{"http", "https"} {
		h := open(t, over, says("{}"), nil)
		for _, c := range []struct {
			size, want int
			problem    bool
		}{{15 << 10, 200, false}, {16<<10 + 1, 431, true}, {17 << 10, 431, true}, {31 << 10, 431, true}, {100 << 10, 431, false}} {
			r, _ := http.NewRequest("GET", h.url+"/", nil)
			r.Header.Set("X-Filler", strings.Repeat("x", c.size))
			answer, err := h.client.Do(r)
			if err != nil {
				if over == "https" && c.size > 32<<10 { // the client itself refuses to exceed the server's limit
					continue
				}
				t.Fatalf("%s, %d bytes: %v", over, c.size, err)
			}
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != c.want {
				t.Errorf("%s, %d bytes: %d", over, c.size, answer.StatusCode)
			}
			if c.problem {
				problemIn(t, answer, string(body), "header_too_large")
				if answer.Header.Get("Content-Security-Policy") == "" {
					t.Errorf("%s, %d bytes: no security headers", over, c.size)
				}
			}
		}
	}
}

func TestBodySize_IsBounded(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			var tooLarge *http.MaxBytesError
			if !errors.As(err, &tooLarge) {
				t.Errorf("the handler got %v", err)
			}
			w.WriteHeader(413)
		}
	}), nil)
	if answer, _ := h.ask(t, "POST", "/api/v1/x", strings.Repeat("x", 64<<10)); answer.StatusCode != 200 {
		t.Errorf("64 KiB: %d", answer.StatusCode)
	}
	answer, body := h.ask(t, "POST", "/api/v1/x", strings.Repeat("x", 64<<10+1))
	problemIn(t, answer, body, "body_too_large")
	r, _ := http.NewRequest("POST", h.url+"/api/v1/x", io.MultiReader(strings.NewReader(strings.Repeat("x", 64<<10+1)))) // chunked
	chunked, err := h.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	chunked.Body.Close()
	if chunked.StatusCode != 413 {
		t.Errorf("chunked: %d", chunked.StatusCode)
	}
}

func TestIdleConnections_AThousandCostLessThan50MB(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand handshakes take a second or two; run without -short")
	}
	h := open(t, "https", says("{}"), func(o *Options) { o.Zones = nil; o.MaxConnectionsPerAddress = 0 })
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	before := memory()
	clients := make([]net.Conn, 1000)
	for i := range clients {
		c := tls.Client(h.dial(t), config)
		if status, _ := talk(c, "/"); status != 200 {
			t.Fatal(status)
		}
		clients[i] = c
	}
	used := float64(int64(memory())-int64(before)) / (1 << 20)
	t.Logf("1,000 idle TLS connections: %.1f MB, both ends in this process", used)
	if used >= 50 {
		t.Errorf("%.1f MB", used)
	}
	runtime.KeepAlive(clients)
}
