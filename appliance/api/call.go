package api

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/julienschmidt/httprouter"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/appliance/request"
	"imperio/storage/command"
)

// call is one request while it is being answered. Pooled: don't retain it or its buffers after the handler returns.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	params   httprouter.Params
	route    string    // the pattern of its address
	now      time.Time // the casino's time when the request came, UTC, to the millisecond
	began    time.Time // by this machine's clock
	secure   bool
	terms    *terms            // in force when the request came
	session  command.Session   // on signed-in routes
	named    command.AccountID // that a sign-in or a sign-up is about, whether it succeeds or not; 0: none
	body     []byte            // of the request
	panicked bool
	out      bytes.Buffer // the answer
}

// answer is what a handler returns for a request that succeeded.
type answer struct {
	status    int // 204 has no body
	value     any // marshalled as the body
	raw       []byte
	mediaType string // of raw
	location  string // of what was created, with 201; a path
	lasting   bool   // the same for everybody, and seldom another: it has an ETag, and clients may keep it and ask again
	cookie    *http.Cookie
	device    *http.Cookie // by which the account knows the browser
	replayed  bool         // the answer to an earlier request with the same idempotency key
	taken     bool         // the handler took over the connection, and is done with it
}

// maxPooled is the size of the largest buffer that goes back to the pool.
const maxPooled = 64 << 10

var calls = sync.Pool{New: func() any { return new(call) }}

// Shared values of headers: net/http only reads them.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	noCache  = []string{"no-cache"} // may be kept, and must be revalidated before each use
	yes      = []string{"true"}
)

// serve answers one request. Every route passes here: it authenticates, calls the handler, answers, logs and observes.
func (a *API) serve(w http.ResponseWriter, r *http.Request, ps httprouter.Params, rt *route) {
	c := calls.Get().(*call)
	c.w, c.r, c.params, c.route = w, r, ps, rt.path
	c.began = time.Now()
	c.now = a.o.Now().UTC().Truncate(time.Millisecond)
	c.secure = a.o.Secure(r)
	c.terms = a.terms.Load()
	ans, err := a.do(c, rt)
	seen := Observation{Route: rt.path, Account: c.account(), Panicked: c.panicked}
	if err == nil && !ans.taken {
		err = c.render(&ans)
	}
	if err != nil {
		p := problem.Of(err)
		seen.Status, seen.Code = p.Status, p.Code
		a.log(c, p)
		c.refuse(p, !ans.taken)
	} else {
		if !ans.taken {
			c.answer(&ans)
		}
		seen.Status = ans.status
	}
	seen.Took = time.Since(c.began)
	a.o.Observe(r, seen)
	if cap(c.body) <= maxPooled+bytes.MinRead && c.out.Cap() <= maxPooled {
		c.release()
	}
}

// account is whom the request is about; 0: nobody, as far as is known.
func (c *call) account() command.AccountID { return cmp.Or(c.session.Account, c.named) }

// release puts the call back into the pool.
func (c *call) release() {
	body, out := c.body[:0], c.out
	out.Reset()
	*c = call{body: body, out: out}
	calls.Put(c)
}

// do authenticates a request and calls its handler. A panic of the handler only fails this request.
func (a *API) do(c *call, rt *route) (ans answer, err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			c.panicked = true
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	token, fromCookie := auth.Token(c.r, c.secure)
	if err := a.checkOrigin(c, token != "", fromCookie); err != nil {
		return answer{}, err
	}
	need := rt.need
	if need == anyone {
		if err := a.recognize(c, token); err != nil {
			return answer{}, err
		}
		if c.session.ID == 0 {
			need = anybody
		}
	} else if need != anybody {
		if err := a.authenticate(c, token); err != nil {
			return answer{}, err
		}
	}
	if need != anybody {
		if err := need.allow(c.session.Scopes); err != nil {
			return answer{}, err
		}
		if wait, ok := a.o.Admit(c.r.Context(), c.w.Header(), rt.path, uint64(c.session.Account)); !ok {
			p := refuse("rate_limited", "Too many requests.")
			p.RetryAfter = max(wait, time.Second)
			return answer{}, p
		}
	}
	return rt.handle(a, c)
}

