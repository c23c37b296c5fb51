package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"imperio/appliance/request"
)

// Stakes that are refused, with the status and code of the refusal.
var badStakes = []struct {
	name, body string
	status     int
	code       string
}{
	{"0", `{"stake":0}`, 422, "stake_out_of_range"},
	{"minus zero", `{"stake":-0}`, 422, "stake_out_of_range"},
	{"-1", `{"stake":-1}`, 422, "stake_out_of_range"},
	{"above the table", `{"stake":10001}`, 422, "stake_out_of_range"},
	{"2^53", `{"stake":9007199254740992}`, 422, "stake_out_of_range"},
	{"2^63", `{"stake":9223372036854775808}`, 422, "stake_out_of_range"},
	{"2^64+1, which would wrap to 1", `{"stake":18446744073709551617}`, 422, "stake_out_of_range"},
	{"-2^63-1", `{"stake":-9223372036854775809}`, 422, "stake_out_of_range"},
	{"a thousand digits", `{"stake":` + strings.Repeat("9", 1000) + `}`, 422, "stake_out_of_range"},
	{"1.5", `{"stake":1.5}`, 400, "bad_request"},
	{"1.0", `{"stake":1.0}`, 400, "bad_request"},
	{"1e2", `{"stake":1e2}`, 400, "bad_request"},
	{"1e400", `{"stake":1e400}`, 400, "bad_request"},
	{"quoted", `{"stake":"10"}`, 400, "bad_request"},
	{"null", `{"stake":null}`, 400, "bad_request"},
	{"true", `{"stake":true}`, 400, "bad_request"},
	{"a list", `{"stake":[10]}`, 400, "bad_request"},
	{"an object", `{"stake":{"stake":10}}`, 400, "bad_request"},
	{"missing", `{}`, 400, "bad_request"},
	{"NaN", `{"stake":NaN}`, 400, "invalid_json"},
	{"Infinity", `{"stake":-Infinity}`, 400, "invalid_json"},
	{"hexadecimal", `{"stake":0x10}`, 400, "invalid_json"},
	{"leading zero", `{"stake":010}`, 400, "invalid_json"},
	{"leading plus", `{"stake":+10}`, 400, "invalid_json"},
	{"twice", `{"stake":10,"stake":10}`, 400, "duplicate_key"},
	{"twice, escaped", `{"stake":10,"st\u0061ke":10}`, 400, "duplicate_key"},
	{"another case", `{"Stake":10}`, 400, "unknown_field"},
	{"something unknown beside it", `{"stake":10,"coins":1000}`, 400, "unknown_field"},
	{"something after it", `{"stake":10} {"stake":10}`, 400, "invalid_json"},
	{"a comment", `{"stake":10} // ten`, 400, "invalid_json"},
	{"cut off", `{"stake":10`, 400, "invalid_json"},
	{"invalid UTF-8", "{\"stake\":10,\"\xff\":1}", 400, "invalid_json"},
	{"half a surrogate", `{"stake":10,"\ud800":1}`, 400, "invalid_json"},
	{"byte order mark", "\ufeff{\"stake\":10}", 400, "invalid_json"},
	{"a list at the top", `[{"stake":10}]`, 400, "bad_request"},
	{"null at the top", `null`, 400, "bad_request"},
	{"a number at the top", `10`, 400, "bad_request"},
	{"blanks", "  \n", 400, "invalid_json"},
	{"deep nesting", `{"stake":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, 400, "invalid_json"},
	{"65,537 bytes", `{"stake":10` + strings.Repeat(" ", 65_537-12) + `}`, 413, "body_too_large"},
}

func TestStakes_RefusesWhatIsNoStake(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for _, path := range []string{"/api/v1/games/slots/spins", "/api/v1/games/blackjack/rounds"} {
		for _, c := range badStakes {
			t.Run(path[14:19]+"/"+c.name, func(t *testing.T) {
				before, proposed := h.casino.coins(), len(h.casino.proposed)
				p.do("POST", path, c.body).want(t, c.status, c.code)
				if after := h.casino.coins(); after != before || len(h.casino.proposed) != proposed {
					t.Errorf("coins went from %d to %d, %d commands were proposed", before, after, len(h.casino.proposed)-proposed)
				}
			})
		}
	}
	t.Run("a body without announced length", func(t *testing.T) {
		r, err := http.NewRequest("POST", h.server.URL+"/api/v1/games/slots/spins", io.LimitReader(endless{}, request.MaxBody+1))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + p.token}}
		res, err := h.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answered %d", res.StatusCode)
		}
	})
	t.Run("the largest body that is taken", func(t *testing.T) {
		p.do("POST", "/api/v1/games/slots/spins", `{"stake":10`+strings.Repeat(" ", 65_536-12)+`}`).want(t, 201, "")
	})
}

func TestStakes_NamesTheField(t *testing.T) {
	p := newHouse(t).player("cherry")
	for body, want := range map[string]string{
		`{"stake":1.5}`:         `"stake"`,
		`{"stake":1,"coins":2}`: `"coins"`,
		`{"stake":1,"stake":2}`: `"stake"`,
		`{}`:                    `"stake"`,
		`{"bets":[{"type":"straight","numbers":[0],"amount":"5"}]}`:              `"bets/0/amount"`,
		`{"bets":[{"type":"straight","numbers":["0"],"amount":5}]}`:              `"bets/0/numbers/0"`,
		`{"bets":[{"type":"straight","numbers":[0],"amount":5},{"odds":1000}]}`:  `"bets/1/odds"`,
		`{"bets":[{"type":"straight","numbers":[0],"amount":5},{"type":"red"}]}`: `"bets/1/amount"`,
	} {
		path := "/api/v1/games/slots/spins"
		if strings.Contains(body, "bets") {
			path = "/api/v1/games/roulette/spins"
		}
		r := p.do("POST", path, body)
		if detail, _ := r.body["detail"].(string); r.status != 400 || !strings.Contains(detail, want) {
			t.Errorf("%s: %d %s", body, r.status, r.raw)
		}
	}
}

func TestBets_RefusesWhatIsNoBet(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	one := `{"type":"red","amount":1}`
	for _, c := range []struct {
		name, bets string
		status     int
		code       string
	}{
		{"none", `[]`, 422, "invalid_bet"},
		{"null", `null`, 400, "bad_request"},
		{"an object", `{}`, 400, "bad_request"},
		{"101", `[` + strings.Repeat(one+",", 100) + one + `]`, 422, "invalid_bet"},
		{"a null bet", `[null]`, 400, "bad_request"},
		{"no such type", `[{"type":"magic","numbers":[1],"amount":1}]`, 422, "invalid_bet"},
		{"a type of another kind", `[{"type":1,"numbers":[1],"amount":1}]`, 400, "bad_request"},
		{"a split that is none", `[{"type":"split","numbers":[1,36],"amount":1}]`, 422, "invalid_bet"},
		{"number 37", `[{"type":"straight","numbers":[37],"amount":1}]`, 422, "invalid_bet"},
		{"number -1", `[{"type":"straight","numbers":[-1],"amount":1}]`, 422, "invalid_bet"},
		{"number 2^64, which would wrap to 0", `[{"type":"straight","numbers":[18446744073709551616],"amount":1}]`, 422, "invalid_bet"},
		{"number 1.5", `[{"type":"straight","numbers":[1.5],"amount":1}]`, 400, "bad_request"},
		{"number null", `[{"type":"straight","numbers":[null],"amount":1}]`, 400, "bad_request"},
		{"selection 0", `[{"type":"dozen","selection":0,"amount":1}]`, 422, "invalid_bet"},
		{"selection 4", `[{"type":"dozen","selection":4,"amount":1}]`, 422, "invalid_bet"},
		{"selection too large for a word", `[{"type":"dozen","selection":4294967297,"amount":1}]`, 422, "invalid_bet"},
		{"odds", `[{"type":"straight","numbers":[1],"amount":1,"odds":1000}]`, 400, "unknown_field"},
		{"amount 0", `[{"type":"red","amount":0}]`, 422, "stake_out_of_range"},
		{"amount -1 beside a good one", `[` + one + `,{"type":"red","amount":-1}]`, 422, "stake_out_of_range"},
		{"amount above the bet's limit", `[{"type":"red","amount":5001}]`, 422, "stake_out_of_range"},
		{"sum above the table's limit", `[{"type":"red","amount":5000},{"type":"black","amount":5000},` + one + `]`, 422, "stake_out_of_range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, proposed := h.casino.coins(), len(h.casino.proposed)
			p.do("POST", "/api/v1/games/roulette/spins", `{"bets":`+c.bets+`}`).want(t, c.status, c.code)
			if h.casino.coins() != before || len(h.casino.proposed) != proposed {
				t.Error("coins moved, or a command was proposed")
			}
		})
	}
}

// Whether the table, the rules or the reader of the request refuses a bet, the message counts the bets from 1.
func TestBets_AreNamedInOneWay(t *testing.T) {
	p := newHouse(t).player("cherry")
	for _, second := range []string{
		`{"type":"dozen","selection":0,"amount":1}`, `{"type":"straight","numbers":[37],"amount":1}`, `{"type":"split","numbers":[1,36],"amount":1}`,
		`{"type":"magic","amount":1}`, `{"type":"red","amount":0}`, `{"type":"red","amount":5001}`,
	} {
		r := p.do("POST", "/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":1},`+second+`]}`)
		if detail, _ := r.body["detail"].(string); r.status != 422 || !strings.HasPrefix(detail, "Bet 2: ") {
			t.Errorf("%s: %d %s", second, r.status, r.raw)
		}
	}
}

