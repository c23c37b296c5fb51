package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
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
func (c *benchPlayCommand) runWithOwnCasino(env *environment, options bench.Options) (err error) {
	directory := c.Data
	if directory == "" {
		temporary, err := os.MkdirTemp("", "imperio-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		directory = filepath.Join(temporary, "data")
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	// The casino outlives an interruption of the play, since its books are still to be checked.
	ctx, stop := context.WithCancel(context.WithoutCancel(env.Ctx))
	defer stop()
	casino, err := ownProcess(ctx, "serve", "--data-dir", directory, "--tls", "internal", "--https-addr", address,
		"--http-addr", "none", "--ops-addr", "none", "--limits", "off", "--access-log", "off", "--log-level", "warn",
		"--welcome-coins", "100000000", "--bcrypt-cost", "10")
	if err != nil {
		return err
	}
	if err := casino.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	var endErr error
	go func() {
		endErr = casino.Wait()
		close(ended)
	}()
	options.URL, options.TLS = "https://"+address, &tls.Config{InsecureSkipVerify: true}
	err = awaitCasino(env.Ctx, options.URL, ended)
	if err == nil {
		err = c.measure(env, options)
	}
	stop()
	<-ended
	if !errors.Is(endErr, context.Canceled) { // that it was told to stop is no failure of the casino
		err = errors.Join(err, fmt.Errorf("the casino ended: %w", endErr))
	}
	if err != nil {
		return err
	}
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

// startPatience is how long a casino may take to come up.
const startPatience = time.Minute

// awaitCasino waits until the casino answers, or has ended.
func awaitCasino(ctx context.Context, url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		status, _, err := fetch(ctx, client, url+"/api/v1/games")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ended:
			return errors.New("the casino ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("wait for the casino to answer: %w", errors.Join(ctx.Err(), err))
		case <-again.C:
		}
	}
}

// freeAddress is an address on loopback that nothing listens on at the moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
