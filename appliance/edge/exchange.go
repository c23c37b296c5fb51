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

// exchange is one request and its answer: the context that the handler gets, and the writer that it writes to. It is
// one value with one allocation, since it is made for every request. Only the handler's goroutine may use it, but for
// Value, which is safe for all.
type exchange struct {
	context.Context // the server's
	edge            *Edge
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

	refused   bool // by the edge itself
	uncounted bool // by any zone, as a file

	limitValues [3]string // backs the limit's headers
	forgiving   *zone     // does not count the request if the handler refuses it; nil: none does

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

// Value finds the exchange itself, and else what the server put into the context.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// Header is the answer's.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader begins the answer. With an answer that may be compressed it waits until it is known how long that is.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 || x.hijacked {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		x.w.WriteHeader(status) // interim: the answer is still to come
		return
	}
	x.status = status
	x.forgive(status)
	if x.body.begin(x) {
		return
	}
	x.w.WriteHeader(status)
}

// Write writes to the client, through compression if that was chosen.
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

// WriteString saves handlers that write strings a copy, as far as the server can.
func (x *exchange) WriteString(s string) (int, error) {
	if x.status != 0 && x.body.mode == bodyPlain && !x.hijacked {
		n, err := io.WriteString(x.w, s)
		x.bytes += int64(n)
		return n, err
	}
	return x.Write([]byte(s))
}

// send writes to the client as it is.
func (x *exchange) send(p []byte) (int, error) {
	n, err := x.w.Write(p)
	x.bytes += int64(n)
	return n, err
}

// FlushError sends what was written so far.
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

// Flush is FlushError for those who only know http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// Hijack hands the connection over. From then on the edge only notes how long it was held.
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

// finish ends an answer whose handler has returned.
func (x *exchange) finish() {
	if x.hijacked {
		return
	}
	if x.status == 0 {
		x.status = http.StatusOK // the server says so
	}
	x.body.finish(x)
}
