package appliance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/auth"
	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/replication/replicationtest"
)

// The older wire contract in front of the real casino. Each test ends with an audit.

const (
	olderSlots     = "https://slots.example"
	olderBlackjack = "https://games.example/blackjack/"
	olderRoulette  = "http://roulette.example:5175"
)

func withLegacy(c *config.Config) {
	c.Legacy = config.Legacy{On: true, SlotsURL: olderSlots, BlackjackURL: olderBlackjack, RouletteURL: olderRoulette}
	c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} // tests say where they come from
}

// olderClient is a page of an older front end in some browser.
type olderClient struct {
	h                    *realHouse
	token, agent, origin string
	from                 string // its address
}

// launch sends a signed-in player's browser to a front end, as a link to /redirect-… does.
func (c *realClient) launch(which string) *olderClient {
	c.h.t.Helper()
	res := c.follow("/redirect-" + which)
	if res.StatusCode != http.StatusFound {
		c.h.t.Fatalf("launch %s: %s", which, res.Status)
	}
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || to.Query().Get("token") == "" {
		c.h.t.Fatalf("launched to %v, %v", to, err)
	}
	return &olderClient{h: c.h, token: to.Query().Get("token"), agent: "Browser/1", origin: to.Scheme + "://" + to.Host, from: "192.0.2.1"}
}

