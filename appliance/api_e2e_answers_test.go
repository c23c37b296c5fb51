package appliance

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOpenAPI_ExamplesAreAsDescribed(t *testing.T) {
	document, err := os.ReadFile("api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := readDescription(t, document)
	seen := 0
	check := func(place ...string) {
		for media := range d.at(place...) {
			if media != "application/json" {
				continue // the schema of problems has its own example
			}
			where := append(slices.Clone(place), media)
			examples := d.examples(where...)
			if len(examples) == 0 {
				t.Errorf("%v has no example", where)
			}
			for _, example := range examples {
				text, err := json.Marshal(example)
				if err == nil {
					err = d.validate(text, append(where, "schema")...)
				}
				if err != nil {
					t.Errorf("%v: %v\n%s", where, err, text)
				}
				seen++
			}
		}
	}
	for path := range d.at("paths") {
		for method := range d.at("paths", path) {
			check("paths", path, method, "requestBody", "content")
			for status := range d.at("paths", path, method, "responses") {
				check("paths", path, method, "responses", status, "content")
			}
		}
	}
	for _, example := range d.at("components", "schemas", "Problem")["examples"].([]any) {
		text, err := json.Marshal(example)
		if err == nil {
			err = d.validate(text, "components", "schemas", "Problem")
		}
		if err != nil {
			t.Errorf("%v: %v", example, err)
		}
		seen++
	}
	if seen < 30 {
		t.Errorf("only %d examples were found", seen)
	}
}

// What was created is at the address that the answer names. Sessions can only be ended there; an exclusion ends all sessions, so
// that nobody can ask.
func TestAPI_WhatWasCreatedHasAnAddress(t *testing.T) {
	h := openRealHouse(t)
	p := &realClient{h: h}
	for _, c := range []struct {
		path, body string
		location   string // the beginning
		status     int    // of GET
	}{
		{"/api/v1/accounts", `{"username":"cherry","email":"cherry@example.org","password":"correct horse"}`, "/api/v1/me", 200},
		{"/api/v1/sessions", `{"login":"cherry","password":"correct horse"}`, "/api/v1/sessions/", 405},
		{"/api/v1/me/daily-coins", `{}`, "/api/v1/me/transfers?kind=daily", 200},
		{"/api/v1/games/slots/spins", `{"stake":1}`, "/api/v1/me/rounds/", 200},
		{"/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":1}]}`, "/api/v1/me/rounds/", 200},
		{"/api/v1/me/fairness/rotations", `{"client_seed":"mine"}`, "/api/v1/me/fairness", 200},
		{deals, `{"stake":2}`, "/api/v1/me/rounds/", 200},
		{"/api/v1/me/exclusions", `{"days":1}`, "/api/v1/me", 401},
	} {
		res, body := p.answer("POST", c.path, c.body)
		var v struct {
			Token string
			Round struct{ ID string }
		}
		if err := json.Unmarshal(body, &v); err != nil || res.StatusCode != 201 {
			t.Fatalf("%s: %d %s", c.path, res.StatusCode, body)
		}
		if v.Token != "" {
			p.token = v.Token
		}
		location := res.Header.Get("Location")
		if !strings.HasPrefix(location, c.location) || !strings.HasSuffix(location, v.Round.ID) {
			t.Errorf("%s: created at %q: %s", c.path, location, body)
		}
		if status, body := p.send("GET", location, ""); status != c.status {
			t.Errorf("%s: GET %s answers %d %s", c.path, location, status, body)
		}
		if c.status == 405 {
			p.object(204, "DELETE", location, "")
			p.token = p.object(201, "POST", c.path, c.body)["token"].(string)
		}
	}
	// The same sign-up again is another session, and the same account.
	again := `{"username":"apple","email":"apple@example.org","password":"correct horse"}`
	for range 2 {
		if res, body := p.answer("POST", "/api/v1/accounts", again, "Idempotency-Key", "k"); res.Header.Get("Location") != "/api/v1/me" {
			t.Errorf("%v %s", res.Header, body)
		}
	}
}

// A client that keeps the games or the description asks whether they are still the same. The edge compresses both.
func TestAPI_WhatSeldomChangesIsSentOnce(t *testing.T) {
	h := openRealHouse(t)
	v := &realClient{h: h}
	for _, path := range []string{"/api/v1/games", "/api/openapi.yaml"} {
		res, body := v.answer("GET", path, "")
		tag := res.Header.Get("ETag")
		if res.StatusCode != 200 || len(body) < 1000 || tag == "" || res.Header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%s: %d, %d bytes, %v", path, res.StatusCode, len(body), res.Header)
		}
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			if res, _ := v.answer("GET", path, "", "Accept-Encoding", encoding); encoding != "identity" && res.Header.Get("Content-Encoding") != encoding || res.Header.Get("ETag") != tag {
				t.Errorf("%s in %s: %v", path, encoding, res.Header)
			}
			for given, status := range map[string]int{tag: 304, strings.TrimPrefix(tag, "W/"): 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200} {
				for _, method := range []string{"GET", "HEAD"} {
					res, body := v.answer(method, path, "", "Accept-Encoding", encoding, "If-None-Match", given)
					if res.StatusCode != status || res.Header.Get("ETag") != tag || !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") || status == 304 && len(body) != 0 {
						t.Errorf("%s %s in %s, if not %s: %d, %d bytes, %v", method, path, encoding, given, res.StatusCode, len(body), res.Header)
					}
				}
			}
		}
	}
	// Nothing else is kept.
	p := h.player("cherry")
	if res, _ := p.answer("GET", "/api/v1/me", ""); res.Header.Get("ETag") != "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", res.Header)
	}
}
