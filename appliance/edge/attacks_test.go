package edge

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Two servers in a row could read these requests in two ways. The edge refuses them and ends the connection, so that
// what follows is never taken for a request of its own.
func TestSmuggling_NothingAmbiguousIsServed(t *testing.T) {
	var served atomic.Int32
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/smuggled" {
			served.Add(1)
		}
	}), func(o *Options) { o.Settings = o.Unlimited() })
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, request := range map[string]string{
		"two lengths":                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 37\r\n\r\n" + smuggled,
		"a list of lengths":          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 37\r\n\r\n" + smuggled,
		"a signed length":            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + smuggled,
		"a hexadecimal length":       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n" + smuggled,
		"an unknown encoding":        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled,
		"two encodings":              "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + smuggled,
		"a space before the colon":   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n" + smuggled,
		"a folded header":            "POST / HTTP/1.1\r\nHost: x\r\nX: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 99999999\r\n\r\n" + smuggled,
		"a broken chunk":             "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + smuggled,
		"a negative chunk":           "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + smuggled,
		"no host":                    "GET / HTTP/1.1\r\n\r\n" + smuggled,
		"two hosts":                  "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + smuggled,
		"a zero byte in a header":    "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n" + smuggled,
		"a line end in a name":       "GET / HTTP/1.1\r\nHost: x\r\nX\rY: 1\r\n\r\n" + smuggled,
		"an unknown version":         "GET / HTTP/9.9\r\nHost: x\r\n\r\n" + smuggled,
		"HTTP/2 without TLS":         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled,
		"a length and an encoding":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"a body longer than allowed": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + smuggled,
	} {
		c := h.dial(t)
		_, _ = io.WriteString(c, request)
		_ = c.(*net.TCPConn).CloseWrite()
		answers, _ := io.ReadAll(c)
		if served.Swap(0) != 0 {
			t.Errorf("%s: the second request was served\n%s", name, answers)
		}
	}
	// If the first request is sound, the second one is served: the test is able to fail.
	c := h.dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"+smuggled)
	_ = c.(*net.TCPConn).CloseWrite()
	if _, _ = io.ReadAll(c); served.Load() != 1 {
		t.Error("pipelining does not work, so nothing was proven")
	}
}

// talkHTTP2 opens an HTTP/2 connection for a test to read and write frames.
func (h *house) talkHTTP2(t *testing.T) (net.Conn, *http2.Framer) {
	t.Helper()
	c := tls.Client(h.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return c, f
}

func headerBlock(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// Rapid reset (CVE-2023-44487): requests that are cancelled as soon as they are sent. The limit on streams per connection
// limits the work that they cause.
func TestHTTP2_RapidResetCausesBoundedWork(t *testing.T) {
	var running, most atomic.Int32
	release := make(chan struct{})
	h := open(t, "https", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
	}), func(o *Options) { o.Zones = nil })
	_, f := h.talkHTTP2(t)
	go func() { // reads everything, so that neither side blocks
		for {
			if _, err := f.ReadFrame(); err != nil {
				return
			}
		}
	}()
	block := headerBlock(":method", "GET", ":scheme", "https", ":authority", "x", ":path", "/")
	sent := 0
	for id := uint32(1); id < 20_000; id += 2 {
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true}) != nil ||
			f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // the server has closed the connection
		}
		sent++
	}
	t.Logf("%d requests taken back, at most %d handlers at once", sent, most.Load())
	if most.Load() > 100 {
		t.Errorf("%d handlers ran at once", most.Load())
	}
	close(release)
	if answer, _ := h.ask(t, "GET", "/health", ""); answer.StatusCode != 200 {
		t.Errorf("others are served: %d", answer.StatusCode)
	}
}

// A header that never ends (CVE-2023-45288): the server gives up instead of reading on.
func TestHTTP2_EndlessHeadersEndTheConnection(t *testing.T) {
	h := open(t, "https", says("{}"), nil)
	c, f := h.talkHTTP2(t)
	block := headerBlock(":method", "GET", ":scheme", "https", ":authority", "x", ":path", "/")
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := f.ReadFrame(); err != nil {
				return
			}
		}
	}()
	filler := headerBlock("x-filler", strings.Repeat("x", 4000))
	written := 0
	for ; written < 100<<20; written += len(filler) {
		if err := f.WriteContinuation(1, false, filler); err != nil {
			break
		}
	}
	<-ended
	t.Logf("ended after %d KiB", written>>10)
	if written > 10<<20 {
		t.Errorf("the server read %d MiB of one header", written>>20)
	}
	_ = c.Close()
}

// A header that drips in has no timeout of its own. Its client can't answer pings meanwhile, so those end it.
func TestHTTP2_SlowHeadersAreDropped(t *testing.T) {
	h := openTuned(t, "https", says("{}"), nil, func(s *http.Server) {
		if s.HTTP2.SendPingTimeout <= 0 || s.HTTP2.PingTimeout <= 0 {
			t.Error("the server sends no pings")
		}
		s.HTTP2.SendPingTimeout, s.HTTP2.PingTimeout = short, short
	}, nil)
	c, f := h.talkHTTP2(t)
	block := headerBlock(":method", "GET", ":scheme", "https", ":authority", "x", ":path", "/")
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block}); err != nil {
		t.Fatal(err)
	}
	done := drip(func() error { return f.WriteContinuation(1, false, headerBlock("x", "y")) })
	closedByServer(t, c)
	_ = c.Close()
	<-done
}

// Streams that are opened and never finished: the timeouts apply to each stream.
func TestHTTP2_SlowBodiesAreDropped(t *testing.T) {
	failed := make(chan error, 1)
	h := open(t, "https", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
	}), shortBody)
	_, f := h.talkHTTP2(t)
	block := headerBlock(":method", "POST", ":scheme", "https", ":authority", "x", ":path", "/", "content-length", "1000")
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("half a body was taken for a whole one")
		}
	case <-time.After(patience):
		t.Fatal("the handler still reads")
	}
}

// A flood of connections and requests from one address leaves room for others.
func TestFlood_FromOneAddressLeavesOthersAlone(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { trustLoopback(o); o.ProxyProtocol = true })
	flood := func(client string) map[int]int {
		statuses := make(map[int]int)
		for range 40 {
			c := h.proxied(t, client, 2)
			reader := bufio.NewReader(c)
			for range 5 {
				if _, err := fmt.Fprint(c, "GET /api/v1/games HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					statuses[0]++
					break
				}
				answer, err := http.ReadResponse(reader, nil)
				if err != nil {
					statuses[0]++
					break
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				statuses[answer.StatusCode]++
			}
		}
		return statuses
	}
	got := flood("198.51.100.1") // 40 connections, with 5 requests each
	t.Logf("the flood was answered with %v", got)
	if got[200] != 60 || got[429] != 140 {
		t.Errorf("the flood was answered with %v", got)
	}
	for range 10 {
		if status, _ := talk(h.proxied(t, "203.0.113.1", 2), "/api/v1/games"); status != 200 {
			t.Fatalf("another client got %d", status)
		}
	}
}
