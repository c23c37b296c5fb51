package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"imperio/appliance/bench"
	"imperio/appliance/config"
)

// startBare starts 'imperio bench bare-server', and gives its address.
func startBare(ctx context.Context, secure bool, body []byte) (bench.Bare, func() error, error) {
	arguments := []string{"bench", "bare-server"}
	scheme := "http://"
	if secure {
		arguments, scheme = append(arguments, "--tls"), "https://"
	}
	process, err := ownProcess(ctx, arguments...)
	if err != nil {
		return bench.Bare{}, nil, err
	}
	input, err := process.StdinPipe()
	if err != nil {
		return bench.Bare{}, nil, err
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return bench.Bare{}, nil, err
	}
	if err := process.Start(); err != nil {
		return bench.Bare{}, nil, err
	}
	stop := func() error { return errors.Join(input.Close(), process.Wait()) }
	_, err = fmt.Fprintln(input, base64.StdEncoding.EncodeToString(body))
	address := ""
	if err == nil {
		address, err = bufio.NewReader(output).ReadString('\n')
	}
	if err != nil {
		return bench.Bare{}, nil, errors.Join(err, stop())
	}
	// The certificate was made a moment ago by the process that was started here.
	return bench.Bare{URL: scheme + strings.TrimSpace(address), TLS: &tls.Config{InsecureSkipVerify: true}}, stop, nil
}

// ownProcess is this program with other arguments, and without configuration from the environment. It is told to stop
// when ctx ends, and is killed when it does not.
func ownProcess(ctx context.Context, arguments ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, self, arguments...)
	process.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, config.EnvPrefix) })
	process.Stderr = os.Stderr
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = 30 * time.Second
	// A signal from the terminal goes to a whole group of processes; who is to stop, and when, is said here.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return process, nil
}

// runWithOwnCasino starts a casino, measures it, stops it, and audits its data.
func (c *benchPlayCommand) runWithOwnCasino(env *environment, options bench.Options) error {
	directory := c.Data
	if directory == "" {
		temporary, err := os.MkdirTemp("", "imperio-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		directory = filepath.Join(temporary, "data")
	}
	// The casino outlives an interruption of the play, since its books are still to be checked.
	casino, err := startCasino(context.WithoutCancel(env.Ctx), directory)
	if err != nil {
		return err
	}
	options.URL, options.TLS = casino.url, casino.tls()
	if err := errors.Join(c.measure(env, options), casino.end()); err != nil {
		return err
	}
	return auditOwn(env, directory)
}

// auditOwn proves the books of a data directory, and shows what was proven among the progress.
func auditOwn(env *environment, directory string) error {
	audit, err := ownProcess(env.Ctx, "audit", "--data-dir", directory)
	if err != nil {
		return err
	}
	audit.Stdout = env.Stderr
	if err := audit.Run(); err != nil {
		return fmt.Errorf("the audit of %s: %w", directory, err)
	}
	return nil
}
