package check

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// imageContext is what `make container` prepares.
const imageContext = "../../build/container"

// container is an image with volumes, and with a root directory that can't be written to, as compose.yaml and Kubernetes start it.
// No engine starts it: the test follows the Dockerfile, and runs what it says in a chroot.
type container struct {
	*image
	root    string
	volumes map[string]string // directories by the paths in the container
}

func newContainer(t *testing.T) *container {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("a chroot needs root")
		}
		t.Skip("a chroot needs root")
	}
	dir := t.TempDir()
	// The directories above must let the casino's user through, as the engine's do.
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := &container{image: imageOf(t), root: filepath.Join(dir, "root"), volumes: make(map[string]string)}
	if err := os.Mkdir(c.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.lay(imageContext, c.root); err != nil {
		t.Fatalf("%v; `make recipes` prepares the files", err)
	}
	if err := os.Mkdir(filepath.Join(c.root, "proc"), 0o555); err != nil { // as all engines do
		t.Fatal(err)
	}
	// A new volume begins as a copy of the directory that it hides, with its owner.
	for i, path := range c.image.volumes {
		volume := filepath.Join(dir, fmt.Sprintf("volume-%d", i))
		if out, err := exec.Command("cp", "-a", filepath.Join(c.root, path), volume).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		c.volumes[path] = volume
	}
	return c
}

// start runs a program of the container as its user, in a view of the files where only the volumes can be written to. The view ends with
// the program.
func (c *container) start(t *testing.T, out *bytes.Buffer, args, environ []string) *exec.Cmd {
	t.Helper()
	var uid, gid uint32
	if _, err := fmt.Sscanf(c.user, "%d:%d", &uid, &gid); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(args[0], args[1:]...)
	command.Dir = "/"
	command.Env = append(c.env, environ...)
	command.Stdout, command.Stderr = out, out
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	failed := make(chan error)
	go func() {
		// The thread has mounts of its own from here on. It is never unlocked, so it ends with this function.
		runtime.LockOSThread()
		failed <- func() error {
			if err := syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWNS); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
				return fmt.Errorf("keep mounts to itself: %w", err)
			}
			if err := syscall.Mount(c.root, c.root, "", syscall.MS_BIND, ""); err != nil {
				return fmt.Errorf("mount the root: %w", err)
			}
			if err := syscall.Mount("/proc", filepath.Join(c.root, "proc"), "", syscall.MS_BIND, ""); err != nil {
				return fmt.Errorf("mount /proc: %w", err)
			}
			for path, volume := range c.volumes {
				if err := syscall.Mount(volume, filepath.Join(c.root, path), "", syscall.MS_BIND, ""); err != nil {
					return fmt.Errorf("mount %s: %w", path, err)
				}
			}
			if err := syscall.Mount("", c.root, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				return fmt.Errorf("make the root read-only: %w", err)
			}
			return command.Start()
		}()
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return command
}

func TestContainer_ServesWithoutRootOnAReadOnlyRoot(t *testing.T) {
	c := newContainer(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	environ := []string{"IMPERIO_HTTP_ADDR=" + address, "IMPERIO_OPS_ADDR=none", "IMPERIO_DISK_STALL_LIMIT=10m", "IMPERIO_BCRYPT_COST=10"}

	for round := range 2 { // the second time on the volume of the first
		var log bytes.Buffer
		casino := c.start(t, &log, append(c.entrypoint, c.command...), environ)
		ended := make(chan error, 1)
		go func() { ended <- casino.Wait() }()
		end := func() {
			_ = casino.Process.Kill() // the test has failed
			<-ended
		}
		for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(late) {
				end()
				t.Fatalf("the container does not become healthy:\n%s", log.String())
			}
			select {
			case err := <-ended:
				t.Fatalf("the container ended: %v\n%s", err, log.String())
			default:
			}
			var said bytes.Buffer
			if c.health[0] != "CMD" {
				end()
				t.Fatalf("the health check needs a shell, which the image doesn't have: %q", c.health)
			}
			if c.start(t, &said, c.health[1:], environ).Wait() == nil {
				break
			}
		}
		body := strings.NewReader(`{"username":"ana","email":"ana@example.org","password":"a long password"}`)
		path, want := "/api/v1/accounts", http.StatusCreated
		if round == 1 {
			body = strings.NewReader(`{"login":"ana","password":"a long password"}`)
			path = "/api/v1/sessions"
		}
		answer, err := http.Post("http://"+address+path, "application/json", body)
		if err != nil {
			end()
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
		http.DefaultClient.CloseIdleConnections()
		if err := casino.Process.Signal(syscall.SIGTERM); err != nil { // STOPSIGNAL
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the container stopped with %v:\n%s", err, log.String())
			}
		case <-time.After(patience):
			end()
			t.Fatalf("the container does not stop:\n%s", log.String())
		}
	}
	// The data are in the volume, for the casino's user only; nothing was written elsewhere.
	info, err := os.Stat(filepath.Join(c.volumes["/data"], "casino"))
	if err != nil || info.Mode().Perm() != 0o700 || info.Sys().(*syscall.Stat_t).Uid != 10001 {
		t.Errorf("the data directory: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(c.root, "data", "casino")); err == nil {
		t.Error("the casino is in the image, not in the volume")
	}
}

// Whether the root can be written to is no matter of the test's good will: without the volume, the casino must fail and say so.
func TestContainer_NeedsItsVolume(t *testing.T) {
	c := newContainer(t)
	delete(c.volumes, "/data")
	var log bytes.Buffer
	err := c.start(t, &log, append(c.entrypoint, c.command...), []string{"IMPERIO_HTTP_ADDR=127.0.0.1:0", "IMPERIO_OPS_ADDR=none"}).Wait()
	if err == nil || !strings.Contains(log.String(), "read-only file system") {
		t.Errorf("without a volume it ends with %v:\n%s", err, log.String())
	}
}
