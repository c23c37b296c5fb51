// Package api is the casino's JSON API over HTTP, as openapi.yaml describes it: one file for each resource, one
// adapter (call.go) that authenticates, counts, logs and answers. It keeps no state but the live connections; whatever
// it changes it proposes to the machine behind the Casino interface.
package api

import (
	_ "embed" // openapi.yaml
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/julienschmidt/httprouter"

	"imperio/appliance/auth"
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

// Options is all that the API is made of. Fields without a default must be set.
type Options struct {
	Casino    Casino
	Passwords *auth.Passwords
	Log       *slog.Logger
	Now       func() time.Time
	Random    io.Reader // of seeds, tokens and command ids: unpredictable, safe for concurrent use

	Games           *games.Catalogue // all games that rounds can be of
	Tables          []Table          // at most one of each game, in the order in which games are listed
	WelcomeCoins    games.Coins      // 0 … games.MaxCoins
	DailyCoins      games.Coins      // 0 … games.MaxCoins; 0: none can be collected
	SessionLifetime time.Duration    // how long a sign-in holds; default 7 days
	// SignInTries is how many times in a row a sign-in may fail for a login and for an address, and SignInRefill how
	// long it takes until one more is allowed, at least a millisecond. No tries: no limit.
	SignInTries  int64
	SignInRefill time.Duration

	// Client gives the address of the client, as the edge knows it. Default: the connection's.
	Client func(*http.Request) netip.Addr
	// Secure tells whether the client is connected over TLS. Default: whether this connection is.
	Secure func(*http.Request) bool
	// Origins are those from which pages may sign in and up, beside the casino's own, e.g. "https://play.example".
	// Their writes need a bearer token: no other origin ever writes with a cookie.
	Origins []string

	// NewBets refuses new rounds while it answers a refusal, e.g. low_disk_space. Default: never.
	NewBets func() *command.Refusal
	// Writes refuses other writes that can wait, and Spare, late in that, sign-ins and questions for earlier answers, while
	// they answer a refusal. Never refused are actions of open rounds, signing out, and what protects players. Default:
	// never.
	Writes, Spare func() *command.Refusal
	// Admit asks whether a signed-in account may do one more request on a route; if not, it says how long to wait. It
	// may set RateLimit headers in h. Default: always.
	Admit func(h http.Header, route string, account uint64) (wait time.Duration, ok bool)
	// Observe is told of every answer. It must be quick. Default: nobody is told.
	Observe func(*http.Request, Observation)
}

// Observation is what became of one request.
type Observation struct {
	Route   string // the pattern, e.g. "/api/v1/me/rounds/:id"; empty where none matched
	Status  int
	Code    string            // of the problem; empty for a success
	Account command.AccountID // 0 where nobody is signed in
	Took    time.Duration
	// Panicked says that the handler panicked, which became a 500 before anybody in front of the API could see it.
	Panicked bool
}

// API serves the JSON API. Make it with New, and Close it.
type API struct {
	o       Options
	router  *httprouter.Router
	own     *http.CrossOriginProtection // for requests that a cookie signs
	trusted *http.CrossOriginProtection // for those that nothing signs
	live    *hub
}

//go:embed openapi.yaml
var openAPI []byte

// New checks the options and makes the API.
func New(o Options) (*API, error) {
	if o.Casino == nil || o.Passwords == nil || o.Log == nil || o.Now == nil || o.Random == nil || o.Games == nil {
		return nil, errors.New("api: Casino, Passwords, Log, Now, Random and Games must be set")
	}
	for i := range o.Tables {
		if err := o.Tables[i].check(o.Games); err != nil {
			return nil, fmt.Errorf("api: %w", err)
		}
	}
	if o.WelcomeCoins < 0 || o.WelcomeCoins > games.MaxCoins || o.DailyCoins < 0 || o.DailyCoins > games.MaxCoins {
		return nil, fmt.Errorf("api: welcome coins %d or daily coins %d are out of range", o.WelcomeCoins, o.DailyCoins)
	}
	if o.SignInTries < 0 || o.SignInTries > 0 && o.SignInRefill < time.Millisecond {
		return nil, fmt.Errorf("api: %d tries to sign in, one more after %v, can't be counted", o.SignInTries, o.SignInRefill)
	}
	o.setDefaults()
	a := &API{o: o, own: http.NewCrossOriginProtection(), trusted: http.NewCrossOriginProtection(), live: newHub()}
	for _, origin := range o.Origins {
		if err := a.trusted.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("api: origin %q: %w", origin, err)
		}
	}
	a.router = a.newRouter()
	return a, nil
}

