// Package backuptest starts S3-compatible storage for tests of backups, and makes it fail.
package backuptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Server is a real S3 server: versitygw, which keeps objects in a temporary directory.
type Server struct {
	Address              string // host:port, plain HTTP
	Bucket               string
	AccessKey, SecretKey string
}

// URL is a target's URL for a prefix in the server's bucket.
func (s *Server) URL(prefix string) string {
	return "s3://" + s.Bucket + "/" + prefix + "?" + url.Values{"endpoint": {"http://" + s.Address}, "path-style": {"true"}}.Encode()
}

// Client is a client of the server for what a target doesn't do.
func (s *Server) Client(t testing.TB) *minio.Core {
	t.Helper()
	client, err := minio.NewCore(s.Address, &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// patience is how long a server may take to start on a busy machine.
const patience = 2 * time.Minute

// S3Server starts a server on a free loopback port, with one bucket. It stops when the test ends. Without the program
// the test is skipped, and fails with CI=true.
func S3Server(t testing.TB) *Server {
	t.Helper()
	program := filepath.Join(moduleRoot(t), "build", "bin", "versitygw")
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no S3 server: %v; `make build/bin/versitygw` builds it", err)
		}
		t.Skipf("no S3 server: %v; `make build/bin/versitygw` builds it, in minutes", err)
	}
	s := &Server{Bucket: "backups", AccessKey: "imperio-tests", SecretKey: "not-a-secret"}
	// The port is free when we look, and may be taken when the server starts: then it ends, and we try another one.
	for try := 1; ; try++ {
		s.Address = freeAddress(t)
		if start(t, program, s) {
			break
		}
		if try == 5 {
			t.Fatal("the S3 server does not start")
		}
	}
	if err := s.Client(t).MakeBucket(t.Context(), s.Bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// start says whether the server answers.
func start(t testing.TB, program string, s *Server) bool {
	t.Helper()
	objects, sidecar := t.TempDir(), t.TempDir()
	var log bytes.Buffer
	// Metadata goes into files beside the objects: not every file system has extended attributes.
	command := exec.Command(program, "--port", s.Address, "--access", s.AccessKey, "--secret", s.SecretKey, "--keep-alive", "--quiet", "--health", "/health",
		"posix", "--sidecar", sidecar, objects)
	command.Stdout, command.Stderr = &log, &log
	command.Env = []string{} // settings of the machine are not ours
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // it ends by being killed
		close(ended)
	}()
	stop := func() {
		_ = command.Process.Kill() // it may have ended
		<-ended
	}
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if healthy(t.Context(), s.Address) {
			t.Cleanup(stop)
			return true
		}
		select {
		case <-ended:
			t.Logf("the S3 server ended: %s", log.String())
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	stop()
	t.Logf("the S3 server does not answer: %s", log.String())
	return false
}

func healthy(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory
		}
		above := filepath.Dir(directory)
		if above == directory {
			t.Fatal(fmt.Errorf("no go.mod above the test"))
		}
		directory = above
	}
}
