package service

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait.
const patience = 3 * time.Minute

// actVariable makes the test's program act as a service instead of running tests: "serve" or "hand over".
const actVariable = "SERVICE_TEST_ACT"

func TestMain(m *testing.M) {
	if act := os.Getenv(actVariable); act != "" {
		if err := serve(act); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// report is what the service says about itself, as a line of JSON.
type report struct {
	PID     int
	Taken   map[string]string // the addresses of the sockets it took, by configured address
	Left    []string
	Environ []string
}

// serve takes sockets for the addresses in its arguments, reports, and answers one line of a client on each. Told to hand
// over, it then replaces itself by the same program, which serves.
func serve(act string) error {
	sockets, err := Inherited()
	if err != nil {
		return err
	}
	r := report{PID: os.Getpid(), Taken: make(map[string]string), Environ: os.Environ()}
	listeners := make(map[string]net.Listener)
	for _, address := range os.Args[1:] {
		l, ok := sockets.Take(address)
		if !ok {
			if l, err = net.Listen("tcp", address); err != nil {
				return err
			}
		}
		listeners[address] = l
		if ok {
			r.Taken[address] = l.Addr().String()
		}
	}
	r.Left = sockets.Left()
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Println(string(data))
	if act == "serve" {
		for _, address := range os.Args[1:] {
			c, err := listeners[address].Accept()
			if err != nil {
				return err
			}
			_, err = io.Copy(c, io.LimitReader(c, 5))
			if err = firstError(err, c.Close()); err != nil {
				return err
			}
		}
		return nil
	}
	handover, err := sockets.Keep(listeners)
	if err != nil {
		return err
	}
	for _, l := range listeners {
		l.Close()
	}
	os.Setenv(actVariable, "serve")
	program, err := Program()
	if err != nil {
		return err
	}
	if err := handover.Exec("/nowhere/imperio"); err == nil || !strings.Contains(err.Error(), "/nowhere/imperio") {
		return fmt.Errorf("exec of nothing: %v", err)
	}
	return handover.Exec(Running(program))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// child is the test's program as a service.
type child struct {
	command *exec.Cmd
	lines   *bufio.Scanner
	err     strings.Builder
}

// start starts the program with sockets as a supervisor passes them. A shell sets LISTEN_PID, which is the process's own.
func start(t *testing.T, act string, sockets []*os.File, addresses ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `exec "$0" "$@"`
	if len(sockets) > 0 {
		script = `LISTEN_PID=$$ exec "$0" "$@"`
	}
	c := &child{command: exec.Command("/bin/sh", append([]string{"-c", script, self}, addresses...)...)}
	c.command.Env = append(os.Environ(), actVariable+"="+act)
	if len(sockets) > 0 {
		c.command.Env = append(c.command.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=odd:names")
	}
	c.command.ExtraFiles = sockets
	c.command.Stderr = &c.err
	out, err := c.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.command.Process.Kill(); c.command.Wait() })
	return c
}

// report reads the next report.
func (c *child) report(t *testing.T) (r report) {
	t.Helper()
	if !c.lines.Scan() {
		c.command.Wait()
		t.Fatalf("the service says nothing: %v\n%s", c.lines.Err(), c.err.String())
	}
	if err := json.Unmarshal(c.lines.Bytes(), &r); err != nil {
		t.Fatalf("%s: %v", c.lines.Text(), err)
	}
	return r
}

// fails waits until the program ends, and returns what it says.
func (c *child) fails(t *testing.T) string {
	t.Helper()
	for c.lines.Scan() {
		t.Errorf("it says %s", c.lines.Text())
	}
	if err := c.command.Wait(); err == nil {
		t.Error("it ends well")
	}
	return c.err.String()
}

// listenFile listens, and returns the address and the socket as a file.
func listenFile(t *testing.T, address string) (string, *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Cleanup(func() { f.Close() })
	return l.Addr().String(), f
}

// ask connects, and expects its own five bytes back.
func ask(t *testing.T, address string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || string(answer) != "hello" {
		t.Errorf("answered %q, %v", answer, err)
	}
}
