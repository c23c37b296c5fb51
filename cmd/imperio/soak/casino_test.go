package soak

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imperio/appliance/bench"
)

// patience bounds every wait. No test waits until it is over.
const patience = 3 * time.Minute

// casino is the real program, in a process of its own.
type casino struct {
	path, dir, envFile, address, ops string
	command                          *exec.Cmd
	ended                            chan error
	log                              lockedBuffer
}

// lockedBuffer is a log that the test reads while the process writes it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newCasino builds the program and starts it with backups, behind a proxy: each request names its client's address.
func newCasino(t *testing.T) *casino {
	t.Helper()
	dir := t.TempDir()
	c := &casino{path: filepath.Join(dir, "imperio"), dir: filepath.Join(dir, "data"), envFile: filepath.Join(dir, "imperio.env"), ended: make(chan error, 1)}
	if out, err := exec.Command("go", "build", "-o", c.path, "imperio/cmd/imperio").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, address := range []*string{&c.address, &c.ops} {
		var err error
		if *address, err = bench.FreeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	c.configure(t, 0)
	c.command = exec.Command(c.path, "serve", "--env-file", c.envFile, "--data-dir", c.dir, "--http-addr", c.address, "--ops-addr", c.ops,
		"--trusted-proxies", "127.0.0.1", "--limit-slots-rate", "20/s", "--limit-slots-burst", "60", "--welcome-coins", "1000000", "--bcrypt-cost", "10", "--password-wait", "5m",
		"--disk-stall-limit", "10m", "--shutdown-timeout", "3m", "--write-timeout", "10m", "--log-level", "warn", "--access-log", "off",
		"--backup-to", "file://"+filepath.Join(dir, "backups"), "--backup-schedule", "* * * * *", "--backup-keep", "3", "--backup-interval", "1s")
	c.command.Stdout, c.command.Stderr = &c.log, &c.log
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- c.command.Wait() }()
	t.Cleanup(func() {
		_ = c.command.Process.Kill() // unless it has ended
		if t.Failed() {
			t.Logf("log of the casino:\n%s", c.log.String())
		}
	})
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if answer, err := http.Get("http://" + c.address + "/health/ready"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return c
			}
		}
		c.mustRun(t)
		if time.Now().After(late) {
			t.Fatal("the casino is not ready")
		}
	}
}

// configure writes the env file; each n gives another one, of which a reload takes everything.
func (c *casino) configure(t *testing.T, n int) {
	t.Helper()
	text := fmt.Sprintf("IMPERIO_CORS_ORIGINS=https://club%d.example\nIMPERIO_SLOTS_MAX_STAKE=%d\n", n, 1000+n%2)
	if err := os.WriteFile(c.envFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload changes the configuration and lets the casino read it.
func (c *casino) reload(t *testing.T, n int) {
	t.Helper()
	c.configure(t, n)
	if err := c.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// mustRun fails the test if the process has ended.
func (c *casino) mustRun(t *testing.T) {
	t.Helper()
	select {
	case err := <-c.ended:
		t.Fatalf("the casino ended: %v", err)
	default:
	}
}

// stopAndAudit stops the casino and proves its books.
func (c *casino) stopAndAudit(t *testing.T) {
	t.Helper()
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.ended:
		if err != nil {
			t.Errorf("the casino stopped with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the casino does not stop")
	}
	if out, err := exec.Command(c.path, "audit", "--data-dir", c.dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "The books are right.") {
		t.Errorf("audit: %v\n%s", err, out)
	}
}

// measure takes one sample of everything, by the names of measures, and of what may grow, by the names of grown.
func (c *casino) measure(t *testing.T) map[string]float64 {
	t.Helper()
	sample := make(map[string]float64)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "VmRSS" || name == "RssAnon" {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			if err != nil {
				t.Fatal(err)
			}
			sample[name+", MiB"] = kib / 1024
		}
	}
	answer, err := http.Get("http://" + c.ops + "/metrics")
	if err != nil {
		c.mustRun(t)
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "go_goroutines":
			sample["goroutines"] = number
		case "go_memstats_heap_inuse_bytes":
			sample["heap in use, MiB"] = number / (1 << 20)
		case "process_open_fds":
			sample["file descriptors"] = number
		case "process_cpu_seconds_total":
			sample["processor time, s"] = number
		}
	}
	io.Copy(io.Discard, answer.Body)
	sample["log on disk, MiB"] = size(t, c.dir, func(name string) bool { return strings.HasPrefix(name, "log") })
	sample["state on disk, MiB"] = size(t, c.dir, func(name string) bool { return name == "state.db" })
	return sample
}

// size is how many MiB the files in a directory hold whose path's first element is wanted.
func size(t *testing.T, dir string, wanted func(first string) bool) float64 {
	t.Helper()
	var bytes int64
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		first, _, _ := strings.Cut(path, "/")
		if err != nil || entry.IsDir() || !wanted(first) {
			return nil // files of the log come and go
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return float64(bytes) / (1 << 20)
}
