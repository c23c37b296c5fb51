package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

const spin = "/api/v1/games/slots/spins"

func (c *client) signIn(login, password string, headers ...string) reply {
	return c.do("POST", "/api/v1/sessions", `{"login":"`+login+`","password":"`+password+`"}`, headers...)
}

func TestSignIn_ByNameOrAddressInAnyCase(t *testing.T) {
	h := newHouse(t)
	h.player("Cherry")
	for _, login := range []string{"Cherry", "cherry", "CHERRY", "cherry@example.org", "Cherry@EXAMPLE.org"} {
		r := h.visitor().signIn(login, "correct horse").want(t, 201, "")
		if r.body["account"].(map[string]any)["username"] != "Cherry" {
			t.Errorf("%s: %s", login, r.raw)
		}
	}
}

func TestSignIn_UnknownNameAndWrongPasswordAreOneAnswer(t *testing.T) {
	h := newHouse(t)
	h.player("cherry")
	wrong := h.visitor().signIn("cherry", "wrong horse").want(t, 401, "invalid_credentials")
	for _, login := range []string{"apple", "apple@example.org", "a b", "\\u0000", "@"} {
		unknown := h.visitor().signIn(login, "wrong horse").want(t, 401, "invalid_credentials")
		for _, field := range []string{"type", "title", "status", "code", "detail"} {
			if wrong.body[field] != unknown.body[field] {
				t.Errorf("%q: %s is %v for an unknown name and %v for a wrong password", login, field, unknown.body[field], wrong.body[field])
			}
		}
		if len(wrong.header) != len(unknown.header) {
			t.Errorf("%q: headers differ: %v, %v", login, wrong.header, unknown.header)
		}
	}
}

func TestSignIn_UnknownNameTakesTheSameSteps(t *testing.T) {
	h := newHouse(t)
	h.player("cherry")
	for login, subject := range map[string]command.Subject{
		"cherry": testKeys.From(command.FirstAccountID, testKeys.Network("127.0.0.1")), "apple": testKeys.Login("apple"),
	} {
		n := len(h.casino.proposed)
		h.visitor().signIn(login, "wrong horse").want(t, 401, "invalid_credentials")
		if len(h.casino.proposed) != n+1 {
			t.Fatalf("%s: %d commands", login, len(h.casino.proposed)-n)
		}
		a, ok := h.casino.proposed[n].Body.(command.AttemptSignIn)
		if !ok || a.Subject != subject || a.Tries != 5 || a.Refill != 12_000 {
			t.Errorf("%s: %+v", login, h.casino.proposed[n].Body)
		}
	}
}

func TestSignIn_IsThrottledBeforeThePasswordIsLookedAt(t *testing.T) {
	h := newHouse(t)
	h.player("cherry")
	h.casino.intercept = func(c command.Command) (command.Result, error, bool) {
		_, ok := c.Body.(command.AttemptSignIn)
		return command.Result{Refusal: &command.Refusal{Code: "sign_in_throttled", Message: "Wait.", Until: h.now().Add(11500 * time.Millisecond)}}, nil, ok
	}
	r := h.visitor().signIn("cherry", "correct horse").want(t, 429, "sign_in_throttled")
	if r.header.Get("Retry-After") != "12" || r.body["retry_after"] != 12.0 || r.body["next_at"] != "2026-11-23T21:00:11.500Z" {
		t.Errorf("%v %s", r.header, r.raw)
	}
}

func TestSignIn_LockAndExclusionAreToldToTheRightPasswordOnly(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	p.do("POST", "/api/v1/me/exclusions", `{"days":7}`).want(t, 201, "")
	h.visitor().signIn("cherry", "wrong horse").want(t, 401, "invalid_credentials")
	r := h.visitor().signIn("cherry", "correct horse").want(t, 403, "excluded")
	if r.body["next_at"] != "2026-11-30T21:00:00.000Z" {
		t.Errorf("%s", r.raw)
	}
	h.pass(7*24*time.Hour + time.Second)
	h.visitor().signIn("cherry", "correct horse").want(t, 201, "")

	h.casino.accounts[command.FirstAccountID].Locked = true
	h.visitor().signIn("cherry", "wrong horse").want(t, 401, "invalid_credentials")
	h.visitor().signIn("cherry", "correct horse").want(t, 403, "account_locked")
}

