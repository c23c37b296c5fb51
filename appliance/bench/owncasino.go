package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// OwnCasino is a casino that was started for a measurement: over TLS, without rate limits and without an access log.
type OwnCasino struct {
	URL     string
	Ready   time.Duration // from the start of the process until it was ready for players
	Process *os.Process

	stop   context.CancelFunc
	ended  chan struct{}
	endErr error // once ended is closed
}

// StartCasino starts a casino on a directory, and waits until it is ready for players. The end of ctx stops it.
func (p Program) StartCasino(ctx context.Context, directory string) (*OwnCasino, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	c := &OwnCasino{URL: "https://" + address, ended: make(chan struct{})}
	ctx, c.stop = context.WithCancel(ctx)
	process := p.command(ctx, "serve", "--data-dir", directory, "--tls", "internal", "--https-addr", address,
		"--http-addr", "none", "--ops-addr", "none", "--limits", "off", "--access-log", "off", "--log-level", "warn",
		"--welcome-coins", "100000000", "--bcrypt-cost", "10", "--password-wait", "1m", "--write-timeout", "5m", "--disk-stall-limit", "1m")
	began := time.Now()
	if err := process.Start(); err != nil {
		c.stop()
		return nil, fmt.Errorf("start a casino: %w", err)
	}
	c.Process = process.Process
	go c.wait(process)
	if err := c.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	c.Ready = time.Since(began)
	return c, nil
}

// wait owns the process until it has ended.
func (c *OwnCasino) wait(process *exec.Cmd) {
	c.endErr = process.Wait()
	close(c.ended)
}

// TLS is the client configuration for URL. It trusts any certificate, since the process was started here.
func (c *OwnCasino) TLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

const (
	startPatience = 2 * time.Minute      // the longest time to start
	startInterval = 2 * time.Millisecond // between two probes
)

// awaitReady waits until the casino is ready or has ended.
func (c *OwnCasino) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: c.TLS()}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	again := time.NewTicker(startInterval)
	defer again.Stop()
	for {
		ready, err := c.isReady(ctx, client)
		if ready {
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

func (c *OwnCasino) isReady(ctx context.Context, client *http.Client) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/health/ready", nil)
	if err != nil {
		return false, err
	}
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	return response.StatusCode == http.StatusOK, err
}

// Stop asks the casino to stop and waits until it has. Further calls return the same result.
func (c *OwnCasino) Stop() error {
	c.stop()
	<-c.ended
	if c.endErr == nil || errors.Is(c.endErr, context.Canceled) { // it was asked to stop
		return nil
	}
	return fmt.Errorf("the casino at %s ended: %w", c.URL, c.endErr)
}

// Ports for servers that a program starts. Systems give others to outgoing connections (Linux from 32768 on), and so they
// would give away, to anybody, a port that a server gives up while it restarts.
const firstPort, lastPort = 10_000, 32_767

// FreeAddress returns a loopback address on which nobody listens, chosen at random, for a server that is started on it now and
// perhaps again later.
func FreeAddress() (address string, err error) {
	for range 100 {
		address = fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1))
		listener, failed := net.Listen("tcp", address)
		if failed == nil {
			return address, listener.Close()
		}
		err = failed
	}
	return "", fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, err)
}
