package network_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/network"
)

// closes checks that the other end closes a connection.
func closes(t *testing.T, c net.Conn, what string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Errorf("%s: the connection is still open", what)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func connect(t *testing.T, n *network.Network) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// secured opens a TLS connection as a member, or without a certificate.
func secured(t *testing.T, n *network.Network, as *network.Credentials, protocols ...string) (*tls.Conn, error) {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
	if as != nil {
		cert, key, _, err := as.PEM()
		if err != nil {
			t.Fatal(err)
		}
		own, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	c := tls.Client(connect(t, n), config)
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c, c.Handshake()
}

func TestPort_RefusesWhoeverIsNoMember(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	for what, sent := range map[string]string{
		"a browser":                          "GET / HTTP/1.1\r\nHost: casino\r\n\r\n",
		"garbage":                            strings.Repeat("\x00\xff", 4096),
		"half a handshake, and then garbage": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("?", 4096),
	} {
		conn := connect(t, a)
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		closes(t, conn, what)
	}
	for what, o := range map[string]struct {
		as        *network.Credentials
		protocols []string
	}{
		"no certificate for raft":           {nil, []string{"imperio-raft/1"}},
		"no certificate for calls":          {nil, []string{"imperio-call/1"}},
		"no protocol":                       {c.credentials("x", time.Now()), nil},
		"another protocol":                  {c.credentials("x", time.Now()), []string{"h2", "http/1.1"}},
		"another cluster's":                 {newCluster(t, "casino-2").credentials("b", time.Now()), []string{"imperio-raft/1"}},
		"another authority's, for the same": {newCluster(t, "casino-1").credentials("b", time.Now()), []string{"imperio-call/1"}},
	} {
		conn, err := secured(t, a, o.as, o.protocols...)
		if err != nil {
			continue
		}
		if got, err := io.ReadAll(conn); len(got) > 0 || isTimeout(err) {
			t.Errorf("%s: greeted with %q, %v", what, got, err)
		}
	}
	if _, err := b.Call(within(t), "a", a.Addr().String(), "greet", nil); err != nil {
		t.Error(err)
	}
}

func TestPort_SilentConnectionsKeepNobodyOutAndAreClosed(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "casino-1")
	a, b := c.listenWithin(network.Options{Credentials: c.credentials("a", time.Now())}, 2*time.Second, time.Second), c.member("b")
	a.Handle(echo)
	var silent []net.Conn
	for range 100 {
		silent = append(silent, connect(t, a))
	}
	if _, err := b.Call(within(t), "a", a.Addr().String(), "greet", nil); err != nil {
		t.Error(err)
	}
	for range 100 { // more than may wait
		silent = append(silent, connect(t, a))
	}
	for _, s := range silent {
		closes(t, s, "silent")
	}
	if _, err := b.Call(within(t), "a", a.Addr().String(), "greet", nil); err != nil {
		t.Error(err)
	}
}

func TestPort_BoundsTheConnectionsOfAMember(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	credentials := c.credentials("b", time.Now())
	var greetings strings.Builder
	var last *tls.Conn
	for range 129 {
		conn, err := secured(t, a, credentials, "imperio-raft/1")
		if err != nil {
			t.Fatal(err)
		}
		one := make([]byte, 1)
		if _, err := io.ReadFull(conn, one); err != nil {
			t.Fatal(err)
		}
		greetings.Write(one)
		last = conn
	}
	if greetings.String() != strings.Repeat("w", 128)+"f" {
		t.Errorf("128 are welcome: %s", &greetings)
	}
	closes(t, last, "one too many")
	_, err := b.Call(within(t), "a", a.Addr().String(), "greet", nil)
	notReached(t, err, "too many connections")
	if _, err := c.member("c").Call(within(t), "a", a.Addr().String(), "greet", nil); err != nil {
		t.Errorf("another member: %v", err)
	}
}

// exchange sends a request as it is over a new connection, and returns the status of the answer.
func exchange(t *testing.T, n *network.Network, as *network.Credentials, protocol, request string) int {
	t.Helper()
	conn, err := secured(t, n, as, protocol)
	if err != nil {
		t.Fatal(err)
	}
	if greeting := make([]byte, 1); true {
		if _, err := io.ReadFull(conn, greeting); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r.StatusCode
}

func TestPort_RefusesRequestsOutOfBounds(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, x := c.member("a"), c.credentials("x", time.Now())
	post := func(path, headers, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body
	}
	for what, o := range map[string]struct {
		as       *network.Credentials
		protocol string
		request  string
		want     int
	}{
		"a call":                      {x, "imperio-call/1", post("/call/greet", "Content-Length: 2\r\n", "hi"), http.StatusOK},
		"a call that is too large":    {x, "imperio-call/1", post("/call/greet", "Content-Length: 8388609\r\n", ""), http.StatusRequestEntityTooLarge},
		"a call of unknown length":    {x, "imperio-call/1", post("/call/greet", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), http.StatusLengthRequired},
		"headers without end":         {x, "imperio-call/1", post("/call/greet", "X: "+strings.Repeat("x", 16<<10)+"\r\n", ""), http.StatusRequestHeaderFieldsTooLarge},
		"another method":              {x, "imperio-call/1", "GET /call/greet HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusNotFound},
		"another path":                {x, "imperio-call/1", post("/metrics", "Content-Length: 0\r\n", ""), http.StatusNotFound},
		"a member that wants to join": {x, "imperio-call/1", post("/join", "Content-Length: 2\r\n", "{}"), http.StatusNotFound},
		"a call without certificate":  {nil, "imperio-join/1", post("/call/greet", "Content-Length: 0\r\n", ""), http.StatusNotFound},
		"to join where nobody may":    {nil, "imperio-join/1", post("/join", "Content-Length: 2\r\n", "{}"), http.StatusServiceUnavailable},
	} {
		if got := exchange(t, a, o.as, o.protocol, o.request); got != o.want {
			t.Errorf("%s: status %d, want %d", what, got, o.want)
		}
	}
}

func TestPort_DropsAMemberThatIsRemoved(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, gone := c.member("a"), c.member("gone")
	a.Handle(func(ctx context.Context, _, method string, _ []byte) ([]byte, error) {
		if method == "wait" {
			<-ctx.Done()
		}
		return nil, ctx.Err()
	})
	address := a.Addr().String()
	if _, err := gone.Call(within(t), "a", address, "greet", nil); err != nil {
		t.Fatal(err)
	}
	pipeline, err := gone.Transport().AppendEntriesPipeline("a", a.Transport().LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer pipeline.Close()
	cut := make(chan error)
	go func() {
		_, err := gone.Call(within(t), "a", address, "wait", nil)
		cut <- err
	}()
	c.remove("gone")
	if err := <-cut; err == nil {
		t.Error("a call goes on")
	}
	until(t, "raft's connection to be cut", func() bool {
		_, err := pipeline.AppendEntries(&raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{})
		return err != nil
	})
	_, err = gone.Call(within(t), "a", address, "greet", nil)
	if notReached(t, err, "removed"); !errors.Is(err, network.ErrRemoved) {
		t.Error(err)
	}
	err = gone.Transport().RequestVote("a", a.Transport().LocalAddr(), &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{})
	if !errors.Is(err, network.ErrRemoved) {
		t.Error(err)
	}
}

func TestListen_SaysWhichAddressItCannotHave(t *testing.T) {
	c := newCluster(t, "casino-1")
	a := c.member("a")
	_, err := network.Listen(network.Options{Listen: a.Addr().String(), Credentials: c.credentials("b", time.Now())})
	if !contains(err, a.Addr().String()) || !contains(err, "--cluster-addr") {
		t.Error(err)
	}
	if _, err := network.Listen(network.Options{Listen: "127.0.0.1:0"}); err == nil {
		t.Error("it listens without credentials")
	}
}

func TestListen_AdvertisesAnotherAddress(t *testing.T) {
	c := newCluster(t, "casino-1")
	a := c.listen(network.Options{Advertise: "casino.example:7000", Credentials: c.credentials("a", time.Now())})
	if got := a.Transport().LocalAddr(); got != "casino.example:7000" {
		t.Error(got)
	}
}

func TestClose_LeavesNothingBehind(t *testing.T) {
	c := newCluster(t, "casino-1")
	before := runtime.NumGoroutine()
	a, b := c.member("a"), c.member("b")
	for i := range 10 {
		if _, err := a.Call(within(t), "b", b.Addr().String(), fmt.Sprint(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	until(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}
