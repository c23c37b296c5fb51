package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/ops"
	"imperio/games"
	"imperio/replication"
)

// The API in front of the real machine, log and disk. Each test ends with an audit.

// realHouse is a whole casino in this process.
type realHouse struct {
	t           *testing.T
	config      config.Config
	games       *games.Catalogue  // nil: all released games
	tables      []config.Table    // nil: as the configuration says
	clock       replication.Clock // nil: the system's
	app         *App
	stop        func() // and waits until it has ended
	url         string
	description *description
}

// patientConfig is the default configuration, changed for a machine so busy that a write may take minutes.
func patientConfig() config.Config {
	c := config.Default()
	c.Data.DiskStallLimit = 10 * time.Minute
	c.Listen.ShutdownTimeout = 3 * time.Minute
	return c
}

func openRealHouse(t *testing.T, change ...func(*config.Config)) *realHouse {
	t.Helper()
	return openRealHouseBy(t, nil, change...)
}

// openRealHouseBy opens a casino with a clock of the test.
func openRealHouseBy(t *testing.T, clock replication.Clock, change ...func(*config.Config)) *realHouse {
	t.Helper()
	h := &realHouse{t: t, config: patientConfig(), clock: clock}
	c := &h.config
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	c.Limits.On = false
	c.Accounts.BcryptCost, c.Accounts.WelcomeCoins = 4, 1000
	for _, f := range change {
		f(c)
	}
	h.start()
	t.Cleanup(func() {
		h.stop()
		if proved, err := Audit(context.Background(), h.config.Data, nil); err != nil || len(proved.Proved) == 0 {
			t.Errorf("the books are wrong: %v", err)
		}
	})
	_, document := (&realClient{h: h}).send("GET", "/api/openapi.yaml", "")
	h.description = readDescription(t, document)
	return h
}

func (h *realHouse) start() {
	h.t.Helper()
	var err error
	if h.app, err = New(h.t.Context(), Options{Config: h.config, Games: h.games, Tables: h.tables, Version: "test", Logs: io.Discard, Clock: h.clock}); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.app.Run(ctx) }()
	h.stop = func() {
		http.DefaultClient.CloseIdleConnections() // a casino that stops gives them time, which tests don't need
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("the casino ended with: %v", err)
		}
		h.stop = func() {}
	}
	for _, s := range h.app.servers {
		if s.name == "http" {
			h.url = "http://" + s.on.Addr().String()
		}
	}
}

// restart stops the casino and starts it again with a changed configuration.
func (h *realHouse) restart(change func(*config.Config)) {
	h.t.Helper()
	h.stop()
	change(&h.config)
	h.start()
}

type realClient struct {
	h     *realHouse
	token string
}

// send sends a request, checks the answer against the description, and returns its status and body.
func (c *realClient) send(method, path, body string, headers ...string) (int, []byte) {
	res, data := c.answer(method, path, body, headers...)
	if res == nil {
		return 0, nil
	}
	return res.StatusCode, data
}

// answer is send for those who want to see the headers. The answer is nil if none came.
func (c *realClient) answer(method, path, body string, headers ...string) (*http.Response, []byte) {
	r, err := http.NewRequest(method, c.h.url+path, strings.NewReader(body))
	if err != nil {
		c.h.t.Error(err)
		return nil, nil
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.h.t.Error(err)
		return nil, nil
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.h.t.Error(err)
	}
	if c.h.description != nil {
		c.h.description.check(r, res, data)
	}
	return res, data
}

// object sends a request, which must be answered with the status, and returns the answer.
func (c *realClient) object(status int, method, path, body string, headers ...string) map[string]any {
	c.h.t.Helper()
	got, data := c.send(method, path, body, headers...)
	if got != status {
		c.h.t.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, got, status, data)
	}
	var v map[string]any
	if len(data) != 0 {
		if err := json.Unmarshal(data, &v); err != nil {
			c.h.t.Fatal(err)
		}
	}
	return v
}

func (h *realHouse) player(name string) *realClient {
	h.t.Helper()
	c := &realClient{h: h}
	v := c.object(201, "POST", "/api/v1/accounts", `{"username":"`+name+`","email":"`+name+`@example.org","password":"correct horse"}`)
	c.token = v["token"].(string)
	return c
}