// pass returns the refusal of a gate, if it refuses. Bets and daily coins don't use it; see proposeUnless.
func pass(gate func() *command.Refusal) error {
	if r := gate(); r != nil {
		return r
	}
	return nil
}

// checkOrigin refuses writes that pages of other sites make with the browser's cookie. It also refuses sign-ins and
// sign-ups from pages of unknown sites.
func (a *API) checkOrigin(c *call, signed, fromCookie bool) error {
	guard := c.terms.trusted
	switch {
	case fromCookie:
		guard = a.own
	case signed:
		return nil // a bearer token is sent on purpose
	}
	if guard.Check(c.r) != nil {
		return refuse("forbidden", "Pages of other sites can't do this for you.")
	}
	return nil
}

var errUnauthenticated = refuse("unauthenticated", "Sign in first: there is no session, or it has ended.")

// authenticate finds the session of a request. From then on, reads are current.
func (a *API) authenticate(c *call, token string) error {
	hash, ok := auth.HashToken(token)
	if !ok {
		return errUnauthenticated
	}
	if err := a.o.Casino.Current(c.r.Context()); err != nil {
		return fmt.Errorf("find session: %w", err)
	}
	s, ok, err := a.o.Casino.Session(hash)
	if err != nil {
		return fmt.Errorf("find session: %w", err)
	}
	if !ok || !s.ExpiresAt.After(c.now) {
		return errUnauthenticated
	}
	c.session = s
	return nil
}

// recognize finds out who asks for what everybody may read, if she is signed in. From then on, reads are current.
func (a *API) recognize(c *call, token string) error {
	if token != "" {
		if err := a.authenticate(c, token); !errors.Is(err, error(errUnauthenticated)) {
			return err
		}
	}
	return a.o.Casino.Current(c.r.Context())
}

// decode reads the request's body, one JSON object, into v.
func (c *call) decode(v any) error {
	if err := request.CheckMediaType(c.r.Header); err != nil {
		return err
	}
	var err error
	if c.body, err = request.Read(c.r, c.body[:0]); err != nil {
		return err
	}
	return request.Decode(c.body, v)
}

// decodeNothing accepts a request without content: no body, or an empty object.
func (c *call) decodeNothing() error {
	var err error
	if c.body, err = request.Read(c.r, c.body[:0]); err != nil || len(c.body) == 0 {
		return err
	}
	if err := request.CheckMediaType(c.r.Header); err != nil {
		return err
	}
	return request.Decode(c.body, new(struct{}))
}

// key reads the client's idempotency key; zero if the request has none.
func (c *call) key() (command.Key, error) {
	values := c.r.Header["Idempotency-Key"]
	if len(values) == 0 {
		return command.Key{}, nil
	}
	bad := len(values) != 1 || len(values[0]) < 1 || len(values[0]) > 255
	for i := 0; !bad && i < len(values[0]); i++ {
		bad = values[0][i] < ' ' || values[0][i] > '~'
	}
	if bad {
		return command.Key{}, refuse("invalid_idempotency_key", "An Idempotency-Key is 1 to 255 printable ASCII characters, sent once.")
	}
	return command.KeyOf(values[0]), nil
}

// proposeUnless is propose for commands that the house may refuse. With a key, it still asks the machine: if the command was
// done before under that key, the answer is repeated, whatever the house has changed since.
func (a *API) proposeUnless(c *call, refused *command.Refusal, key command.Key, body command.Body) (command.Result, error) {
	if refused != nil && (key == (command.Key{}) || a.o.Spare() != nil) { // even asking takes space in the log
		return command.Result{}, refused
	}
	cmd := command.Command{Account: c.session.Account, Key: key, Refusal: refused, Body: body}
	return command.Propose(c.r.Context(), a.o.Casino, a.o.Random, cmd, 0)
}

// propose asks the machine for a change on behalf of an account. Refusals come back as errors.
func (a *API) propose(c *call, account command.AccountID, key command.Key, entropy int, body command.Body) (command.Result, error) {
	return command.Propose(c.r.Context(), a.o.Casino, a.o.Random, command.Command{Account: account, Key: key, Body: body}, entropy)
}

// valueOf is command.ValueOf.
func valueOf[T any](res command.Result) (*T, error) { return command.ValueOf[T](res) }

