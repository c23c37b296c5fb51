package auth

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestToken_IsFreshAndStoredAsAHash(t *testing.T) {
	a, ha, err := NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, hb, err := NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || ha == hb {
		t.Error("two tokens are the same")
	}
	if got, ok := HashToken(a); !ok || got != ha {
		t.Error("a token does not match its stored hash")
	}
	if strings.Contains(string(ha[:]), a) {
		t.Error("the stored hash contains the token")
	}
}

func TestHashToken_RefusesWhatIsNoToken(t *testing.T) {
	good := strings.Repeat("A", tokenLength)
	if _, ok := HashToken(good); !ok {
		t.Fatal("refuses a token")
	}
	for _, bad := range []string{"", "A", good + "A", good[1:] + "=", good[1:] + " ", good[1:] + "\x00", good[2:] + "é"} {
		if _, ok := HashToken(bad); ok {
			t.Errorf("takes %q", bad)
		}
	}
}

func TestToken_ComesFromTheHeaderOrTheCookieOfThisConnection(t *testing.T) {
	for _, c := range []struct {
		name          string
		authorization []string
		cookies       string
		secure        bool
		token         string
		fromCookie    bool
	}{
		{name: "bearer", authorization: []string{"Bearer abc"}, token: "abc"},
		{name: "bearer in other case", authorization: []string{"bearer abc"}, token: "abc"},
		{name: "bearer before cookie", authorization: []string{"Bearer abc"}, cookies: "imperio=def", token: "abc"},
		{name: "another scheme, never the cookie", authorization: []string{"Basic abc"}, cookies: "imperio=def"},
		{name: "two headers", authorization: []string{"Bearer abc", "Bearer def"}},
		{name: "cookie", cookies: "x=y; imperio=def", token: "def", fromCookie: true},
		{name: "secure cookie", cookies: "__Host-imperio=def; imperio=planted", secure: true, token: "def", fromCookie: true},
		{name: "plain cookie over TLS", cookies: "imperio=planted", secure: true},
		{name: "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			for _, a := range c.authorization {
				r.Header.Add("Authorization", a)
			}
			if c.cookies != "" {
				r.Header.Set("Cookie", c.cookies)
			}
			if token, fromCookie := Token(r, c.secure); token != c.token || fromCookie != c.fromCookie {
				t.Errorf("got %q, %v", token, fromCookie)
			}
		})
	}
}

func TestCookie_IsOutOfReachOfScriptsAndOtherSites(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	for _, secure := range []bool{false, true} {
		c := Cookie(r, "abc", time.Unix(2e9, 0), secure)
		if err := c.Valid(); err != nil {
			t.Error(err)
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != secure {
			t.Errorf("%+v", c)
		}
		if strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("secure %v: named %s", secure, c.Name)
		}
		if gone := NoCookie(r, secure); gone.Name != c.Name || gone.MaxAge >= 0 || gone.Value != "" {
			t.Errorf("%+v", gone)
		}
	}
}

// Browsers send the cookies of a host to all its ports.
func TestCookieName_DiffersForCasinosOnOneHost(t *testing.T) {
	for _, c := range []struct {
		host   string
		secure bool
		want   string
	}{
		{"casino.example", true, "__Host-imperio"},
		{"casino.example:443", true, "__Host-imperio"},
		{"casino.example:8443", true, "__Host-imperio-8443"},
		{"127.0.0.1", false, "imperio"},
		{"127.0.0.1:80", false, "imperio"},
		{"127.0.0.1:8080", false, "imperio-8080"},
		{"[::1]:8081", false, "imperio-8081"},
		{"[::1]", false, "imperio"},
		{"casino.example:443", false, "imperio-443"},
		{"casino.example:8;x=y", false, "imperio"},
		{"", false, "imperio"},
	} {
		if got := CookieName(SessionCookie, &http.Request{Host: c.host}, c.secure); got != c.want {
			t.Errorf("%q, secure %t: %s, want %s", c.host, c.secure, got, c.want)
		}
	}
}
