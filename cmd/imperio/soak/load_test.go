package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// load is everybody who uses the casino at once. Each rests between two things, so that the machine decides nothing.
type load struct {
	c      *casino
	cancel context.CancelFunc
	done   sync.WaitGroup

	opening sync.Mutex
	mu      sync.Mutex
	did     map[string]int // by what
	answers map[int]int    // by status
	odd     []string       // answers that nobody should get, the first ones
	odds    int            // how many
}

// client is one user's side of the casino.
type client struct {
	*load
	http   *http.Client
	random *rand.Rand
	token  string
	name   string
}

// rest is between two things that a client does: most fit within the limits of an account, some don't.
const rest = 100 * time.Millisecond

// startLoad starts all clients, and returns when each has an account.
func startLoad(t *testing.T, c *casino, seed uint64) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{c: c, cancel: cancel, did: make(map[string]int), answers: make(map[int]int)}
	roles := map[string]struct {
		n  int
		do func(*client, context.Context)
	}{
		"plays": {20, (*client).play}, "leaves rounds open": {2, (*client).leave}, "signs in": {1, (*client).signInAndOut},
		"signs up": {1, (*client).signUpAgain}, "reads history": {4, (*client).readHistory}, "follows live": {8, (*client).follow},
		"looks at pages": {1, (*client).pages}, "is refused": {1, (*client).mistakes}, "comes and goes": {2, (*client).comeAndGo},
	}
	for role := range roles {
		l.did[role] = 0
	}
	var opened sync.WaitGroup // until then, the casino only fills
	n := uint64(0)
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		for range roles[role].n {
			n++
			p := &client{load: l, random: rand.New(rand.NewPCG(seed, n)), name: fmt.Sprintf("player%d", n),
				http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
			opened.Add(1)
			l.done.Go(func() {
				defer p.http.CloseIdleConnections()
				p.signUp(ctx)
				opened.Done()
				for ctx.Err() == nil {
					roles[role].do(p, ctx)
					l.count(role)
					select {
					case <-ctx.Done():
					case <-time.After(rest):
					}
				}
			})
		}
	}
	t.Cleanup(func() { cancel(); l.done.Wait() })
	opened.Wait()
	return l
}

// stop ends the load, and fails the test for answers that nobody should have got and for anything that nobody did.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	// Refusals are some of the answers, or the limits would be all that is tested.
	if most := l.answers[http.StatusOK] + l.answers[http.StatusCreated]; most < 2*l.answers[http.StatusTooManyRequests] {
		t.Errorf("too many requests are refused: %v", l.answers)
	}
	if l.odds > 0 {
		t.Errorf("%d answers that nobody should get, such as\n%s", l.odds, strings.Join(l.odd, "\n"))
	}
	for what, n := range l.did {
		if n < enough {
			t.Errorf("%s only %d times", what, n)
		}
	}
}

// enough is how often everything must have been done.
const enough = 3

// busy says whether everything was done often enough.
func (l *load) busy() bool {
	for _, n := range l.counts() {
		if n < enough {
			return false
		}
	}
	return true
}

func (l *load) count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.did[what]++
}

func (l *load) counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.did)
}

func (l *load) strange(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.odds++; len(l.odd) < 10 {
		l.odd = append(l.odd, fmt.Sprintf(format, args...))
	}
}

// address is a client's address behind the proxy: one of a million, so that tables of clients fill.
func (p *client) address() string {
	n := p.random.Uint32N(1 << 20)
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// call sends a request, and notes an answer with a status that is not among those expected. It returns the body.
func (p *client) call(ctx context.Context, method, path, body string, want ...int) []byte {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.c.address+path, strings.NewReader(body))
	if err != nil {
		panic(err) // a bug of the test
	}
	r.Header.Set("X-Forwarded-For", p.address())
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	answer, err := p.http.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			p.strange("%s %s: %v", method, path, err)
		}
		return nil
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if ctx.Err() != nil {
		return nil
	}
	p.mu.Lock()
	p.answers[answer.StatusCode]++
	p.mu.Unlock()
	if err != nil || !slices.Contains(want, answer.StatusCode) {
		p.strange("%s %s %s: %d %v %.300s", method, path, body, answer.StatusCode, err, data)
	}
	return data
}

