package network

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

const (
	callPath   = "/call/"
	joinPath   = "/join"
	callLimit  = time.Minute // how long a call whose caller sets no deadline may take
	maxCalls   = 32          // calls under way to one member
	maxMessage = 64 << 10    // of an error, in bytes
)

// Call asks the member with an id at an address, and returns its answer. With an empty id any member may answer. The error
// wraps ErrNotReached if the request never reached the member, and ErrRemoved as well if this node has been removed. It is
// a *CallError if the member answered with one. After any other error nobody knows whether the member got the request.
// Requests and answers have up to MaxCall bytes. A call without a deadline ends after a minute.
func (n *Network) Call(ctx context.Context, id, address, method string, request []byte) (answer []byte, err error) {
	if len(request) > MaxCall {
		return nil, fmt.Errorf("call %s: %w: the request has %d bytes, more than %d", method, ErrNotReached, len(request), MaxCall)
	}
	if _, has := ctx.Deadline(); !has {
		limited, done := context.WithTimeout(ctx, callLimit)
		defer done()
		ctx = limited
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()

	connected := false // the client calls both functions before it writes, in this goroutine
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connected = false },
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	// The host names the target for the client's pool of connections; newClient reads it.
	u := url.URL{Scheme: "https", Host: hex.EncodeToString([]byte(target(id, address))), Path: callPath + method}
	r, err := http.NewRequestWithContext(traced, http.MethodPost, u.String(), bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w: %w", method, ErrNotReached, err)
	}
	response, err := n.client.RoundTrip(r)
	if err != nil {
		if !connected && !errors.Is(err, ErrNotReached) {
			err = fmt.Errorf("%w: %w", ErrNotReached, err)
		}
		return nil, fmt.Errorf("call %s of %s: %w", method, memberName(id), err)
	}
	defer response.Body.Close()
	answer, err = readAnswer(response)
	if refused := (*CallError)(nil); err != nil && !errors.As(err, &refused) {
		return nil, fmt.Errorf("call %s of %s at %s: %w", method, memberName(id), address, err)
	}
	return answer, err
}

func readAnswer(r *http.Response) ([]byte, error) {
	if r.StatusCode == http.StatusOK {
		if r.ContentLength < 0 || r.ContentLength > MaxCall {
			return nil, fmt.Errorf("the answer has %d bytes; the limit is %d", r.ContentLength, MaxCall)
		}
		answer := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, answer); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		return answer, nil
	}
	message, err := io.ReadAll(io.LimitReader(r.Body, maxMessage))
	if err != nil {
		return nil, fmt.Errorf("read the error that was answered: %w", err)
	}
	switch r.StatusCode {
	case http.StatusUnprocessableEntity:
		return nil, &CallError{string(message)}
	case http.StatusServiceUnavailable:
		return nil, fmt.Errorf("%w: it is starting", ErrNotReached)
	default:
		return nil, fmt.Errorf("the member answered with status %d", r.StatusCode)
	}
}

func (n *Network) newClient() *http.Transport {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, host string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(host)
			if err != nil {
				return nil, err
			}
			to, err := hex.DecodeString(host)
			if err != nil {
				return nil, err
			}
			c, err := n.dial(ctx, string(to), callProtocol)
			if err != nil {
				return nil, err // not c: a nil *conn is no nil net.Conn
			}
			return c, nil
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxCalls / 2,
		MaxConnsPerHost:     maxCalls,
		IdleConnTimeout:     idleLimit / 2,
	}
}
