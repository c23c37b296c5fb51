package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/julienschmidt/httprouter"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// call is one request while it is being answered. Calls are used again: nothing may keep one, or its buffers.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	params   httprouter.Params
	now      time.Time // the casino's time when the request came, UTC, to the millisecond
	secure   bool
	session  command.Session // on signed-in routes
	body     []byte          // of the request
	panicked bool
	out      bytes.Buffer // the answer
}

// answer is what a handler gives for a request that it did.
type answer struct {
	status    int // 204 has no body
	value     any // marshalled as the body
	raw       []byte
	mediaType string // of raw
	cookie    *http.Cookie
	replayed  bool // the answer of an earlier request under the same idempotency key
	taken     bool // the connection now belongs to the handler, which has finished with it
}

// maxPooled is the largest buffer that is kept for another request.
const maxPooled = 64 << 10

var calls = sync.Pool{New: func() any { return new(call) }}

// Shared values of headers: net/http only reads them.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	yes         = []string{"true"}
)

// serve answers one request: who asks, may they, what becomes of it, and how it is said. All of the API passes here.
func (a *API) serve(w http.ResponseWriter, r *http.Request, ps httprouter.Params, rt *route) {
	c := calls.Get().(*call)
	c.w, c.r, c.params = w, r, ps
	began := time.Now()
	c.now = a.o.Now().UTC().Truncate(time.Millisecond)
	c.secure = a.o.Secure(r)
	ans, err := a.do(c, rt)
	seen := Observation{Route: rt.path, Account: c.session.Account, Panicked: c.panicked}
	if err == nil && !ans.taken {
		err = c.render(&ans)
	}
	if err != nil {
		p := problemOf(err)
		seen.Status, seen.Code = p.status, p.code
		a.log(c, rt, p)
		c.refuse(p, !ans.taken)
	} else if seen.Status = ans.status; !ans.taken {
		c.answer(&ans)
	}
	seen.Took = time.Since(began)
	a.o.Observe(r, seen)
	if cap(c.body) <= maxPooled+bytes.MinRead && c.out.Cap() <= maxPooled {
		c.release()
	}
}

// release makes the call ready for another request.
func (c *call) release() {
	body, out := c.body[:0], c.out
	out.Reset()
	*c = call{body: body, out: out}
	calls.Put(c)
}

// do authenticates a request and hands it to its handler. A panic of a handler fails this request alone.
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
	if err := a.checkOrigin(c.r, token != "", fromCookie); err != nil {
		return answer{}, err
	}
	if rt.signedIn {
		if err := a.authenticate(c, token); err != nil {
			return answer{}, err
		}
		if wait, ok := a.o.Admit(c.w.Header(), rt.path, uint64(c.session.Account)); !ok {
			p := refuse("rate_limited", "You ask too often. Wait a little.")
			p.after = max(wait, time.Second)
			return answer{}, p
		}
	}
	return rt.handle(a, c)
}

// pass fails with the refusal that a gate gives, if any. New bets and daily coins don't ask it: they are first asked
// whether they are new.
func pass(gate func() *command.Refusal) error {
	if r := gate(); r != nil {
		return r
	}
	return nil
}

// checkOrigin refuses writes that a page of another site makes with the browser's cookie, and sign-ins and sign-ups
// from pages of sites that are not known.
func (a *API) checkOrigin(r *http.Request, signed, fromCookie bool) error {
	guard := a.trusted
	switch {
	case fromCookie:
		guard = a.own
	case signed:
		return nil // a bearer token is sent on purpose
	}
	if guard.Check(r) != nil {
		return refuse("forbidden", "Pages of other sites can't write here.")
	}
	return nil
}

var errUnauthenticated = refuse("unauthenticated", "Sign in first: the session is missing, has ended, or is not known.")

