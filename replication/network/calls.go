package network

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

const (
	callPath = "/call/"
	joinPath = "/join"
)

const (
	callLimit     = time.Minute      // how long a call whose caller sets no deadline may take
	headerLimit   = 5 * time.Second  // how long a request may take up to its body
	transferLimit = 30 * time.Second // how long a request or an answer may take on the wire
	idleLimit     = 2 * time.Minute  // the listener's; callers close earlier
	maxCalls      = 32               // calls under way to one member
	maxMessage    = 64 << 10         // of an error, in bytes
)

type callHandler func(ctx context.Context, from, method string, request []byte) (answer []byte, err error)

// Handle sets what answers the calls of other members. from is the id in the caller's certificate. Each call has a
// goroutine of its own. ctx ends when the caller no longer waits, or the network closes. The handler may keep neither
// request nor ctx. It may be set again.
func (n *Network) Handle(handler func(ctx context.Context, from, method string, request []byte) (answer []byte, err error)) {
	h := callHandler(handler)
	n.answer.Store(&h)
}

// Call asks the member with an id at an address, and returns its answer. With an empty id any member may answer. The error
// wraps ErrNotReached if the request never reached the member, and ErrRemoved as well if this node has been removed. It is
// a *CallError if the member answered with one. After any other error nobody knows whether the member got the request.
// Requests and answers have up to MaxCall bytes. A call without a deadline ends after a minute.
func (n *Network) Call(ctx context.Context, id, address, method string, request []byte) (answer []byte, err error) {
	if len(request) > MaxCall {
		return nil, fmt.Errorf("call %s: %w: the request has %d bytes, more than %d", method, ErrNotReached, len(request), MaxCall)
	}
	cancel := func() {}
	if _, has := ctx.Deadline(); has {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, callLimit)
	}
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
		if !connected {
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

// connKey is the context key of a request's *conn.
type connKey struct{}

func (n *Network) newServer() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(n.serve),
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       transferLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return n.life },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(_ net.Conn, s http.ConnState) { // a closed connection's handler has returned
			switch s {
			case http.StateNew:
				n.work.Add(1)
			case http.StateClosed:
				n.work.Done()
			}
		},
	}
}

func (n *Network) serve(w http.ResponseWriter, r *http.Request) {
	from := r.Context().Value(connKey{}).(*conn).peer
	method, call := strings.CutPrefix(r.URL.Path, callPath)
	switch {
	case r.Method == http.MethodPost && from != "" && call:
		n.serveCall(w, r, from, method)
	case r.Method == http.MethodPost && from == "" && r.URL.Path == joinPath:
		n.serveJoin(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (n *Network) serveCall(w http.ResponseWriter, r *http.Request, from, method string) {
	handler := n.answer.Load()
	if handler == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	request, ok := readRequest(w, r, MaxCall)
	if !ok {
		return
	}
	answer, err := (*handler)(r.Context(), from, method, request)
	switch {
	case err != nil:
		message := err.Error()
		reply(w, http.StatusUnprocessableEntity, []byte(message[:min(len(message), maxMessage)]))
	case len(answer) > MaxCall:
		n.log.Error("the answer to a call is too large", "method", method, "bytes", len(answer), "limit", MaxCall)
		reply(w, http.StatusInternalServerError, nil)
	default:
		reply(w, http.StatusOK, answer)
	}
}

// readRequest reads a whole body, with the time that the server allows for it. Otherwise it has answered.
func readRequest(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, ok bool) {
	switch {
	case r.ContentLength < 0:
		w.WriteHeader(http.StatusLengthRequired)
		return nil, false
	case r.ContentLength > limit:
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil, false
	}
	body = make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusBadRequest)
		return nil, false
	}
	// From now on the server reads to notice when the caller hangs up. That may take as long as the handler does.
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		return nil, false
	}
	return body, true
}

// reply sends an answer, with a bounded time. Whoever asked finds out if it fails.
func reply(w http.ResponseWriter, status int, body []byte) {
	if http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferLimit)) != nil {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
