package endtoend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// smallDisk mounts a file system of some MiB.
func smallDisk(t *testing.T, mib int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("imperio-test", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("this user may not mount a small file system: %v. appliance/room_test.go tries the same with a made-up disk", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount the small file system: %v", err)
		}
	})
	return dir
}

// fill writes a file until its disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// healthOf returns what the operator's listener says of the disk's space, or "".
func healthOf(address string) string {
	res, err := http.Get("http://" + address + "/health/ready/disk_space")
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return ""
	}
	return string(data)
}

// Something else fills the disk under a casino that plays. Whether the casino ends or only takes no more bets: a start
// waits, goes on by itself when there is room, and nothing that was answered is lost.
func TestFullDisk_ACasinoComesBackByItself(t *testing.T) {
	small := smallDisk(t, 64)
	ops := freeAddress(t)
	c := newProcess(t, "--ops-addr", ops, "--disk-reserve", "16MiB")
	c.dir = filepath.Join(small, "data")
	c.start(t)
	var players []*player
	for i := range 4 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: c, random: rand.New(rand.NewPCG(7, uint64(i)))}
		p.signUp(t)
		players = append(players, p)
	}
	var playing sync.WaitGroup
	var began sync.WaitGroup
	for _, p := range players {
		began.Add(1)
		playing.Go(func() {
			p.pending = p.next()
			p.try(context.Background())
			began.Done()
			p.playUntilLost(context.Background()) // or until the casino takes no more
		})
	}
	began.Wait()
	ballast := filepath.Join(small, "ballast")
	fill(t, ballast)
	playing.Wait()
	c.command.Process.Kill() // unless it has ended
	byItself := false
	if err, exit := <-c.ended, (*exec.ExitError)(nil); errors.As(err, &exit) {
		byItself = exit.Exited()
	} else {
		t.Errorf("the casino ended with %v", err)
	}
	c.command = nil
	if byItself && !strings.Contains(c.log.String(), "no space left on device") {
		t.Errorf("the casino ended, and does not say that the disk is full:\n%s", c.log.String())
	}
	t.Logf("the casino ended by itself: %v", byItself)

	c.spawn(t)
	if !c.await(t, "a start on a full disk that waits", func() bool { return strings.Contains(healthOf(ops), "the casino starts once 16 MiB are free") }) {
		t.FailNow()
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if !c.await(t, "the casino to come back", func() bool {
		says := healthOf(ops)
		return strings.Contains(says, "healthy") && !strings.Contains(says, "unhealthy")
	}) {
		t.FailNow()
	}
	for _, p := range players {
		if p.settleUp(t) == 0 {
			t.Errorf("%s did not play: the test shows nothing", p.name)
		}
	}
	c.stop(t)
	c.audit(t)
	if !strings.Contains(c.log.String(), "the disk is full. The casino waits") {
		t.Errorf("the log does not say that the start waited:\n%s", c.log.String())
	}
}
