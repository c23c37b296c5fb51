package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"imperio/appliance/problem"
)

// Edge is the middleware, the limits and the listeners of one node. It is safe for concurrent use, starts no goroutine,
// and needs no closing.
type Edge struct {
	options Options
	proxies proxies
	headers securityHeaders
	counts  connectionCounts
	drain   draining
	// strangers are peers that forward without being trusted.
	strangers strangers
	observer  Observer
	now       func() time.Time
	began     time.Time
	settings  atomic.Pointer[settings]
	changing  sync.Mutex // held while settings are replaced

	// A flood must not fill the disk with access log lines, since a full disk stops everybody's bets. limitedLines bounds
	// the lines about refused requests, fileLines each address's lines about requests that no zone counts.
	limitedLines *rate.Limiter
	fileLines    *buckets
}

// Lines about refused requests: up to 20 per second, burst 200. Lines about files: up to 2 per second and address, burst
// 200; a page loads about 40 files. Metrics count every request.
const (
	limitedLinesRate, limitedLinesBurst = 20, 200
	fileLinesRate, fileLinesBurst       = 2, 200
	fileLinesAddresses                  = 4096 // remembered at most
)

// New makes an Edge.
func New(o Options) (*Edge, error) {
	if err := errors.Join(o.validate(), o.Settings.validate(o.MaxBuckets)); err != nil {
		return nil, err
	}
	e := &Edge{
		options: o, proxies: o.TrustedProxies, headers: newSecurityHeaders(o),
		observer: o.Observer, now: o.Now, began: time.Now(), limitedLines: rate.NewLimiter(limitedLinesRate, limitedLinesBurst),
		fileLines: newBuckets(fileLinesRate, fileLinesBurst, fileLinesAddresses),
	}
	e.counts.open, e.counts.groups = make(crowd), make(map[bucketKey]crowd)
	e.strangers.log = o.Log
	e.drain.quiet, e.drain.silent, e.drain.begin = quietTime, silentTime, beginTime
	if e.observer == nil {
		e.observer = nobody{}
	}
	if e.now == nil {
		e.now = time.Now
	}
	if err := e.Change(o.Settings); err != nil {
		return nil, err
	}
	return e, nil
}

// Handler wraps next in everything that a request passes.
func (e *Edge) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			if !c.begin() {
				panic(http.ErrAbortHandler) // it gave way when the request came, so the client gets no answer
			}
			defer c.end()
		}
		x := &exchange{Context: r.Context(), edge: e, settings: e.settings.Load(), w: w, start: time.Now()}
		r = r.WithContext(x)
		x.request = r
		defer x.end()
		if !x.admit() {
			return
		}
		next.ServeHTTP(x, r)
	})
}