// cookie is the beginning of the session's cookie: its name and an equals sign.
func (h *house) cookie(secure bool) string {
	u, err := url.Parse(h.server.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	return auth.CookieName(auth.SessionCookie, &http.Request{Host: u.Host}, secure) + "="
}

func TestSignIn_GivesAFreshSessionWhateverTheClientBrings(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	planted := strings.Repeat("A", 43)
	r := h.visitor().signIn("cherry", "correct horse", "Cookie", h.cookie(false)+planted)
	r.want(t, 201, "")
	if token := r.body["token"]; token == planted || token == p.token {
		t.Error("the session was fixed by the client")
	}
	cookie := r.header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, h.cookie(false)+r.body["token"].(string)+";") || !strings.Contains(cookie, "HttpOnly") ||
		!strings.Contains(cookie, "SameSite=Lax") || strings.Contains(cookie, "Domain") {
		t.Errorf("cookie %q", cookie)
	}
	if (&client{h: h, token: planted}).do("GET", "/api/v1/me", "").status != 401 {
		t.Error("the planted token is a session now")
	}
}

func TestSignIn_OverTLSTheCookieIsBoundToTheHost(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Secure = func(*http.Request) bool { return true } })
	h.player("cherry")
	r := h.visitor().signIn("cherry", "correct horse").want(t, 201, "")
	cookie, token := r.header.Get("Set-Cookie"), r.body["token"].(string)
	if !strings.HasPrefix(cookie, h.cookie(true)+token+"; Path=/;") || !strings.HasPrefix(cookie, "__Host-imperio-") || !strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q", cookie)
	}
	v := h.visitor()
	v.do("GET", "/api/v1/me", "", "Cookie", h.cookie(true)+token).want(t, 200, "")
	v.do("GET", "/api/v1/me", "", "Cookie", h.cookie(false)+token).want(t, 401, "unauthenticated")
}

