package edge

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// exchange is one request and its answer. It is both the context that the handler gets and the writer that it writes to,
// so that a request costs one allocation. Only the handler's goroutine may use it, except for Value, which is safe for
// concurrent use.
type exchange struct {
	context.Context // the server's
	edge            *Edge
	settings        *settings           // in force when the request came
	w               http.ResponseWriter // the server's
	request         *http.Request

	start   time.Time
	id      string
	idValue [1]string // backs the header
	address netip.Addr
	secure  bool
	proxied bool // by a trusted proxy
	route   string
	account string

	refused   bool // by the edge itself, or by the handler to bound its work
	uncounted bool // no zone counts it: it reads a file

	limitValues [3]string // backs the rate limit headers
	forgiving   *zone     // takes the request back if the handler refuses it; nil: none

	status        int // 0: not answered yet
	bytes         int64
	hijacked      bool
	neverCompress bool
	body          bodyWriter
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// Value returns the exchange itself for its key, else what the server put into the context.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// Header is the answer's.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader begins the answer. If the answer may be compressed, the header waits until its length is known.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 || x.hijacked {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		x.w.WriteHeader(status) // interim; the answer is still to come
		return
	}
	x.status = status
	x.farewell()
	x.forgive(status)
	if x.body.begin(x) {
		return
	}
	x.w.WriteHeader(status)
}

// farewell asks the client of a node that stops to use another connection. Over HTTP/2, the server makes GOAWAY of it.
func (x *exchange) farewell() {
	if x.edge.drain.on.Load() && x.status != http.StatusSwitchingProtocols {
		x.w.Header()["Connection"] = []string{"close"}
	}
}

// Write writes to the client, compressed if begin decided so.
func (x *exchange) Write(p []byte) (int, error) {
	if x.hijacked {
		return 0, http.ErrHijacked
	}
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.body.mode != bodyPlain {
		return x.body.write(x, p)
	}
	return x.send(p)
}

// WriteString saves handlers a copy, where the server can.
func (x *exchange) WriteString(s string) (int, error) {
	if x.status != 0 && x.body.mode == bodyPlain && !x.hijacked {
		n, err := io.WriteString(x.w, s)
		x.bytes += int64(n)
		return n, err
	}
	return x.Write([]byte(s))
}

// send writes to the client, unchanged.
func (x *exchange) send(p []byte) (int, error) {
	n, err := x.w.Write(p)
	x.bytes += int64(n)
	return n, err
}

// FlushError sends what has been written so far.
func (x *exchange) FlushError() error {
	if x.hijacked {
		return http.ErrHijacked
	}
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if err := x.body.flush(x); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// Flush is FlushError for http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// Hijack hands over the connection. After that, the edge only measures how long it was held.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(x.w).Hijack()
	if err == nil {
		x.hijacked = true
		if x.status == 0 {
			x.status = http.StatusSwitchingProtocols
		}
	}
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the server's writer, for deadlines and full duplex.
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

// finish ends the answer after the handler has returned.
func (x *exchange) finish() {
	if x.hijacked {
		return
	}
	if x.status == 0 {
		x.status = http.StatusOK // what the server sends
		x.farewell()
	}
	x.body.finish(x)
}
