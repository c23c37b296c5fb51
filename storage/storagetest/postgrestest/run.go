package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// initialize makes the cluster's files.
func (s *Server) initialize(t testing.TB) {
	t.Helper()
	secret := filepath.Join(s.directory, "password")
	s.writeFile(t, secret, Password)
	initdb := exec.Command(filepath.Join(s.programs, "initdb"), "-D", s.data, "-U", User, "--pwfile", secret,
		"-A", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.Dir = s.directory
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	if s.options.tls {
		s.makeCertificates(t)
	}
}

// writeFile writes a file that the server's user owns and nobody else reads.
func (s *Server) writeFile(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.credential != nil {
		if err := os.Chown(name, int(s.credential.Uid), int(s.credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// start starts the server and waits until it answers.
func (s *Server) start() error {
	arguments := []string{"-D", s.data, "-p", fmt.Sprint(s.Port), "-k", s.SocketDir,
		"-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=off", "-c", "log_timezone=UTC", "-c", "timezone=UTC",
		// Small: several servers run on one small machine.
		"-c", "shared_buffers=32MB", "-c", "max_connections=50", "-c", "autovacuum_naptime=10min"}
	if s.options.noSync {
		arguments = append(arguments, "-c", "fsync=off", "-c", "full_page_writes=off")
	}
	if s.options.tls {
		arguments = append(arguments, "-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(s.directory, "server.crt"), "-c", "ssl_key_file="+filepath.Join(s.directory, "server.key"))
	}
	for _, setting := range s.options.settings {
		arguments = append(arguments, "-c", setting)
	}
	command := exec.Command(filepath.Join(s.programs, "postgres"), arguments...)
	command.Dir, command.Stdout, command.Stderr = s.directory, s, s
	command.SysProcAttr = attributes()
	command.SysProcAttr.Credential = s.credential
	command.WaitDelay = patience // a frozen child may hold the log
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The kernel ends the server when the starting thread ends, so this thread stays until the server has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			command.Wait()
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.mu.Lock()
	s.process, s.ended = command.Process, ended
	s.mu.Unlock()

	for deadline := time.Now().Add(patience); ; {
		err := s.ping()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			s.mu.Lock()
			s.process = nil
			s.mu.Unlock()
			return fmt.Errorf("postgres ended while it started; its log:\n%s", s.Log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("postgres does not answer: %v; its log:\n%s", err, s.Log())
		}
	}
}

func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres", "sslmode", "disable"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}

// end ends the server after a test, whatever state that left it in, and removes its files.
func (s *Server) end(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	running := s.process != nil
	s.mu.Unlock()
	if running {
		s.Kill(t) // nobody needs what it holds
	}
	for _, directory := range s.mounts {
		if err := unmount(directory); err != nil {
			t.Errorf("%s stays mounted: %v", directory, err)
		}
	}
	if err := os.RemoveAll(s.directory); err != nil {
		t.Error(err)
	}
}
