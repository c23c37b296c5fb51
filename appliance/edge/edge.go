package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"imperio/appliance/problem"
)

// Edge is the middleware, the limits and the listeners of one node. It is safe for concurrent use, has no goroutine
// of its own, and needs no closing.
type Edge struct {
	options  Options
	proxies  proxies
	headers  securityHeaders
	origins  origins
	zones    *zones
	counts   connectionCounts
	observer Observer
	now      func() time.Time

	// A flood must not fill the disk with lines in the access log, which would stop the bets of all. limitedLines bounds
	// those about requests that the edge refused, fileLines those of each address about requests that no zone counts.
	limitedLines *rate.Limiter
	fileLines    *buckets
}

// How many lines a second, and at once, tell of requests that the edge refused, and of one address's requests for files:
// a page asks for some 40 of them. Metrics count all.
const (
	limitedLinesRate, limitedLinesBurst = 20, 200
	fileLinesRate, fileLinesBurst       = 2, 200
	fileLinesAddresses                  = 4096 // that are remembered
)

// New makes an Edge.
func New(o Options) (*Edge, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	zs, err := newZones(o.Zones, o.MaxBuckets)
	if err != nil {
		return nil, err
	}
	e := &Edge{
		options: o, proxies: o.TrustedProxies, headers: newSecurityHeaders(o), origins: newOrigins(o.CORSOrigins),
		zones: zs, observer: o.Observer, now: o.Now, limitedLines: rate.NewLimiter(limitedLinesRate, limitedLinesBurst),
		fileLines: newBuckets(fileLinesRate, fileLinesBurst, fileLinesAddresses),
	}
	e.counts.clients = make(map[bucketKey]int)
	if e.observer == nil {
		e.observer = nobody{}
	}
	if e.now == nil {
		e.now = time.Now
	}
	return e, nil
}

// Handler puts everything that every request passes in front of next.
func (e *Edge) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{Context: r.Context(), edge: e, w: w, start: time.Now()}
		r = r.WithContext(x)
		x.request = r
		defer x.end()
		if !x.admit() {
			return
		}
		next.ServeHTTP(x, r)
	})
}

// admit does all that comes before the handler. When it says no, it has answered.
func (x *exchange) admit() bool {
	e, r := x.edge, x.request
	h := x.w.Header()
	crowded := x.identify(h)
	e.headers.set(h, r.URL.Path, x.secure)
	if len(r.TransferEncoding) > 0 {
		// A chunked body may have come with a length, which the server has dropped unseen, and which a proxy may have
		// gone by: what follows on this connection can't be trusted (RFC 9112, 6.1).
		h["Connection"] = []string{"close"}
	}
	if crowded {
		h["Connection"] = []string{"close"}
		return x.refuse(problemTooManyConnections)
	}
	if e.options.MaxHeaderBytes > 0 && headerBytes(r) > e.options.MaxHeaderBytes {
		h["Connection"] = []string{"close"}
		return x.refuse(problemHeaderTooLarge)
	}
	if isProbe(r) {
		return x.boundBody(h)
	}
	preflight := (len(r.Header["Origin"]) > 0 || len(e.origins.allowed) > 0) && e.origins.annotate(h, r)
	foreign := !preflight && e.origins.refuses(r, x.secure)
	x.uncounted = isRead(r) && e.options.Uncounted != nil && e.options.Uncounted(r)
	z := e.zones.of(r)
	if preflight || foreign {
		z = e.zones.rest // a foreign page must not use up the sign-ups and spins of its visitor
	}
	if z != nil && (!x.uncounted || foreign) && !x.limitAddress(z) {
		return x.refuse(problemRateLimited)
	}
	switch {
	case preflight:
		return x.preflight(h)
	case foreign:
		return x.refuse(problemForeignPage)
	}
	return x.boundBody(h)
}

// identify finds out who asks and gives the request its id. crowded says whether the client's address holds more
// connections than it may.
func (x *exchange) identify(h http.Header) (crowded bool) {
	e, r := x.edge, x.request
	c, _ := x.Context.Value(connectionKey{}).(*connection)
	peer := peerOf(c, r)
	if x.address, x.secure = peer, r.TLS != nil; c == nil || !c.unknown {
		x.address, x.secure, x.proxied = e.proxies.client(peer, r)
	}
	if x.proxied {
		if ids := r.Header["X-Request-Id"]; len(ids) == 1 && validRequestID(ids[0]) {
			x.id = ids[0]
		}
	}
	if x.id == "" {
		x.id = newRequestID()
	}
	x.idValue[0] = x.id
	h["X-Request-Id"] = x.idValue[:]
	return c != nil && c.crowded
}

