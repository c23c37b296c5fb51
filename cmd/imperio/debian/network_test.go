package debian

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// dial connects to an address of the machine's own network, which nobody else can reach. The connection is made by a thread that
// has entered that network, and can then be used by all.
func (m *machine) dial(_ context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	dialed := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with this goroutine, and no other runs in that network
		space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.leader))
		if err != nil {
			dialed <- result{nil, err}
			return
		}
		defer space.Close()
		if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			dialed <- result{nil, fmt.Errorf("enter the machine's network: %w", err)}
			return
		}
		d := net.Dialer{FallbackDelay: -1} // no other goroutine: it would run on another thread
		conn, err := d.Dial(network, address)
		dialed <- result{conn, err}
	}()
	r := <-dialed
	return r.conn, r.err
}

// client is an HTTP client of the machine's network. Host names all lead to 127.0.0.1. Its connections are closed at cleanup.
func (m *machine) client(t *testing.T, trust *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: trust, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return m.dial(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// player plays on a casino in the machine.
type player struct {
	client *http.Client
	origin string // such as http://127.0.0.1
	name   string
	token  string
	bets   int
}

// post sends a request and decodes the answer into out. The error has any status but that of success.
func (p *player) post(path, body, key string, out any) error {
	r, err := http.NewRequest(http.MethodPost, p.origin+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %d: %s", path, res.StatusCode, data)
	}
	return json.Unmarshal(data, out)
}

// join opens the player's account, or signs in to it.
func (p *player) join(t *testing.T, path, body string) {
	t.Helper()
	var in struct {
		Token string `json:"token"`
	}
	if err := p.post(path, body, "", &in); err != nil {
		t.Fatal(err)
	}
	if in.Token == "" {
		t.Fatal("no token")
	}
	p.token = in.Token
}

func (p *player) signUp(t *testing.T) {
	t.Helper()
	p.join(t, "/api/v1/accounts", fmt.Sprintf(`{"username": %q, "email": "%s@example.org", "password": "a long password"}`, p.name, p.name))
}

// bet spins once.
func (p *player) bet() error {
	p.bets++
	var out struct{}
	return p.post("/api/v1/games/slots/spins", `{"stake": 1}`, fmt.Sprintf("%s-%d", p.name, p.bets), &out)
}
