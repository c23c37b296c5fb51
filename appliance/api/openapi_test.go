package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"imperio/appliance/api/apitest"
)

func readDescription(t *testing.T) *apitest.Description {
	t.Helper()
	return apitest.Read(t, openAPI)
}

// pathOf turns the router's pattern into the description's.
func pathOf(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func TestOpenAPI_DescribesTheRoutesAndNoOthers(t *testing.T) {
	d := readDescription(t)
	registered := make(map[string]bool)
	for _, rt := range Routes() {
		registered[rt[0]+" "+pathOf(rt[1])] = true
	}
	described := make(map[string]bool)
	for path := range d.At("paths") {
		for method := range d.At("paths", path) {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for name := range registered {
		if !described[name] {
			t.Errorf("%s is not described", name)
		}
	}
	for name := range described {
		if !registered[name] {
			t.Errorf("%s is described and does not exist", name)
		}
	}
}

func TestOpenAPI_ListsTheCodes(t *testing.T) {
	var listed []string
	for _, c := range readDescription(t).At("components", "schemas", "Code")["enum"].([]any) {
		listed = append(listed, c.(string))
	}
	for code := range statuses {
		if !slices.Contains(listed, code) {
			t.Errorf("%s is not listed", code)
		}
	}
	for _, code := range listed {
		if _, ok := statuses[code]; !ok {
			t.Errorf("%s is listed and has no status", code)
		}
	}
}

// An answer with a member that nobody described would pass an open schema.
func TestOpenAPI_EveryObjectIsClosed(t *testing.T) {
	var walk func(place string, v any)
	walk = func(place string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "object" && v["additionalProperties"] != false {
				t.Errorf("%s is open", place)
			}
			for name, child := range v {
				walk(place+"/"+name, child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprint(place, "/", i), child)
			}
		}
	}
	walk("", readDescription(t).Doc)
}

func TestOpenAPI_AnswersAreAsDescribed(t *testing.T) {
	d := readDescription(t)
	h := newHouse(t)
	h.seen = d.Check
	tour(t, h)
	for _, name := range d.Unseen() {
		t.Errorf("the tour has not seen %s", name)
	}
}

// tour does everything that can be done, and much that can't.
func tour(t *testing.T, h *house) {
	v := h.visitor()
	v.do("GET", "/api/openapi.yaml", "").want(t, 200, "")
	v.do("GET", "/api/v1/games", "").want(t, 200, "")
	v.do("GET", "/api/v1/games?x=1", "").want(t, 400, "bad_request")
	p := h.player("cherry")
	v.do("POST", "/api/v1/accounts", `{"username":"CHERRY","email":"a@example.org","password":"correct horse"}`).want(t, 409, "username_taken")
	v.do("POST", "/api/v1/accounts", `{"username":"a","email":"a@example.org","password":"correct horse"}`).want(t, 422, "invalid_username")
	v.do("POST", "/api/v1/accounts", `{"username":"a"`).want(t, 400, "invalid_json")
	v.do("POST", "/api/v1/accounts", `{}`, "Content-Type", "text/plain").want(t, 415, "unsupported_media_type")
	v.do("POST", "/api/v1/accounts", strings.Repeat(" ", 70_000)).want(t, 413, "body_too_large")
	v.do("POST", "/api/v1/accounts", `{}`, "Origin", "https://evil.example").want(t, 403, "forbidden")
	second := v.signIn("cherry", "correct horse").want(t, 201, "")
	v.signIn("cherry", "wrong horse").want(t, 401, "invalid_credentials")
	v.do("POST", "/api/v1/sessions", `{"login":"","password":""}`).want(t, 400, "bad_request")
	p.do("GET", "/api/v1/sessions", "").want(t, 200, "")
	p.do("DELETE", "/api/v1/sessions/7777", "").want(t, 404, "not_found")
	p.do("DELETE", "/api/v1/sessions/"+second.body["session_id"].(string), "").want(t, 204, "")

	// All games, until every kind of outcome was likely there, with an open round among the lists.
	for i := range 40 {
		p.do("POST", spin, fmt.Sprintf(`{"stake":%d}`, i+1)).want(t, 201, "")
	}
	p.do("POST", spin, `{"stake":0}`).want(t, 422, "stake_out_of_range")
	p.do("POST", spin, `{"stake":1}`, "Idempotency-Key", "once").want(t, 201, "")
	p.do("POST", spin, `{"stake":1}`, "Idempotency-Key", "once").want(t, 201, "")
	bets := `{"type":"straight","numbers":[0],"amount":1},{"type":"split","numbers":[1,2],"amount":1},{"type":"street","numbers":[1,2,3],"amount":1},` +
		`{"type":"trio","numbers":[0,1,2],"amount":1},{"type":"corner","numbers":[1,2,4,5],"amount":1},{"type":"first_four","numbers":[0,1,2,3],"amount":1},` +
		`{"type":"six_line","numbers":[1,2,3,4,5,6],"amount":1},{"type":"dozen","selection":1,"amount":1},{"type":"column","selection":3,"amount":1},` +
		`{"type":"low","amount":1},{"type":"high","amount":1},{"type":"red","amount":1},{"type":"black","amount":1},{"type":"odd","amount":1},{"type":"even","amount":1}`
	p.do("POST", "/api/v1/games/roulette/spins", `{"bets":[`+bets+`]}`).want(t, 201, "")
	p.do("POST", "/api/v1/games/roulette/spins", `{"bets":[{"type":"split","numbers":[1,36],"amount":1}]}`).want(t, 422, "invalid_bet")
	p.do("GET", "/api/v1/games/blackjack/rounds/open", "").want(t, 404, "no_open_round")
	for range 30 {
		playBlackjack(t, p)
	}
	id := p.dealUntilOpen()
	p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(t, 409, "round_open")
	p.do("POST", "/api/v1/games/blackjack/rounds/"+id+"/actions", `{"action":"fold"}`).want(t, 422, "unknown_action")
	p.do("POST", "/api/v1/games/blackjack/rounds/1/actions", `{"action":"hit"}`).want(t, 404, "round_not_found")

	for _, path := range []string{
		"/api/v1/me", "/api/v1/me/transfers", "/api/v1/me/transfers?limit=2&kind=stake&game=blackjack", "/api/v1/me/rounds?limit=200",
		"/api/v1/me/rounds/" + id, "/api/v1/me/fairness", "/api/v1/me/statistics", "/api/v1/me/limits",
	} {
		p.do("GET", path, "").want(t, 200, "")
		v.do("GET", path, "").want(t, 401, "unauthenticated")
	}
	p.do("GET", "/api/v1/me/rounds/1", "").want(t, 404, "round_not_found")
	p.do("GET", "/api/v1/live", "").want(t, 400, "bad_request")
	p.finish(id)
	p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":"mine"}`).want(t, 201, "")
	p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":""}`).want(t, 422, "invalid_client_seed")
	p.do("GET", "/api/v1/me/fairness", "").want(t, 200, "")
	p.do("GET", "/api/v1/me/rounds?limit=200", "").want(t, 200, "")
	p.do("POST", "/api/v1/me/daily-coins", "").want(t, 201, "")
	p.do("POST", "/api/v1/me/daily-coins", "{}").want(t, 409, "already_collected")
	limits := `{"stake_per_day":100,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":60,"reality_check_minutes":null}`
	p.do("PUT", "/api/v1/me/limits", limits).want(t, 200, "")
	p.do("GET", "/api/v1/me/limits", "").want(t, 200, "")
	p.do("PUT", "/api/v1/me/password", `{"current":"wrong horse","new":"better horse"}`).want(t, 403, "invalid_credentials")
	p.do("PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`).want(t, 204, "")
	p.do("POST", "/api/v1/me/exclusions", `{"days":0}`).want(t, 422, "invalid_exclusion")
	p.do("POST", "/api/v1/me/exclusions", `{"days":1}`).want(t, 201, "")
	v.signIn("cherry", "better horse").want(t, 403, "excluded")
}

// playBlackjack plays a round with whatever was allowed first, so that insurance, doubles and splits come by.
func playBlackjack(t *testing.T, p *client) {
	t.Helper()
	r := p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(t, 201, "")
	id := r.body["round"].(map[string]any)["id"].(string)
	for r.body["settled"] == false {
		var allowed []string
		for _, a := range r.body["allowed_actions"].([]any) {
			allowed = append(allowed, a.(string))
		}
		action := allowed[0]
		for _, rare := range []string{"insurance", "split", "double"} {
			if slices.Contains(allowed, rare) {
				action = rare
				break
			}
		}
		p.do("GET", "/api/v1/games/blackjack/rounds/open", "").want(t, 200, "")
		r = p.do("POST", "/api/v1/games/blackjack/rounds/"+id+"/actions", `{"action":"`+action+`"}`).want(t, 200, "")
	}
}
