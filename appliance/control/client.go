package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance/problem"
)

// Client calls operations; see Operation.Call. It is safe for concurrent use. Close it.
type Client struct {
	transport http.RoundTripper
	close     func()
	sudoUser  string
}

// Dial makes a client of the server with the control socket at path. It checks that a server answers there. If none
// does, the error wraps that of the connection (fs.ErrNotExist, syscall.ECONNREFUSED).
func Dial(ctx context.Context, path string) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, fmt.Errorf("connect to the control socket: %w", err)
	}
	_ = conn.Close()
	t := &http.Transport{DialContext: dial, MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second}
	return &Client{transport: t, close: t.CloseIdleConnections}, nil
}

// ForSudo returns the same client, which also says who used sudo: SUDO_USER of the environment, or "".
func (c *Client) ForSudo(user string) *Client {
	return &Client{c.transport, c.close, user}
}

// Local makes a client of a Control in this process: for a data directory that no server runs on.
func Local(c *Control) *Client { return &Client{transport: local{c}, close: func() {}} }

// Close closes the client's connections.
func (c *Client) Close() { c.close() }

// Refusal is the reason why an operation was not done.
type Refusal struct {
	Code    string // stable, e.g. "account_not_found"
	Message string // for people
}

func (e *Refusal) Error() string { return e.Message }

// maxAnswer is how many bytes of an answer are read at most. A page of a thousand accounts is far smaller.
const maxAnswer = 8 << 20

// Call does the operation. If the casino refuses it, the error is a *Refusal.
func (op Operation[In, Out]) Call(ctx context.Context, c *Client, in In) (out Out, err error) {
	defer func() {
		if _, refused := errors.AsType[*Refusal](err); err != nil && !refused {
			err = fmt.Errorf("%s: %w", op.name, err)
		}
	}()
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://imperio"+op.path(), bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	r.Header.Set("Content-Type", "application/json")
	if isUserName(c.sudoUser) {
		r.Header.Set(sudoHeader, c.sudoUser)
	}
	res, err := c.transport.RoundTrip(r)
	if err != nil {
		return out, fmt.Errorf("ask the server: %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return out, fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var d problem.Document
		if err := json.Unmarshal(data, &d); err != nil || d.Code == "" {
			return out, fmt.Errorf("the server answered %s. Does it run the same version as this program?", res.Status)
		}
		return out, &Refusal{Code: d.Code, Message: d.Detail}
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("read the answer: %w", err)
	}
	return out, nil
}

// local carries requests to a handler in this process.
type local struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &recorder{header: make(http.Header), status: http.StatusOK}
	l.handler.ServeHTTP(w, r)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Header: w.header, Body: io.NopCloser(&w.body), Request: r,
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }
