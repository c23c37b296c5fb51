package postgrestest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Kill ends all processes of the server at once, as a crash does. The machine survives, so what was written stays.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	family := s.family(t)
	for _, pid := range family {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := s.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The next server refuses to start beside one of the old processes.
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		alive := 0
		for _, pid := range family {
			if running(pid) {
				alive++
			}
		}
		if alive == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d processes of postgres do not end", alive)
		}
	}
}

// Pause freezes all processes of the server, as a machine does that hangs: connections stay open, and nothing answers.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	// A process may be born while we look; the first one, which bears them, is frozen first.
	frozen := map[int]bool{}
	for again := true; again; {
		again = false
		for _, pid := range s.family(t) {
			if !frozen[pid] {
				syscall.Kill(pid, syscall.SIGSTOP)
				frozen[pid], again = true, true
			}
		}
	}
}

// Resume thaws them.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	for _, pid := range s.family(t) {
		syscall.Kill(pid, syscall.SIGCONT)
	}
}

// family lists the server's processes, the first one first. Each has a process group of its own.
func (s *Server) family(t testing.TB) []int {
	t.Helper()
	s.mu.Lock()
	process := s.process
	s.mu.Unlock()
	if process == nil {
		return nil
	}
	below, err := children(process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return append([]int{process.Pid}, below...)
}

// SmallTablespace makes a tablespace on a disk of so many bytes, for CREATE DATABASE … TABLESPACE, and returns its name. An
// empty database takes 8 MB. Where nothing can be mounted, the test is skipped.
func (s *Server) SmallTablespace(t testing.TB, bytes int64) string {
	t.Helper()
	name := fmt.Sprintf("small%d", len(s.mounts)+1)
	directory := filepath.Join(s.directory, name)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mount(directory, bytes); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	s.mounts = append(s.mounts, directory)
	if s.credential != nil {
		if err := os.Chown(directory, int(s.credential.Uid), int(s.credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.Exec(t, "postgres", "CREATE TABLESPACE "+name+" LOCATION '"+directory+"'")
	return name
}

// GrowTablespace gives a small tablespace's disk another size.
func (s *Server) GrowTablespace(t testing.TB, name string, bytes int64) {
	t.Helper()
	if err := remount(filepath.Join(s.directory, name), bytes); err != nil {
		t.Fatal(err)
	}
}
