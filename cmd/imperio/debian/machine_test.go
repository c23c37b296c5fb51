package debian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. No test waits until it is over.
const patience = 3 * time.Minute

// base is the Debian that all machines begin with.
const base = "../../../build/debian"

// machines counts the machines of this process: each has a name of its own.
var machines atomic.Int64

// machine is a running Debian.
type machine struct {
	root   string // its root directory, as this process sees it
	nspawn *exec.Cmd
	ended  chan struct{} // closed when nspawn has ended
	leader int           // process id of its systemd
	screen bytes.Buffer  // what it wrote to its console; read it after ended
}

// boot starts a fresh Debian and waits until it is up. The test's cleanup powers it off. It skips the test where such a
// machine can't run.
func boot(t *testing.T) *machine {
	t.Helper()
	if testing.Short() {
		t.Skip("it boots a Debian")
	}
	if why := lacks(); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	m := &machine{root: layered(t)}
	t.Cleanup(func() { m.powerOff(t) })
	m.powerOn(t)
	return m
}

// reboot powers the machine off and on again. Its files stay.
func (m *machine) reboot(t *testing.T) {
	t.Helper()
	m.powerOff(t)
	m.powerOn(t)
}

func (m *machine) powerOn(t *testing.T) {
	t.Helper()
	m.ended, m.leader = make(chan struct{}), 0
	m.screen.Reset()
	m.nspawn = exec.Command("systemd-nspawn", "--quiet", "--directory="+m.root, "--boot", "--private-network", "--register=no", "--keep-unit",
		fmt.Sprintf("--machine=imperio-%d-%d", os.Getpid(), machines.Add(1)), "--console=passive", "--setenv=SYSTEMD_COLORS=0")
	m.nspawn.Stdout, m.nspawn.Stderr = &m.screen, &m.screen
	// Signals that end the tests don't reach it by itself: it powers the machine off when the tests are gone.
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	started := make(chan error)
	go m.supervise(started)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	m.await(t, "the machine's systemd", func() bool {
		select {
		case <-m.ended:
			t.Fatalf("the machine ended while it started:\n%s", m.screen.String())
		default:
		}
		m.leader = firstChild(m.nspawn.Process.Pid)
		if m.leader == 0 {
			return false
		}
		// Degraded is up as well: in a container some units of the machine's own can't work.
		state, _ := m.run("systemctl", "is-system-running")
		return state == "running" || state == "degraded"
	})
}

// supervise runs nspawn. Pdeathsig is sent when the starting thread ends, so the thread stays until nspawn has ended.
func (m *machine) supervise(started chan<- error) {
	defer close(m.ended)
	runtime.LockOSThread()
	err := m.nspawn.Start()
	started <- err
	if err == nil {
		m.nspawn.Wait()
	}
}

// lacks says what this computer lacks for such a machine; "" if nothing.
func lacks() string {
	if os.Getuid() != 0 {
		return "booting a Debian needs root"
	}
	if _, err := exec.LookPath("systemd-nspawn"); err != nil {
		return "systemd-nspawn is missing: install the package systemd-container"
	}
	if _, err := os.Stat(base); err != nil {
		return "there is no Debian to boot: run 'make build/debian'"
	}
	return ""
}

// layered makes a root directory that begins as the base and doesn't change it.
func layered(t *testing.T) string {
	t.Helper()
	from, err := filepath.Abs(base)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for _, name := range []string{"root", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", from, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
	if err := syscall.Mount("overlay", root, "overlay", 0, options); err == nil {
		t.Cleanup(func() {
			if err := syscall.Unmount(root, syscall.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", root, err)
			}
		})
		return root
	}
	// Layers can't be stacked on a container's own layers: copy.
	if out, err := exec.Command("cp", "-a", from+"/.", root).CombinedOutput(); err != nil {
		t.Fatalf("copy the Debian: %v\n%s", err, out)
	}
	return root
}

// firstChild is the process id of a process's first child; 0 if it has none.
func firstChild(pid int) int {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(children), " ")
	child, _ := strconv.Atoi(first)
	return child
}

// powerOff does nothing if the machine is off already.
func (m *machine) powerOff(t *testing.T) {
	if m.nspawn == nil || m.nspawn.Process == nil {
		return
	}
	if t.Failed() {
		if journal, err := m.run("journalctl", "--no-pager", "-b", "-n", "200", "-o", "short-precise"); err == nil {
			t.Logf("the machine's journal:\n%s", journal)
		}
	}
	// The first signal powers it off. The second ends it at once.
	for range 2 {
		m.nspawn.Process.Signal(syscall.SIGTERM)
		select {
		case <-m.ended:
			return
		case <-time.After(patience):
		}
	}
	m.nspawn.Process.Kill()
	<-m.ended
	t.Errorf("the machine did not power off:\n%s", m.screen.String())
}

// command is a program of the machine as root, ready to start. Its files belong to the machine.
func (m *machine) command(args ...string) *exec.Cmd {
	in := []string{"--target", strconv.Itoa(m.leader), "--all", "--wdns=/root", "env", "-i",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0"}
	return exec.Command("nsenter", append(in, args...)...)
}

// run runs a program of the machine as root. It returns what the program wrote to both outputs, without white space around
// it. The error is an *exec.ExitError if the program ended with another code than 0.
func (m *machine) run(args ...string) (string, error) {
	out, err := m.command(args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must runs a program that has to succeed.
func (m *machine) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := m.run(args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// exitCode is the exit code that an error of run tells; -1 if it tells none.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// put copies a file of this computer to a path in the machine.
func (m *machine) put(t *testing.T, hostPath, path string, mode os.FileMode) {
	t.Helper()
	from, err := os.Open(hostPath)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	m.write(t, from, path, mode)
}

// putText writes a file into the machine.
func (m *machine) putText(t *testing.T, text, path string, mode os.FileMode) {
	t.Helper()
	m.write(t, strings.NewReader(text), path, mode)
}

// write goes through the machine's own view of its files: a directory there may be a mount.
func (m *machine) write(t *testing.T, from io.Reader, path string, mode os.FileMode) {
	t.Helper()
	write := m.command("sh", "-c", `mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"`, "sh", path, strconv.FormatUint(uint64(mode), 8))
	write.Stdin = from
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("write %s: %v\n%s", path, err, out)
	}
}

// await waits until a condition is true.
func (m *machine) await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// builds are the programs that build has made, by what they were made of.
var builds struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// build builds the program with a version. overlay replaces source files, named from the root of the repository such as
// "appliance/casino.go", by other texts: so a test makes a program with a fault from the real source. It builds each only
// once.
func build(t *testing.T, version string, overlay map[string]string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	key := fmt.Sprintf("%s\n%q", version, overlay)
	if path := builds.paths[key]; path != "" {
		return path
	}
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "imperio-binary-")
		if err != nil {
			t.Fatal(err)
		}
		builds.dir, builds.paths = dir, make(map[string]string)
	}
	path := filepath.Join(builds.dir, fmt.Sprintf("imperio-%d", len(builds.paths)))
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=" + version, "-o", path}
	if len(overlay) > 0 {
		args = append(args, "-overlay", writeOverlay(t, overlay))
	}
	command := exec.Command("go", append(args, "imperio/cmd/imperio")...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build version %s: %v\n%s", version, err, out)
	}
	builds.paths[key] = path
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if builds.dir != "" {
		os.RemoveAll(builds.dir)
	}
	os.Exit(code)
}
