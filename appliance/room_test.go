package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imperio/appliance/bench"
	"imperio/appliance/ops"
	"imperio/appliance/service"
)

// smallDisk is a disk with as much free space as a test says.
type smallDisk struct{ free atomic.Uint64 }

func (d *smallDisk) space() (free, total uint64, err error) { return d.free.Load(), 1 << 40, nil }

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := bench.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// awaitDiskSpace waits until the operator's listener tells of disk_space what is wanted.
func awaitDiskSpace(t *testing.T, address string, status ops.Status, detail string) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for {
		var r ops.Result
		res, err := http.Get("http://" + address + "/health/ready/disk_space")
		if err == nil {
			err = json.NewDecoder(res.Body).Decode(&r)
			res.Body.Close()
		}
		if err == nil && r.Status == status && strings.Contains(r.Detail, detail) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("disk_space is %+v, %v; not %s with %q", r, err, status, detail)
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
}

// A start on a full disk would fail, and the next one too, until the supervisor gives up.
func TestStart_OnAFullDiskWaitsAndComesBackByItself(t *testing.T) {
	disk := new(smallDisk)
	disk.free.Store(startRoom - 1)
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", freeAddress(t)
	opened := make(chan *App, 1)
	go func() {
		app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard, Space: disk.space})
		if err != nil {
			t.Error(err)
		}
		opened <- app
	}()
	awaitDiskSpace(t, c.Listen.OpsAddr, ops.Unhealthy, "the casino starts once 16 MiB are free, and 15 MiB are")
	for path, want := range map[string]int{"/health": 503, "/health/ready": 503, "/health/live": 200, "/metrics": 404} {
		res, err := http.Get("http://" + c.Listen.OpsAddr + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s answers %d while the start waits, not %d", path, res.StatusCode, want)
		}
	}
	if files, err := filepath.Glob(filepath.Join(c.Data.Dir, "*")); err != nil || len(files) > 0 {
		t.Errorf("a start that waits has made %v, %v", files, err)
	}

	disk.free.Store(1 << 40)
	app := <-opened
	if app == nil {
		t.FailNow()
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	awaitDiskSpace(t, c.Listen.OpsAddr, ops.Healthy, "free")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStart_ThatWaitsForRoomCanBeStopped(t *testing.T) {
	disk := new(smallDisk)
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := New(ctx, Options{Config: c, Version: "test", Logs: io.Discard, Space: disk.space})
		failed <- err
	}()
	awaitDiskSpace(t, c.Listen.OpsAddr, ops.Unhealthy, "the disk is full")
	stop()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the start ended with %v", err)
	}
}

// A quota does not show in the free space, but in what can be written.
func TestTryRoom_LeavesNothingBehind(t *testing.T) {
	dir := privateDir(t)
	if err := tryRoom(dir, 3<<20); err != nil {
		t.Error(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) > 0 {
		t.Errorf("it left %v, %v", files, err)
	}
	if err := tryRoom(filepath.Join(dir, "missing"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

// A socket that a supervisor holds serves while the start waits, and afterwards.
func TestStart_OnAFullDiskKeepsASocketThatWasPassed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the supervisor's end stays open
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(f.Fd()))
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("LISTEN_HANDED", fmt.Sprintf("%d passed %s", fd, address))
	sockets, err := service.Inherited()
	if err != nil {
		t.Fatal(err)
	}
	disk := new(smallDisk)
	disk.free.Store(startRoom - 1)
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", address
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		app, err := New(ctx, Options{Config: c, Version: "test", Logs: io.Discard, Space: disk.space, Sockets: sockets})
		if err == nil {
			err = app.Run(ctx)
		}
		ended <- err
	}()
	awaitDiskSpace(t, address, ops.Unhealthy, "the casino starts once")
	disk.free.Store(1 << 39)
	awaitDiskSpace(t, address, ops.Healthy, "")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
