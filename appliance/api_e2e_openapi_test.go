package appliance

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// refused sends a request, which must be refused with the status and the code.
func (c *realClient) refused(status int, code, method, path, body string, headers ...string) map[string]any {
	c.h.t.Helper()
	v := c.object(status, method, path, body, headers...)
	if v["code"] != code {
		c.h.t.Fatalf("%s %s %s: refused with %v, want %s", method, path, body, v["code"], code)
	}
	return v
}

// realClient checks every answer against openapi.yaml. This test makes every request that can succeed, and many that can't.
func TestOpenAPI_AnswersAreAsDescribed(t *testing.T) {
	h := openRealHouse(t)
	v := &realClient{h: h}
	v.send("GET", "/api/openapi.yaml", "")
	v.object(200, "GET", "/api/v1/games", "")
	v.refused(400, "bad_request", "GET", "/api/v1/games?x=1", "")
	p := h.player("cherry")
	tourSignIn(t, p, v)
	open := tourGames(t, p)
	tourHistory(p, v, open)
	tourFairness(t, p, open)
	tourOwnAccount(t, h, v)
	tourSeasons(t, h, p, v)
	tourResponsiblePlay(t, p, v)
	for _, name := range h.description.unseen() {
		t.Errorf("never answered here: %s", name)
	}
}

