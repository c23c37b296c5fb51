package appliance

import (
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"imperio/appliance/service"
)

func TestPulse_NeedsAWriteAndAMachineThatApplies(t *testing.T) {
	before := pulse{syncs: 10, committed: 100, applied: 99}
	for name, c := range map[string]struct {
		now  pulse
		want bool
	}{
		"nothing was written, as on a disk that hangs":    {pulse{10, 100, 100}, false},
		"idle, with the canary's write":                   {pulse{11, 100, 100}, true},
		"under load":                                      {pulse{20, 200, 180}, true},
		"written, but the machine stands still":           {pulse{20, 200, 99}, false},
		"the first look, while there is nothing to apply": {pulse{11, 100, 100}, true},
	} {
		if got := c.now.alive(before); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestThousands_AreForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

// notifySocket receives what a supervisor is told.
func notifySocket(t *testing.T) func() string {
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
	return func() string {
		conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

// A start that moves gets more time; one that stands still does not, once its patience is over.
func TestProgress_AsksForTimeOnlyWhileItMoves(t *testing.T) {
	next := notifySocket(t)
	a := &App{supervisor: service.NewSupervisor()}
	var done atomic.Uint64
	stop := a.progress(time.Nanosecond, func() (string, uint64) { n := done.Load(); return "entry " + thousands(n), n })
	wantTold(t, next, "STATUS=entry 0")
	done.Store(1)
	wantTold(t, next, "STATUS=entry 1", "EXTEND_TIMEOUT_USEC=30000000", "WATCHDOG=1")
	stop()
	moving := a.progress(0, func() (string, uint64) { return "waiting for room", 0 })
	defer moving()
	wantTold(t, next, "STATUS=waiting for room", "EXTEND_TIMEOUT_USEC=30000000", "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=30000000")
}

func wantTold(t *testing.T, next func() string, messages ...string) {
	t.Helper()
	for _, want := range messages {
		if got := next(); got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
}
