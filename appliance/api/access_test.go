package api

import (
	"slices"
	"strings"
	"testing"

	"imperio/games/catalogue"
	"imperio/storage/command"
)

// bot makes a personal access token.
func (c *client) bot(scopes string) *client {
	c.h.t.Helper()
	r := c.do("POST", "/api/v1/me/tokens", `{"name":"bot","scopes":[`+scopes+`],"days":30}`).want(c.h.t, 201, "")
	return &client{h: c.h, token: r.body["token"].(string)}
}

// Each route is asked with a token of each scope. Only the scope decides whether insufficient_scope is the answer.
func TestAccess_ATokenDoesWhatItsScopesSay(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	bots := map[string]*client{"read": p.bot(`"read"`), "play": p.bot(`"play"`), "read play": p.bot(`"read","play"`)}
	may := map[access][]string{anybody: {"read", "play", "read play"}, anyone: {"read", "read play"}, reads: {"read", "read play"}, plays: {"play", "read play"}, owner: nil}
	asked := 0
	for _, rt := range slices.Concat(routes, gameRoutes(catalogue.Released())) {
		for name, bot := range bots {
			path := strings.ReplaceAll(rt.path, ":id", "1")
			refused := bot.do(rt.method, path, "").code() == "insufficient_scope"
			if allowed := slices.Contains(may[rt.need], name); refused == allowed {
				t.Errorf("%s %s by a token that may %s: refused %t", rt.method, rt.path, name, refused)
			}
			asked++
		}
	}
	if asked < 60 {
		t.Errorf("only %d requests", asked)
	}
}

// What a request changes needs more than the scope read, and what changes the account needs a session.
func TestAccess_OfEachRoute(t *testing.T) {
	for _, rt := range slices.Concat(routes, gameRoutes(catalogue.Released())) {
		if rt.method != "GET" && rt.need == reads {
			t.Errorf("%s %s changes something, and needs only the scope read", rt.method, rt.path)
		}
	}
	for _, path := range []string{"/api/v1/me/password", "/api/v1/me/email", "/api/v1/me/deletion", "/api/v1/me/tokens", "/api/v1/sessions", "/api/v1/me/export"} {
		for _, rt := range routes {
			if rt.path == path && rt.need != owner && rt.method+rt.path != "POST/api/v1/sessions" {
				t.Errorf("%s %s can be done with a token", rt.method, rt.path)
			}
		}
	}
}

func TestTokens_AreRefusedOutOfRange(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for _, body := range []string{
		`{"name":"","scopes":["read"],"days":1}`, `{"name":"` + strings.Repeat("x", 65) + `","scopes":["read"],"days":1}`, `{"name":"a\nb","scopes":["read"],"days":1}`,
		`{"name":"x","scopes":[],"days":1}`, `{"name":"x","scopes":["all"],"days":1}`, `{"name":"x","scopes":["read"],"days":0}`, `{"name":"x","scopes":["read"],"days":367}`,
	} {
		p.do("POST", "/api/v1/me/tokens", body).want(t, 422, "invalid_token")
	}
	for _, body := range []string{`{"name":"x","scopes":["read"]}`, `{"name":"x","days":1}`, `{"scopes":["read"],"days":1}`, `{"name":"x","scopes":null,"days":1}`} {
		p.do("POST", "/api/v1/me/tokens", body).want(t, 400, "bad_request")
	}
}

// One account has one place, so nobody keeps the others from their exports.
func TestExports_OneOfAnAccountAndAFewInAll(t *testing.T) {
	var e exports
	for id := range command.AccountID(mostExports) {
		if !e.begin(id) {
			t.Fatalf("the export of account %d finds no place", id)
		}
	}
	if e.begin(0) || e.begin(mostExports) {
		t.Error("an account has two places, or there are too many")
	}
	e.end(0)
	if e.begin(1) || !e.begin(mostExports) {
		t.Error("the place that is free again is not the only one")
	}
}

func TestExport_AHeadSendsNothing(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	if r := p.do("HEAD", "/api/v1/me/export", "").want(t, 200, ""); len(r.raw) != 0 || !strings.Contains(r.header.Get("Content-Disposition"), "imperio-account-1000.json") {
		t.Errorf("%v, %d bytes", r.header, len(r.raw))
	}
}
