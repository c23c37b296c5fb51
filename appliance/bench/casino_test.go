package bench

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// smallCasino keeps books in memory and has the part of the API that bench needs. Tests can make it dishonest, to see
// whether bench notices. Rounds of blackjack take a double and settle.
type smallCasino struct {
	// spoil is called before each bet is booked. It may change the answer, what is booked, and how often. nil: honest.
	spoil func(told, booked *smallRound) (times int)
	// dropAnswer says whether the connection is cut after the n-th bet was booked.
	dropAnswer func(n int) bool
	// refuse returns the status with which the n-th request for a bet is refused before anything is booked; 0: none.
	refuse func(n int) int

	// dropSignUp says whether the connection is cut after the n-th account was opened.
	dropSignUp func(n int) bool

	welcome int64 // coins of a new player; 0: plenty

	mu       sync.Mutex
	players  map[string]*smallPlayer // by token
	bets     int
	attempts int
	ids      int
}

type smallPlayer struct {
	name      string
	signUpKey string
	coins     int64
	rounds    []*smallRound
	transfers []smallTransfer
	answers   map[string]string // by key
	open      *smallRound
}

type smallRound struct {
	ID      string `json:"id"`
	Game    string `json:"game"`
	Settled bool   `json:"settled"`
	Staked  int64  `json:"staked"`
	Payout  int64  `json:"payout"`
	Outcome any    `json:"outcome"`
}

type smallTransfer struct {
	ID      string  `json:"id"`
	Kind    string  `json:"kind"`
	RoundID *string `json:"round_id"`
	Amount  int64   `json:"amount"`
	After   int64   `json:"balance_after"`
}

func (c *smallCasino) id() string {
	c.ids++
	return strconv.Itoa(c.ids)
}

func (c *smallCasino) move(p *smallPlayer, kind string, round *string, amount int64) {
	p.coins += amount
	p.transfers = append(p.transfers, smallTransfer{c.id(), kind, round, amount, p.coins})
}

func (c *smallCasino) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.URL.Path == "/api/v1/accounts" {
		c.signUp(w, r, body)
		return
	}
	p := c.players[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case p == nil:
		reply(w, http.StatusUnauthorized, map[string]any{"code": "unauthenticated"})
	case r.URL.Path == "/api/v1/me":
		me := map[string]any{"username": p.name, "coins": p.coins, "open_round_id": nil}
		if p.open != nil {
			me["open_round_id"] = p.open.ID
		}
		reply(w, http.StatusOK, me)
	case r.URL.Path == "/api/v1/me/daily-coins":
		reply(w, http.StatusConflict, map[string]any{"code": "already_collected"})
	case r.URL.Path == "/api/v1/me/rounds":
		page(w, r, "rounds", p.rounds)
	case r.URL.Path == "/api/v1/me/transfers":
		page(w, r, "transfers", p.transfers)
	case r.URL.Path == "/api/v1/games/blackjack/rounds/open" && p.open != nil:
		reply(w, http.StatusOK, shown(p.open, p))
	case r.Method == http.MethodPost:
		c.bet(w, r, p)
	default:
		reply(w, http.StatusNotFound, map[string]any{"code": "not_found"})
	}
}

func (c *smallCasino) signUp(w http.ResponseWriter, r *http.Request, body []byte) {
	var account struct {
		Username string `json:"username"`
	}
	json.Unmarshal(body, &account)
	key := r.Header.Get("Idempotency-Key")
	for token, p := range c.players {
		switch {
		case p.name != account.Username:
		case key != "" && p.signUpKey == key:
			reply(w, http.StatusCreated, map[string]any{"token": token})
			return
		default:
			reply(w, http.StatusConflict, map[string]any{"code": "username_taken"})
			return
		}
	}
	token, _ := c.seat(account.Username, key)
	if c.dropSignUp != nil && c.dropSignUp(len(c.players)) {
		panic(http.ErrAbortHandler)
	}
	reply(w, http.StatusCreated, map[string]any{"token": token})
}

