package endtoend

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// restarts is how often each test restarts the casino under load. The campaign does it more often.
const restarts = 3

// heldSocket listens at the process's address, holds the socket as systemd does, and passes it to the process.
func (p *process) heldSocket(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Cleanup(func() { f.Close() })
	p.sockets = []*os.File{f}
}

// strict is a player who never asks twice. It uses one connection after the other, as long as the casino leaves them open, and rests
// between bets up to a time.
type strict struct {
	*player
	rest    time.Duration
	answers int
}

// play bets until ctx ends. It fails if the casino can't be reached, or if a connection breaks while a bet is under way.
func (s *strict) play(ctx context.Context) error {
	var conn net.Conn
	var reader *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for ctx.Err() == nil {
		first := conn == nil
		if first {
			var err error
			if conn, err = net.DialTimeout("tcp", s.casino.address, patience); err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			conn.SetDeadline(time.Now().Add(patience))
			reader = bufio.NewReader(conn)
		}
		if ended(conn) {
			conn.Close()
			conn = nil
			continue
		}
		body := `{"stake":2}`
		if _, err := fmt.Fprintf(conn, "POST /api/v1/games/slots/spins HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			s.casino.address, s.token, len(body), body); err != nil {
			return fmt.Errorf("send a bet: %w", err)
		}
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			return fmt.Errorf("no answer to a bet (the first on its connection: %t): %w", first, err)
		}
		data, err := io.ReadAll(res.Body)
		var a answer
		if err != nil || res.StatusCode != http.StatusCreated || json.Unmarshal(data, &a) != nil {
			return fmt.Errorf("a bet got %d %s, %v", res.StatusCode, data, err)
		}
		s.rounds[a.Round.ID], s.coins = a, a.Coins
		s.fresh = append(s.fresh, a.Round.ID)
		s.answers++
		if res.Close {
			conn.Close()
			conn = nil
		}
		if s.rest > 0 {
			select {
			case <-time.After(time.Duration(s.random.Int64N(int64(s.rest)))):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// ended says whether the other side has closed a connection.
func ended(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	n, readErr := 0, error(nil)
	raw.Control(func(fd uintptr) {
		n, _, readErr = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return n == 0 && !errors.Is(readErr, unix.EAGAIN)
}

// listen keeps a live connection until ctx ends, and connects again when the casino says that it goes away.
func (s *strict) listen(ctx context.Context) error {
	for ctx.Err() == nil {
		conn, _, err := websocket.Dial(ctx, "ws://"+s.casino.address+"/api/v1/live", &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + s.token}},
		})
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		for err == nil {
			_, _, err = conn.Read(ctx)
		}
		conn.CloseNow()
		if code := websocket.CloseStatus(err); ctx.Err() == nil && code != websocket.StatusGoingAway {
			return fmt.Errorf("a live connection ended with %d: %w", code, err)
		}
	}
	return nil
}

// restartUnderLoad calls restart several times while players play, and proves that no bet was lost, nor any answer wrong.
func restartUnderLoad(t *testing.T, casino *process, restart func()) {
	t.Helper()
	var players []*strict
	for i := range 10 {
		p := &strict{player: &player{name: fmt.Sprintf("player-%d", i), casino: casino, random: rand.New(rand.NewPCG(3, uint64(i)))}}
		if i >= 6 {
			p.rest = 150 * time.Millisecond // below what a stop waits for requests that are on their way
		}
		p.signUp(t)
		players = append(players, p)
	}
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	run := func(what func(context.Context) error) {
		playing.Go(func() {
			if err := what(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	for _, p := range players {
		run(p.play)
	}
	run(players[0].listen)
	for range restarts {
		restart()
	}
	cancel()
	playing.Wait()
	for _, p := range players {
		if p.answers <= restarts {
			t.Errorf("%s got %d answers: the test shows nothing", p.name, p.answers)
		}
		p.settleUp(t)
	}
	casino.stop(t)
	casino.audit(t)
}

// Somebody else holds the socket, as systemd does, and starts one process after the other. No request is lost.
func TestRestart_ThroughPassedSocketsLosesNothing(t *testing.T) {
	casino := newProcess(t)
	casino.heldSocket(t)
	casino.start(t)
	restartUnderLoad(t, casino, func() {
		casino.stop(t)
		casino.start(t)
	})
}

// The process replaces itself: with sockets that it was passed, and with its own.
func TestRestart_ByExecLosesNothing(t *testing.T) {
	for name, pass := range map[string]bool{"its own socket": false, "a passed socket": true} {
		t.Run(name, func(t *testing.T) {
			casino := newProcess(t)
			if pass {
				casino.heldSocket(t)
			}
			casino.start(t)
			pid := casino.command.Process.Pid
			restartUnderLoad(t, casino, func() {
				out, err := casino.run("restart", "--data-dir", casino.dir)
				if err != nil || !strings.Contains(out, fmt.Sprintf("(process %d, version ", pid)) {
					t.Fatalf("restart: %v\n%s", err, out)
				}
			})
		})
	}
}

// Whoever connects after a kill waits until the next process answers.
func TestRestart_AfterAKillTheQueueIsServed(t *testing.T) {
	casino := newProcess(t)
	casino.heldSocket(t)
	casino.start(t)
	for range restarts {
		casino.kill(t)
		conn, err := net.Dial("tcp", casino.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /api/v1/games HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", casino.address)
		casino.spawn(t)
		conn.SetDeadline(time.Now().Add(patience))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
	}
	casino.stop(t)
	casino.audit(t)
}

// A program that can't run is refused while the casino goes on.
func TestRestart_RefusesAProgramThatCannotRun(t *testing.T) {
	casino := newProcess(t)
	casino.start(t)
	broken := filepath.Join(t.TempDir(), "imperio")
	if err := os.WriteFile(broken, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{broken, filepath.Join(t.TempDir(), "nothing"), casino.dir} {
		out, err := casino.run("restart", "--data-dir", casino.dir, "--binary", path)
		if err == nil || !strings.Contains(out, "The casino goes on as before") {
			t.Errorf("%s: %v %s", path, err, out)
		}
	}
	if !casino.serves(t) {
		t.Error("the casino has ended")
	}
	casino.stop(t)
}

// A casino on port 0 keeps its port.
func TestRestart_KeepsAPortThatTheSystemChose(t *testing.T) {
	casino := newProcess(t)
	casino.flags = []string{"--http-addr", "127.0.0.1:0", "--log-level", "info"}
	casino.spawn(t)
	restart := func() string {
		var out string
		casino.await(t, "the casino to restart", func() bool {
			var err error
			out, err = casino.run("restart", "--data-dir", casino.dir)
			return err == nil
		})
		return out
	}
	restart()
	restart()
	casino.stop(t)
	addresses := make(map[string]bool)
	for line := range strings.Lines(casino.log.String()) {
		if _, address, ok := strings.Cut(line, "what=http address="); ok {
			addresses[strings.TrimSpace(address)] = true
		}
	}
	if len(addresses) != 1 {
		t.Errorf("it served at %v", addresses)
	}
}

// A socket that no listener wants would keep clients waiting for ever.
func TestSockets_UnwantedOnesEndTheStart(t *testing.T) {
	casino := newProcess(t)
	casino.heldSocket(t)
	unwanted := casino.address
	casino.address = freeAddress(t)
	casino.spawn(t)
	err := casino.wait(t)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v", err)
	}
	for _, part := range []string{unwanted, "http-addr=" + casino.address, "imperio install", "systemctl disable --now imperio.socket"} {
		if !strings.Contains(casino.log.String(), part) {
			t.Errorf("it does not say %q:\n%s", part, casino.log.String())
		}
	}
	if _, err := os.Stat(casino.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory: %v", err)
	}
}

// systemd's own tool starts the program when the first client comes.
func TestSockets_OfSystemdAreServed(t *testing.T) {
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("systemd-socket-activate is not installed")
	}
	casino := newProcess(t)
	program := casino.path
	casino.path = filepath.Join(t.TempDir(), "activate")
	script := fmt.Sprintf("#!/bin/sh\nexec %s -l %s %s \"$@\"\n", tool, casino.address, program)
	if err := os.WriteFile(casino.path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	casino.start(t)
	casino.path = program
	if out, err := casino.run("restart", "--data-dir", casino.dir); err != nil {
		t.Errorf("restart: %v\n%s", err, out)
	}
	if !casino.serves(t) {
		t.Error("it does not serve after a restart")
	}
	casino.stop(t)
	casino.audit(t)
}

// A service manager hears of the start, of life, of a restart and of the end.
func TestNotify_TellsAServiceManager(t *testing.T) {
	casino := newProcess(t)
	dir, err := os.MkdirTemp("", "notify-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	casino.environ = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=6000000"}
	await := func(want string) {
		t.Helper()
		manager.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 4096)
		for {
			n, err := manager.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %q: %v", want, err)
			}
			if strings.HasPrefix(string(buf[:n]), want) {
				return
			}
		}
	}
	casino.spawn(t)
	await("STATUS=opening the state")
	await("EXTEND_TIMEOUT_USEC=")
	await("STATUS=replaying the log: entry ")
	await("READY=1\nSTATUS=serving http://" + casino.address)
	await("WATCHDOG=1")
	done := make(chan error, 1)
	go func() {
		out, err := casino.run("restart", "--data-dir", casino.dir)
		if err != nil {
			err = fmt.Errorf("restart: %w\n%s", err, out)
		}
		done <- err
	}()
	await("RELOADING=1\nMONOTONIC_USEC=")
	await("READY=1\nSTATUS=serving http://" + casino.address)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := casino.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await("STOPPING=1\nSTATUS=closing")
	if err := casino.wait(t); err != nil {
		t.Error(err)
	}
}

// The process goes on with another program; and with the one that it was started from, once its file was replaced.
func TestRestart_GoesOnWithAnotherProgram(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("only Linux tells which program a process runs")
	}
	casino := newProcess(t)
	copied := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		data, err := os.ReadFile(casino.path)
		if err == nil {
			err = os.WriteFile(path, data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	tool := casino.path
	first, second := copied("imperio"), copied("imperio-new")
	casino.path = first
	casino.start(t)
	casino.path = tool
	runs := func(want string) {
		t.Helper()
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", casino.command.Process.Pid)); err != nil || got != want {
			t.Errorf("it runs %s, %v, not %s", got, err, want)
		}
	}
	restart := func(args ...string) {
		t.Helper()
		if out, err := casino.run(append([]string{"restart", "--data-dir", casino.dir}, args...)...); err != nil {
			t.Errorf("restart: %v\n%s", err, out)
		}
	}
	runs(first)
	// As an upgrade does it.
	if err := os.Rename(copied("imperio-newer"), first); err != nil {
		t.Fatal(err)
	}
	runs(first + " (deleted)")
	restart()
	runs(first)
	restart("--binary", second)
	runs(second)
	// A program that is gone by the time when it is needed: the running one starts again.
	gone := filepath.Join(t.TempDir(), "imperio")
	if err := os.WriteFile(gone, []byte("#!/bin/sh\nrm \"$0\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := casino.run("restart", "--data-dir", casino.dir, "--binary", gone); err == nil || !strings.Contains(out, "ready again, but runs "+second) {
		t.Errorf("restart: %v\n%s", err, out)
	}
	runs(second)
	casino.stop(t)
	if !strings.Contains(casino.log.String(), "The one that ran before is started again") {
		t.Errorf("the log does not say it:\n%s", casino.log.String())
	}
	casino.audit(t)
}
