package campaign

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// measureRestart restarts the large casino under load, while the campaign holds its listening socket, as systemd does: by stopping the
// process and starting the next one, and by exec.
func (m *campaign) measureRestart(ctx context.Context) error {
	if err := m.make(ctx, &m.many); err != nil {
		return err
	}
	m.printf("\n## Restarts under load\n\n%d connections bet all the time, over plain HTTP, through a socket that stays open. Nobody asks twice: a request counts as failed if its connection breaks before the answer. "+
		"The gap is the longest time between two answers.\n\n| restart | bets | failed | gap | drain | finish and close | program starts | state opens | pages and listeners |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n", m.connections)
	var failed int
	var gaps []float64
	for _, kind := range []struct {
		name    string
		restart func(*passed, context.Context) error
	}{{"stop and start", (*passed).stopAndStart}, {"by exec", (*passed).exec}} {
		for range m.restarts {
			r, err := m.restartOnce(ctx, kind.restart)
			if err != nil {
				return err
			}
			failed += len(r.failures)
			gaps = append(gaps, r.gap.Seconds())
			m.printf("| %s | %d | %d | %.0f ms |", kind.name, r.bets, len(r.failures), r.gap.Seconds()*1000)
			for _, part := range r.parts {
				m.printf(" %.0f ms |", part.Seconds()*1000)
			}
			m.printf("\n")
			for _, err := range r.failures[:min(3, len(r.failures))] {
				fmt.Fprintln(m.progress, "failed:", err)
			}
		}
	}
	m.goal(failed == 0, "failed requests at restarts", "0", "%d in %d restarts", failed, len(gaps))
	longest := slices.Max(gaps)
	m.goal(longest < 0.5, m.of("longest gap between two answers at a restart"), "below 500 ms", "%.0f ms (median %.0f ms)", longest*1000, median(gaps)*1000)
	return nil
}

// restartResult is what players saw of a restart, and what it consisted of.
type restartResult struct {
	bets     int
	failures []error
	gap      time.Duration
	parts    []time.Duration
}

// restartOnce plays, restarts, and plays on.
func (m *campaign) restartOnce(ctx context.Context, restart func(*passed, context.Context) error) (r restartResult, err error) {
	p, err := m.startPassed(ctx, m.many.directory)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	playing, stop := context.WithCancel(ctx)
	defer stop()
	var players sync.WaitGroup
	var mu sync.Mutex
	var answers []time.Time
	for _, token := range m.many.playing(m.connections) {
		players.Go(func() {
			at, failure := betStrictly(playing, p.address, token)
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, at...)
			if failure != nil {
				r.failures = append(r.failures, failure)
			}
		})
	}
	err = pause(ctx, m.turn)
	asked := time.Now()
	if err == nil {
		err = restart(p, ctx)
	}
	if err == nil {
		err = pause(ctx, m.turn)
	}
	stop()
	players.Wait()
	slices.SortFunc(answers, time.Time.Compare)
	r.bets = len(answers)
	for i := 1; i < len(answers); i++ {
		r.gap = max(r.gap, answers[i].Sub(answers[i-1]))
	}
	r.parts = p.parts(asked)
	return r, err
}

// betStrictly bets over one connection after the other, as long as the casino leaves them open. It returns when it got answers, and why
// it ended before ctx.
func betStrictly(ctx context.Context, address, token string) (answers []time.Time, failure error) {
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	const body = `{"stake":2}`
	request := fmt.Appendf(nil, "POST /api/v1/games/slots/spins HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, token, len(body), body)
	var reader *bufio.Reader
	for ctx.Err() == nil {
		if conn == nil {
			if conn, failure = net.DialTimeout("tcp", address, time.Minute); failure != nil {
				return answers, failure
			}
			conn.SetDeadline(time.Now().Add(10 * time.Minute))
			reader = bufio.NewReader(conn)
		}
		if ended(conn) {
			conn.Close()
			conn = nil
			continue
		}
		if _, err := conn.Write(request); err != nil {
			return answers, fmt.Errorf("send a bet: %w", err)
		}
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answers, fmt.Errorf("no answer to a bet: %w", err)
		}
		data, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusCreated {
			return answers, fmt.Errorf("a bet got %d %s, %v", res.StatusCode, data, err)
		}
		answers = append(answers, time.Now())
		if res.Close {
			conn.Close()
			conn = nil
		}
	}
	return answers, nil
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

// passed is a casino whose listening socket the campaign holds.
type passed struct {
	m                  *campaign
	directory, address string
	socket             *os.File
	process            *exec.Cmd
	logs               *os.File // of all its processes
}

func (m *campaign) startPassed(ctx context.Context, directory string) (*passed, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	p := &passed{m: m, directory: directory, address: l.Addr().String()}
	if p.socket, err = l.(*net.TCPListener).File(); err != nil {
		return nil, err
	}
	if p.logs, err = os.CreateTemp(m.directory, "log-*"); err != nil {
		return nil, errors.Join(err, p.socket.Close())
	}
	if err := p.start(); err != nil {
		return nil, errors.Join(err, p.socket.Close(), p.logs.Close())
	}
	return p, p.awaitAnswer(ctx)
}

// start starts the program with the socket. The shell knows its process id, which the protocol asks for.
func (p *passed) start() error {
	p.process = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, p.m.program.Path, "serve", "--data-dir", p.directory,
		"--http-addr", p.address, "--ops-addr", "none", "--limits", "off", "--access-log", "off", "--log-level", "debug", "--log-format", "json",
		"--bcrypt-cost", "10", "--write-timeout", "5m", "--disk-stall-limit", "1m")
	p.process.Env = append(slices.Clone(p.m.program.Environ), "LISTEN_FDS=1")
	p.process.ExtraFiles = []*os.File{p.socket}
	p.process.Stderr = p.logs
	p.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return p.process.Start()
}

// awaitAnswer waits for an answer. The connection waits in the socket's queue.
func (p *passed) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/health/live", nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("wait for the casino: %w", err)
	}
	return answer.Body.Close()
}

func (p *passed) stop() error {
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.process.Wait()
}

func (p *passed) stopAndStart(ctx context.Context) error {
	if err := p.stop(); err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	return p.awaitAnswer(ctx)
}

func (p *passed) exec(ctx context.Context) error {
	return p.m.program.Run(ctx, p.m.progress, "restart", "--data-dir", p.directory)
}

func (p *passed) close() error {
	err := p.stop()
	return errors.Join(err, p.socket.Close(), p.logs.Close())
}

// parts are how long the parts of the restart took that began at a time, by the log: the drain, finishing requests and closing the
// data, the start of the program, opening the state, and then until it served.
func (p *passed) parts(asked time.Time) (parts []time.Duration) {
	marks := []string{"accepting no more", "stopped", "memory", "the state is open", "serving"}
	last := asked
	logs, err := os.ReadFile(p.logs.Name())
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(logs) {
		var entry struct {
			Time    time.Time `json:"time"`
			Message string    `json:"msg"`
		}
		if json.Unmarshal(line, &entry) != nil || entry.Time.Before(asked) || entry.Message != marks[len(parts)] {
			continue
		}
		parts = append(parts, entry.Time.Sub(last))
		last = entry.Time
		if len(parts) == len(marks) {
			break
		}
	}
	return parts
}
