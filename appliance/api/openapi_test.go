package api

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// description is openapi.yaml as the tests read it.
type description struct {
	t        *testing.T
	doc      map[string]any
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
	answered map[string]bool // "GET /api/v1/me 200"
}

func readDescription(t *testing.T) *description {
	t.Helper()
	d := &description{t: t, compiler: jsonschema.NewCompiler(), schemas: make(map[string]*jsonschema.Schema), answered: make(map[string]bool)}
	if err := yaml.Unmarshal(openAPI, &d.doc); err != nil {
		t.Fatal(err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource("openapi.json", d.doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// at goes down the description, by the names of members.
func (d *description) at(names ...string) map[string]any {
	v := d.doc
	for _, n := range names {
		v, _ = v[n].(map[string]any)
		if ref, ok := v["$ref"].(string); ok {
			v = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return v
}

// validate holds a JSON text against the schema at a place in the description.
func (d *description) validate(text []byte, place ...string) error {
	pointer := "openapi.json#"
	for _, p := range place {
		pointer += "/" + strings.ReplaceAll(strings.ReplaceAll(p, "~", "~0"), "/", "~1")
	}
	schema := d.schemas[pointer]
	if schema == nil {
		var err error
		if schema, err = d.compiler.Compile(pointer); err != nil {
			return err
		}
		d.schemas[pointer] = schema
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(v)
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

// check holds one answer, and the request if it was done, against the description.
func (d *description) check(api *API, r *http.Request, request []byte, res *http.Response, body []byte) {
	d.t.Helper()
	method := r.Method
	pattern := ""
	for _, rt := range routes {
		if h, _, _ := api.router.Lookup(rt.method, r.URL.Path); rt.method == method && h != nil && matches(rt.path, r.URL.Path) {
			pattern = pathOf(rt.path)
			break // routes are in the order in which "open" comes before ":id"
		}
	}
	if pattern == "" {
		return // 404 and 405, which any address can answer
	}
	status := fmt.Sprint(res.StatusCode)
	name := fmt.Sprintf("%s %s %s", method, pattern, status)
	op := []string{"paths", pattern, strings.ToLower(method)}
	answer := d.at(append(op, "responses", status)...)
	if answer == nil {
		d.t.Errorf("%s is not described: %s", name, body)
		return
	}
	d.answered[name] = true
	content, _ := answer["content"].(map[string]any)
	if len(content) == 0 {
		if len(body) != 0 && method != http.MethodHead {
			d.t.Errorf("%s: an answer without content is %q", name, body)
		}
		return
	}
	media := res.Header.Get("Content-Type")
	if content[media] == nil {
		d.t.Errorf("%s: answers %q", name, media)
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	place := append(op, "responses", status, "content", media, "schema")
	if res.StatusCode >= 400 {
		place = []string{"components", "schemas", "Problem"}
	}
	if err := d.validate(body, place...); err != nil {
		d.t.Errorf("%s: %v\n%s", name, err, body)
	}
	if res.StatusCode < 300 && len(request) != 0 {
		if err := d.validate(request, append(op, "requestBody", "content", "application/json", "schema")...); err != nil {
			d.t.Errorf("%s: took a request that is not as described: %v\n%s", name, err, request)
		}
	}
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return strings.HasPrefix(w, ":") || w == g })
}

func TestOpenAPI_DescribesTheRoutesAndNoOthers(t *testing.T) {
	d := readDescription(t)
	registered := make(map[string]bool)
	for _, rt := range Routes() {
		registered[rt[0]+" "+pathOf(rt[1])] = true
	}
	described := make(map[string]bool)
	for path := range d.at("paths") {
		for method := range d.at("paths", path) {
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
	for _, c := range readDescription(t).at("components", "schemas", "Code")["enum"].([]any) {
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
	walk("", readDescription(t).doc)
}

func TestOpenAPI_AnswersAreAsDescribed(t *testing.T) {
	d := readDescription(t)
	h := newHouse(t)
	bodies := make(map[*http.Request][]byte)
	h.seen = func(r *http.Request, res *http.Response, body []byte) {
		if r.GetBody != nil {
			b, err := r.GetBody()
			if err != nil {
				t.Fatal(err)
			}
			var request bytes.Buffer
			if _, err := request.ReadFrom(b); err != nil {
				t.Fatal(err)
			}
			bodies[r] = request.Bytes()
		}
		d.check(h.api, r, bodies[r], res, body)
	}
	tour(t, h)
	for path := range d.at("paths") {
		for method, op := range d.at("paths", path) {
			for status := range op.(map[string]any)["responses"].(map[string]any) {
				name := fmt.Sprintf("%s %s %s", strings.ToUpper(method), path, status)
				if status < "300" && status != "101" && !d.answered[name] {
					t.Errorf("the tour has not seen %s", name)
				}
			}
		}
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