// authenticate finds the session of a request.
func (a *API) authenticate(c *call, token string) error {
	hash, ok := auth.HashToken(token)
	if !ok {
		return errUnauthenticated
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

// decode reads the request's body, one JSON object, into v.
func (c *call) decode(v any) error {
	if err := checkMediaType(c.r.Header); err != nil {
		return err
	}
	var err error
	if c.body, err = readBody(c.r, c.body[:0]); err != nil {
		return err
	}
	return decodeStrict(c.body, v)
}

// decodeNothing takes a request that has nothing to say: no body, or an empty object.
func (c *call) decodeNothing() error {
	var err error
	if c.body, err = readBody(c.r, c.body[:0]); err != nil || len(c.body) == 0 {
		return err
	}
	if err := checkMediaType(c.r.Header); err != nil {
		return err
	}
	return decodeStrict(c.body, new(struct{}))
}

// key reads the client's idempotency key; zero if there is none.
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

// proposeUnless is propose for what the house may have a reason to refuse. Under a key the machine is asked all the same:
// if it was done before under that key, it is answered as it was then, whatever the house has changed since.
func (a *API) proposeUnless(c *call, refused *command.Refusal, key command.Key, body command.Body) (command.Result, error) {
	if refused != nil && (key == (command.Key{}) || a.o.Spare() != nil) { // the question has its place in the log, too
		return command.Result{}, refused
	}
	cmd := command.Command{Account: c.session.Account, Key: key, Refusal: refused, Body: body}
	return propose(c.r.Context(), a.o.Casino, a.o.Random, cmd, 0)
}

// propose asks the machine for a change on behalf of an account. Refusals come back as errors.
func (a *API) propose(c *call, account command.AccountID, key command.Key, entropy int, body command.Body) (command.Result, error) {
	return propose(c.r.Context(), a.o.Casino, a.o.Random, command.Command{Account: account, Key: key, Body: body}, entropy)
}

// proposer takes commands. See Casino.
type proposer interface {
	Propose(ctx context.Context, c command.Command) (command.Result, error)
}

// propose stamps a command with an id and entropy, and proposes it.
func propose(ctx context.Context, casino proposer, random io.Reader, cmd command.Command, entropy int) (command.Result, error) {
	var raw [16 + 2*command.SeedSize]byte
	if _, err := io.ReadFull(random, raw[:16+entropy]); err != nil {
		return command.Result{}, fmt.Errorf("draw entropy: %w", err)
	}
	cmd.ID = command.ID(raw[:16])
	if entropy != 0 {
		cmd.Entropy = bytes.Clone(raw[16 : 16+entropy])
	}
	res, err := casino.Propose(ctx, cmd)
	switch {
	case err == nil && res.Refusal != nil:
		return res, res.Refusal
	case err == nil:
		return res, nil
	case errors.Is(err, command.ErrUnavailable), errors.Is(err, command.ErrUnknown):
		return res, fmt.Errorf("propose: %w", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return res, fmt.Errorf("propose: %w: %w", command.ErrUnknown, err) // it may be in the log by now
	}
	return res, fmt.Errorf("propose: %w", err)
}

// valueOf gives the answer of a command as the type it must have.
func valueOf[T any](res command.Result) (*T, error) {
	v, ok := res.Value.(*T)
	if !ok || v == nil {
		return nil, fmt.Errorf("the machine answered a %T instead of a %T", res.Value, v)
	}
	return v, nil
}

// marshalOptions render omitempty as encoding/json does: the types of games are tagged for it.
var marshalOptions = json.JoinOptions(jsonv1.OmitEmptyWithLegacySemantics(true), json.Deterministic(true))

// appender is an answer that is asked for so often that it writes itself, in a third of the time that reflection takes.
// A test holds what it writes against what reflection would.
type appender interface {
	appendJSON(b []byte) []byte
}

// appended is more than most appenders write, in bytes.
const appended = 1 << 10

// render writes the body of an answer into c.out, or says why it can't.
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

// answer sends what render wrote.
func (c *call) answer(ans *answer) {
	h := c.w.Header()
	if ans.cookie != nil {
		http.SetCookie(c.w, ans.cookie)
	}
	if ans.replayed {
		h["Idempotency-Replayed"] = yes
	}
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = noStore
	}
	body := c.out.Bytes()
	switch {
	case ans.raw != nil:
		body = ans.raw
		h["Content-Type"] = []string{ans.mediaType}
	case ans.value != nil:
		h["Content-Type"] = jsonType
	default:
		c.w.WriteHeader(ans.status)
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.w.WriteHeader(ans.status)
	_, _ = c.w.Write(body) // a client that is gone can't be told
}

// refuse sends a problem. It writes nothing where the connection is no longer HTTP.
func (c *call) refuse(p *problem, isHTTP bool) {
	if !isHTTP {
		return
	}
	h := c.w.Header()
	doc := p.document(c.requestID(), c.now)
	c.out.Reset()
	if err := json.MarshalWrite(&c.out, doc, marshalOptions); err != nil {
		panic(err) // a document holds nothing that can't be written
	}
	h["Content-Type"], h["Cache-Control"] = problemType, noStore
	h["Content-Length"] = []string{strconv.Itoa(c.out.Len())}
	if doc.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.FormatInt(doc.RetryAfter, 10)}
	}
	switch p.status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{`Bearer realm="imperio"`}
	case http.StatusRequestEntityTooLarge:
		h["Connection"] = []string{"close"} // the rest of the body is not worth reading
	}
	c.w.WriteHeader(p.status)
	_, _ = c.w.Write(c.out.Bytes())
}

// requestID is the id that the edge gave the request. Where there is no edge in front, it is made here.
func (c *call) requestID() string {
	h := c.w.Header()
	if id := h.Get("X-Request-Id"); id != "" {
		return id
	}
	id := rand.Text()
	h.Set("X-Request-Id", id)
	return id
}

// log tells the operator of the casino's own failures. What clients do wrong is in the access log.
func (a *API) log(c *call, rt *route, p *problem) {
	if p.status < 500 {
		return
	}
	level := slog.LevelError
	if p.status == http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	a.o.Log.LogAttrs(c.r.Context(), level, "request failed",
		slog.String("request_id", c.requestID()), slog.String("method", c.r.Method), slog.String("route", rt.path),
		slog.String("code", p.code), slog.Uint64("account", uint64(c.session.Account)), slog.Any("error", p.cause))
}