// preflight answers a preflight: 204 with or 403 without permission.
func (x *exchange) preflight(h http.Header) bool {
	x.route = "preflight"
	if _, ok := h["Access-Control-Allow-Origin"]; !ok {
		return x.refuse(problemForeignPreflight)
	}
	x.refused = true // it costs as little, and says as little
	x.WriteHeader(http.StatusNoContent)
	return false
}

// boundBody bounds how long a request's body may be, and how long it may take.
func (x *exchange) boundBody(h http.Header) bool {
	o, r := &x.edge.options, x.request
	if r.ContentLength == 0 {
		return true
	}
	if o.MaxBodyBytes > 0 {
		if r.ContentLength > o.MaxBodyBytes {
			h["Connection"] = []string{"close"} // else the server would read on to keep the connection
			return x.refuse(problemBodyTooLarge)
		}
		if r.ContentLength < 0 {
			r.Body = http.MaxBytesReader(x.w, r.Body, o.MaxBodyBytes)
		}
	}
	if o.BodyTimeout > 0 {
		// The server's own deadline is for header and body together; this one is exact. A writer that knows no
		// deadlines belongs to no server.
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(o.BodyTimeout))
	}
	return true
}

// refuse answers with a problem. It returns false, for admit.
func (x *exchange) refuse(p problem.Document) bool {
	x.refused = true
	if x.route == "" {
		x.route = "refused"
	}
	WriteProblem(x, x.request, p)
	return false
}

// end is deferred by Handler: it takes a panic of the handler, ends the answer, and reports.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.panicked(p)
	}
	x.finish()
	x.report()
}

// panicked turns a handler's panic into a 500. What the panic says goes to the log with its stack, never to the client.
// If the answer has begun, only cutting the connection tells the client that it is not whole.
func (x *exchange) panicked(p any) {
	abort := errors.Is(asError(p), http.ErrAbortHandler)
	if !abort {
		x.edge.observer.Panicked()
		x.edge.options.Log.LogAttrs(context.WithoutCancel(x), slog.LevelError, "handler panicked",
			slog.Any("panic", p), slog.String("request_id", x.id), slog.String("route", x.routeLabel()),
			slog.String("stack", string(debug.Stack())))
	}
	if x.hijacked {
		return
	}
	held := x.body.mode == bodyPending // nothing has gone out yet
	x.body.discard()
	if abort || (x.status != 0 && !held) {
		if x.status == 0 || held {
			x.status = http.StatusInternalServerError // for the log: the client gets nothing
		}
		x.report()
		panic(http.ErrAbortHandler)
	}
	x.status = 0
	h := x.w.Header()
	clear(h)
	h["X-Request-Id"] = []string{x.id}
	x.edge.headers.set(h, x.request.URL.Path, x.secure)
	WriteProblem(x, x.request, problemPanic)
}

func asError(p any) error {
	err, _ := p.(error)
	return err
}

// report tells the access log and the observer.
func (x *exchange) report() {
	took := time.Since(x.start)
	x.edge.observer.RequestDone(x.routeLabel(), methodLabel(x.request.Method), x.status, took, x.bytes)
	if x.edge.options.AccessLog != nil && x.worthALine() {
		x.log(took)
	}
}

// worthALine says whether the access log tells of the request.
func (x *exchange) worthALine() bool {
	switch e := x.edge; {
	case x.refused:
		return e.limitedLines.Allow()
	case x.uncounted:
		told, _ := e.fileLines.take(clientKey(x.address), e.now(), 1)
		return told
	}
	return !isProbe(x.request)
}

// routeLabel is the route's pattern. It never is what the client sent.
func (x *exchange) routeLabel() string {
	if x.route != "" {
		return x.route
	}
	switch path := x.request.URL.Path; {
	case isHealth(path):
		return "/health"
	case path == "/metrics":
		return path
	}
	return "other"
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// headerBytes is the size of a request's line and headers as HTTP/1.1 writes them.
func headerBytes(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + 4 + len("Host: ") + len(r.Host) + 2 + 2
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// hasToken says whether a header's lists hold a token, without regard to case.
func hasToken(values []string, token string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// nobody is the Observer when there is none.
type nobody struct{}

func (nobody) RequestDone(string, string, int, time.Duration, int64) {}
func (nobody) LimitDecision(string, string, bool)                    {}
func (nobody) ConnectionOpened()                                     {}
func (nobody) ConnectionClosed()                                     {}
func (nobody) ConnectionRefused(string)                              {}
func (nobody) Panicked()                                             {}
