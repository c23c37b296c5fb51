// Package api is the players' JSON API over HTTP, as openapi.yaml describes it. There is one file for each resource, and one
// adapter (call.go) that authenticates, counts, logs and answers. Its only state are the live connections: all changes are
// proposed to the machine behind the Casino interface.
package api

import (
	"context"
	_ "embed" // openapi.yaml
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/julienschmidt/httprouter"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/games"
	"imperio/storage/command"
)

// Table is how one game is offered.
type Table struct {
	Game     string // its name
	Rules    string // of new rounds, e.g. "slots/2"
	Enabled  bool   // whether new rounds are taken; open ones can always be finished
	MinStake games.Coins
	MaxStake games.Coins // of a round; for a game with bets, of their sum
	MaxBet   games.Coins // of a single bet; 0: MaxStake
	// AbandonAfter is how long an open round waits for its player's next action; 0: not said.
	AbandonAfter time.Duration
}

// Options configure an API. Fields without a default must be set.
type Options struct {
	Casino    Casino
	Events    Events
	Passwords *auth.Passwords
	Log       *slog.Logger
	Now       func() time.Time // the casino's time
	Subjects  Subjects         // whom the sign-in throttle counts
	Random    io.Reader        // of seeds, tokens and command ids: unpredictable, safe for concurrent use

	Games *games.Catalogue // all games that rounds can be of
	Offer Offer            // at the beginning; see API.Change
	// AnswerWithin is how long a client waits for an answer. A check of a password that takes longer changes nothing. 0: no
	// limit.
	AnswerWithin time.Duration

	// Client returns the address of the client, as the edge knows it. Default: the connection's.
	Client func(*http.Request) netip.Addr
	// Secure reports whether the client is connected over TLS. Default: whether this connection is.
	Secure func(*http.Request) bool

	// NewBets returns why new rounds are refused at the moment, e.g. low_disk_space; nil: they are not. Default: never.
	NewBets func() *command.Refusal
	// Writes does the same for other writes that can wait. Spare starts to refuse later than Writes, and is for sign-ins and for
	// requests that may have been done before under their key. Actions in open rounds, signing out and what protects players
	// are never refused. Default: never.
	Writes, Spare func() *command.Refusal
	// Admit decides whether an account may do one more request on a route; if not, it says how long to wait. It may set
	// RateLimit headers in h. Default: always.
	Admit func(ctx context.Context, h http.Header, route string, account uint64) (wait time.Duration, ok bool)
	// Observe is called for every answer. It must be quick. Default: nothing is called.
	Observe func(*http.Request, Observation)
}

// Observation describes an answered request.
type Observation struct {
	Route  string // the pattern, e.g. "/api/v1/me/rounds/:id"; empty if none matched
	Status int
	Code   string // of the problem; empty for a success
	// Account is who is signed in, or whom a sign-in or sign-up is about, even if it fails; 0 if nobody is known.
	Account command.AccountID
	Took    time.Duration
	// Panicked reports that the handler panicked. The API answered with a 500, so the edge has not seen it.
	Panicked bool
}

// API serves the JSON API. Make it with New, and Close it.
type API struct {
	o       Options
	router  *httprouter.Router
	own     *http.CrossOriginProtection // for requests with a cookie
	terms   atomic.Pointer[terms]
	live    *hub
	exports exports
	stop    func() // ends follow and waits for it
}

//go:embed openapi.yaml
var openAPI []byte

// Description returns openapi.yaml, the description of the API. Don't modify it.
func Description() []byte { return openAPI }

// New checks the options and makes the API, which follows the events from now on.
func New(o Options) (*API, error) {
	if o.Casino == nil || o.Events == nil || o.Passwords == nil || o.Log == nil || o.Now == nil || o.Random == nil || o.Games == nil {
		return nil, errors.New("api: Casino, Events, Passwords, Log, Now, Random and Games must be set")
	}
	o.setDefaults()
	a := &API{o: o, own: http.NewCrossOriginProtection(), live: newHub()}
	if err := a.Change(o.Offer); err != nil {
		return nil, err
	}
	a.router = a.newRouter()
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() { defer close(followed); a.follow(ctx, o.Events) }()
	a.stop = func() { cancel(); <-followed }
	return a, nil
}

func (o *Options) setDefaults() {
	if o.Client == nil {
		o.Client = connectionAddress
	}
	if o.Secure == nil {
		o.Secure = func(r *http.Request) bool { return r.TLS != nil }
	}
	for _, refusal := range []*func() *command.Refusal{&o.NewBets, &o.Writes, &o.Spare} {
		if *refusal == nil {
			*refusal = func() *command.Refusal { return nil }
		}
	}
	if o.Admit == nil {
		o.Admit = func(context.Context, http.Header, string, uint64) (time.Duration, bool) { return 0, true }
	}
	if o.Observe == nil {
		o.Observe = func(*http.Request, Observation) {}
	}
}