// all reads a list to its end.
func (c *realClient) all(path, name string) (list []map[string]any) {
	c.h.t.Helper()
	for cursor := ""; ; {
		v := c.object(200, "GET", path+"?limit=37"+cursor, "")
		for _, e := range v[name].([]any) {
			list = append(list, e.(map[string]any))
		}
		next, ok := v["next_cursor"].(string)
		if !ok {
			return list
		}
		cursor = "&cursor=" + next
	}
}

// checkBooks checks a player's balance, transfers and rounds against one another, and returns the number of rounds.
func (c *realClient) checkBooks() int {
	t := c.h.t
	t.Helper()
	me := c.object(200, "GET", "/api/v1/me", "")
	var sum float64
	transfers := c.all("/api/v1/me/transfers", "transfers")
	for _, tr := range slices.Backward(transfers) {
		sum += tr["amount"].(float64)
		if tr["balance_after"] != sum || sum < 0 {
			t.Errorf("after transfer %v the balance is %v, the sum %v", tr["id"], tr["balance_after"], sum)
		}
	}
	if me["coins"] != sum {
		t.Errorf("the balance is %v, the sum of the transfers %v", me["coins"], sum)
	}
	rounds := c.all("/api/v1/me/rounds", "rounds")
	nonces := make(map[string]bool)
	for _, r := range rounds {
		nonces[fmt.Sprint(r["pair"], "/", r["nonce"])] = true
	}
	for i := range rounds {
		if !nonces[fmt.Sprint(0, "/", i)] {
			t.Errorf("of %d rounds none has the nonce %d", len(rounds), i)
		}
	}
	return len(rounds)
}

func TestAPI_ManyBetsAtOnceNeverOverdraw(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	var wait sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 12 {
		wait.Go(func() {
			for range 25 {
				switch status, body := p.send("POST", "/api/v1/games/slots/spins", `{"stake":97}`); {
				case status == 201:
					mu.Lock()
					taken++
					mu.Unlock()
				case status == 409 && bytes.Contains(body, []byte(`"insufficient_coins"`)):
				default:
					t.Errorf("%d %s", status, body)
				}
			}
		})
	}
	wait.Wait()
	if rounds := p.checkBooks(); rounds != taken || rounds < 10 {
		t.Errorf("%d bets were answered, %d rounds are there", taken, rounds)
	}
}

