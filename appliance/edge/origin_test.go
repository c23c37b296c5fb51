package edge

import (
	"net/http"
	"strings"
	"testing"
)

const friend = "https://pages.example"

func befriend(o *Options) { o.CORSOrigins = []string{friend} }

func TestPreflight_IsAnsweredForConfiguredOriginsOnly(t *testing.T) {
	h := open(t, "http", says("{}"), befriend)
	answer, _ := h.ask(t, "OPTIONS", "/api/v1/games/slots/spins", "", "Origin", friend,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
	if answer.StatusCode != 204 || answer.Header.Get("Access-Control-Allow-Origin") != friend ||
		!strings.Contains(answer.Header.Get("Access-Control-Allow-Methods"), "POST") ||
		!strings.Contains(answer.Header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") ||
		answer.Header.Get("Access-Control-Max-Age") == "" || !strings.Contains(answer.Header.Get("Vary"), "Origin") {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	if answer.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("cookies are allowed")
	}
	for _, origin := range []string{"https://evil.example", "https://pages.example.evil.example", "http://pages.example", "null", "https://pages.example:444"} {
		answer, body := h.ask(t, "OPTIONS", "/api/v1/me", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if answer.StatusCode != 403 || answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", origin, answer.StatusCode, answer.Header)
		}
		problemIn(t, answer, body, "forbidden")
	}
}

func TestCORS_AnswersAreReadableForConfiguredOriginsOnly(t *testing.T) {
	h := open(t, "http", says("{}"), befriend)
	answer, _ := h.ask(t, "GET", "/api/v1/games", "", "Origin", friend)
	if answer.Header.Get("Access-Control-Allow-Origin") != friend || !strings.Contains(answer.Header.Get("Access-Control-Expose-Headers"), "Retry-After") {
		t.Errorf("%v", answer.Header)
	}
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {}} {
		answer, _ := h.ask(t, "GET", "/api/v1/games", "", headers...)
		if answer.Header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(answer.Header.Get("Vary"), "Origin") {
			t.Errorf("%v: %v", headers, answer.Header)
		}
	}
}

// An attacker on the network can change any page that is sent over plain HTTP.
func TestForeignPages_OverPlainHTTPCantListenOverTLS(t *testing.T) {
	h := open(t, "https", says("{}"), nil)
	client := h.client.Transport.(*http.Transport)
	client.ForceAttemptHTTP2, client.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
	for origin, want := range map[string]int{"https://" + h.address: 200, "http://" + h.address: 403} {
		if answer, _ := h.ask(t, "GET", "/api/v1/live", "", "Upgrade", "websocket", "Connection", "Upgrade", "Origin", origin); answer.StatusCode != want {
			t.Errorf("%s: %d", origin, answer.StatusCode)
		}
	}
}

func TestForeignPages_CantWrite(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { befriend(o); o.Settings = o.Unlimited() })
	own := "http://" + h.address
	for _, c := range []struct {
		name    string
		method  string
		want    int
		headers []string
	}{
		{"a program", "POST", 200, nil},
		{"a program with a cookie", "POST", 200, []string{"Cookie", "imperio=t"}},
		{"our own page", "POST", 200, []string{"Cookie", "imperio=t", "Sec-Fetch-Site", "same-origin", "Origin", own}},
		{"our own page in an old browser", "POST", 200, []string{"Cookie", "imperio=t", "Origin", own}},
		{"the address bar", "POST", 200, []string{"Cookie", "imperio=t", "Sec-Fetch-Site", "none"}},
		{"a foreign page with our cookie", "POST", 403, []string{"Cookie", "imperio=t", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"a foreign page in an old browser", "POST", 403, []string{"Cookie", "imperio=t", "Origin", "https://evil.example"}},
		{"a foreign page that hides", "DELETE", 403, []string{"Cookie", "imperio=t", "Origin", "null"}},
		{"a sister domain", "PUT", 403, []string{"Cookie", "imperio=t", "Sec-Fetch-Site", "same-site", "Origin", "https://sister.example"}},
		{"a foreign page without a cookie (signing the victim in)", "POST", 403, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"a configured page with a token", "POST", 200, []string{"Authorization", "Bearer t", "Sec-Fetch-Site", "cross-site", "Origin", friend}},
		{"a configured page with our cookie", "POST", 403, []string{"Cookie", "imperio=t", "Sec-Fetch-Site", "cross-site", "Origin", friend}},
		{"a foreign page that reads", "GET", 200, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"a WebSocket of a foreign page", "GET", 403, []string{"Upgrade", "websocket", "Connection", "Upgrade", "Origin", "https://evil.example"}},
		{"a WebSocket of our own page", "GET", 200, []string{"Upgrade", "websocket", "Connection", "Upgrade", "Origin", own}},
	} {
		answer, body := h.ask(t, c.method, "/api/v1/me", "", c.headers...)
		if answer.StatusCode != c.want {
			t.Errorf("%s: %d %s", c.name, answer.StatusCode, body)
		}
	}
}