// signUp opens an account. One at a time: the casino refuses more than its processors can do soon.
func (p *client) signUp(ctx context.Context) {
	p.opening.Lock()
	defer p.opening.Unlock()
	var in struct {
		Token string `json:"token"`
	}
	p.token = ""
	data := p.call(ctx, "POST", "/api/v1/accounts", fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"a long password"}`, p.name, p.name), http.StatusCreated)
	if data != nil && json.Unmarshal(data, &in) == nil {
		p.token = in.Token
	}
}

// bet is a request that moves coins. Limits of a player's rate may refuse it, and so may a round that is still open.
func (p *client) bet(ctx context.Context, path, body string) (id string, settled bool, allowed []string) {
	var a struct {
		Round struct {
			ID      string `json:"id"`
			Settled bool   `json:"settled"`
		} `json:"round"`
		Allowed []string `json:"allowed_actions"`
	}
	data := p.call(ctx, "POST", path, body, http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusTooManyRequests)
	if json.Unmarshal(data, &a) != nil {
		return "", true, nil
	}
	return a.Round.ID, a.Round.Settled, a.Allowed
}

func (p *client) play(ctx context.Context) {
	switch p.random.IntN(4) {
	case 0:
		id, settled, allowed := p.bet(ctx, "/api/v1/games/blackjack/rounds", `{"stake":10}`)
		for !settled && len(allowed) > 0 && ctx.Err() == nil {
			action := allowed[p.random.IntN(len(allowed))]
			_, settled, allowed = p.bet(ctx, "/api/v1/games/blackjack/rounds/"+id+"/actions", fmt.Sprintf(`{"action":%q}`, action))
		}
	case 1:
		p.bet(ctx, "/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":3},{"type":"straight","numbers":[17],"amount":2}]}`)
	default:
		p.bet(ctx, "/api/v1/games/slots/spins", fmt.Sprintf(`{"stake":%d}`, 1+p.random.IntN(5)))
	}
}

// leave opens a round of blackjack and leaves it; the next one is refused.
func (p *client) leave(ctx context.Context) {
	p.bet(ctx, "/api/v1/games/blackjack/rounds", `{"stake":10}`)
}

func (p *client) signInAndOut(ctx context.Context) {
	var in struct {
		Token string `json:"token"`
	}
	kept := p.token
	defer func() { p.token = kept }()
	p.token = ""
	data := p.call(ctx, "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":"a long password"}`, p.name), http.StatusCreated)
	if json.Unmarshal(data, &in) == nil && in.Token != "" {
		p.token = in.Token
		p.call(ctx, "DELETE", "/api/v1/sessions/current", "", http.StatusOK, http.StatusNoContent)
	}
}

func (p *client) signUpAgain(ctx context.Context) {
	p.name = fmt.Sprintf("guest%d", p.random.Uint64())
	p.signUp(ctx)
	// An account stays for ever, so they are few.
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

func (p *client) readHistory(ctx context.Context) {
	p.call(ctx, "GET", "/api/v1/me", "", http.StatusOK, http.StatusTooManyRequests)
	p.call(ctx, "GET", "/api/v1/me/rounds?limit=50", "", http.StatusOK, http.StatusTooManyRequests)
	p.call(ctx, "GET", "/api/v1/me/transfers?limit=50", "", http.StatusOK, http.StatusTooManyRequests)
	p.play(ctx)
}

// follow opens a live connection, sees a bet's balance there, and closes it, or only goes away.
func (p *client) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	header := http.Header{"Authorization": {"Bearer " + p.token}, "X-Forwarded-For": {p.address()}}
	live, answer, err := websocket.Dial(ctx, "ws://"+p.c.address+"/api/v1/live", &websocket.DialOptions{HTTPHeader: header, HTTPClient: p.http})
	if err != nil {
		if ctx.Err() == nil && (answer == nil || answer.StatusCode != http.StatusTooManyRequests) {
			p.strange("live: %v", err)
		}
		return
	}
	defer live.CloseNow()
	if _, _, err := live.Read(ctx); err != nil && ctx.Err() == nil {
		p.strange("live, the first message: %v", err)
	}
	p.play(ctx)
	if p.random.IntN(2) == 0 {
		live.Close(websocket.StatusNormalClosure, "")
	}
}

func (p *client) pages(ctx context.Context) {
	for _, path := range []string{"/", "/api/openapi.yaml", "/api/v1/games", "/health"} {
		p.call(ctx, "GET", path, "", http.StatusOK, http.StatusNotFound, http.StatusTooManyRequests)
	}
}

// mistakes are requests that must be refused.
func (p *client) mistakes(ctx context.Context) {
	p.call(ctx, "POST", "/api/v1/games/slots/spins", `{"stake":`, http.StatusBadRequest, http.StatusTooManyRequests)
	p.call(ctx, "POST", "/api/v1/games/slots/spins", `{"stake":100000000}`, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests)
	p.call(ctx, "GET", "/api/v1/nothing", "", http.StatusNotFound, http.StatusTooManyRequests)
	kept := p.token
	p.token = "nobody"
	p.call(ctx, "GET", "/api/v1/me", "", http.StatusUnauthorized, http.StatusTooManyRequests)
	p.token = kept
}

// comeAndGo opens connections that say nothing, or half a request, and closes them.
func (p *client) comeAndGo(ctx context.Context) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.c.address)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			p.strange("connect: %v", err)
		}
		return
	}
	defer conn.Close()
	if p.random.IntN(2) == 0 {
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: casino\r\nX-Forwarded-For: 10.0.0.1\r\n")
	}
}
