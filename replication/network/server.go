package network

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	transferLimit = 30 * time.Second // how long a request's body or an answer may take on the wire
	// idleLimit is how long a caller may send nothing, also on a new connection. Callers close idle connections earlier, so
	// that none is closed while a call is on its way.
	idleLimit = 2 * time.Minute
)

type callHandler func(ctx context.Context, from, method string, request []byte) (answer []byte, err error)

// Handle sets what answers the calls of other members. from is the id in the caller's certificate. Each call has a
// goroutine of its own. ctx ends when the caller no longer waits, or the network closes. The handler may keep neither
// request nor ctx. It may be set again.
func (n *Network) Handle(handler func(ctx context.Context, from, method string, request []byte) (answer []byte, err error)) {
	h := callHandler(handler)
	n.answer.Store(&h)
}

// connKey is the context key of a request's *conn.
type connKey struct{}

func (n *Network) newServer() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(n.serve),
		ReadHeaderTimeout: idleLimit,
		ReadTimeout:       idleLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelError),
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
		reply(w, http.StatusNotFound, nil)
	}
}

func (n *Network) serveCall(w http.ResponseWriter, r *http.Request, from, method string) {
	handler := n.answer.Load()
	if handler == nil {
		reply(w, http.StatusServiceUnavailable, nil)
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

// readRequest reads a whole body. If it can't, it has answered.
func readRequest(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, ok bool) {
	switch {
	case r.ContentLength < 0:
		reply(w, http.StatusLengthRequired, nil)
		return nil, false
	case r.ContentLength > limit:
		w.Header().Set("Connection", "close")
		reply(w, http.StatusRequestEntityTooLarge, nil)
		return nil, false
	}
	wire := http.NewResponseController(w)
	if err := wire.SetReadDeadline(time.Now().Add(transferLimit)); err != nil {
		return nil, false
	}
	body = make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		w.Header().Set("Connection", "close")
		reply(w, http.StatusBadRequest, nil)
		return nil, false
	}
	// From now on the server reads to notice when the caller hangs up. That may take as long as the handler does.
	if err := wire.SetReadDeadline(time.Time{}); err != nil {
		return nil, false
	}
	return body, true
}

// reply sends an answer, in a bounded time. Each answer must go through it: the time set for the last one on the connection
// has passed. Whoever asked finds out if it fails.
func reply(w http.ResponseWriter, status int, body []byte) {
	if http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferLimit)) != nil {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