// check refuses a table that can't be played. A game that is off and has no rules is not offered at all.
func (t *Table) check(c *games.Catalogue) error {
	if t.Rules == "" && !t.Enabled {
		return nil
	}
	if v, ok := c.Version(t.Rules); !ok || v.Of().Name != t.Game {
		return fmt.Errorf("%s: there are no rules %q", t.Game, t.Rules)
	}
	if t.MaxBet == 0 {
		t.MaxBet = t.MaxStake
	}
	if t.MinStake < 1 || t.MinStake > t.MaxBet || t.MaxBet > t.MaxStake || t.MaxStake > games.MaxCoins {
		return fmt.Errorf("%s: stakes of %d to %d coins, bets up to %d, can't be offered", t.Game, t.MinStake, t.MaxStake, t.MaxBet)
	}
	return nil
}

func connectionAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// LiveConnections is the number of live connections.
func (a *API) LiveConnections() int { return a.live.count() }

// Close ends all live connections and waits for them. The server finishes other requests.
func (a *API) Close() {
	a.stop()
	a.live.close()
}

// route is one line of the API.
type route struct {
	method, path string
	need         access
	handle       func(*API, *call) (answer, error)
}

// routes is the API without the routes of each game; see gameRoutes. A test compares openapi.yaml with both.
var routes = []route{
	{"GET", "/api/openapi.yaml", anybody, (*API).description},

	{"POST", "/api/v1/accounts", anybody, (*API).openAccount},
	{"POST", "/api/v1/sessions", anybody, (*API).openSession},
	{"GET", "/api/v1/sessions", owner, (*API).listSessions},
	{"DELETE", "/api/v1/sessions/:id", owner, (*API).endSession},
	{"POST", "/api/v1/password-resets", anybody, (*API).resetPassword},

	{"GET", "/api/v1/me", reads, (*API).me},
	{"PUT", "/api/v1/me/password", owner, (*API).changePassword},
	{"PUT", "/api/v1/me/email", owner, (*API).changeEmail},
	{"POST", "/api/v1/me/deletion", owner, (*API).deleteAccount},
	{"GET", "/api/v1/me/export", owner, (*API).export},
	{"GET", "/api/v1/me/tokens", owner, (*API).listTokens},
	{"POST", "/api/v1/me/tokens", owner, (*API).createToken},
	{"DELETE", "/api/v1/me/tokens/:id", owner, (*API).deleteToken},
	{"POST", "/api/v1/me/daily-coins", plays, (*API).collectDailyCoins},
	{"GET", "/api/v1/me/transfers", reads, (*API).listTransfers},
	{"GET", "/api/v1/me/rounds", reads, (*API).listRounds},
	{"GET", "/api/v1/me/rounds/:id", reads, (*API).showRound},
	{"GET", "/api/v1/me/fairness", reads, (*API).showFairness},
	{"POST", "/api/v1/me/fairness/rotations", plays, (*API).rotateSeed},
	{"GET", "/api/v1/me/statistics", reads, (*API).showStatistics},
	{"GET", "/api/v1/me/limits", reads, (*API).showLimits},
	{"PUT", "/api/v1/me/limits", owner, (*API).setLimits},
	{"POST", "/api/v1/me/exclusions", owner, (*API).exclude},
	{"GET", "/api/v1/me/profile", reads, (*API).showProfile},
	{"PUT", "/api/v1/me/profile", owner, (*API).setProfile},

	{"GET", "/api/v1/seasons", anyone, (*API).listSeasons},
	{"GET", "/api/v1/seasons/:number", anyone, (*API).showSeason},
	{"GET", "/api/v1/seasons/:number/players/:id", anyone, (*API).showSeasonPlayer},
	{"GET", "/api/v1/proofs/:id", anyone, (*API).showProof},

	{"GET", "/api/v1/games", anybody, (*API).listGames},
	{"GET", "/api/v1/house", anybody, (*API).showHouse},

	{"GET", "/api/v1/live", reads, (*API).serveLive},
}

// Routes lists the API of a house with these games, as pairs of a method and a path. Parameters start with a colon.
func Routes(c *games.Catalogue) [][2]string {
	var list [][2]string
	for _, r := range slices.Concat(routes, gameRoutes(c)) {
		list = append(list, [2]string{r.method, r.path})
	}
	return list
}

func (a *API) newRouter() *httprouter.Router {
	r := httprouter.New()
	// No redirects: a redirected POST would be played twice, or not at all.
	r.RedirectTrailingSlash, r.RedirectFixedPath = false, false
	all := slices.Concat(routes, gameRoutes(a.o.Games))
	for i := range all {
		rt := &all[i]
		handle := func(w http.ResponseWriter, r *http.Request, ps httprouter.Params) { a.serve(w, r, ps, rt) }
		r.Handle(rt.method, rt.path, handle)
		if rt.method == http.MethodGet && rt.path != "/api/v1/live" {
			r.Handle(http.MethodHead, rt.path, handle)
		}
	}
	r.NotFound = a.refuseAll(refuse("not_found", "There is nothing at this address. /api/openapi.yaml lists all addresses."))
	r.MethodNotAllowed = a.refuseAll(refuse("method_not_allowed", "This address does not take this method. The Allow header lists those it takes."))
	r.GlobalOPTIONS = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return r
}

func (a *API) refuseAll(p *problem.Problem) http.Handler {
	rt := &route{handle: func(*API, *call) (answer, error) { return answer{}, p }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, nil, rt) })
}

func (a *API) description(*call) (answer, error) {
	return answer{status: http.StatusOK, raw: openAPI, mediaType: "application/yaml", lasting: true}, nil
}
