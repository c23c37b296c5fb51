package endtoend

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/bench"
)

// patience bounds every wait. No test waits until it is over.
const patience = 3 * time.Minute

// built is the directory that binary made; TestMain removes it.
var built string

// binary builds the program once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "imperio-binary-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "imperio")
	out, err := exec.Command("go", "build", "-o", path, "imperio/cmd/imperio").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if clock := os.Getenv(clockVariable); clock != "" {
		os.Exit(serveByClock(clock))
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// process is a casino in its own process.
type process struct {
	path, dir, address string
	flags              []string
	clock              *setClock // the casino's clock; nil: the machine's
	command            *exec.Cmd
	ended              chan error // gets the result of Wait
	log                bytes.Buffer
	stderr             *os.File   // gets the log instead; nil: log does
	environ            []string   // added to the environment
	sockets            []*os.File // listening sockets that it is passed, as by systemd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := bench.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func newProcess(t *testing.T, flags ...string) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the program and runs it as a process of its own")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{path: path, dir: filepath.Join(t.TempDir(), "data"), address: freeAddress(t), flags: flags}
	t.Cleanup(func() {
		if p.command != nil {
			p.command.Process.Kill()
			<-p.ended
		}
		if t.Failed() {
			t.Logf("log of the casino:\n%s", p.log.String())
		}
	})
	return p
}

// spawn starts the process without waiting until it serves.
func (p *process) spawn(t *testing.T) {
	t.Helper()
	flags := append([]string{"serve", "--data-dir", p.dir, "--http-addr", p.address, "--ops-addr", "none", "--limits", "off",
		"--access-log", "off", "--log-level", "warn", "--welcome-coins", "1000000", "--bcrypt-cost", "10", "--password-wait", "5m", "--write-timeout", "10m", "--checkpoint-interval", "100ms", "--disk-stall-limit", "10m", "--shutdown-timeout", "3m"}, p.flags...)
	p.command = exec.Command(p.path, flags...)
	if p.clock != nil {
		p.command = p.clock.command(t, flags)
	}
	if len(p.sockets) > 0 {
		// Its process id, which the protocol asks for, is known to the shell that it replaces.
		p.command = exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, p.path}, flags...)...)
		p.command.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(p.sockets)))
		p.command.ExtraFiles = p.sockets
	}
	if len(p.environ) > 0 {
		p.command.Env = append(p.command.Environ(), p.environ...)
	}
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	if p.stderr != nil {
		p.command.Stderr = p.stderr
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func(c *exec.Cmd, ended chan error) { ended <- c.Wait() }(p.command, p.ended)
}

// start starts the process and waits until it is ready.
func (p *process) start(t *testing.T) {
	t.Helper()
	p.spawn(t)
	if !p.serves(t) {
		t.Fatalf("the casino ended at once:\n%s", p.log.String())
	}
}

// serves waits until the process is ready. It returns false if the process ends instead.
func (p *process) serves(t *testing.T) bool {
	t.Helper()
	return p.await(t, "the casino to serve", func() bool {
		res, err := http.Get("http://" + p.address + "/api/v1/games")
		if err != nil {
			return false
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// await waits for a condition of the running process. It returns false if the process ends instead.
func (p *process) await(t *testing.T, what string, condition func() bool) bool {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !condition() {
		select {
		case err := <-p.ended:
			p.command = nil
			t.Logf("waiting for %s, the casino ended: %v", what, err)
			return false
		case <-late.C:
			t.Fatalf("timed out waiting for %s", what)
		case <-look.C:
		}
	}
	return true
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p.command = nil
}

// wait waits until the process ends by itself, and returns its result.
func (p *process) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		p.command = nil
		return err
	case <-time.After(patience):
		t.Fatal("the casino does not end")
		return nil
	}
}

// stop asks the process to stop and waits for it.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := <-p.ended
	p.command = nil
	if err != nil {
		t.Errorf("the casino did not stop cleanly: %v\n%s", err, p.log.String())
	}
}

// run runs another verb of the program and returns what it prints.
func (p *process) run(args ...string) (string, error) {
	out, err := exec.Command(p.path, args...).CombinedOutput()
	return string(out), err
}

// audit audits the data directory as it is.
func (p *process) audit(t *testing.T) {
	t.Helper()
	if out, err := p.run("audit", "--data-dir", p.dir); err != nil || !strings.Contains(out, "The books are right.") {
		t.Fatalf("audit: %v\n%s", err, out)
	}
}