func TestRequests_RefusesOtherMediaTypes(t *testing.T) {
	p := newHouse(t).player("cherry")
	for _, c := range []struct {
		headers []string
		ok      bool
	}{
		{[]string{"Content-Type", "application/json"}, true},
		{[]string{"Content-Type", "application/json; charset=utf-8"}, true},
		{[]string{"Content-Type", "Application/JSON; charset=\"UTF-8\""}, true},
		{[]string{"Content-Type", "application/json; charset=latin1"}, false},
		{[]string{"Content-Type", "application/json; charset"}, false},
		{[]string{"Content-Type", "text/plain"}, false},
		{[]string{"Content-Type", "application/x-www-form-urlencoded"}, false},
		{[]string{"Content-Type", "application/json, text/plain"}, false},
		{[]string{"Content-Type", ""}, false},
		{[]string{"Content-Encoding", "gzip"}, false},
	} {
		r := p.do("POST", "/api/v1/games/slots/spins", `{"stake":1}`, c.headers...)
		if c.ok {
			r.want(t, 201, "")
		} else {
			r.want(t, 415, "unsupported_media_type")
		}
	}
}

func TestRequests_RefusesOtherMethodsAndAddresses(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for _, c := range []struct {
		method, path string
		status       int
		code         string
		allow        string
	}{
		{"GET", "/api/v1/games/slots/spins", 405, "method_not_allowed", "OPTIONS, POST"},
		{"DELETE", "/api/v1/me", 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
		{"PATCH", "/api/v1/me/limits", 405, "method_not_allowed", "GET, HEAD, OPTIONS, PUT"},
		{"BREW", "/api/v1/me", 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
		{"GET", "/api/v1/nothing", 404, "not_found", ""},
		{"GET", "/api/v1/me/", 404, "not_found", ""},
		{"GET", "/API/v1/me", 404, "not_found", ""},
		{"GET", "/api/v1//me", 404, "not_found", ""},
		{"POST", "/api/v1/games/slots/spins/", 404, "not_found", ""},
		{"GET", "/api/v1/me/rounds/999999", 404, "round_not_found", ""},
		{"GET", "/api/v1/me/rounds/-1", 404, "round_not_found", ""},
		{"GET", "/api/v1/me/rounds/0", 404, "round_not_found", ""},
		{"GET", "/api/v1/me/rounds/1e3", 404, "round_not_found", ""},
		{"GET", "/api/v1/me/rounds/18446744073709551617", 404, "round_not_found", ""},
		{"GET", "/api/v1/me/rounds/%00", 404, "round_not_found", ""},
		{"GET", "/api/v1/me/rounds/..%2f..%2fme", 404, "not_found", ""},
		{"DELETE", "/api/v1/sessions/999999", 404, "session_not_found", ""},
		{"DELETE", "/api/v1/sessions/other", 404, "session_not_found", ""},
		{"GET", "/api/v1/games/blackjack/rounds/open", 404, "no_open_round", ""},
	} {
		r := p.do(c.method, c.path, "")
		if r.status != c.status || r.code() != c.code || r.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d %q, Allow %q\n%s", c.method, c.path, r.status, r.code(), r.header.Get("Allow"), r.raw)
		}
	}
	if r := p.do("OPTIONS", "/api/v1/me", ""); r.status != 204 || r.header.Get("Allow") != "GET, HEAD, OPTIONS" || len(r.raw) != 0 {
		t.Errorf("OPTIONS: %d, Allow %q, %q", r.status, r.header.Get("Allow"), r.raw)
	}
	if r := p.do("HEAD", "/api/v1/me", ""); r.status != 200 || r.header.Get("Content-Length") == "0" || len(r.raw) != 0 {
		t.Errorf("HEAD: %d %v %q", r.status, r.header, r.raw)
	}
}

func TestQueries_RefusesWhatIsNotKnown(t *testing.T) {
	p := newHouse(t).player("cherry")
	for _, q := range []string{
		"limit=0", "limit=-1", "limit=201", "limit=1.5", "limit=ten", "limit=", "limit=10&limit=10", "cursor=0", "cursor=-1",
		"cursor=x", "cursor=05", "cursor=99999999999999999999", "kind=theft", "kind=unknown", "kind=", "game=poker", "Limit=10", "page=2", "%zz", "a;b",
	} {
		if r := p.do("GET", "/api/v1/me/transfers?"+q, ""); r.status != 400 || r.code() != "bad_request" {
			t.Errorf("%s: %d %s", q, r.status, r.raw)
		}
	}
	p.do("GET", "/api/v1/me?verbose=1", "").want(t, 400, "bad_request")
	round := p.do("POST", spin, `{"stake":1}`).want(t, 201, "").body["round"].(map[string]any)["id"].(string)
	p.do("GET", "/api/v1/me/rounds/"+round, "").want(t, 200, "")
	p.do("GET", "/api/v1/me/rounds/0"+round, "").want(t, 404, "round_not_found")
	p.do("GET", "/api/v1/me/transfers?limit=200&kind=welcome&game=slots", "").want(t, 200, "")
}

func TestIdempotencyKey_RefusesWhatIsNoKey(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for _, key := range []string{"", strings.Repeat("k", 256), "tab\tkey", "schlüssel"} {
		var r reply
		if key == "" {
			r = p.raw("POST", "/api/v1/games/slots/spins", `{"stake":1}`, http.Header{"Idempotency-Key": {""}})
		} else {
			r = p.do("POST", "/api/v1/games/slots/spins", `{"stake":1}`, "Idempotency-Key", key)
		}
		r.want(t, 400, "invalid_idempotency_key")
	}
	p.raw("POST", "/api/v1/games/slots/spins", `{"stake":1}`, http.Header{"Idempotency-Key": {"a", "b"}}).want(t, 400, "invalid_idempotency_key")
	p.do("POST", "/api/v1/games/slots/spins", `{"stake":1}`, "Idempotency-Key", strings.Repeat("~", 255)).want(t, 201, "")
}

// raw sends a request with headers as they are, even empty or repeated ones.
func (c *client) raw(method, path, body string, h http.Header) reply {
	c.h.t.Helper()
	r, err := http.NewRequest(method, c.h.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.h.t.Fatal(err)
	}
	r.Header = h
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.h.server.Client().Do(r)
	if err != nil {
		c.h.t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		c.h.t.Fatal(err)
	}
	return parse(res, b.Bytes())
}

func TestAccounts_RefusesBadNamesAddressesAndPasswords(t *testing.T) {
	h := newHouse(t)
	h.player("Cherry")
	v := h.visitor()
	for _, c := range []struct {
		name, username, email, password string
		status                          int
		code                            string
	}{
		{"short name", "ab", "a@example.org", "correct horse", 422, "invalid_username"},
		{"control character", `abc\u0000def`, "a@example.org", "correct horse", 422, "invalid_username"},
		{"line break", `abc\ndef`, "a@example.org", "correct horse", 422, "invalid_username"},
		{"right-to-left override", `abc\u202edef`, "a@example.org", "correct horse", 422, "invalid_username"},
		{"markup", `<b>abc</b>`, "a@example.org", "correct horse", 422, "invalid_username"},
		{"the same name", "Cherry", "a@example.org", "correct horse", 409, "username_taken"},
		{"the name in another case", "CHERRY", "a@example.org", "correct horse", 409, "username_taken"},
		{"the name in wide letters", "ｃｈｅｒｒｙ", "a@example.org", "correct horse", 409, "username_taken"},
		{"no address", "apple", "", "correct horse", 422, "invalid_email"},
		{"half an address", "apple", "apple@", "correct horse", 422, "invalid_email"},
		{"a header in the address", "apple", `a@example.org\r\nBcc: b@example.org`, "correct horse", 422, "invalid_email"},
		{"the address in another case", "apple", "CHERRY@Example.ORG", "correct horse", 409, "email_taken"},
		{"short password", "apple", "a@example.org", "1234567", 422, "invalid_password"},
		{"long password", "apple", "a@example.org", strings.Repeat("x", 257), 422, "invalid_password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"username":"%s","email":"%s","password":"%s"}`, c.username, c.email, c.password)
			v.do("POST", "/api/v1/accounts", body).want(t, c.status, c.code)
		})
	}
	for _, body := range []string{
		`{"username":"apple","email":"a@example.org"}`, `{"username":"apple","password":"correct horse"}`,
		`{"email":"a@example.org","password":"correct horse"}`, `{"username":null,"email":"a@example.org","password":"correct horse"}`,
		`{"username":["apple"],"email":"a@example.org","password":"correct horse"}`,
	} {
		v.do("POST", "/api/v1/accounts", body).want(t, 400, "bad_request")
	}
	v.do("POST", "/api/v1/accounts", `{"username":"apple","email":"a@example.org","password":"correct horse","coins":1000000}`).want(t, 400, "unknown_field")
	v.do("POST", "/api/v1/accounts", `{"username":"apple","email":"a@example.org","password":"correct horse","role":"operator"}`).want(t, 400, "unknown_field")
	if n := len(h.casino.accounts); n != 1 {
		t.Errorf("%d accounts were opened", n-1)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
