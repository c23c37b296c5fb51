package network_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/replication/network"
)

// patience is how long a test waits for something that should happen soon, on a slow machine.
const patience = 60 * time.Second

// cluster is an authority, and members on loopback ports.
type cluster struct {
	t         *testing.T
	id        string
	authority *network.Authority

	mu      sync.Mutex // guards all below
	removed map[string]bool
}

func newCluster(t *testing.T, id string) *cluster {
	t.Helper()
	a, err := network.NewAuthority(id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{t: t, id: id, authority: a, removed: map[string]bool{}}
}

// credentials are those of a member, issued at a time.
func (c *cluster) credentials(node string, issued time.Time) *network.Credentials {
	c.t.Helper()
	cert, key := c.certificate(node, issued)
	credentials, err := network.NewCredentials(cert, key, c.authority.Certificate())
	if err != nil {
		c.t.Fatal(err)
	}
	return credentials
}

func (c *cluster) certificate(node string, issued time.Time) (cert, key []byte) {
	c.t.Helper()
	key, err := network.NewKey()
	if err != nil {
		c.t.Fatal(err)
	}
	csr, err := network.NewRequest(key)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, err = c.authority.Sign(csr, node, issued)
	if err != nil {
		c.t.Fatal(err)
	}
	return cert, key
}

// member listens on a free loopback port. It answers calls with from, method and request.
func (c *cluster) member(node string) *network.Network {
	c.t.Helper()
	n := c.listen(network.Options{Credentials: c.credentials(node, time.Now())})
	n.Handle(echo)
	return n
}

func (c *cluster) listen(o network.Options) *network.Network {
	c.t.Helper()
	return c.listenWithin(o, patience, 3*time.Second)
}

// listenWithin is listen with other limits.
func (c *cluster) listenWithin(o network.Options, handshake, stream time.Duration) *network.Network {
	c.t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.Removed = c.isRemoved
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(testWriter{c.t}, nil))
	}
	n, err := network.ListenWithin(o, handshake, stream)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := n.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return n
}

func (c *cluster) isRemoved(node string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.removed[node]
}

func (c *cluster) remove(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removed[node] = true
}

func echo(_ context.Context, from, method string, request []byte) ([]byte, error) {
	return []byte(from + " " + method + " " + string(request)), nil
}

// within is a context that ends when a test has waited too long.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

// testWriter logs to a test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Helper()
	return w.t.Output().Write(b)
}
