// Package postgrestest runs a real PostgreSQL server for tests, and makes it fail: it can be stopped, killed, frozen, and
// run out of disk. It needs the server's programs (Debian: postgresql), but no cluster of the system's own.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// User is the superuser of each server.
	User = "postgres"
	// Password is what it signs in with, over TCP and over the socket.
	Password = "not-a-secret"
	// patience is how long the server may take to start or to end on a busy machine.
	patience = 5 * time.Minute
)

// Server is a PostgreSQL server in a temporary directory. Its methods are for one goroutine, but URL and Address may be
// used by all. A method that can't do its part ends the test.
type Server struct {
	Port      int
	SocketDir string // of its Unix socket: a host for the URL
	CAFile    string // with WithTLS: the authority that the server's certificate is of

	programs, directory, data string
	options                   options
	credential                *syscall.Credential // nil: our own
	mounts                    []string

	mu      sync.Mutex
	process *os.Process
	ended   chan struct{} // closed when the process has ended
	log     bytes.Buffer
}

type options struct {
	tls, noSync bool
	settings    []string
}

// Option changes a server before it starts.
type Option func(*options)

// WithTLS gives the server a certificate for 127.0.0.1 and localhost, and an authority: Server.CAFile. It still takes
// connections without TLS.
func WithTLS() Option { return func(o *options) { o.tls = true } }

// WithoutSync makes the server faster, and unable to survive a power cut. It survives Kill.
func WithoutSync() Option { return func(o *options) { o.noSync = true } }

// With sets a parameter of postgresql.conf, such as ("max_connections", "5").
func With(name, value string) Option {
	return func(o *options) { o.settings = append(o.settings, name+"="+value) }
}

// Start starts a server on a free loopback port, which ends with the test. Without the programs the test is skipped, and
// fails with CI=true. Making the server takes a second or more, so tests of one subject better share one.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{}
	for _, opt := range opts {
		opt(&s.options)
	}
	var err error
	if s.programs, err = programs(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s.makeDirectory(t)
	t.Cleanup(func() { s.end(t) })
	s.initialize(t)
	// The port is free when we look, and may be taken when the server starts: then it ends, and we try another one.
	for try := 1; ; try++ {
		s.Port = freePort(t)
		if err = s.start(); err == nil {
			return s
		}
		if try == 5 {
			t.Fatal(err)
		}
	}
}

// URL is the URL of a database on the server, by TCP, with the superuser's name and password. Parameters are pairs such
// as "sslmode", "disable".
func (s *Server) URL(database string, parameters ...string) string {
	query := url.Values{}
	for pair := range slices.Chunk(parameters, 2) {
		query.Set(pair[0], pair[1])
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(User, Password), Host: s.Address(), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// Address is the server's host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Connect opens a connection to a database, which is closed when the test ends.
func (s *Server) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL(database, "sslmode", "disable"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// Exec runs statements in a database.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL(database, "sslmode", "disable"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%v, in: %s", err, statement)
		}
	}
}

// CreateDatabase makes an empty database and returns its URL. Options are those of CREATE DATABASE, such as "TABLESPACE small".
func (s *Server) CreateDatabase(t testing.TB, name string, options ...string) string {
	t.Helper()
	s.Exec(t, "postgres", "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" "+strings.Join(options, " "))
	return s.URL(name)
}

// Start starts the server again, on the same port, after Stop or Kill.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	// Something else may have the port for a moment, such as a connection of our own that goes out from it.
	var err error
	for range 50 {
		if err = s.start(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(err)
}

// Stop stops the server as an administrator does: clients are cut off, and everything is on disk.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// signal sends a signal that ends the server, and waits until it has ended.
func (s *Server) signal(signal syscall.Signal) error {
	s.mu.Lock()
	process, ended := s.process, s.ended
	s.mu.Unlock()
	if process == nil {
		return nil
	}
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("postgres did not end; its log:\n%s", s.Log())
	}
}

// Log is what the server wrote so far.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Write takes the server's log.
func (s *Server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// Missing says why no server can be started; nil: one can.
func Missing() error {
	_, err := programs()
	return err
}

// programs finds the directory of the server's programs, of the newest version.
func programs() (string, error) {
	var found []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		found = append(found, strings.TrimSpace(string(out)))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, directory := range append(found, debian...) {
		if _, err := os.Stat(filepath.Join(directory, "initdb")); err == nil {
			return directory, nil
		}
	}
	return "", errors.New("no PostgreSQL server: install the package postgresql (its own cluster need not run)")
}

func version(directory string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(directory)))
	return n
}

// makeDirectory makes the server's directory. PostgreSQL refuses to run as root, so root's server is another user's.
func (s *Server) makeDirectory(t testing.TB) {
	t.Helper()
	var err error
	// Not t.TempDir: another user can't go there, and its long names leave no room for a socket's.
	if s.directory, err = os.MkdirTemp("", "postgres"); err != nil {
		t.Fatal(err)
	}
	s.data, s.SocketDir = filepath.Join(s.directory, "data"), s.directory
	if os.Getuid() != 0 {
		return
	}
	other, err := user.Lookup("postgres")
	if err != nil {
		if other, err = user.Lookup("nobody"); err != nil {
			t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
		}
	}
	uid, _ := strconv.Atoi(other.Uid)
	gid, _ := strconv.Atoi(other.Gid)
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.directory, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