func TestSession_EndsWhenSignedOutExpiredOrReplacedByPassword(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	q := &client{h: h, token: h.visitor().signIn("cherry", "correct horse").body["token"].(string)}

	p.do("PUT", "/api/v1/me/password", `{"current":"wrong horse","new":"better horse"}`).want(t, 403, "wrong_password")
	p.do("PUT", "/api/v1/me/password", `{"current":"correct horse","new":"short"}`).want(t, 422, "invalid_password")
	q.do("GET", "/api/v1/me", "").want(t, 200, "")
	p.do("PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`).want(t, 204, "")
	q.do("GET", "/api/v1/me", "").want(t, 401, "unauthenticated")
	h.visitor().signIn("cherry", "correct horse").want(t, 401, "invalid_credentials")
	r := h.visitor().signIn("cherry", "better horse").want(t, 201, "")
	q.token = r.body["token"].(string)

	list := p.do("GET", "/api/v1/sessions", "").want(t, 200, "").body["sessions"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["current"] != false || list[1].(map[string]any)["current"] != true {
		t.Errorf("%v", list)
	}
	p.do("DELETE", "/api/v1/sessions/"+r.body["session_id"].(string), "").want(t, 204, "")
	q.do("GET", "/api/v1/me", "").want(t, 401, "unauthenticated")

	gone := p.do("DELETE", "/api/v1/sessions/current", "").want(t, 204, "")
	if c := gone.header.Get("Set-Cookie"); !strings.HasPrefix(c, h.cookie(false)+";") || !strings.Contains(c, "Max-Age=0") {
		t.Errorf("cookie %q", c)
	}
	out := p.do("GET", "/api/v1/me", "").want(t, 401, "unauthenticated")
	if out.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}

	p.token = h.visitor().signIn("cherry", "better horse").body["token"].(string)
	h.pass(7*24*time.Hour - time.Millisecond)
	p.do("GET", "/api/v1/me", "").want(t, 200, "")
	h.pass(time.Millisecond)
	p.do("GET", "/api/v1/me", "").want(t, 401, "unauthenticated")
}

func TestSession_OfAnotherPlayerCannotBeEnded(t *testing.T) {
	h := newHouse(t)
	a := h.player("cherry")
	b := h.player("apple")
	id := a.do("GET", "/api/v1/sessions", "").body["sessions"].([]any)[0].(map[string]any)["id"].(string)
	b.do("DELETE", "/api/v1/sessions/"+id, "").want(t, 404, "session_not_found")
	a.do("GET", "/api/v1/me", "").want(t, 200, "")
}

func TestSession_EverySignedInRouteNeedsOne(t *testing.T) {
	h := newHouse(t)
	h.player("cherry")
	for _, rt := range routes {
		if rt.need == anybody || rt.need == anyone {
			continue
		}
		path := strings.ReplaceAll(rt.path, ":id", "1")
		for _, token := range []string{"", "short", strings.Repeat("A", 43)} {
			c := &client{h: h, token: token}
			if r := c.do(rt.method, path, ""); r.status != 401 || r.code() != "unauthenticated" {
				t.Errorf("%s %s with token %q: %d %q", rt.method, rt.path, token, r.status, r.code())
			}
		}
	}
}

func TestCookie_WritesFromOtherSitesAreRefused(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Offer.Origins = []string{"https://play.example"} })
	p := h.player("cherry")
	cookie := h.cookie(false) + p.token
	v := h.visitor()
	for _, c := range []struct {
		name    string
		headers []string
		ok      bool
	}{
		{"the casino's own page", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"an older browser on the casino's own page", []string{"Origin", h.server.URL}, true},
		{"no browser", nil, true},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, false},
		{"a neighbour", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example"}, false},
		{"an older browser on another site", []string{"Origin", "https://evil.example"}, false},
		{"a sandboxed frame", []string{"Origin", "null"}, false},
		{"a known origin, which has no business with cookies", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://play.example"}, false},
	} {
		before := len(h.casino.proposed)
		r := v.do("POST", spin, `{"stake":1}`, append(c.headers, "Cookie", cookie)...)
		if c.ok && r.status != 201 || !c.ok && (r.code() != "forbidden" || len(h.casino.proposed) != before) {
			t.Errorf("%s: %d %q", c.name, r.status, r.code())
		}
	}
	// A token in a header was put there by the page itself.
	p.do("POST", spin, `{"stake":1}`, "Sec-Fetch-Site", "cross-site", "Origin", "https://play.example").want(t, 201, "")
	v.signIn("cherry", "correct horse", "Sec-Fetch-Site", "cross-site", "Origin", "https://play.example").want(t, 201, "")
	v.signIn("cherry", "correct horse", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").want(t, 403, "forbidden")
}

func TestTrouble_IsToldApart(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for _, c := range []struct {
		name   string
		result command.Result
		err    error
		status int
		code   string
		retry  string
	}{
		{"not taken", command.Result{}, errors.Join(command.ErrUnavailable, errors.New("secret cause")), 503, "unavailable", "2"},
		{"unknown", command.Result{}, errors.Join(command.ErrUnknown, errors.New("secret cause")), 503, "outcome_unknown", "1"},
		{"too many sign-ins", command.Result{}, fmt.Errorf("secret cause: %w", auth.ErrBusy), 503, "busy", "5"},
		{"a bug", command.Result{}, errors.New("secret cause"), 500, "internal_error", ""},
		{"the wrong answer", command.Result{Value: "secret cause"}, nil, 500, "internal_error", ""},
		{"a refusal", command.Refusef("limit_reached", "Your limit is reached."), nil, 409, "limit_reached", ""},
		{"a refusal that is newer than this file", command.Refusef("full_moon", "Not tonight."), nil, 409, "full_moon", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.casino.intercept = func(command.Command) (command.Result, error, bool) { return c.result, c.err, true }
			r := p.do("POST", spin, `{"stake":1}`).want(t, c.status, c.code)
			if r.header.Get("Retry-After") != c.retry {
				t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
			}
			if strings.Contains(string(r.raw), "secret") {
				t.Errorf("the cause left the server: %s", r.raw)
			}
			id, _ := r.body["request_id"].(string)
			if id == "" || id != r.header.Get("X-Request-ID") {
				t.Errorf("request id %q, header %q", id, r.header.Get("X-Request-ID"))
			}
			if c.status >= 500 && c.code != "busy" && !strings.Contains(h.logs.String(), id) {
				t.Error("the operator can't find it by the request id")
			}
		})
	}
}

