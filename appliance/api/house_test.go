package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage/seal"
)

// house is an API on a real listener in front of a fake casino.
type house struct {
	t      *testing.T
	casino *fakeCasino
	api    *API
	server *httptest.Server
	clock  atomic.Int64 // Unix milliseconds
	logs   *logBuffer
	seen   func(*http.Request, *http.Response, []byte) // called for every answer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (h *house) now() time.Time { return time.UnixMilli(h.clock.Load()).UTC() }

func (h *house) pass(d time.Duration) { h.clock.Add(d.Milliseconds()) }

var testKeys = seal.New([seal.KeySize]byte{1})

// cheapPasswords are hashed at the lowest cost: these tests are not about hashing.
func cheapPasswords(t testing.TB) *auth.Passwords {
	p, err := auth.NewPasswords(auth.PasswordOptions{Cost: 4, Seal: testKeys, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newHouse opens a house; change may alter its options.
func newHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	h := &house{t: t, logs: new(logBuffer)}
	h.casino = newFakeCasino(h.now)
	h.clock.Store(time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC).UnixMilli())
	o := Options{
		Casino: h.casino, Events: h.casino, Passwords: cheapPasswords(t), Log: slog.New(slog.NewTextHandler(h.logs, nil)),
		Subjects: testKeys, Now: h.now, Random: rand.Reader,
		Games: catalogue.Released(), Offer: Offer{Tables: []Table{
			{Game: "slots", Rules: "slots/2", Enabled: true, MinStake: 1, MaxStake: 10_000},
			{Game: "roulette", Rules: "roulette/1", Enabled: true, MinStake: 1, MaxStake: 10_000, MaxBet: 5_000},
			{Game: "blackjack", Rules: "blackjack/1", Enabled: true, MinStake: 2, MaxStake: 10_000},
		}, WelcomeCoins: 100_000, DailyCoins: 100, SignInTries: 5, SignInRefill: 12 * time.Second},
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if h.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(h.api)
	t.Cleanup(func() {
		h.api.Close()
		h.server.Close()
	})
	return h
}

// eachTable changes how every game is offered.
func eachTable(change func(*Table)) func(*Options) {
	return func(o *Options) {
		o.Offer.Tables = slices.Clone(o.Offer.Tables)
		for i := range o.Offer.Tables {
			change(&o.Offer.Tables[i])
		}
	}
}

// client sends requests to a house.
type client struct {
	h     *house
	token string
	id    string // of the account
}

// reply is an answer that has been read completely.
type reply struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any // nil where the body is no JSON object
}

// do sends a request. Headers are pairs of a name and a value; one of the same name replaces what do would send.
func (c *client) do(method, path, body string, headers ...string) reply {
	c.h.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, c.h.server.URL+path, in)
	if err != nil {
		c.h.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	res, err := c.h.server.Client().Do(r)
	if err != nil {
		c.h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.h.t.Fatalf("%s %s: %v", method, path, err)
	}
	if c.h.seen != nil {
		c.h.seen(r, res, raw)
	}
	out := parse(res, raw)
	if c.h.casino.intercept == nil { // else the machine may answer anything
		checkCode(c.h.t, method, r.URL.Path, out)
	}
	return out
}

func parse(res *http.Response, raw []byte) reply {
	out := reply{status: res.StatusCode, header: res.Header, raw: raw}
	_ = json.Unmarshal(raw, &out.body) // not all bodies are objects
	return out
}

// code is the code of a problem; empty for other answers.
func (r reply) code() string {
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") {
		return ""
	}
	s, _ := r.body["code"].(string)
	return s
}

// want fails the test unless the answer has the status and, if it is a problem, the code.
func (r reply) want(t *testing.T, status int, code string) reply {
	t.Helper()
	if r.status != status || r.code() != code {
		t.Fatalf("answered %d %q, want %d %q\n%s", r.status, r.code(), status, code, r.raw)
	}
	return r
}

func (h *house) visitor() *client { return &client{h: h} }

// player signs up.
func (h *house) player(name string) *client {
	h.t.Helper()
	c := h.visitor()
	r := c.do("POST", "/api/v1/accounts", `{"username":"`+name+`","email":"`+name+`@example.org","password":"correct horse"}`)
	r.want(h.t, http.StatusCreated, "")
	c.token = r.body["token"].(string)
	c.id = r.body["account"].(map[string]any)["id"].(string)
	return c
}

func (c *client) coins() games.Coins {
	c.h.t.Helper()
	r := c.do("GET", "/api/v1/me", "").want(c.h.t, http.StatusOK, "")
	return games.Coins(r.body["coins"].(float64))
}
