package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// drainStops is how often each test of draining stops its server.
const drainStops = 3

// kept is a server that stops and starts again on a socket that stays open, as one that systemd holds.
type kept struct {
	t       *testing.T
	file    *os.File
	address string
	tls     *tls.Config

	edge     *Edge
	server   *http.Server
	listener net.Listener
	served   chan error
	answered atomic.Int64
}

func keepServing(t *testing.T, over string) *kept {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{t: t, address: l.Addr().String()}
	if k.file, err = l.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Cleanup(func() { k.file.Close() })
	if over == "https" {
		k.tls = &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	}
	k.start()
	return k
}

func (k *kept) start() {
	k.t.Helper()
	o := production()
	o.Settings = o.Unlimited()
	o.HeaderTimeout, o.BodyTimeout, o.IdleTimeout, o.WriteTimeout = time.Hour, time.Hour, time.Hour, time.Hour
	o.Log = slog.New(slog.DiscardHandler)
	var err error
	if k.edge, err = New(o); err != nil {
		k.t.Fatal(err)
	}
	// A busy machine takes long for a handshake, and its clients for whatever they do.
	k.edge.drain.quiet, k.edge.drain.silent, k.edge.drain.begin = 3*quietTime, 3*quietTime, patience
	l, err := net.FileListener(k.file)
	if err != nil {
		k.t.Fatal(err)
	}
	k.listener = k.edge.Listener(l)
	k.server = k.edge.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		k.answered.Add(1)
		_, _ = w.Write(body)
	}))
	k.server.TLSConfig = k.tls.Clone()
	k.served = make(chan error, 1)
	go func() {
		if k.tls != nil {
			k.served <- k.server.ServeTLS(k.listener, "", "")
		} else {
			k.served <- k.server.Serve(k.listener)
		}
	}()
}

// stop stops the server as the appliance does.
func (k *kept) stop() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	k.edge.Drain(ctx)
	k.listener.Close()
	<-k.served
	k.edge.Finish(ctx)
	if n := k.edge.Connections(); n > 0 {
		k.t.Errorf("%d connections are left", n)
	}
	if err := k.server.Shutdown(ctx); err != nil {
		k.t.Error(err)
	}
}

// stopsWhile stops and starts the server while clients run, and waits until they have all had answers in between.
func (k *kept) stopsWhile(clients ...func(ctx context.Context) error) {
	k.t.Helper()
	ctx, cancel := context.WithCancel(k.t.Context())
	var running sync.WaitGroup
	for _, client := range clients {
		running.Go(func() {
			if err := client(ctx); err != nil && ctx.Err() == nil {
				k.t.Error(err)
			}
		})
	}
	for range drainStops {
		before := k.answered.Load()
		eventually(k.t, "some answers", func() bool { return k.answered.Load() > before+100 })
		k.stop()
		k.start()
	}
	before := k.answered.Load()
	eventually(k.t, "answers after the last stop", func() bool { return k.answered.Load() > before+100 })
	cancel()
	running.Wait()
	k.stop()
}

// strict asks over one connection of HTTP/1.1 after the other, as long as the server leaves them open. It fails if a connection breaks
// while a request is under way, or if it can't connect. It rests between requests, up to a time.
func (k *kept) strict(rest time.Duration, seed uint64) func(context.Context) error {
	return func(ctx context.Context) error {
		random := rand.New(rand.NewPCG(seed, 1))
		var conn net.Conn
		var answers *bufio.Reader
		for n := 0; ctx.Err() == nil; n++ {
			if conn == nil {
				var err error
				if conn, err = net.DialTimeout("tcp", k.address, patience); err != nil {
					return fmt.Errorf("connect: %w", err)
				}
				_ = conn.SetDeadline(time.Now().Add(patience))
				answers = bufio.NewReader(conn)
			}
			if ended(conn) {
				conn.Close()
				conn = nil
				continue
			}
			body := fmt.Sprintf("request %d", n)
			if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: casino.example\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				return fmt.Errorf("send a request: %w", err)
			}
			answer, err := http.ReadResponse(answers, nil)
			if err != nil {
				return fmt.Errorf("no answer to a request on an open connection: %w", err)
			}
			if got, err := io.ReadAll(answer.Body); err != nil || string(got) != body {
				return fmt.Errorf("the answer broke off: %q, %w", got, err)
			}
			if answer.Close {
				conn.Close()
				conn = nil
			}
			if rest > 0 {
				select {
				case <-time.After(time.Duration(random.Int64N(int64(rest)))):
				case <-ctx.Done():
				}
			}
		}
		if conn != nil {
			conn.Close()
		}
		return nil
	}
}

// ended says whether the other side has closed a connection.
func ended(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	n, readErr := 0, error(nil)
	_ = raw.Control(func(fd uintptr) {
		n, _, readErr = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return n == 0 && !errors.Is(readErr, unix.EAGAIN)
}

// mute connects, says nothing until the server closes, and connects again.
func (k *kept) mute(ctx context.Context) error {
	for ctx.Err() == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", k.address)
		if err != nil {
			return err
		}
		unregister := context.AfterFunc(ctx, func() { conn.Close() })
		_, _ = conn.Read(make([]byte, 1))
		unregister()
		conn.Close()
	}
	return nil
}

func TestDrain_LosesNoRequestOfHTTP1(t *testing.T) {
	t.Parallel()
	k := keepServing(t, "http")
	var clients []func(context.Context) error
	for i := range 64 {
		switch i % 4 {
		case 0, 1:
			clients = append(clients, k.strict(0, uint64(i)))
		case 2:
			clients = append(clients, k.strict(quietTime/4, uint64(i)))
		default:
			clients = append(clients, k.mute)
		}
	}
	// Two with a connection that stays idle, which must not hold up the end.
	for range 2 {
		clients = append(clients, k.strict(time.Hour, 1))
	}
	k.stopsWhile(clients...)
}

// A client of HTTP/2 sends again what GOAWAY says was not taken, and nothing else: its requests are no reads, and have no key.
func TestDrain_LosesNoRequestOfHTTP2(t *testing.T) {
	t.Parallel()
	k := keepServing(t, "https")
	var clients []func(context.Context) error
	for i := range 8 { // connections, each with several requests at a time
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport}
		for j := range 4 {
			rest := time.Duration(0)
			if j > 0 {
				rest = quietTime / 4
			}
			clients = append(clients, k.ask(client, rest, uint64(4*i+j)))
		}
	}
	k.stopsWhile(clients...)
}

func (k *kept) ask(client *http.Client, rest time.Duration, seed uint64) func(context.Context) error {
	return func(ctx context.Context) error {
		random := rand.New(rand.NewPCG(seed, 2))
		for n := 0; ctx.Err() == nil; n++ {
			body := fmt.Sprintf("request %d", n)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+k.address, strings.NewReader(body))
			if err != nil {
				return err
			}
			answer, err := client.Do(r)
			if err != nil {
				return fmt.Errorf("no answer: %w", err)
			}
			got, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || string(got) != body || answer.ProtoMajor != 2 {
				return fmt.Errorf("answered %q over %s, %w", got, answer.Proto, err)
			}
			if rest > 0 {
				select {
				case <-time.After(time.Duration(random.Int64N(int64(rest)))):
				case <-ctx.Done():
				}
			}
		}
		return nil
	}
}

// An answer under way ends whole, however long the drain was over.
func TestDrain_WaitsForAnswersUnderWay(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "late")
	}), nil)
	answered := make(chan string, 1)
	go func() {
		answer, err := h.client.Get(h.url)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		answered <- fmt.Sprintf("%s %t %v", body, answer.Close, err)
	}()
	<-entered
	if n := h.edge.Requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
	h.edge.Drain(t.Context())
	finished := make(chan struct{})
	go func() { h.edge.Finish(t.Context()); close(finished) }()
	select {
	case <-finished:
		t.Error("it did not wait")
	case <-time.After(2 * drainLook):
	}
	close(release)
	if got := <-answered; got != "late true <nil>" {
		t.Errorf("answered %q", got)
	}
	<-finished
}

// Bytes that arrive while a connection is about to end keep it open.
func TestDismiss_LooksOnceMore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e, err := New(func() Options { o := production(); o.Log = slog.New(slog.DiscardHandler); return o }())
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := e.Listener(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	c := accepted.(*connection)
	if _, err := io.WriteString(client, "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bytes arrive", func() bool { return arrived(c.Conn) })
	c.dismiss()
	buf := make([]byte, 10)
	if n, err := c.Read(buf); n != 5 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	c.dismiss()
	if n, err := c.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func arrived(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	n := 0
	if err == nil {
		_ = raw.Control(func(fd uintptr) {
			n, _, _ = unix.Recvfrom(int(fd), make([]byte, 5), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		})
	}
	return n == 5
}