// seat opens an account.
func (c *smallCasino) seat(name, key string) (token string, p *smallPlayer) {
	token = "token-" + c.id()
	p = &smallPlayer{name: name, signUpKey: key, answers: make(map[string]string)}
	c.players[token] = p
	c.move(p, "welcome", nil, cmp.Or(c.welcome, 1_000_000))
	return token, p
}

func (c *smallCasino) bet(w http.ResponseWriter, r *http.Request, p *smallPlayer) {
	c.attempts++
	if c.refuse != nil {
		if status := c.refuse(c.attempts); status != 0 {
			code := map[int]string{429: "rate_limited", 503: "unavailable", 403: "game_disabled"}[status]
			reply(w, status, map[string]any{"code": code})
			return
		}
	}
	key := r.Header.Get("Idempotency-Key")
	answer, answered := p.answers[key]
	if !answered || key == "" {
		c.bets++
		switch {
		case p.coins < 100:
			reply(w, http.StatusConflict, map[string]any{"code": "insufficient_coins"})
			return
		case strings.HasSuffix(r.URL.Path, "/actions"):
			answer = c.act(p)
		case strings.Contains(r.URL.Path, "blackjack"):
			answer = c.deal(p)
		default:
			answer = c.spin(p)
		}
		p.answers[key] = answer
		if c.dropAnswer != nil && c.dropAnswer(c.bets) {
			panic(http.ErrAbortHandler)
		}
	}
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, answer)
}

func (c *smallCasino) spin(p *smallPlayer) string {
	round := &smallRound{ID: c.id(), Game: slots, Settled: true, Staked: 2, Payout: int64(c.bets % 4), Outcome: map[string]any{"stops": c.bets % 7}}
	booked := *round
	times := 1
	if c.spoil != nil {
		times = c.spoil(round, &booked)
	}
	for range times {
		c.move(p, "stake", &booked.ID, -booked.Staked)
		if booked.Payout > 0 {
			c.move(p, "payout", &booked.ID, booked.Payout)
		}
	}
	if times > 0 {
		p.rounds = append(p.rounds, &booked)
	}
	return shown(round, p).text()
}

func (c *smallCasino) deal(p *smallPlayer) string {
	p.open = &smallRound{ID: c.id(), Game: blackjack, Staked: 2, Outcome: "cards"}
	p.rounds = append(p.rounds, p.open)
	c.move(p, "stake", &p.open.ID, -2)
	return shown(p.open, p).text()
}

func (c *smallCasino) act(p *smallPlayer) string {
	round := p.open
	p.open = nil
	round.Settled, round.Staked, round.Payout = true, 4, 8
	c.move(p, "raise", &round.ID, -2)
	c.move(p, "payout", &round.ID, 8)
	return shown(round, p).text()
}

type shownRound map[string]any

func (s shownRound) text() string {
	text, err := json.Marshal(map[string]any(s))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func shown(round *smallRound, p *smallPlayer) shownRound {
	copied := *round
	return shownRound{"round": copied, "payout": copied.Payout, "coins": p.coins, "allowed_actions": []string{"double", "hit", "stand"},
		"hands": []map[string]any{{"total": 11, "active": true}}}
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.WriteHeader(status)
	json.MarshalWrite(w, body)
}

// page returns items newest first, from the cursor on.
func page[T any](w http.ResponseWriter, r *http.Request, name string, all []T) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	newest := slices.Clone(all)
	slices.Reverse(newest)
	end := min(from+limit, len(newest))
	body := map[string]any{name: newest[from:end], "next_cursor": nil}
	if end < len(newest) {
		body["next_cursor"] = fmt.Sprint(end)
	}
	reply(w, http.StatusOK, body)
}

func openSmallCasino(t *testing.T, c *smallCasino) *httptest.Server {
	t.Helper()
	c.players = make(map[string]*smallPlayer)
	server := httptest.NewTLSServer(c)
	t.Cleanup(server.Close)
	return server
}
