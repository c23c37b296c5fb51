package appliance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"imperio/appliance/config"
	"imperio/appliance/edge"
)

// Nothing that a client can send is a fault of the casino's, and nothing that is refused changes anything.
func TestLegacy_BadInputIsRefusedWithAMessage(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	p := h.player("ana")
	o := p.launch("imperio")
	before := o.coins()
	bodies := []string{
		``, ` `, `null`, `true`, `7`, `"text"`, `[]`, `[{}]`, `{`, `{}}`, `{"a":}`, `NaN`, `{"wager":NaN}`, "\xff", `{"` + "\xff" + `":1}`, strings.Repeat(`[`, 20_000), strings.Repeat(`{"a":`, 9000),
	}
	values := []string{
		`true`, `false`, `null`, `"ten"`, `""`, `0.5`, `1.0`, `1e3`, `-1`, `-10`, `{}`, `{"a":1}`, `[]`, `[10]`, `[[[[1]]]]`, `99999999999999999999999`, `-99999999999999999999999`,
		`1` + strings.Repeat("0", 5000), `1e999`, `"` + strings.Repeat("x", 5000) + `"`, `"\u0000"`, `9007199254740993`,
	}
	for _, path := range []string{"/blackjack/start", "/blackjack/action", "/roulette/action", "/verify-token"} {
		all := bodies
		for _, v := range values {
			switch path {
			case "/blackjack/start":
				all = append(all, `{"wager":`+v+`}`, `{"wager":10,"wager":`+v+`}`)
			case "/blackjack/action":
				all = append(all, `{"action":`+v+`}`, `{"action":"hit","game_id":`+v+`}`)
			case "/roulette/action":
				all = append(all, `{"bet":`+v+`}`, `{"bet":[`+v+`]}`, `{"bet":[{"amt":`+v+`}]}`, `{"bet":[{"amt":5,"numbers":`+v+`}]}`, `{"bet":[{"amt":5,"numbers":"7"},{"amt":`+v+`,"numbers":"8"}]}`)
			case "/verify-token":
				all = append(all, `{"token":`+v+`,"username":"ana"}`, `{"token":"`+o.token+`","username":`+v+`}`)
			}
		}
		for _, body := range all {
			status, v := o.send("POST", path, body)
			if status < 400 || status >= 500 {
				t.Errorf("%s %.100s: %d %v", path, body, status, v)
			}
		}
	}
	for _, body := range []string{`[]`, `{`, `7`} {
		o.want(400, "POST", "/spin", body)
	}
	for _, numbers := range []string{"", "37", "-1", "1,,2", "1 2", "1;2", "+7", "0x7", "7.0", "1, 1", "1, 3", "1, 5", "0, 36", "1, 2, 3, 4", "٣", strings.Repeat("1,", 20_000)} {
		o.want(400, "POST", "/roulette/action", fmt.Sprintf(`{"bet":[{"amt":5,"numbers":%q}]}`, numbers))
	}
	o.want(400, "POST", "/roulette/action", `{"bet":[{"amt":0,"numbers":"7"}]}`)
	o.want(413, "POST", "/roulette/action", `{"bet":[],"a":"`+strings.Repeat("x", 70_000)+`"}`)
	o.want(422, "POST", "/roulette/action", `{"bet":[`+strings.TrimSuffix(strings.Repeat(`{"amt":1,"numbers":"7"},`, 101), ",")+`]}`)
	o.want(405, "GET", "/spin", "")
	o.want(405, "PUT", "/getCoins", "")
	if after := o.coins(); after != before {
		t.Errorf("%d coins became %d", before, after)
	}
	if rounds := p.checkBooks(); rounds != 0 {
		t.Errorf("%d rounds", rounds)
	}
	o.want(400, "POST", "/blackjack/start", fmt.Sprintf(`{"wager":%d}`, before+1)) // known to older clients as 400
	o.want(400, "POST", "/roulette/action", fmt.Sprintf(`{"bet":[{"amt":%d,"numbers":"7"}]}`, before+1))
}