func TestAPI_OneKeyIsOneBetHoweverOftenItIsSent(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	for name, request := range map[string][2]string{
		"slots":    {"/api/v1/games/slots/spins", `{"stake":3}`},
		"roulette": {"/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":2},{"type":"dozen","selection":2,"amount":1}]}`},
	} {
		answers := make([][]byte, 16)
		var wait sync.WaitGroup
		for i := range answers {
			wait.Go(func() {
				status, body := p.send("POST", request[0], request[1], "Idempotency-Key", name)
				if status != 201 {
					t.Errorf("%d %s", status, body)
				}
				answers[i] = body
			})
		}
		wait.Wait()
		for _, a := range answers {
			if !bytes.Equal(a, answers[0]) {
				t.Errorf("%s and %s", answers[0], a)
			}
		}
		if v := p.object(409, "POST", "/api/v1/games/slots/spins", `{"stake":4}`, "Idempotency-Key", name); v["code"] != "idempotency_mismatch" {
			t.Errorf("%v", v)
		}
	}
	if rounds := p.checkBooks(); rounds != 2 {
		t.Errorf("%d rounds", rounds)
	}
}

func TestAPI_TwoActionsAtOnceAreOne(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	for range 5 {
		v := p.object(201, "POST", "/api/v1/games/blackjack/rounds", `{"stake":2}`)
		if v["settled"] == true {
			continue
		}
		id := v["round"].(map[string]any)["id"].(string)
		actions := "/api/v1/games/blackjack/rounds/" + id + "/actions"
		if slices.Contains(v["allowed_actions"].([]any), any("decline_insurance")) {
			if v = p.object(200, "POST", actions, `{"action":"decline_insurance"}`); v["settled"] == true {
				continue
			}
		}
		// There is one hand, so the first stand settles the round and the others come too late.
		statuses := make(chan int, 6)
		for range cap(statuses) {
			go func() {
				status, body := p.send("POST", actions, `{"action":"stand"}`)
				if status != 200 && !(status == 409 && bytes.Contains(body, []byte(`"round_settled"`))) {
					t.Errorf("%d %s", status, body)
				}
				statuses <- status
			}()
		}
		taken := 0
		for range cap(statuses) {
			if <-statuses == 200 {
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("%d stands were taken", taken)
		}
	}
	p.checkBooks()
}

// A client without an answer asks again under its key. In the meantime the operator may have restarted the casino with
// other rules, limits or games, or the disk may have filled up.
func TestAPI_ABetIsAnsweredAgainWhateverTheHouseChanged(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	bets := map[string]string{
		"/api/v1/games/slots/spins":    `{"stake":3}`,
		"/api/v1/games/roulette/spins": `{"bets":[{"type":"red","amount":2},{"type":"dozen","selection":2,"amount":1}]}`,
		deals:                          `{"stake":3}`,
		"/api/v1/me/daily-coins":       `{}`,
	}
	first := make(map[string][]byte)
	for path, body := range bets {
		var status int
		if status, first[path] = p.send("POST", path, body, "Idempotency-Key", "k"+path); status != 201 {
			t.Fatalf("%s: %d %s", path, status, first[path])
		}
	}
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		status int
		code   string // the refusal of a new bet; empty: it is taken
	}{
		{"other rules", func(c *config.Config) {
			c.Games.SlotsRules, c.Games.RouletteRules, c.Accounts.DailyCoins = "slots/1", "roulette/2", 7
		}, 201, ""},
		{"other limits", func(c *config.Config) {
			c.Games.SlotsMinStake, c.Games.RouletteMinStake, c.Games.BlackjackMinStake = 100, 100, 100
		}, 422, "stake_out_of_range"},
		{"games off", func(c *config.Config) {
			c.Games.SlotsEnabled, c.Games.RouletteEnabled, c.Games.BlackjackEnabled, c.Accounts.DailyCoins = false, false, false, 0
		}, 409, "game_disabled"},
		{"a full disk", func(c *config.Config) {
			c.Games.SlotsEnabled, c.Games.RouletteEnabled, c.Games.BlackjackEnabled = true, true, true
			free, _, err := ops.SpaceOf(c.Data.Dir)
			if err != nil {
				t.Error(err)
			}
			c.Data.DiskReserve = config.ByteSize(free + free/2) // more than is free
		}, 503, "low_disk_space"},
	} {
		h.restart(c.change)
		for path, body := range bets {
			if status, again := p.send("POST", path, body, "Idempotency-Key", "k"+path); status != 201 || !bytes.Equal(again, first[path]) {
				t.Errorf("%s, %s: first %s\nagain %d %s", c.name, path, first[path], status, again)
			}
			if path == deals || path == "/api/v1/me/daily-coins" {
				continue // a round may be open; the daily coins are collected already
			}
			if status, answer := p.send("POST", path, body, "Idempotency-Key", "new "+c.name+path); status != c.status || !bytes.Contains(answer, []byte(c.code)) {
				t.Errorf("%s, %s: a new bet is answered %d %s", c.name, path, status, answer)
			}
			other := strings.NewReplacer(`"stake":3`, `"stake":4`, `"amount":2`, `"amount":4`).Replace(body)
			p.refused(409, "idempotency_mismatch", "POST", path, other, "Idempotency-Key", "k"+path)
		}
	}
	p.checkBooks()
}

const deals = "/api/v1/games/blackjack/rounds"

// dealUntil plays rounds of blackjack until one allows the action, and leaves that one open.
func (c *realClient) dealUntil(action string) (v map[string]any, actions string) {
	c.h.t.Helper()
	for range 300 {
		v = c.object(201, "POST", deals, `{"stake":2}`)
		actions = deals + "/" + v["round"].(map[string]any)["id"].(string) + "/actions"
		if slices.Contains(v["allowed_actions"].([]any), any(action)) {
			return v, actions
		}
		c.finish(v, actions)
	}
	c.h.t.Fatalf("300 rounds, and none allowed %s", action)
	return nil, ""
}

// finish stands and declines until a round is settled.
func (c *realClient) finish(v map[string]any, actions string) {
	c.h.t.Helper()
	for v["settled"] == false {
		action := "stand"
		if slices.Contains(v["allowed_actions"].([]any), any("decline_insurance")) {
			action = "decline_insurance"
		}
		v = c.object(200, "POST", actions, `{"action":"`+action+`"}`)
	}
}

// Simultaneous hits, or stands on one of two hands, would all be allowed one after the other. Only one may be taken.
func TestAPI_OfActionsOnThePositionThatWasSeenOneIsTaken(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	atOnce := func(actions, action string, taken int) {
		t.Helper()
		statuses := make(chan int, 6)
		for range cap(statuses) {
			go func() {
				status, body := p.send("POST", actions, fmt.Sprintf(`{"action":%q,"taken":%d}`, action, taken))
				if status != 200 && !(status == 409 && (bytes.Contains(body, []byte(`"round_moved"`)) || bytes.Contains(body, []byte(`"round_settled"`)))) {
					t.Errorf("%d %s", status, body)
				}
				statuses <- status
			}()
		}
		done := 0
		for range cap(statuses) {
			if <-statuses == 200 {
				done++
			}
		}
		id := strings.Split(actions, "/")[6]
		round := p.object(200, "GET", "/api/v1/me/rounds/"+id, "")
		if n := len(round["actions"].([]any)); done != 1 || n != taken+1 {
			t.Errorf("%d times %s was taken, and the round has %d actions, %d before", done, action, n, taken)
		}
	}
	finish := func(actions string) {
		if status, _ := p.send("GET", deals+"/open", ""); status == 200 {
			p.finish(p.object(200, "GET", deals+"/open", ""), actions)
		}
	}
	for range 10 {
		_, actions := p.dealUntil("hit")
		atOnce(actions, "hit", 0)
		finish(actions)
	}
	for splits := 0; splits < 3; {
		_, actions := p.dealUntil("split")
		v := p.object(200, "POST", actions, `{"action":"split","taken":0}`)
		if v["settled"] == true || v["hands"].([]any)[0].(map[string]any)["active"] == false {
			p.finish(v, actions)
			continue // aces, or a 21
		}
		splits++
		atOnce(actions, "stand", 1)
		finish(actions)
	}
	p.checkBooks()
}

func TestAPI_DailyCoinsOnceHoweverManyAsk(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	statuses := make(chan int, 8)
	for range cap(statuses) {
		go func() {
			status, _ := p.send("POST", "/api/v1/me/daily-coins", "")
			statuses <- status
		}()
	}
	taken := 0
	for range cap(statuses) {
		switch s := <-statuses; s {
		case 201:
			taken++
		case 409:
		default:
			t.Errorf("answered %d", s)
		}
	}
	if me := p.object(200, "GET", "/api/v1/me", ""); taken != 1 || me["coins"] != 1100.0 || me["daily_coins_at"] == nil {
		t.Errorf("%d were taken: %v", taken, me)
	}
}

func TestAPI_ParallelSignUpsOfOneNameAreOneAccount(t *testing.T) {
	h := openRealHouse(t)
	names := []string{"cherry", "CHERRY", "Cherry", "cHerry", "ｃｈｅｒｒｙ"}
	statuses := make(chan int, len(names))
	for i, name := range names {
		go func() {
			body := fmt.Sprintf(`{"username":"%s","email":"c%d@example.org","password":"correct horse"}`, name, i)
			status, _ := (&realClient{h: h}).send("POST", "/api/v1/accounts", body)
			statuses <- status
		}()
	}
	taken := 0
	for range names {
		switch s := <-statuses; s {
		case 201:
			taken++
		case 409:
		default:
			t.Errorf("answered %d", s)
		}
	}
	if taken != 1 {
		t.Errorf("%d accounts", taken)
	}
}

// All changes name the correct password, and the session outlives the change. Only one is made, and the others are not told
// to sign in again.
func TestAPI_OfPasswordChangesAtOnceOneIsDone(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	const tries = 20
	statuses := make([]int, tries)
	codes := make([]string, tries)
	var wait sync.WaitGroup
	for i := range tries {
		wait.Go(func() {
			var body []byte
			statuses[i], body = p.send("PUT", "/api/v1/me/password", fmt.Sprintf(`{"current":"correct horse","new":"better horse %d"}`, i))
			var problem struct{ Code string }
			_ = json.Unmarshal(body, &problem) // a success has no body
			codes[i] = problem.Code
		})
	}
	wait.Wait()
	winner := slices.Index(statuses, 204)
	for i, status := range statuses {
		if i != winner && (status != 403 || codes[i] != "wrong_password") {
			t.Errorf("change %d: %d %s", i, status, codes[i])
		}
	}
	if winner < 0 {
		t.Fatalf("none was done: %v", statuses)
	}
	p.object(200, "GET", "/api/v1/me", "")
	p.object(201, "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":"cherry","password":"better horse %d"}`, winner))
}

