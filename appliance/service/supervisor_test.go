package service

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager is a service manager's end of the notify protocol.
type manager struct{ conn *net.UnixConn }

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{conn}
}

func (m *manager) next(t *testing.T) string {
	t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestSupervisor_TellsInTheNotifyProtocol(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	s := NewSupervisor()
	if got := s.WatchdogInterval(); got != 30*time.Second {
		t.Errorf("the watchdog waits %v", got)
	}
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { s.Status("one\nREADY=1") }, "STATUS=one READY=1"},
		{func() { s.Status("one\nREADY=1"); s.Status("two") }, "STATUS=two"}, // nothing is told twice
		{func() { s.Ready("serving https://casino.example") }, "READY=1\nSTATUS=serving https://casino.example"},
		{func() { s.Ready("") }, "READY=1"},
		{func() { s.Stopping("closing") }, "STOPPING=1\nSTATUS=closing"},
		{func() { s.ExtendTime(30 * time.Second) }, "EXTEND_TIMEOUT_USEC=30000000"},
		{s.Alive, "WATCHDOG=1"},
	} {
		c.do()
		if got := m.next(t); got != c.want {
			t.Errorf("told %q, want %q", got, c.want)
		}
	}
	s.Reloading("restarting")
	got := m.next(t)
	if !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || !strings.HasSuffix(got, "\nSTATUS=restarting") {
		t.Errorf("told %q", got)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

func TestSupervisor_IsSilentWithoutOne(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "30000000")
	for _, s := range []*Supervisor{nil, NewSupervisor()} {
		s.Ready("serving")
		s.Status("serving")
		s.Reloading("")
		s.Stopping("")
		s.ExtendTime(time.Second)
		s.Alive()
		if s.WatchdogInterval() != 0 || s.Err() != nil {
			t.Errorf("%+v", s)
		}
	}
}

func TestSupervisor_RemembersThatItCouldNotTell(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	s := NewSupervisor()
	s.Ready("serving")
	if s.Err() == nil {
		t.Error("told nobody, without an error")
	}
}
