package appliance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
)

// limitedHouse has the limits that nobody configured, and believes its tests which address they come from. No try comes back
// while a test runs.
func limitedHouse(t *testing.T, change ...func(*config.Config)) *realHouse {
	return openRealHouse(t, append([]func(*config.Config){func(c *config.Config) {
		c.Limits.On = true
		c.Limits.FailedSignIns = config.Rate{Events: 5, Per: time.Hour}
		c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}}, change...)...)
}

// signIn signs in from an address, with a device cookie if there is one, and returns the answer's status and the new cookie.
func (h *realHouse) signIn(from, login, password, cookie string) (status int, code, device string) {
	h.t.Helper()
	r, err := http.NewRequest("POST", h.url+"/api/v1/sessions", strings.NewReader(fmt.Sprintf(`{"login":%q,"password":%q}`, login, password)))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", from)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	var problem struct{ Code string }
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil {
		h.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if strings.HasPrefix(c.Name, "imperio-device-") { // and the port
			device = c.Name + "=" + c.Value
		}
	}
	return res.StatusCode, problem.Code, device
}

// Thirty addresses guess ana's password, by her name and by her e-mail address, each within its own limits. They have five
// tries together, and lock her out of nothing.
func TestSignIn_StrangersLockNobodyOut(t *testing.T) {
	h := limitedHouse(t)
	ana := h.player("ana")
	status, _, browser := h.signIn("203.0.113.1", "ana", "correct horse", "")
	if status != 201 || browser == "" {
		t.Fatalf("%d, cookie %q", status, browser)
	}
	codes := make(map[string]int)
	for second := range 3 {
		for i := range 30 {
			login := []string{"ana", "ANA@example.org"}[i%2]
			_, code, _ := h.signIn(fmt.Sprintf("198.51.100.%d", i), login, fmt.Sprint("guess ", second), "")
			codes[code]++
		}
	}
	if codes["invalid_credentials"] != 5 || codes["sign_in_throttled"] != 85 {
		t.Errorf("the guesses were answered with %v", codes)
	}
	if status, code, _ := h.signIn("198.51.100.200", "ana", "correct horse", ""); code != "sign_in_throttled" {
		t.Errorf("a stranger who guesses right: %d %s", status, code)
	}
	ana.object(204, "PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`)
	for n := range 18 {
		// Her browser is known, wherever she is. Each address has ten sign-ins at once.
		from := fmt.Sprintf("192.0.2.%d", n/9)
		if status, code, _ := h.signIn(from, "ana", "better horse", browser); status != 201 {
			t.Fatalf("sign-in %d from her browser: %d %s", n, status, code)
		}
	}
	if status, code, _ := h.signIn("203.0.113.1", "ana@example.org", "better horse", ""); status != 201 {
		t.Errorf("without the cookie, from an address that she has signed in from: %d %s", status, code)
	}
	for range 6 { // her own mistakes count for her browser alone
		_, code, _ := h.signIn("192.0.2.7", "ana", "wrong horse", browser)
		codes["own "+code]++
	}
	if codes["own invalid_credentials"] != 5 || codes["own sign_in_throttled"] != 1 {
		t.Errorf("her own mistakes were answered with %v", codes)
	}
	if status, code, _ := h.signIn("203.0.113.1", "ana", "better horse", ""); status != 201 {
		t.Errorf("from the known address: %d %s", status, code)
	}
}

// A stolen session can't guess the password without end, and its tries are nobody else's.
func TestChangePassword_TriesCountBySession(t *testing.T) {
	h := limitedHouse(t)
	ana := h.player("ana")
	for range 5 {
		ana.object(403, "PUT", "/api/v1/me/password", `{"current":"wrong horse","new":"better horse"}`)
	}
	refused := ana.object(429, "PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`)
	if detail := refused["detail"].(string); refused["code"] != "sign_in_throttled" || !strings.Contains(detail, "Wait about 12 minutes") {
		t.Errorf("%v", refused)
	}
	again := &realClient{h: h, token: ana.object(201, "POST", "/api/v1/sessions", `{"login":"ana","password":"correct horse"}`)["token"].(string)}
	again.object(204, "PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`)
}

// Six players of a household sign up, sign in and play behind one address within a minute.
func TestLimits_AHouseholdPlaysBehindOneAddress(t *testing.T) {
	h := limitedHouse(t)
	home := []string{"X-Forwarded-For", "198.51.100.7"}
	for i := range 6 {
		name := fmt.Sprint("cousin", i)
		v := &realClient{h: h}
		v.object(201, "POST", "/api/v1/accounts", fmt.Sprintf(`{"username":%q,"email":"%s@example.org","password":"correct horse"}`, name, name), home...)
		v.token = v.object(201, "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":"correct horse"}`, name), home...)["token"].(string)
		for range 8 {
			v.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`, home...)
		}
	}
}

// A browser that is refused gets the house's own page, which says for how long; a program gets a problem.
func TestRefusals_OfPagesLookLikeTheHouse(t *testing.T) {
	h := limitedHouse(t, func(c *config.Config) {
		c.Limits.GeneralRate, c.Limits.GeneralBurst = config.Rate{Events: 3, Per: time.Hour}, 1
	})
	ask := func(headers ...string) (*http.Response, string) {
		r, err := http.NewRequest("GET", h.url+"/no/such/page", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(bytes.TrimSpace(body))
	}
	ask()
	res, page := ask("Accept", "text/html", "Accept-Language", "de")
	if res.StatusCode != 429 || !strings.Contains(page, "<html lang=\"de\">") || !strings.Contains(page, "Warten Sie etwa 20 Minuten") ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "style-src 'sha256-") || res.Header.Get("Retry-After") != "1200" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, page)
	}
	res, problem := ask("Accept", "application/json", "Accept-Language", "de")
	if res.StatusCode != 429 || !strings.Contains(problem, "Wait about 20 minutes, then try again.") {
		t.Errorf("%d %s", res.StatusCode, problem)
	}
}