func (o *Options) setDefaults() {
	if o.SessionLifetime <= 0 {
		o.SessionLifetime = 7 * 24 * time.Hour
	}
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
		o.Admit = func(http.Header, string, uint64) (time.Duration, bool) { return 0, true }
	}
	if o.Observe == nil {
		o.Observe = func(*http.Request, Observation) {}
	}
}

// table is how a game is offered. It is off if there is none.
func (o *Options) table(game string) *Table {
	for i := range o.Tables {
		if o.Tables[i].Game == game {
			return &o.Tables[i]
		}
	}
	return &Table{Game: game}
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

// LiveConnections is how many players are listening at this moment.
func (a *API) LiveConnections() int { return a.live.count() }

// Close ends all live connections and waits for them. Other requests are the server's to finish.
func (a *API) Close() { a.live.close() }

// route is one line of the API.
type route struct {
	method, path string
	signedIn     bool // needs a session
	handle       func(*API, *call) (answer, error)
}

// routes is the API but for the routes of each game; see gameRoutes. A test holds openapi.yaml against both.
var routes = []route{
	{"GET", "/api/openapi.yaml", false, (*API).description},

	{"POST", "/api/v1/accounts", false, (*API).openAccount},
	{"POST", "/api/v1/sessions", false, (*API).openSession},
	{"GET", "/api/v1/sessions", true, (*API).listSessions},
	{"DELETE", "/api/v1/sessions/:id", true, (*API).endSession},

	{"GET", "/api/v1/me", true, (*API).me},
	{"PUT", "/api/v1/me/password", true, (*API).changePassword},
	{"POST", "/api/v1/me/daily-coins", true, (*API).collectDailyCoins},
	{"GET", "/api/v1/me/transfers", true, (*API).listTransfers},
	{"GET", "/api/v1/me/rounds", true, (*API).listRounds},
	{"GET", "/api/v1/me/rounds/:id", true, (*API).showRound},
	{"GET", "/api/v1/me/fairness", true, (*API).showFairness},
	{"POST", "/api/v1/me/fairness/rotations", true, (*API).rotateSeed},
	{"GET", "/api/v1/me/statistics", true, (*API).showStatistics},
	{"GET", "/api/v1/me/limits", true, (*API).showLimits},
	{"PUT", "/api/v1/me/limits", true, (*API).setLimits},
	{"POST", "/api/v1/me/exclusions", true, (*API).exclude},

	{"GET", "/api/v1/games", false, (*API).listGames},

	{"GET", "/api/v1/live", true, (*API).serveLive},
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
	// A request is answered as it is, or not at all: a redirected POST would be played twice, or not once.
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
	r.NotFound = a.refuseAll(refuse("not_found", "There is nothing at this address. /api/openapi.yaml says what there is."))
	r.MethodNotAllowed = a.refuseAll(refuse("method_not_allowed", "This address does not take this method. The Allow header lists those it takes."))
	r.GlobalOPTIONS = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return r
}

func (a *API) refuseAll(p *problem) http.Handler {
	rt := &route{handle: func(*API, *call) (answer, error) { return answer{}, p }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, nil, rt) })
}

func (a *API) description(*call) (answer, error) {
	return answer{status: http.StatusOK, raw: openAPI, mediaType: "application/yaml"}, nil
}