func tourSignIn(t *testing.T, p, v *realClient) {
	const accounts, sessions = "/api/v1/accounts", "/api/v1/sessions"
	v.refused(409, "username_taken", "POST", accounts, `{"username":"CHERRY","email":"a@example.org","password":"correct horse"}`)
	v.refused(409, "email_taken", "POST", accounts, `{"username":"apple","email":"CHERRY@example.org","password":"correct horse"}`)
	v.refused(422, "invalid_username", "POST", accounts, `{"username":"a","email":"a@example.org","password":"correct horse"}`)
	v.refused(400, "invalid_json", "POST", accounts, `{"username":"a"`)
	v.refused(415, "unsupported_media_type", "POST", accounts, `{}`, "Content-Type", "text/plain")
	v.refused(413, "body_too_large", "POST", accounts, strings.Repeat(" ", 70_000))
	v.refused(403, "forbidden", "POST", accounts, `{}`, "Origin", "https://evil.example")
	second := v.object(201, "POST", sessions, `{"login":"Cherry@example.org","password":"correct horse"}`)
	v.refused(401, "invalid_credentials", "POST", sessions, `{"login":"cherry","password":"wrong horse"}`)
	v.refused(400, "bad_request", "POST", sessions, `{"login":"","password":""}`)
	if list := p.object(200, "GET", sessions, "")["sessions"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
	p.refused(404, "session_not_found", "DELETE", sessions+"/7777777", "")
	p.object(204, "DELETE", sessions+"/"+second["session_id"].(string), "")
}

// tourOwnAccount has an account of its own, which it deletes at the end.
func tourOwnAccount(t *testing.T, h *realHouse, v *realClient) {
	const me, tokens = "/api/v1/me", "/api/v1/me/tokens"
	v.object(200, "GET", "/api/v1/house", "")
	p := h.player("plum")
	p.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	p.object(201, "POST", me+"/fairness/rotations", `{"client_seed":"plum's"}`)
	p.refused(422, "invalid_token", "POST", tokens, `{"name":"bot","scopes":["fly"],"days":1}`)
	p.refused(422, "invalid_token", "POST", tokens, `{"name":"bot","scopes":["read"],"days":367}`)
	made := p.object(201, "POST", tokens, `{"name":"bot","scopes":["read"],"days":1}`)
	bot := &realClient{h: h, token: made["token"].(string)}
	bot.object(200, "GET", me, "")
	bot.refused(403, "insufficient_scope", "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	bot.refused(403, "insufficient_scope", "POST", tokens, `{"name":"bot","scopes":["play"],"days":1}`)
	bot.refused(403, "insufficient_scope", "PUT", me+"/password", `{"current":"correct horse","new":"better horse"}`)
	player := &realClient{h: h, token: p.object(201, "POST", tokens, `{"name":"player","scopes":["play"],"days":1}`)["token"].(string)}
	player.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	player.refused(403, "insufficient_scope", "GET", me, "")
	if list := p.object(200, "GET", tokens, "")["tokens"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
	if list := p.object(200, "GET", "/api/v1/sessions", "")["sessions"].([]any); len(list) != 1 {
		t.Errorf("tokens are listed as sessions: %v", list)
	}
	p.refused(404, "session_not_found", "DELETE", "/api/v1/sessions/"+made["id"].(string), "")
	p.refused(404, "token_not_found", "DELETE", tokens+"/1", "")
	p.object(204, "DELETE", tokens+"/"+made["id"].(string), "")
	bot.refused(401, "unauthenticated", "GET", me, "")

	p.refused(403, "wrong_password", "PUT", me+"/email", `{"email":"plum@example.net","password":"wrong horse"}`)
	p.refused(409, "email_taken", "PUT", me+"/email", `{"email":"cherry@example.org","password":"correct horse"}`)
	p.object(204, "PUT", me+"/email", `{"email":"plum@example.net","password":"correct horse"}`)
	if out := p.object(200, "GET", me+"/export", ""); out["account"].(map[string]any)["email"] != "plum@example.net" || len(out["rounds"].([]any)) != 2 || len(out["transfers"].([]any)) < 3 {
		t.Errorf("%v", out)
	}

	v.refused(403, "link_invalid", "POST", "/api/v1/password-resets", `{"link":"1000","password":"better horse"}`)
	link := h.passwordLink("plum")
	v.refused(422, "password_like_name", "POST", "/api/v1/password-resets", fmt.Sprintf(`{"link":%q,"password":"plum@example.net"}`, link))
	if out := v.object(200, "POST", "/api/v1/password-resets", fmt.Sprintf(`{"link":%q,"password":"better horse"}`, link)); out["username"] != "plum" {
		t.Errorf("%v", out)
	}
	v.refused(403, "link_invalid", "POST", "/api/v1/password-resets", fmt.Sprintf(`{"link":%q,"password":"better horse"}`, link))
	p.refused(401, "unauthenticated", "GET", me, "")
	p.token = v.object(201, "POST", "/api/v1/sessions", `{"login":"plum","password":"better horse"}`)["token"].(string)
	p.refused(403, "wrong_password", "POST", me+"/deletion", `{"password":"wrong horse"}`)
	p.object(204, "POST", me+"/deletion", `{"password":"better horse"}`)
	p.refused(401, "unauthenticated", "GET", me, "")
	v.refused(401, "invalid_credentials", "POST", "/api/v1/sessions", `{"login":"plum","password":"better horse"}`)
	h.player("plum") // the name is free
}

// passwordLink makes a link to set a player's password, as an operator does.
func (h *realHouse) passwordLink(name string) string {
	h.t.Helper()
	cred, ok, err := h.app.casino.Credentials(name)
	if err != nil || !ok {
		h.t.Fatal(ok, err)
	}
	secret, hash, err := auth.NewToken(rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := command.Propose(h.t.Context(), h.app.casino, rand.Reader, command.Command{Account: cred.Account,
		Body: command.CreatePasswordLink{Link: hash, Lifetime: time.Hour.Milliseconds(), Actor: "cashier", Reason: "forgotten"}}, 0); err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprintf("%d.%s", cred.Account, secret)
}

// tourGames plays all games until every kind of outcome is likely to have occurred, and leaves a round open.
func tourGames(t *testing.T, p *realClient) (open string) {
	const spins, deals = "/api/v1/games/slots/spins", "/api/v1/games/blackjack/rounds"
	for range 40 {
		p.object(201, "POST", spins, `{"stake":1}`)
	}
	p.refused(422, "stake_out_of_range", "POST", spins, `{"stake":0}`)
	p.refused(400, "invalid_idempotency_key", "POST", spins, `{"stake":1}`, "Idempotency-Key", "é")
	bets := `{"type":"straight","numbers":[0],"amount":1},{"type":"split","numbers":[1,2],"amount":1},{"type":"street","numbers":[1,2,3],"amount":1},` +
		`{"type":"trio","numbers":[0,1,2],"amount":1},{"type":"corner","numbers":[1,2,4,5],"amount":1},{"type":"first_four","numbers":[0,1,2,3],"amount":1},` +
		`{"type":"six_line","numbers":[1,2,3,4,5,6],"amount":1},{"type":"dozen","selection":1,"amount":1},{"type":"column","selection":3,"amount":1},` +
		`{"type":"low","amount":1},{"type":"high","amount":1},{"type":"red","amount":1},{"type":"black","amount":1},{"type":"odd","amount":1},{"type":"even","amount":1}`
	p.object(201, "POST", "/api/v1/games/roulette/spins", `{"bets":[`+bets+`]}`)
	p.refused(422, "invalid_bet", "POST", "/api/v1/games/roulette/spins", `{"bets":[{"type":"split","numbers":[1,36],"amount":1}]}`)
	p.refused(404, "no_open_round", "GET", deals+"/open", "")
	for range 40 {
		r := p.object(201, "POST", deals, `{"stake":2}`)
		id := r["round"].(map[string]any)["id"].(string)
		for r["settled"] == false {
			r = p.object(200, "POST", deals+"/"+id+"/actions", fmt.Sprintf(`{"action":%q}`, rarest(r)))
		}
		p.refused(409, "round_settled", "POST", deals+"/"+id+"/actions", `{"action":"hit"}`)
	}
	for open == "" {
		if r := p.object(201, "POST", deals, `{"stake":2}`); r["settled"] == false {
			open = r["round"].(map[string]any)["id"].(string)
		}
	}
	p.refused(409, "round_open", "POST", deals, `{"stake":2}`)
	p.refused(422, "unknown_action", "POST", deals+"/"+open+"/actions", `{"action":"fold"}`)
	p.refused(404, "round_not_found", "POST", deals+"/1/actions", `{"action":"hit"}`)
	p.object(200, "GET", deals+"/open", "")
	return open
}

// rarest picks the allowed action that is allowed least often, so that all actions occur.
func rarest(r map[string]any) string {
	allowed := r["allowed_actions"].([]any)
	for _, a := range []string{"insurance", "split", "double"} {
		if slices.Contains(allowed, any(a)) {
			return a
		}
	}
	return allowed[0].(string)
}

func tourHistory(p, v *realClient, open string) {
	for _, path := range []string{
		"/api/v1/me", "/api/v1/me/transfers", "/api/v1/me/transfers?limit=2&kind=stake&game=blackjack", "/api/v1/me/rounds?limit=200",
		"/api/v1/me/rounds?game=roulette", "/api/v1/me/rounds/" + open, "/api/v1/me/fairness", "/api/v1/me/statistics", "/api/v1/me/limits",
	} {
		p.object(200, "GET", path, "")
		v.refused(401, "unauthenticated", "GET", path, "")
	}
	p.refused(404, "round_not_found", "GET", "/api/v1/me/rounds/1", "")
	p.refused(400, "bad_request", "GET", "/api/v1/live", "")
}

func tourFairness(t *testing.T, p *realClient, open string) {
	const rotations, deals = "/api/v1/me/fairness/rotations", "/api/v1/games/blackjack/rounds"
	p.refused(409, "round_open", "POST", rotations, `{"client_seed":"mine"}`)
	for r := p.object(200, "GET", deals+"/open", ""); r["settled"] == false; {
		r = p.object(200, "POST", deals+"/"+open+"/actions", fmt.Sprintf(`{"action":%q}`, rarest(r)))
	}
	p.refused(422, "invalid_client_seed", "POST", rotations, `{"client_seed":""}`)
	p.object(201, "POST", rotations, `{"client_seed":"mine"}`)
	if f := p.object(200, "GET", "/api/v1/me/fairness", ""); len(f["revealed"].([]any)) != 1 || f["client_seed"] != "mine" {
		t.Errorf("%v", f)
	}
	if r := p.object(200, "GET", "/api/v1/me/rounds/"+open, ""); r["server_seed"] == nil {
		t.Errorf("the seed is revealed, but not in %v", r)
	}
}

// tourSeasons joins, plays, and lets strangers look.
func tourSeasons(t *testing.T, h *realHouse, p, v *realClient) {
	const me, seasons, spins = "/api/v1/me/profile", "/api/v1/seasons", "/api/v1/games/slots/spins"
	before := p.object(201, "POST", spins, `{"stake":1}`)["round"].(map[string]any)["id"].(string)
	if s := v.object(200, "GET", seasons, ""); s["running"] != nil || s["reset"] != "month" {
		t.Errorf("%v", s)
	}
	v.refused(404, "season_not_found", "GET", seasons+"/1", "")
	q := h.player("peach")
	p.refused(409, "shown_name_taken", "PUT", me, `{"avatar":"owl","shown_name":"PEACH","in_seasons":true}`)
	p.refused(422, "username_reserved", "PUT", me, `{"avatar":"owl","shown_name":"admın","in_seasons":true}`)
	p.refused(422, "invalid_username", "PUT", me, `{"avatar":"owl","shown_name":"x","in_seasons":true}`)
	p.refused(422, "invalid_avatar", "PUT", me, `{"avatar":"dog","shown_name":null,"in_seasons":true}`)
	p.refused(400, "bad_request", "PUT", me, `{"avatar":"owl","in_seasons":true}`)
	joined := p.object(200, "PUT", me, `{"avatar":"owl","shown_name":"Night_Owl","in_seasons":true}`)
	entry := joined["entry_id"].(string)
	if got := p.object(200, "GET", me, ""); got["shown_name"] != "Night_Owl" || got["entry_id"] != entry || len(got["achievements"].([]any)) < 4 {
		t.Errorf("%v", got)
	}
	for range 3 {
		p.object(201, "POST", spins, `{"stake":1}`)
		q.object(201, "POST", spins, `{"stake":1}`) // takes no part
	}
	var listed map[string]any
	for tick := time.NewTicker(50 * time.Millisecond); listed == nil; <-tick.C { // a board is made of a checkpoint
		if t.Context().Err() != nil {
			t.Fatal("the board stays empty")
		}
		board := v.object(200, "GET", seasons+"/1?board=rounds", "")
		if entries := board["entries"].([]any); len(entries) == 1 && board["players"] == 1.0 && entries[0].(map[string]any)["rounds"] == 3.0 {
			listed = entries[0].(map[string]any)
		}
	}
	own := p.object(200, "GET", seasons+"/1?board=rounds", "")["own"].(map[string]any)
	if listed["shown_name"] != "Night_Owl" || listed["id"] != entry || own["rank"] != 1.0 || own["rounds"] != 3.0 {
		t.Errorf("listed as %v, own %v", listed, own)
	}
	for _, board := range []string{"net", "multiplier"} {
		v.object(200, "GET", seasons+"/1?board="+board, "")
	}
	v.refused(400, "bad_request", "GET", seasons+"/1?board=losses", "")
	player := v.object(200, "GET", listed["proof"].(string)+"?limit=2", "")
	rounds := player["rounds"].([]any)
	more := v.object(200, "GET", listed["proof"].(string)+"?limit=2&cursor="+player["next_cursor"].(string), "")
	if len(rounds) != 2 || len(more["rounds"].([]any)) != 1 || more["next_cursor"] != nil {
		t.Errorf("%v, then %v", player, more)
	}
	proof := rounds[0].(map[string]any)["proof"].(string)
	id := rounds[0].(map[string]any)["id"].(string)
	seen, whole := v.object(200, "GET", proof, ""), p.object(200, "GET", "/api/v1/me/rounds/"+id, "")
	if fmt.Sprint(seen) != fmt.Sprint(whole) {
		t.Errorf("strangers see %v, the player %v", seen, whole)
	}
	// Nobody can tell what is private from what is missing.
	missing := v.refused(404, "proof_not_found", "GET", "/api/v1/proofs/7777777", "")
	theirs := q.object(200, "GET", "/api/v1/me/rounds?limit=1", "")["rounds"].([]any)[0].(map[string]any)["id"].(string)
	for _, round := range []string{before, theirs, entry, "1"} {
		if private := v.refused(404, "proof_not_found", "GET", "/api/v1/proofs/"+round, ""); private["detail"] != missing["detail"] {
			t.Errorf("%v, %v", private, missing)
		}
	}
	v.refused(404, "player_not_found", "GET", seasons+"/1/players/7777777", "")
	v.refused(404, "player_not_found", "GET", seasons+"/1/players/1", "")
	if out := p.object(200, "GET", "/api/v1/me/export", ""); out["profile"].(map[string]any)["avatar"] != "owl" || len(out["seasons"].([]any)) != 1 {
		t.Errorf("the export has %v, %v", out["profile"], out["seasons"])
	}

	p.object(200, "PUT", me, `{"avatar":"owl","shown_name":null,"in_seasons":false}`)
	if board := v.object(200, "GET", seasons+"/1?board=rounds", ""); len(board["entries"].([]any)) != 0 {
		t.Errorf("who has left is listed: %v", board)
	}
	v.refused(404, "proof_not_found", "GET", proof, "")
	v.refused(404, "player_not_found", "GET", listed["proof"].(string), "")
}

// The house ends seasons and begins them: once an operator has ended one early, the leader begins the next, if somebody takes part.
func TestTurnSeason_BeginsOneForThoseWhoTakePart(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	end := func() {
		t.Helper()
		newest, err := h.app.dir.store.Seasons(0, 1)
		if err != nil || len(newest) != 1 {
			t.Fatal(newest, err)
		}
		if _, err := h.app.casino.propose(t.Context(), command.CloseSeason{Season: newest[0].Number, Actor: "cashier"}); err != nil {
			t.Fatal(err)
		}
	}
	running := func() any { return p.object(200, "GET", "/api/v1/seasons", "")["running"] }
	p.object(200, "PUT", "/api/v1/me/profile", `{"avatar":"owl","shown_name":null,"in_seasons":true}`)
	if running() == nil {
		t.Error("joining begins no season")
	}
	end()
	if err := h.app.turnSeason(t.Context()); err != nil || running() == nil {
		t.Errorf("no season begins: %v", err)
	}
	p.object(200, "PUT", "/api/v1/me/profile", `{"avatar":"owl","shown_name":null,"in_seasons":false}`)
	end()
	if err := h.app.turnSeason(t.Context()); err != nil || running() != nil {
		t.Errorf("a season begins for nobody: %v, %v", running(), err)
	}
}

func tourResponsiblePlay(t *testing.T, p, v *realClient) {
	const limits = "/api/v1/me/limits"
	p.object(201, "POST", "/api/v1/me/daily-coins", "")
	p.refused(409, "already_collected", "POST", "/api/v1/me/daily-coins", "{}")
	p.object(200, "PUT", limits,
		`{"stake_per_day":500,"loss_per_day":null,"loss_per_week":400,"loss_per_month":null,"session_minutes":60,"reality_check_minutes":30}`)
	l := p.object(200, "PUT", limits,
		`{"stake_per_day":1,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":60,"reality_check_minutes":30}`)
	if in := l["in_force"].(map[string]any); in["stake_per_day"] != 1.0 || in["loss_per_week"] != 400.0 ||
		l["pending"].([]any)[0].(map[string]any)["limit"] != "loss_per_week" || l["pending"].([]any)[0].(map[string]any)["value"] != nil {
		t.Errorf("%v", l)
	}
	if r := p.refused(409, "limit_reached", "POST", "/api/v1/games/slots/spins", `{"stake":1}`); r["limit"] != "stake_per_day" {
		t.Errorf("%v", r)
	}
	p.refused(422, "invalid_limits", "PUT", limits,
		`{"stake_per_day":0,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":60,"reality_check_minutes":30}`)
	p.refused(403, "wrong_password", "PUT", "/api/v1/me/password", `{"current":"wrong horse","new":"better horse"}`)
	p.object(204, "PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`)
	p.refused(422, "invalid_exclusion", "POST", "/api/v1/me/exclusions", `{"days":0}`)
	p.object(201, "POST", "/api/v1/me/exclusions", `{"days":"for_ever"}`)
	p.refused(401, "unauthenticated", "GET", "/api/v1/me", "")
	if r := v.refused(403, "excluded", "POST", "/api/v1/sessions", `{"login":"cherry","password":"better horse"}`); r["next_at"] != "9999-12-31T23:59:59.000Z" {
		t.Errorf("%v", r)
	}
}

func TestOpenAPI_LiveEventsAreAsDescribed(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(h.url, "http")+"/api/v1/live", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + p.token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	read := func() string {
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.description.validate(data, "components", "schemas", "LiveEvent"); err != nil {
			t.Errorf("%v\n%s", err, data)
		}
		return string(data)
	}
	if first := read(); !strings.Contains(first, `"type":"balance"`) {
		t.Errorf("%s", first)
	}
	p.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	p.object(201, "POST", "/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":1}]}`)
	p.object(201, "POST", "/api/v1/games/blackjack/rounds", `{"stake":2}`)
	for _, game := range []string{"slots", "roulette", "blackjack"} {
		e := read()
		if !strings.Contains(e, `"game":"`+game+`"`) {
			t.Errorf("%s", e)
		}
		first := map[string]string{"slots": "first_spin", "roulette": "first_wheel"}[game] // a hand may stay open
		if first != "" && !strings.Contains(e, `"achievements":[{"name":"`+first+`"`) {
			t.Errorf("the player isn't told of %s: %s", first, e)
		}
	}
	p.object(200, "PUT", "/api/v1/me/profile", `{"avatar":"owl","shown_name":null,"in_seasons":true}`)
	if e := read(); !strings.Contains(e, `"achievements":[{"name":"in_season"`) {
		t.Errorf("%s", e)
	}
	p.object(201, "POST", "/api/v1/me/daily-coins", "")
	if e := read(); !strings.Contains(e, `"type":"balance"`) {
		t.Errorf("%s", e)
	}
	p.object(204, "DELETE", "/api/v1/sessions/current", "")
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != 4001 {
		t.Errorf("after signing out: %v", err)
	}
}