// preflight asks whether a page of an origin may call a route.
func (h *realHouse) preflight(origin, path string) (status int, allowed http.Header) {
	h.t.Helper()
	r, err := http.NewRequest("OPTIONS", h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header
}

func TestLegacy_OnlyTheFrontEndsCallTheOlderRoutesAndOnlyThose(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, func(c *config.Config) { c.Access.CORSOrigins = []string{"https://own.example"} })
	o := h.player("ana").launch("imperio")
	o.coins()
	for origin, older := range map[string]bool{"https://slots.example": true, "https://games.example": true, "http://roulette.example:5175": true, "https://own.example": true, "https://evil.example": false, "null": false} {
		status, allowed := h.preflight(origin, "/spin")
		if (status == 204) != older || (allowed.Get("Access-Control-Allow-Origin") == origin) != older || allowed.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s may call an older route: %d %v", origin, status, allowed)
		}
		if older && !strings.Contains(strings.ToLower(allowed.Get("Access-Control-Allow-Headers")), "authorization, content-type") {
			t.Errorf("%v", allowed)
		}
		for _, path := range []string{"/api/v1/me", "/api/v1/games/slots/spins", "/spin/", "/other"} {
			if status, _ := h.preflight(origin, path); (status == 204) != (origin == "https://own.example") {
				t.Errorf("%s may call %s: %d", origin, path, status)
			}
		}
		page := *o
		page.origin = origin
		if status, _ := page.send("POST", "/spin", "{}", "Sec-Fetch-Site", "cross-site"); (status == 200) != older {
			t.Errorf("a spin from %s: %d", origin, status)
		}
		if status, _ := page.send("POST", "/spin", "{}", "Sec-Fetch-Site", "cross-site", "Cookie", "imperio=x"); status == 200 {
			t.Errorf("a spin from %s with a cookie: %d", origin, status)
		}
	}
}

func TestLegacy_IsOffUntilAskedForAndChangesWithAReload(t *testing.T) {
	t.Parallel()
	app, next := reloadable(t, func(*config.Config) {})
	handler := app.edge.Handler(app.handler())
	ask := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	mayCall := func() int {
		return ask("OPTIONS", "/spin", "Origin", "https://slots.example", "Access-Control-Request-Method", "POST").Code
	}
	if a, b := ask("GET", "/getCoins").Code, mayCall(); a != 404 || b != 403 {
		t.Errorf("off, and answers %d and %d", a, b)
	}
	next.Legacy = config.Legacy{On: true, SlotsURL: olderSlots}
	if keys := strings.Join(keysOf(reload(t, app).Applied), " "); keys != "legacy-api legacy-slots-url" {
		t.Errorf("applied %q", keys)
	}
	if a, b := ask("GET", "/getCoins"), mayCall(); a.Code != 401 || b != 204 || a.Header().Get("Content-Security-Policy") != edge.DataHeaders().Get("Content-Security-Policy") {
		t.Errorf("on, and answers %v and %d", a, b)
	}
	next.Legacy.On = false
	if reload(t, app); ask("GET", "/getCoins").Code != 404 || mayCall() != 403 {
		t.Error("still on")
	}
}

// The older system's limits counted all players behind its proxy as one, and health checks too. Here they are those of the API,
// and a start with an ace up counts once.
func TestLegacy_LimitsAreThoseOfThePlayerAndOfTheAddress(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, func(c *config.Config) {
		c.Limits.On = true
		c.Limits.SlotsRate, c.Limits.SlotsBurst = config.Rate{Events: 1, Per: 1e12}, 5
		c.Limits.GeneralRate, c.Limits.GeneralBurst = config.Rate{Events: 1, Per: 1e12}, 40
		c.Limits.SignUpBurst = 100
	})
	ana, bob := h.player("ana").launch("imperio"), &olderClient{h: h, token: h.player("bob").token}
	for i := range 7 {
		status, v := ana.send("POST", "/spin", "{}")
		if (status == 200) != (i < 5) || i >= 5 && status != 429 {
			t.Errorf("spin %d: %d %v", i+1, status, v)
		}
	}
	bob.from = ana.from
	bob.want(200, "POST", "/spin", "{}")
	// By account: 40 requests, whatever the address; a start or an action counts once. By address: 40, whatever the account.
	done := 0
	for i := range 60 {
		bob.from = fmt.Sprintf("192.0.2.%d", 10+i)
		if status, _ := bob.send("POST", "/blackjack/start", `{"wager":2}`); status == 200 {
			done++
		}
	}
	if done != 40 {
		t.Errorf("an account started %d times", done)
	}
	carol := h.player("carol").launch("imperio")
	carol.from = "198.51.100.7"
	limited := ""
	for range 60 {
		nobody := &olderClient{h: h, from: carol.from}
		if status, v := nobody.send("GET", "/getCoins", ""); status == 429 {
			limited = v["message"].(string)
		}
	}
	if !strings.HasPrefix(limited, "Too many requests. Wait ") {
		t.Errorf("the edge's refusal: %q", limited)
	}
}

// The metrics name the older routes, so that an operator sees when nobody uses them any more.
func TestLegacy_MetricsNameTheOlderRoutes(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	o := h.player("ana").launch("imperio")
	o.want(200, "POST", "/spin", "{}")
	o.want(200, "POST", "/blackjack/start", `{"wager":2}`)
	w := httptest.NewRecorder()
	h.app.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range []string{"/spin", "/blackjack/start", "/redirect-imperio"} {
		if !strings.Contains(string(text), `route="`+route+`"`) {
			t.Errorf("no metric names %s", route)
		}
	}
	if strings.Contains(string(text), `route="/api/v1/games/slots/spins"`) {
		t.Error("a spin counts twice")
	}
}