func TestAPI_FailedSignInsAreThrottledForKnownAndUnknownNamesAlike(t *testing.T) {
	for _, login := range []string{"cherry", "nobody"} {
		t.Run(login, func(t *testing.T) {
			h := openRealHouse(t, func(c *config.Config) {
				c.Limits.On = true
				// The limits on requests have their own tests.
				c.Limits.FailedSignIns = config.Rate{Events: 5, Per: time.Hour} // even on a slow machine no try comes back
				c.Limits.SignInBurst, c.Limits.GeneralBurst, c.Limits.ConnectionsPerAddress = 1000, 1000, 1000
			})
			h.player("cherry")
			v := &realClient{h: h}
			codes := make([]string, 6)
			for i := range codes {
				_, body := v.send("POST", "/api/v1/sessions", `{"login":"`+login+`","password":"wrong horse"}`)
				var p struct{ Code string }
				if err := json.Unmarshal(body, &p); err != nil {
					t.Fatal(err)
				}
				codes[i] = p.Code
			}
			if !slices.Equal(codes, append(slices.Repeat([]string{"invalid_credentials"}, 5), "sign_in_throttled")) {
				t.Errorf("%v", codes)
			}
			if status, body := v.send("POST", "/api/v1/sessions", `{"login":"`+login+`","password":"correct horse"}`); status != 429 {
				t.Errorf("the correct password from the same address is answered %d %s", status, body)
			}
		})
	}
}

