// Package legacy serves the wire contract of ImperioCasino, the older system, so that its front ends go on working while a
// house moves in. It is a translator: each older request becomes one or two requests of the players' API on the same handler, in
// this process. So the ledger, fairness, limits and exactly-once are the same, and there is no second set of rules.
//
// The older front ends are pages of other origins. A player who is signed in reaches them by GET /redirect-…, which sends the
// browser there with a token in the address. That token is a ticket: see ticket.go.
package legacy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance/problem"
	"imperio/storage/command"
)

// Casino is what launches need of the machine. All methods are safe for concurrent use. See api.Casino for their contracts.
type Casino interface {
	command.Proposer
	Current(ctx context.Context) error
	Session(hash command.TokenHash) (command.Session, bool, error)
	Account(id command.AccountID) (command.Account, bool, error)
}

// Options configure a Legacy. All fields must be set.
type Options struct {
	API    http.Handler // the players' API
	Casino Casino
	// Sign authenticates tickets, and derives the tokens of sessions from them, with a key that only the casino has.
	Sign   func(content []byte) [32]byte
	Now    func() time.Time // the casino's time
	Random io.Reader        // of tickets and command ids: unpredictable, safe for concurrent use
	// Network is what a client is counted by: its IPv4 address, or the /64 of its IPv6 address.
	Network func(*http.Request) string
	Secure  func(*http.Request) bool // whether the client is connected over TLS
	// Spare refuses new sessions while the house lacks space; see api.Options.
	Spare func() *command.Refusal
	// Observe is told which route a request was for, and the code of its refusal; "" for a success. It must be quick.
	Observe func(r *http.Request, route, code string)
	Log     *slog.Logger // of failures; the API logs its own
	// Serve says what is served at first; see Legacy.Change.
	Serve Serve
}

// Serve is what is served. It may change while the casino runs.
type Serve struct {
	On bool
	// Slots, Blackjack and Roulette are the addresses of the older front ends. A player is not sent to one that is empty.
	Slots, Blackjack, Roulette string
}

// Legacy serves the older wire contract. It is safe for concurrent use, and starts no goroutine.
type Legacy struct {
	o     Options
	serve atomic.Pointer[Serve]
}

// New makes a Legacy.
func New(o Options) (*Legacy, error) {
	if o.API == nil || o.Casino == nil || o.Sign == nil || o.Now == nil || o.Random == nil || o.Network == nil || o.Secure == nil || o.Spare == nil || o.Observe == nil || o.Log == nil {
		return nil, errors.New("legacy: all options must be set")
	}
	l := &Legacy{o: o}
	l.Change(o.Serve)
	return l, nil
}

// Change makes s what is served from now on.
func (l *Legacy) Change(s Serve) { l.serve.Store(&s) }

// Serves says whether a path is one of the older routes, and they are served.
func (l *Legacy) Serves(path string) bool {
	_, ok := routes[path]
	return ok && l.serve.Load().On
}

// route is one address of the older system.
type route struct {
	method string
	handle func(*call) (any, error) // nil, nil: it has answered itself
}

var routes = map[string]route{
	"/redirect-imperio":   {"GET", func(c *call) (any, error) { return c.launch(slots) }},
	"/redirect-blackjack": {"GET", func(c *call) (any, error) { return c.launch(blackjack) }},
	"/redirect-roulette":  {"GET", func(c *call) (any, error) { return c.launch(roulette) }},
	"/login":              {"GET", func(c *call) (any, error) { return c.page("/sign-in") }},
	"/signup":             {"GET", func(c *call) (any, error) { return c.page("/sign-up") }},
	"/dashboard":          {"GET", func(c *call) (any, error) { return c.page("/") }},

	"/verify-token":     {"POST", (*call).verifyToken},
	"/getCoins":         {"GET", (*call).getCoins},
	"/updateCoins":      {"POST", (*call).updateCoins},
	"/spin":             {"POST", (*call).spin},
	"/blackjack/start":  {"POST", (*call).blackjackStart},
	"/blackjack/action": {"POST", (*call).blackjackAction},
	"/roulette/action":  {"POST", (*call).rouletteAction},
}

// Paths lists the older routes, sorted. Pages of the older front ends may call them from their origins.
func Paths() []string {
	list := make([]string, 0, len(routes))
	for path := range routes {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// call is one older request while it is being answered.
type call struct {
	*Legacy
	w     http.ResponseWriter
	r     *http.Request
	serve *Serve
	token string // of its session, once authenticate has found one
	asked bool   // the API has counted the request for its account
}

// ServeHTTP answers a request to one of the older routes.
func (l *Legacy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt, ok := routes[r.URL.Path]
	c := &call{Legacy: l, w: w, r: r, serve: l.serve.Load()}
	var value any
	var err error
	switch {
	case !ok || !c.serve.On:
		err = problem.New("not_found", "There is nothing at this address.")
	case r.Method == rt.method:
		value, err = rt.handle(c)
	default:
		w.Header()["Allow"] = []string{rt.method}
		err = problem.New("method_not_allowed", "This address only answers %s.", rt.method)
	}
	code := ""
	if err != nil {
		value, code = c.refusal(err)
	}
	l.o.Observe(r, r.URL.Path, code)
	if value != nil {
		c.answer(value)
	}
}

// said is an answer with a status of its own.
type said struct {
	status int
	value  any
}

// message is how the older system tells of errors, and of some successes.
type message struct {
	Message string `json:"message"`
}

// refusal is the answer to a request that failed. The older clients know 400 for a player without coins.
func (c *call) refusal(err error) (answer said, code string) {
	var s *shown
	if errors.As(err, &s) {
		answer.value = s.table
	}
	p := problem.Of(err)
	answer.status = p.Status
	if p.Status >= http.StatusInternalServerError && p.Cause != nil && c.r.Context().Err() == nil {
		c.o.Log.Error("request failed", "request_id", c.w.Header().Get("X-Request-Id"), "route", c.r.URL.Path, "code", p.Code, "error", p.Cause)
	}
	if p.Code == "insufficient_coins" {
		answer.status = http.StatusBadRequest
	}
	if answer.value == nil {
		answer.value = message{p.Detail}
	}
	h := c.w.Header()
	if after := p.Document("", c.o.Now()).RetryAfter; after > 0 && h["Retry-After"] == nil {
		h["Retry-After"] = []string{strconv.Itoa(after)}
	}
	if p.Status == http.StatusUnauthorized {
		h["Www-Authenticate"] = []string{`Bearer realm="imperio"`}
	}
	return answer, p.Code
}

// answer writes the answer.
func (c *call) answer(value any) {
	s, ok := value.(said)
	if !ok {
		s = said{http.StatusOK, value}
	}
	body, err := json.Marshal(s.value)
	if err != nil {
		panic(err) // impossible: answers have only numbers and text
	}
	h := c.w.Header()
	h["Content-Type"], h["Cache-Control"] = []string{"application/json"}, []string{"no-store"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.w.WriteHeader(s.status)
	_, _ = c.w.Write(body) // a client that has gone needs no answer
}

// page sends a browser to a page of the casino, where the older system had one of its own.
func (c *call) page(path string) (any, error) {
	c.redirect(path)
	return nil, nil
}

func (c *call) redirect(to string) {
	h := c.w.Header()
	h["Location"], h["Cache-Control"], h["Referrer-Policy"] = []string{to}, []string{"no-store"}, []string{"no-referrer"}
	c.w.WriteHeader(http.StatusFound)
}

// bearer is the token that the client sends. Cookies don't count: the older clients never send one.
func bearer(r *http.Request) string {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
