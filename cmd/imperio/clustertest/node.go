package clustertest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"imperio/appliance/bench"
)

// Node is one node, in its own process. One goroutine at a time starts and ends it; any goroutine may ask it.
type Node struct {
	Name    string
	Program string // the imperio binary
	Dir     string // the data directory; the log of the process is beside it
	Players string // where players reach it, host:port
	Secure  bool   // players reach it over TLS, with a certificate of the casino's own
	Peers   string // where other members reach it, host:port
	Flags   []string
	// Command makes the process, for a node that needs another one than Program with these arguments. nil: none does.
	Command func(arguments []string) *exec.Cmd

	client  *http.Client
	process *exec.Cmd
	ended   chan error // gets the result of Wait
	log     *os.File
}

// NewNode returns a node that is not started, in a directory of its own below parent. It listens on free loopback ports.
func NewNode(program, parent, name string, flags ...string) (*Node, error) {
	players, err := bench.FreeAddress()
	if err != nil {
		return nil, err
	}
	peers, err := bench.FreeAddress()
	if err != nil {
		return nil, err
	}
	n := &Node{Name: name, Program: program, Dir: filepath.Join(parent, name), Players: players, Peers: peers, Flags: flags}
	n.DialWith((&net.Dialer{}).DialContext)
	return n, nil
}

// DialWith sets how players reach the node. It must be called before anybody asks the node.
func (n *Node) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	n.client = &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: n.TLS(), MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute}}
}

// TLS is how players' programs connect to a secure node. They trust any certificate, since the process was started here.
func (n *Node) TLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// URL is where players reach the node.
func (n *Node) URL() string {
	if n.Secure {
		return "https://" + n.Players
	}
	return "http://" + n.Players
}

// serve are the flags of every node, in pairs: no limits, cheap passwords, and patience with busy machines.
func (n *Node) serve() []string {
	listen := []string{"serve", "--http-addr", n.Players}
	if n.Secure {
		listen = []string{"serve", "--http-addr", "none", "--tls", "internal", "--https-addr", n.Players}
	}
	return slices.Concat(listen, []string{
		"--data-dir", n.Dir, "--cluster-addr", n.Peers, "--ops-addr", "none", "--limits", "off", "--access-log", "off",
		"--welcome-coins", "100000000", "--bcrypt-cost", "10", "--password-wait", "5m", "--write-timeout", "10m",
		"--disk-stall-limit", "10m", "--shutdown-timeout", "1m",
	}, n.Flags)
}

// Start starts the process, with further flags in pairs, and returns at once.
func (n *Node) Start(further ...string) error {
	log, err := os.OpenFile(n.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	arguments := append(n.serve(), further...)
	if n.Command != nil {
		n.process = n.Command(arguments)
	} else {
		n.process = exec.Command(n.Program, arguments...)
	}
	n.process.Stdout, n.process.Stderr = log, log
	// A signal from the terminal goes to the whole process group, and must not end the nodes before the test does.
	n.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.process.Start(); err != nil {
		n.process = nil
		return errors.Join(fmt.Errorf("start %s: %w", n.Name, err), log.Close())
	}
	n.log, n.ended = log, make(chan error, 1)
	go func(process *exec.Cmd, ended chan error) { ended <- process.Wait() }(n.process, n.ended)
	return nil
}

// Running says whether the process was started and has not been waited for.
func (n *Node) Running() bool { return n.process != nil }

// Pid is the id of the running process.
func (n *Node) Pid() int { return n.process.Process.Pid }

// AwaitReady waits until the node serves players. An error says why it does not, with the end of its log.
func (n *Node) AwaitReady(ctx context.Context) error {
	return n.await(ctx, "serve players", func() error {
		status, body, err := n.Call(ctx, http.MethodGet, "/health/ready", Request{})
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("it answers %d: %s", status, bytes.TrimSpace(body))
		}
		return err
	})
}

// interval is the time between two looks at what somebody waits for.
const interval = 20 * time.Millisecond

// await calls try until it succeeds, the process ends, or ctx does.
func (n *Node) await(ctx context.Context, what string, try func() error) error {
	again := time.NewTicker(interval)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case ended := <-n.ended:
			n.forget()
			return fmt.Errorf("%s ended before it could %s: %v\n%s", n.Name, what, ended, n.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s does not %s: %w: %w\n%s", n.Name, what, context.Cause(ctx), err, n.Log())
		case <-again.C:
		}
	}
}

// Signal sends a signal to the running process: SIGSTOP and SIGCONT pause and resume it.
func (n *Node) Signal(signal syscall.Signal) error {
	if err := n.process.Process.Signal(signal); err != nil {
		return fmt.Errorf("send %s to %s: %w", signal, n.Name, err)
	}
	return nil
}

// Kill ends the process with SIGKILL, and waits. A process that is not running stays so.
func (n *Node) Kill() {
	if n.process == nil {
		return
	}
	n.process.Process.Kill() // an error means that it has ended
	<-n.ended
	n.forget()
}

// Stop asks the process to stop, and waits for it. A process that does not stop in time is killed.
func (n *Node) Stop(ctx context.Context) error {
	if err := n.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-n.ended:
		n.forget()
		if err != nil {
			return fmt.Errorf("%s did not stop cleanly: %w\n%s", n.Name, err, n.Log())
		}
		return nil
	case <-ctx.Done():
		n.Kill()
		return fmt.Errorf("%s does not stop: %w\n%s", n.Name, context.Cause(ctx), n.Log())
	}
}

// Ended says whether the process has ended by itself. Then the node may be started again.
func (n *Node) Ended() bool {
	select {
	case <-n.ended:
		n.forget()
	default:
	}
	return n.process == nil
}

// forget lets go of an ended process and of the connections to it.
func (n *Node) forget() {
	n.process = nil
	n.log.Close() // the process wrote it, so there is nothing to lose
	n.client.CloseIdleConnections()
}

// logTail is how much of a log is shown, in bytes.
const logTail = 16 << 10

// Log is the end of what the node's processes have logged.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.Dir + ".log")
	if err != nil {
		return err.Error()
	}
	return "log of " + n.Name + ":\n" + string(text[max(0, len(text)-logTail):])
}

// Run runs another verb on the node's data directory, and returns what it prints to standard output. The error has what
// it prints to standard error.
func (n *Node) Run(ctx context.Context, verb ...string) (string, error) {
	verb = slices.Concat(verb, []string{"--data-dir", n.Dir})
	var out, errors bytes.Buffer
	command := exec.CommandContext(ctx, n.Program, verb...)
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: imperio %s: %w\n%s%s", n.Name, strings.Join(verb, " "), err, out.String(), errors.String())
	}
	return out.String(), nil
}

// Request is what a call sends besides its method and path.
type Request struct {
	Body  string // JSON; "": none
	Token string // of the session; "": none
	Key   string // the Idempotency-Key; "": none
}

// Call sends a request of a player to the node, and returns the status and the body of the answer.
func (n *Node) Call(ctx context.Context, method, path string, r Request) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, n.URL()+path, strings.NewReader(r.Body))
	if err != nil {
		return 0, nil, err
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Idempotency-Key": r.Key} {
		if value != "" && r.Body != "" {
			request.Header.Set(name, value)
		}
	}
	if r.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.Token)
	}
	answer, err := n.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, body, err
}