// refuse is problem.New.
func refuse(code, format string, args ...any) *problem.Problem {
	return problem.New(code, format, args...)
}

// marshalOptions make omitempty mean what it does in encoding/json, for which the types of games are tagged.
var marshalOptions = json.JoinOptions(jsonv1.OmitEmptyWithLegacySemantics(true), json.Deterministic(true))

// appender is a frequent answer that writes its own JSON, in a third of the time that reflection takes. A test compares what it
// writes with what reflection would.
type appender interface {
	appendJSON(b []byte) []byte
}

// appended is the size of a buffer that is large enough for most appenders.
const appended = 1 << 10

// render writes the body of an answer into c.out.
func (c *call) render(ans *answer) error {
	if ans.value == nil {
		return nil
	}
	if v, ok := ans.value.(appender); ok {
		c.out.Grow(appended)
		c.out.Write(v.appendJSON(c.out.AvailableBuffer()))
		return nil
	}
	if err := json.MarshalWrite(&c.out, ans.value, marshalOptions); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// answer sends what render wrote. It sets the status to 304 if the client has the answer already.
func (c *call) answer(ans *answer) {
	h := c.w.Header()
	if ans.cookie != nil {
		http.SetCookie(c.w, ans.cookie)
	}
	if ans.device != nil {
		http.SetCookie(c.w, ans.device)
	}
	if ans.replayed {
		h["Idempotency-Replayed"] = yes
	}
	if ans.location != "" {
		h["Location"] = []string{ans.location}
	}
	body := c.out.Bytes()
	if ans.raw != nil {
		body = ans.raw
	}
	if ans.lasting {
		tag := etag(body)
		h["Etag"], h["Cache-Control"] = []string{tag}, noCache
		if has(c.r.Header["If-None-Match"], tag) {
			ans.status = http.StatusNotModified
			h.Add("Vary", "Accept-Encoding") // as the edge says with the answer
			c.w.WriteHeader(ans.status)
			return
		}
	} else if h["Cache-Control"] == nil {
		h["Cache-Control"] = noStore
	}
	switch {
	case ans.raw != nil:
		h["Content-Type"] = []string{ans.mediaType}
	case ans.value != nil:
		h["Content-Type"] = jsonType
	default:
		c.w.WriteHeader(ans.status)
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.w.WriteHeader(ans.status)
	_, _ = c.w.Write(body) // a client that is gone needs no answer
}

// etag is the ETag of a body. It is weak, so that it is the same in every encoding that the edge may choose.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:8]) + `"`
}

// has says whether If-None-Match names an ETag, by weak comparison (RFC 9110, 13.1.2).
func has(lines []string, tag string) bool {
	for _, line := range lines {
		for named := range strings.SplitSeq(line, ",") {
			if named = strings.TrimSpace(named); named == "*" || strings.TrimPrefix(named, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// refuse sends a problem. It writes nothing if the connection is no longer HTTP.
func (c *call) refuse(p *problem.Problem, isHTTP bool) {
	if !isHTTP {
		return
	}
	h := c.w.Header()
	switch p.Status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{`Bearer realm="imperio"`}
	case http.StatusRequestEntityTooLarge:
		h["Connection"] = []string{"close"} // the rest of the body is not worth reading
	}
	p.Document(c.requestID(), c.now).Write(c.w, c.r)
}

// requestID is the id that the edge gave the request. Without an edge in front, it is made here.
func (c *call) requestID() string {
	h := c.w.Header()
	if id := h.Get("X-Request-Id"); id != "" {
		return id
	}
	id := rand.Text()
	h.Set("X-Request-Id", id)
	return id
}

// log records the casino's own failures. The mistakes of clients are in the access log, and so is a full house.
func (a *API) log(c *call, p *problem.Problem) {
	if p.Status < 500 || p.Code == "busy" || errors.Is(p.Cause, errGone) {
		return
	}
	level := slog.LevelError
	if p.Status == http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	a.o.Log.LogAttrs(c.r.Context(), level, "request failed",
		slog.String("request_id", c.requestID()), slog.String("method", c.r.Method), slog.String("route", c.route),
		slog.String("code", p.Code), slog.Uint64("account", uint64(c.account())), slog.Any("error", p.Cause))
}
