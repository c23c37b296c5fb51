package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Program is the imperio binary, which runs start for their own casinos and bare handlers, each in its own process.
type Program struct {
	Path    string
	Environ []string  // NAME=value
	Stderr  io.Writer // gets the processes' standard error
}

// command is the program with these arguments. When ctx ends, the process gets SIGTERM, then SIGKILL if it does not end in
// time.
func (p Program) command(ctx context.Context, arguments ...string) *exec.Cmd {
	process := exec.CommandContext(ctx, p.Path, arguments...)
	process.Env, process.Stderr = p.Environ, p.Stderr
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = time.Minute
	// A signal from the terminal goes to the whole process group. In its own group, this process is stopped only by ctx.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return process
}

// Run runs the program with these arguments until it ends, and writes what it prints to stdout.
func (p Program) Run(ctx context.Context, stdout io.Writer, arguments ...string) error {
	process := p.command(ctx, arguments...)
	process.Stdout = stdout
	if err := process.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(p.Path), strings.Join(arguments, " "), err)
	}
	return nil
}

// StartBare starts 'imperio bench bare-server', for Options.StartBare.
func (p Program) StartBare(ctx context.Context, secure bool, body []byte) (Bare, func() error, error) {
	arguments, scheme := []string{"bench", "bare-server"}, "http://"
	if secure {
		arguments, scheme = append(arguments, "--tls"), "https://"
	}
	process := p.command(ctx, arguments...)
	input, err := process.StdinPipe()
	if err != nil {
		return Bare{}, nil, err
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return Bare{}, nil, err
	}
	if err := process.Start(); err != nil {
		return Bare{}, nil, err
	}
	stop := func() error { return errors.Join(input.Close(), process.Wait()) }
	_, err = fmt.Fprintln(input, base64.StdEncoding.EncodeToString(body))
	address := ""
	if err == nil {
		address, err = bufio.NewReader(output).ReadString('\n')
	}
	if err != nil {
		return Bare{}, nil, errors.Join(err, stop())
	}
	// The process was started here and has just made its certificate, so trust any certificate.
	return Bare{URL: scheme + strings.TrimSpace(address), TLS: &tls.Config{InsecureSkipVerify: true}}, stop, nil
}