// Random nonsense is refused with a 4xx, and no coin moves.
func TestAPI_NonsenseMovesNoCoin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := openRealHouse(t)
	p := h.player("cherry")
	values := []string{"0", "-1", "1.5", "1e400", `"10"`, "9223372036854775808", "NaN", "null", "true", "[]", "{}", "1e2", "-0", `""`, "10001", "9007199254740993"}
	paths := []string{"/api/v1/games/slots/spins", "/api/v1/games/roulette/spins", "/api/v1/games/blackjack/rounds", "/api/v1/games/blackjack/rounds/1/actions"}
	for range 400 {
		value := values[random.IntN(len(values))]
		body := []string{
			`{"stake":` + value + `}`, `{"bets":` + value + `}`, `{"bets":[{"type":"red","amount":` + value + `}]}`,
			`{"bets":[{"type":"straight","numbers":[` + value + `],"amount":0}]}`, `{"action":` + value + `}`, value, `{"stake":` + value,
			`{"stake":1,"stake":` + value + `}`, `{"stake":1,"extra":` + value + `}`,
		}[random.IntN(9)]
		path := paths[random.IntN(len(paths))]
		if status, answer := p.send("POST", path, body, "Idempotency-Key", strconv.Itoa(random.IntN(5))); status < 400 || status > 499 {
			t.Errorf("%s %s: %d %s", path, body, status, answer)
		}
	}
	if me := p.object(200, "GET", "/api/v1/me", ""); me["coins"] != 1000.0 || me["held_coins"] != 0.0 {
		t.Errorf("%v", me)
	}
	if rounds := p.checkBooks(); rounds != 0 {
		t.Errorf("%d rounds", rounds)
	}
}