// admit does everything that comes before the handler. If it returns false, it has answered.
func (x *exchange) admit() bool {
	e, s, r := x.edge, x.settings, x.request
	h := x.w.Header()
	crowded := x.identify(h)
	e.headers.set(h, x.isData(), x.secure)
	if len(r.TransferEncoding) > 0 {
		// A chunked body may also have had a length. The server drops it unseen, but a proxy may have used it. What follows
		// on this connection can't be trusted (RFC 9112, 6.1).
		h["Connection"] = []string{"close"}
	}
	if crowded {
		h["Connection"] = []string{"close"}
		h[headerRetryAfter] = crowdedRetryAfter
		return x.refuse(problemTooManyConnections)
	}
	if e.options.MaxHeaderBytes > 0 && headerBytes(r) > e.options.MaxHeaderBytes {
		h["Connection"] = []string{"close"}
		return x.refuse(problemHeaderTooLarge)
	}
	if isProbe(r) {
		return x.boundBody(h)
	}
	from := s.originsOf(r.URL.Path)
	preflight := (len(r.Header["Origin"]) > 0 || len(from.allowed) > 0) && from.annotate(h, r)
	foreign := !preflight && from.refuses(r, x.secure)
	x.uncounted = isRead(r) && e.options.Uncounted != nil && e.options.Uncounted(r)
	z := s.zones.of(r)
	if preflight || foreign {
		z = s.zones.rest // a foreign page must not use up its visitor's sign-ups and spins
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

// identify finds the client and sets the request id. crowded says whether the connection is above its address's cap.
func (x *exchange) identify(h http.Header) (crowded bool) {
	e, r := x.edge, x.request
	c, _ := x.Context.Value(connectionKey{}).(*connection)
	peer := peerOf(c, r)
	if x.address, x.secure = peer, r.TLS != nil; c == nil || !c.unknown {
		x.address, x.secure, x.proxied = e.proxies.client(peer, r)
		if !x.proxied {
			e.strangers.look(peer, r.Header)
		}
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

// preflight answers a preflight: 204 if the origin is allowed, else 403.
func (x *exchange) preflight(h http.Header) bool {
	x.route = "preflight"
	if _, ok := h["Access-Control-Allow-Origin"]; !ok {
		return x.refuse(problemForeignPreflight)
	}
	x.refused = true // logged like a refusal: it is as cheap to send, and as uninteresting
	x.WriteHeader(http.StatusNoContent)
	return false
}

// boundBody limits the size of the request's body, and the time to read it.
func (x *exchange) boundBody(h http.Header) bool {
	o, r := &x.edge.options, x.request
	if r.ContentLength == 0 {
		return true
	}
	if o.MaxBodyBytes > 0 {
		if r.ContentLength > o.MaxBodyBytes {
			h["Connection"] = []string{"close"} // else the server would read the body to keep the connection
			return x.refuse(problemBodyTooLarge)
		}
		if r.ContentLength < 0 {
			r.Body = http.MaxBytesReader(x.w, r.Body, o.MaxBodyBytes)
		}
	}
	if o.BodyTimeout > 0 {
		// The server's own deadline is for header and body together. This one is exact. Only a writer outside a server has
		// no deadlines.
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

// end is deferred by Handler. It recovers a panic of the handler, ends the answer, and reports.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.panicked(p)
	}
	x.finish()
	x.report()
}

// panicked turns a handler's panic into a 500. Its text and stack go to the log, never to the client. If the answer has
// begun, it cuts the connection: nothing else tells the client that the answer is incomplete.
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
			x.status = http.StatusInternalServerError // for the log; the client gets nothing
		}
		x.report()
		panic(http.ErrAbortHandler)
	}
	x.status = 0
	h := x.w.Header()
	clear(h)
	h["X-Request-Id"] = []string{x.id}
	x.edge.headers.set(h, x.isData(), x.secure)
	WriteProblem(x, x.request, problemPanic)
}

func asError(p any) error {
	err, _ := p.(error)
	return err
}

// report informs the access log and the observer.
func (x *exchange) report() {
	took := time.Since(x.start)
	x.edge.observer.RequestDone(x.routeLabel(), methodLabel(x.request.Method), x.status, took, x.bytes)
	if x.settings.AccessLog != nil && x.worthALine() {
		x.log(took)
	}
}

// worthALine says whether the request gets a line in the access log.
func (x *exchange) worthALine() bool {
	switch e := x.edge; {
	case x.refused:
		return e.limitedLines.AllowN(e.now(), 1)
	case x.uncounted:
		told, _ := e.fileLines.take(clientKey(x.address), e.now(), 1)
		return told
	}
	return !isProbe(x.request)
}

// routeLabel is the route's pattern, never what the client sent.
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

// headerBytes is the size of the request line and the headers in HTTP/1.1.
func headerBytes(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + 4 + len("Host: ") + len(r.Host) + 2 + 2
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// hasToken says whether a header's lists hold a token, ignoring case.
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

// nobody is the Observer where none is given.
type nobody struct{}

func (nobody) RequestDone(string, string, int, time.Duration, int64) {}
func (nobody) LimitDecision(string, string, bool)                    {}
func (nobody) ConnectionOpened()                                     {}
func (nobody) ConnectionClosed()                                     {}
func (nobody) ConnectionRefused(string)                              {}
func (nobody) ConnectionGaveWay(string)                              {}
func (nobody) Panicked()                                             {}
