package bench

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// ordinaryConnection is the connection of NetHTTP: a client whose transport holds one connection.
type ordinaryConnection struct {
	base      string // scheme and host
	transport *http.Transport
	client    *http.Client
	state     *tls.ConnectionState
	body      bytes.Buffer
}

func newOrdinaryConnection(to target) *ordinaryConnection {
	base := "http://" + to.host
	if to.tls != nil {
		base = "https://" + to.host
	}
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: requestTimeout}).DialContext,
		TLSClientConfig:     to.tls.Clone(), // a copy, since the transport changes it
		TLSHandshakeTimeout: requestTimeout,
		Protocols:           http1,
		MaxConnsPerHost:     1,
		MaxIdleConnsPerHost: 1,
		DisableCompression:  true, // the lean client does not ask for it either
	}
	return &ordinaryConnection{base: base, transport: transport, client: &http.Client{
		Transport:     transport,
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *ordinaryConnection) close() { c.transport.CloseIdleConnections() }

func (c *ordinaryConnection) security() *tls.ConnectionState { return c.state }

func (c *ordinaryConnection) do(r *request) (response, error) {
	sent, err := c.request(r)
	if err != nil {
		return response{}, err
	}
	received, err := c.client.Do(sent)
	if err != nil {
		return response{}, err
	}
	defer received.Body.Close()
	c.state = received.TLS
	answer := response{status: received.StatusCode}
	if seconds, err := strconv.Atoi(received.Header.Get("Retry-After")); err == nil {
		answer.retryAfter = time.Duration(seconds) * time.Second
	}
	// The connection is reused only if the body is read to its end.
	c.body.Reset()
	if _, err := c.body.ReadFrom(io.LimitReader(received.Body, maxBody+1)); err != nil {
		return response{}, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if c.body.Len() > maxBody {
		return response{}, errors.New("the answer is too long")
	}
	answer.body = c.body.Bytes()
	return answer, nil
}

func (c *ordinaryConnection) request(r *request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	sent, err := http.NewRequest(r.method, c.base+r.path, body)
	if err != nil {
		return nil, err
	}
	// Without GetBody the transport can't resend a bet by itself, as it would under an Idempotency-Key. The run must see and
	// count each lost answer.
	sent.GetBody = nil
	sent.Header.Set("User-Agent", "") // leaves it out
	if r.token != "" {
		sent.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.key != "" {
		sent.Header.Set("Idempotency-Key", r.key)
	}
	if r.body != nil {
		sent.Header.Set("Content-Type", "application/json")
	}
	return sent, nil
}
