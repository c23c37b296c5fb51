package service

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSockets_BelongToAddresses(t *testing.T) {
	// The order differs from that of the configuration: names and order say nothing.
	first, a := listenFile(t, "127.0.0.1:0")
	second, b := listenFile(t, "127.0.0.1:0")
	c := start(t, "serve", []*os.File{b, a}, first, second)
	r := c.report(t)
	if r.Taken[first] != first || r.Taken[second] != second || len(r.Left) > 0 {
		t.Errorf("%+v, wanted %s and %s", r, first, second)
	}
	if slices.ContainsFunc(r.Environ, func(v string) bool { return strings.HasPrefix(v, "LISTEN_") }) {
		t.Errorf("the environment still names sockets: %v", r.Environ)
	}
	ask(t, first)
	ask(t, second)
}

func TestSockets_TellWhatNobodyTook(t *testing.T) {
	wanted, a := listenFile(t, "127.0.0.1:0")
	unwanted, b := listenFile(t, "127.0.0.1:0")
	r := start(t, "serve", []*os.File{a, b}, wanted).report(t)
	if !slices.Equal(r.Left, []string{unwanted}) {
		t.Errorf("left are %v, wanted %s", r.Left, unwanted)
	}
}

func TestSockets_OfAnotherKindAreRefused(t *testing.T) {
	packet, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packet.Close()
	datagrams, err := packet.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, f := range map[string]*os.File{"datagrams": datagrams, "a file": file} {
		if said := start(t, "serve", []*os.File{f}, "127.0.0.1:0").fails(t); !strings.Contains(said, "ListenStream=") {
			t.Errorf("%s: it says %q", name, said)
		}
	}
}

func TestInherited_IgnoresSocketsForAnotherProcess(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv(handedVariable, "3 own :443")
	s, err := Inherited()
	if err != nil || s.Has(":443") || len(s.Left()) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestBelongs_ComparesPortAndHost(t *testing.T) {
	for _, c := range []struct {
		socket, configured string
		want               bool
	}{
		{"[::]:443", ":443", true},
		{"0.0.0.0:443", ":443", true},
		{"[::]:443", "0.0.0.0:443", true},
		{"[::]:443", "[::]:443", true},
		{"[::]:443", ":80", false},
		{"[::]:443", "127.0.0.1:443", false},
		{"127.0.0.1:443", ":443", false},
		{"127.0.0.1:443", "127.0.0.1:443", true},
		{"127.0.0.1:443", "127.0.0.2:443", false},
		{"[::1]:443", "[::1]:443", true},
		{"127.0.0.1:443", "localhost:https", true},
		{"127.0.0.1:443", "nonsense", false},
	} {
		socket, err := net.ResolveTCPAddr("tcp", c.socket)
		if err != nil {
			t.Fatal(err)
		}
		if got := belongs(socket, c.configured); got != c.want {
			t.Errorf("%s belongs to %s: %t, want %t", c.socket, c.configured, got, c.want)
		}
	}
}

func TestSockets_NilIsEmpty(t *testing.T) {
	var s *Sockets
	if _, ok := s.Take(":443"); ok || s.Has(":443") || s.Left() != nil {
		t.Error("nil has sockets")
	}
	s.Close()
}

// A program that replaces itself keeps its process id and its sockets: those of a supervisor, and its own on port 0, which has the
// same port afterwards. An attempt that fails changes nothing.
func TestHandover_KeepsProcessAndSockets(t *testing.T) {
	passed, file := listenFile(t, "127.0.0.1:0")
	c := start(t, "hand over", []*os.File{file}, passed, "127.0.0.1:0")
	before := c.report(t)
	after := c.report(t)
	if before.PID != after.PID {
		t.Errorf("process %d, then %d", before.PID, after.PID)
	}
	if after.Taken[passed] != passed || after.Taken["127.0.0.1:0"] == "" {
		t.Errorf("%+v", after)
	}
	ask(t, passed)
	ask(t, after.Taken["127.0.0.1:0"])
}

func TestDuplicate_OutlivesTheOther(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := Duplicate(l)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	defer second.Close()
	go func() {
		if c, err := second.Accept(); err == nil {
			io.Copy(c, io.LimitReader(c, 5))
			c.Close()
		}
	}()
	ask(t, second.Addr().String())
}