// follow opens an address of the casino with the player's cookie, and follows no redirect.
func (c *realClient) follow(path string) *http.Response {
	c.h.t.Helper()
	r, err := http.NewRequest("GET", c.h.url+path, nil)
	if err != nil {
		c.h.t.Fatal(err)
	}
	if c.token != "" {
		r.AddCookie(&http.Cookie{Name: auth.CookieName(auth.SessionCookie, r, false), Value: c.token})
		if r.Host == "" {
			r.Host = r.URL.Host
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		c.h.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

// send sends a request, and returns the status and the answer. An answer that is not a JSON object fails the test.
func (o *olderClient) send(method, path, body string, headers ...string) (int, map[string]any) {
	o.h.t.Helper()
	r, err := http.NewRequest(method, o.h.url+path, strings.NewReader(body))
	if err != nil {
		o.h.t.Error(err)
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range map[string]string{"Authorization": "Bearer " + o.token, "User-Agent": o.agent, "Origin": o.origin, "X-Forwarded-For": o.from} {
		if value != "" && value != "Bearer " {
			r.Header.Set(name, value)
		}
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		o.h.t.Error(err)
		return 0, nil
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	var v map[string]any
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		o.h.t.Errorf("%s %s %s: %s %q, %v", method, path, body, res.Status, data, err)
	}
	if res.StatusCode != 200 {
		if message, ok := v["message"].(string); !ok || message == "" {
			o.h.t.Errorf("%s %s %s: %s without a message: %s", method, path, body, res.Status, data)
		}
	}
	return res.StatusCode, v
}

// want sends a request that must be answered with a status.
func (o *olderClient) want(status int, method, path, body string, headers ...string) map[string]any {
	o.h.t.Helper()
	got, v := o.send(method, path, body, headers...)
	if got != status {
		o.h.t.Fatalf("%s %s %s: %d, want %d: %v", method, path, body, got, status, v)
	}
	return v
}

func (o *olderClient) coins() int {
	o.h.t.Helper()
	return int(o.want(200, "GET", "/getCoins?userId=someone", "")["coins"].(float64))
}

// by is the same ticket in other hands.
func (o *olderClient) by(agent, from string) *olderClient {
	other := *o
	other.agent, other.from = agent, from
	return &other
}

func TestLegacy_LaunchSendsASignedInPlayerToTheFrontEnd(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, func(c *config.Config) { c.Legacy.RouletteURL = "" })
	ana := h.player("ana.1")
	res := ana.follow("/redirect-blackjack")
	to := res.Header.Get("Location")
	if !strings.HasPrefix(to, "https://games.example/blackjack/?username=ana.1&token=") || res.Header.Get("Referrer-Policy") != "no-referrer" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", to, res.Header)
	}
	if res := ana.follow("/redirect-imperio"); !strings.HasPrefix(res.Header.Get("Location"), olderSlots+"/?username=") {
		t.Errorf("%v", res.Header)
	}
	if res := (&realClient{h: h}).follow("/redirect-imperio"); res.StatusCode != 302 || res.Header.Get("Location") != "/sign-in?next=%2Fredirect-imperio" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	nobody := &olderClient{h: h}
	if v := nobody.want(404, "GET", "/redirect-roulette", ""); !strings.Contains(v["message"].(string), "legacy-roulette-url") {
		t.Errorf("%v", v)
	}
	// A program's token signs no browser in.
	token := ana.object(201, "POST", "/api/v1/me/tokens", `{"name":"bot","scopes":["read","play"],"days":1}`)["token"].(string)
	if res := (&realClient{h: h, token: token}).follow("/redirect-imperio"); !strings.HasPrefix(res.Header.Get("Location"), "/sign-in") {
		t.Errorf("%v", res.Header)
	}
	for path, page := range map[string]string{"/login": "/sign-in", "/signup": "/sign-up", "/dashboard": "/"} {
		if res := (&realClient{h: h}).follow(path); res.StatusCode != 302 || res.Header.Get("Location") != page {
			t.Errorf("%s: %s to %q", path, res.Status, res.Header.Get("Location"))
		}
	}
}

func TestLegacy_ATicketIsForOneBrowserAndForAMinute(t *testing.T) {
	t.Parallel()
	clock := replicationtest.NewClock(noon)
	h := openRealHouseBy(t, clock, withLegacy)
	ana := h.player("ana")

	slots := ana.launch("imperio")
	(&realClient{h: h, token: slots.token}).refused(401, "unauthenticated", "GET", "/api/v1/me", "") // the API takes no tickets
	var first sync.WaitGroup                                                                         // the slots page asks several things at once
	for range 8 {
		first.Go(func() { slots.coins() })
		first.Go(func() {
			slots.want(200, "POST", "/verify-token", fmt.Sprintf(`{"token":%q,"username":"ANA"}`, slots.token), "Authorization", "")
		})
	}
	first.Wait()
	if list := ana.object(200, "GET", "/api/v1/me/tokens", "")["tokens"].([]any); len(list) != 1 {
		t.Errorf("one launch has opened %d sessions: %v", len(list), list)
	}
	slots.by("Browser/2", slots.from).want(401, "GET", "/getCoins", "")
	slots.by(slots.agent, "192.0.2.2").want(401, "GET", "/getCoins", "")
	slots.by(slots.agent, "192.0.2.2").want(401, "POST", "/verify-token", fmt.Sprintf(`{"token":%q,"username":"ana"}`, slots.token))

	late := ana.launch("imperio")
	clock.Pass(59 * time.Second)
	inTime := ana.launch("imperio")
	clock.Pass(time.Second)
	late.want(401, "GET", "/getCoins", "")
	inTime.coins()
	clock.Pass(11 * time.Hour)
	slots.coins() // a reload, or an old tab
	clock.Pass(2 * time.Hour)
	slots.want(401, "GET", "/getCoins", "")
	inTime.want(401, "POST", "/spin", "{}")

	for range 5 { // two clients at once: one of them wins
		ticket := ana.launch("blackjack")
		var wins [4]bool
		var wait sync.WaitGroup
		for i := range wins {
			wait.Go(func() {
				status, _ := ticket.by(fmt.Sprint("Browser/", i), ticket.from).send("GET", "/getCoins", "")
				wins[i] = status == 200
			})
		}
		wait.Wait()
		if n := strings.Count(fmt.Sprint(wins), "true"); n != 1 {
			t.Errorf("of four browsers %d have got in with one ticket", n)
		}
	}
}

func TestLegacy_ForgedAndDamagedTicketsAreNoTokens(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	ticket := h.player("ana").launch("imperio")
	for i := 0; i < len(ticket.token); i += 5 {
		forged := []byte(ticket.token)
		forged[i] = 'A' + (forged[i]+1)%26
		if string(forged) == ticket.token {
			continue
		}
		bad := *ticket
		bad.token = string(forged)
		bad.want(401, "GET", "/getCoins", "")
	}
	for _, token := range []string{"", "null", "undefined", ticket.token + "A", ticket.token[:95], strings.Repeat("A", 96), "a b", strings.Repeat("x", 5000)} {
		bad := *ticket
		bad.token = token
		bad.want(401, "GET", "/getCoins", "")
	}
	ticket.coins()
}

func TestLegacy_ALaunchEndsWithItsSignIn(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	operator := h.operator()
	for name, end := range map[string]func(p *realClient){
		"sign-out": func(p *realClient) { p.object(204, "DELETE", "/api/v1/sessions/current", "") },
		"password": func(p *realClient) {
			p.object(204, "PUT", "/api/v1/me/password", `{"current":"correct horse","new":"correct horses"}`)
		},
		"exclusion": func(p *realClient) { p.object(201, "POST", "/api/v1/me/exclusions", `{"days":1}`) },
		"lock": func(p *realClient) {
			if _, err := control.SetLock.Call(t.Context(), operator, control.Lock{Who: "lock", Locked: true, Reason: "test"}); err != nil {
				t.Fatal(err)
			}
		},
		"revoke": func(p *realClient) {
			for _, token := range p.object(200, "GET", "/api/v1/me/tokens", "")["tokens"].([]any) {
				p.object(204, "DELETE", "/api/v1/me/tokens/"+token.(map[string]any)["id"].(string), "")
			}
		},
	} {
		p := h.player(name)
		used, unused := p.launch("imperio"), p.launch("imperio")
		used.coins()
		end(p)
		used.want(401, "GET", "/getCoins", "")
		used.want(401, "POST", "/spin", "{}")
		if name != "revoke" && name != "password" { // their player is still signed in
			if status, v := unused.send("GET", "/getCoins", ""); status != 401 && status != 403 {
				t.Errorf("%s: an unused ticket outlives it: %d %v", name, status, v)
			}
		}
	}
}

func TestLegacy_LaunchesPushNothingOut(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	p := h.player("ana")
	for range 20 {
		p.object(201, "POST", "/api/v1/me/tokens", `{"name":"bot","scopes":["read"],"days":1}`)
	}
	var launched []*olderClient
	for range 13 {
		o := p.launch("imperio")
		o.coins()
		launched = append(launched, o)
	}
	p.object(200, "GET", "/api/v1/me", "")
	for i, o := range launched {
		if status, _ := o.send("GET", "/getCoins", ""); (status == 200) != (i >= 3) {
			t.Errorf("launch %d of 13: %d", i+1, status)
		}
	}
	list := p.object(200, "GET", "/api/v1/me/tokens", "")["tokens"].([]any)
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].(map[string]any)["name"].(string)
	}
	if !slices.Contains(names, "Front end: slots") || len(names) != 30 {
		t.Errorf("%q", names)
	}
}

func TestLegacy_ALaunchedSessionChangesNoAccount(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	p := h.player("ana")
	o := p.launch("imperio")
	before := o.coins()
	o.want(410, "POST", "/updateCoins", `{"coins":1000000}`)
	if after := o.coins(); after != before {
		t.Errorf("%d coins became %d", before, after)
	}
	// A cookie alone does nothing on these routes: a foreign page could have the browser send it.
	r := p.follow("/getCoins")
	if r.StatusCode != 401 {
		t.Errorf("with the cookie: %s", r.Status)
	}
	// Tokens of the API stand for themselves, with their own scopes.
	reader := p.object(201, "POST", "/api/v1/me/tokens", `{"name":"r","scopes":["read"],"days":1}`)["token"].(string)
	own := &olderClient{h: h, token: reader}
	own.coins()
	own.want(403, "POST", "/spin", "{}")
	own.want(401, "POST", "/verify-token", fmt.Sprintf(`{"token":%q,"username":"bob"}`, reader))
	own.want(200, "POST", "/verify-token", fmt.Sprintf(`{"token":%q,"username":"Ana"}`, reader))
}