func TestTrouble_APanicFailsOneRequest(t *testing.T) {
	panics := 0
	h := newHouse(t, func(o *Options) {
		o.Observe = func(_ *http.Request, seen Observation) {
			if seen.Panicked {
				panics++
			}
		}
	})
	p := h.player("cherry")
	h.casino.intercept = func(command.Command) (command.Result, error, bool) { panic("secret cause") }
	r := p.do("POST", spin, `{"stake":1}`).want(t, 500, "internal_error")
	if strings.Contains(string(r.raw), "secret") || !strings.Contains(h.logs.String(), "secret cause") {
		t.Errorf("%s\n%s", r.raw, h.logs)
	}
	h.casino.intercept = nil
	p.do("POST", spin, `{"stake":1}`).want(t, 201, "")
	if panics != 1 {
		t.Errorf("%d panics were observed", panics)
	}
}

func TestAdmit_RefusesAnAccountThatAsksTooOften(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Admit = func(_ context.Context, h http.Header, route string, account uint64) (time.Duration, bool) {
			h.Set("RateLimit-Limit", "10")
			return 1500 * time.Millisecond, route != spin || account != uint64(command.FirstAccountID)
		}
	})
	p := h.player("cherry")
	r := p.do("POST", spin, `{"stake":1}`).want(t, 429, "rate_limited")
	if r.header.Get("Retry-After") != "2" || r.header.Get("RateLimit-Limit") != "10" {
		t.Errorf("%v", r.header)
	}
	p.do("GET", "/api/v1/me", "").want(t, 200, "")
}

// A sign-up moves the welcome coins, so a client can ask for its answer again.
func TestSignUp_AgainUnderTheSameKey(t *testing.T) {
	h := newHouse(t)
	c := &client{h: h}
	body := `{"username":"Cherry","email":"cherry@example.org","password":"correct horse"}`
	first := c.do("POST", "/api/v1/accounts", body, "Idempotency-Key", "up").want(t, 201, "")
	again := c.do("POST", "/api/v1/accounts", body, "Idempotency-Key", "up").want(t, 201, "")
	if again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("replayed: first %q, then %q", first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
	}
	one, other := first.body["account"].(map[string]any), again.body["account"].(map[string]any)
	if one["id"] != other["id"] || one["coins"] != other["coins"] || first.body["token"] == again.body["token"] {
		t.Errorf("first %s, then %s", first.raw, again.raw)
	}
	for _, token := range []any{first.body["token"], again.body["token"]} {
		(&client{h: h, token: token.(string)}).do("GET", "/api/v1/me", "").want(t, 200, "")
	}
	for what, r := range map[string]reply{
		"no key":           c.do("POST", "/api/v1/accounts", body),
		"another key":      c.do("POST", "/api/v1/accounts", body, "Idempotency-Key", "up 2"),
		"another password": c.do("POST", "/api/v1/accounts", strings.Replace(body, "horse", "mouse", 1), "Idempotency-Key", "up"),
		"another address":  c.do("POST", "/api/v1/accounts", strings.Replace(body, "cherry@", "c@", 1), "Idempotency-Key", "up"),
	} {
		if r.status != 409 || r.body["code"] != "username_taken" {
			t.Errorf("%s: %d %s", what, r.status, r.raw)
		}
	}
}

// Somebody guesses passwords: the log must tell whose.
func TestSignIn_NamesTheAccountForTheLogEvenIfItFails(t *testing.T) {
	seen := make(chan Observation, 1)
	h := newHouse(t, func(o *Options) { o.Observe = func(_ *http.Request, o Observation) { seen <- o } })
	sign := func(path, body string) Observation {
		h.visitor().do("POST", path, body)
		return <-seen
	}
	opened := sign("/api/v1/accounts", `{"username":"cherry","email":"cherry@example.org","password":"correct horse"}`)
	if opened.Status != 201 || opened.Account == 0 {
		t.Fatalf("sign-up: %+v", opened)
	}
	for _, c := range []struct {
		login, password string
		status          int
		account         command.AccountID
	}{
		{"cherry", "correct horse", 201, opened.Account},
		{"Cherry@example.org", "wrong password", 401, opened.Account},
		{"nobody", "wrong password", 401, 0},
	} {
		if got := sign("/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":%q}`, c.login, c.password)); got.Status != c.status || got.Account != c.account {
			t.Errorf("%s: %+v, want %d and account %d", c.login, got, c.status, c.account)
		}
	}
	if taken := sign("/api/v1/accounts", `{"username":"cherry","email":"x@example.org","password":"correct horse"}`); taken.Account != 0 {
		t.Errorf("a refused sign-up: %+v", taken)
	}
}
