package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	"imperio/appliance"
	"imperio/appliance/control"
)

// ownCasino is a casino that was started to be measured, as a process of its own: over TLS, without limits and without
// an access log. It is told to stop when the context that it was started with ends.
type ownCasino struct {
	directory string
	url       string
	ready     time.Duration // from the start of the process until it was ready for players
	process   *exec.Cmd
	stop      context.CancelFunc
	ended     chan struct{}
	endErr    error // once ended is closed
	killed    bool  // by us
}

// startCasino starts a casino on a directory, and waits until it is ready for players.
func startCasino(ctx context.Context, directory string) (*ownCasino, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	c := &ownCasino{directory: directory, url: "https://" + address, ended: make(chan struct{})}
	ctx, c.stop = context.WithCancel(ctx)
	c.process, err = ownProcess(ctx, "serve", "--data-dir", directory, "--tls", "internal", "--https-addr", address,
		"--http-addr", "none", "--ops-addr", "none", "--limits", "off", "--access-log", "off", "--log-level", "warn",
		"--welcome-coins", "100000000", "--bcrypt-cost", "10")
	began := time.Now()
	if err == nil {
		err = c.process.Start()
	}
	if err != nil {
		c.stop()
		return nil, err
	}
	go func() {
		c.endErr = c.process.Wait()
		close(c.ended)
	}()
	if err := c.await(ctx); err != nil {
		return nil, errors.Join(err, c.end())
	}
	c.ready = time.Since(began)
	return c, nil
}

// tls is what a client of the casino trusts: whoever was started here a moment ago.
func (c *ownCasino) tls() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

const (
	startPatience = time.Minute          // how long a casino may take to come up
	startInterval = 2 * time.Millisecond // between two looks whether it is ready
)

// await waits until the casino is ready, or has ended.
func (c *ownCasino) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: c.tls()}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	again := time.NewTicker(startInterval)
	defer again.Stop()
	for {
		status, _, err := fetch(ctx, client, c.url+"/health/ready")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-c.ended:
			return errors.New("the casino ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("wait for the casino to be ready: %w", errors.Join(ctx.Err(), err))
		case <-again.C:
		}
	}
}

// end has the casino stop, and waits until it has. That it was told to is no failure. It may be called again.
func (c *ownCasino) end() error {
	c.stop()
	<-c.ended
	if c.endErr == nil || c.killed || errors.Is(c.endErr, context.Canceled) {
		return nil
	}
	return fmt.Errorf("the casino on %s ended: %w", c.directory, c.endErr)
}

// kill ends the casino at once, as a power cut would.
func (c *ownCasino) kill() error {
	if err := c.process.Process.Kill(); err != nil {
		return fmt.Errorf("kill the casino on %s: %w", c.directory, err)
	}
	c.killed = true
	<-c.ended
	return nil
}

// ask opens the operator's socket of the casino.
func (c *ownCasino) ask(ctx context.Context, do func(*control.Client) error) error {
	client, err := control.Dial(ctx, filepath.Join(c.directory, appliance.SocketFile))
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client)
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
