package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"imperio/storage/command"
)

const livePath = "/api/v1/live"

// patience is how long a test waits for something before it fails.
const patience = 3 * time.Minute

// listen opens a live connection, and closes the client's end after the test.
func (c *client) listen(headers ...string) (*websocket.Conn, *http.Response, error) {
	h := make(http.Header)
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			h.Del(headers[i])
		}
	}
	ctx, cancel := context.WithTimeout(c.h.t.Context(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(c.h.server.URL, "http")+livePath, &websocket.DialOptions{HTTPHeader: h})
	if err == nil {
		c.h.t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, res, err
}

func (c *client) mustListen(headers ...string) *websocket.Conn {
	c.h.t.Helper()
	conn, _, err := c.listen(headers...)
	if err != nil {
		c.h.t.Fatal(err)
	}
	return conn
}

// next reads the next event.
func next(t *testing.T, conn *websocket.Conn) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kind, data, err := conn.Read(ctx)
	if err != nil || kind != websocket.MessageText {
		t.Fatalf("%v, %v", kind, err)
	}
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// wantClose reads until the connection ends, which must be with the code.
func wantClose(t *testing.T, conn *websocket.Conn, code websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != code {
				t.Errorf("closed with %d, want %d: %v", got, code, err)
			}
			return
		}
	}
}

func TestLive_TellsTheBalanceAndTheRoundsOfItsPlayer(t *testing.T) {
	h := newHouse(t)
	p, q := h.player("cherry"), h.player("apple")
	conn := p.mustListen()
	if e := next(t, conn); e["type"] != "balance" || e["coins"] != 100_000.0 || e["seq"] != 0.0 {
		t.Errorf("first %v", e)
	}
	q.do("POST", spin, `{"stake":7}`).want(t, 201, "") // another player's: p hears nothing
	r := p.do("POST", spin, `{"stake":10}`, "Idempotency-Key", "once").want(t, 201, "")
	p.do("POST", spin, `{"stake":10}`, "Idempotency-Key", "once").want(t, 201, "") // nothing new
	e := next(t, conn)
	if e["type"] != "round" || e["coins"] != r.body["coins"] || e["round"].(map[string]any)["id"] != r.body["round"].(map[string]any)["id"] {
		t.Errorf("told %v of %s", e, r.raw)
	}
	daily := p.do("POST", "/api/v1/me/daily-coins", "").want(t, 201, "")
	after := next(t, conn)
	if after["type"] != "balance" || after["coins"] != daily.body["coins"] || after["seq"].(float64) <= e["seq"].(float64) {
		t.Errorf("told %v after %v", after, e)
	}
}

func TestLive_NeverShowsTheHoleCard(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn := p.mustListen()
	next(t, conn)
	id := p.dealUntilOpen()
	for {
		round, _ := next(t, conn)["round"].(map[string]any)
		if round["id"] != id {
			continue // settled by its deal
		}
		dealer := round["outcome"].(map[string]any)["dealer"].(map[string]any)
		if len(dealer["cards"].([]any)) != 1 || dealer["hidden"] != 1.0 {
			t.Errorf("%v", dealer)
		}
		break
	}
}

// elsewhere makes the casino change an account without a request to this API.
func (h *house) elsewhere(login string, body command.Body) {
	h.t.Helper()
	cred, ok, err := h.casino.Credentials(login)
	if err != nil || !ok {
		h.t.Fatalf("%t, %v", ok, err)
	}
	res, err := h.casino.Propose(h.t.Context(), command.Command{Account: cred.Account, Body: body})
	if err != nil || res.Refusal != nil {
		h.t.Fatalf("%v, %v", res.Refusal, err)
	}
}

func TestLive_TellsOfWhatWasAskedForElsewhere(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn := p.mustListen()
	next(t, conn)
	h.elsewhere("cherry", command.GrantCoins{Amount: 7})
	if e := next(t, conn); e["type"] != "balance" || e["coins"] != 100_007.0 || e["seq"] == 0.0 {
		t.Errorf("told %v of a grant", e)
	}
	h.elsewhere("cherry", command.PlaceWager{Rules: "slots/2", Stake: 5})
	e := next(t, conn)
	round, _ := e["round"].(map[string]any)
	if e["type"] != "round" || round["commitment"] == "" || round["client_seed"] == "" {
		t.Errorf("told %v of a round", e)
	}
}

// Clients that connect again read what they show, so nothing that was lost stays unseen.
func TestLive_LostEventsEndTheConnections(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn := p.mustListen()
	next(t, conn)
	h.casino.missed.Store(7)
	h.casino.happened <- command.Event{Seq: 1 << 20}
	wantClose(t, conn, websocket.StatusTryAgainLater)
	if e := next(t, p.mustListen()); e["coins"] != 100_000.0 {
		t.Errorf("connected again: %v", e)
	}
}

func TestLive_EndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(h *house, p *client){
		"signed out": func(_ *house, p *client) { p.do("DELETE", "/api/v1/sessions/current", "").want(p.h.t, 204, "") },
		"excluded": func(_ *house, p *client) {
			p.do("POST", "/api/v1/me/exclusions", `{"days":1}`).want(p.h.t, 201, "")
		},
		"locked by the operator": func(h *house, p *client) {
			h.elsewhere("cherry", command.SetLock{Locked: true})
		},
		"given another role": func(h *house, p *client) {
			h.elsewhere("cherry", command.SetRole{Role: command.RoleOperator})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p := h.player("cherry")
			conn := p.mustListen()
			end(h, p)
			wantClose(t, conn, closeSessionEnded)
			if _, res, err := p.listen(); err == nil || res.StatusCode != 401 {
				t.Errorf("connected again: %v", err)
			}
		})
	}
}

func TestLive_ARoleThatStaysLeavesItAlone(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn := p.mustListen()
	next(t, conn)
	h.elsewhere("cherry", command.SetRole{Role: command.RolePlayer})
	p.do("POST", "/api/v1/me/daily-coins", "").want(t, 201, "")
	if e := next(t, conn); e["type"] != "balance" {
		t.Errorf("%v", e)
	}
}

func TestLive_AnotherSessionsEndLeavesItAlone(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	r := h.visitor().signIn("cherry", "correct horse").want(t, 201, "")
	conn := p.mustListen()
	other := (&client{h: h, token: r.body["token"].(string)}).mustListen()
	next(t, conn)
	p.do("DELETE", "/api/v1/sessions/"+r.body["session_id"].(string), "").want(t, 204, "")
	wantClose(t, other, closeSessionEnded)
	p.do("POST", "/api/v1/me/daily-coins", "").want(t, 201, "")
	if e := next(t, conn); e["coins"] != 100_100.0 {
		t.Errorf("%v", e)
	}
}

func TestLive_ClosesWhenTheServerStops(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn := p.mustListen()
	go h.api.Close() // waits for the connection
	wantClose(t, conn, websocket.StatusGoingAway)
	// One that comes meanwhile, on a connection that was accepted before, is told to come again.
	wantClose(t, p.mustListen(), websocket.StatusGoingAway)
}

func TestLive_RefusesPagesOfOtherSites(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	cookie := h.cookie(false) + p.token
	if conn, _, err := p.listen("Authorization", "", "Cookie", cookie, "Origin", h.server.URL); err != nil {
		t.Errorf("the casino's own page: %v", err)
	} else {
		_ = conn.CloseNow()
	}
	for _, origin := range []string{"https://evil.example", "null", "https://127.0.0.1.evil.example"} {
		if _, res, err := p.listen("Authorization", "", "Cookie", cookie, "Origin", origin); err == nil || res.StatusCode != 403 {
			t.Errorf("%s: %v", origin, err)
		}
	}
	if _, res, err := h.visitor().listen(); err == nil || res.StatusCode != 401 {
		t.Errorf("nobody: %v", err)
	}
}

func TestLive_AClientHasNothingToSay(t *testing.T) {
	conn := newHouse(t).player("cherry").mustListen()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"coins":1000000}`)); err != nil {
		t.Fatal(err)
	}
	wantClose(t, conn, websocket.StatusPolicyViolation)
}

func TestLive_WhatIsNoWebSocketEndsWithAProtocolError(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", livePath, p.token)
	_, _ = conn.Write([]byte{0x81, 1, 'x'}) // a client must mask what it sends
	rest, err := io.ReadAll(conn)
	if want := string([]byte{0x88, 2, 0x03, 0xea}); err != nil || !strings.HasSuffix(string(rest), want) { // a close frame with 1002
		t.Errorf("%q, %v", rest, err)
	}
}

func TestLive_PagesOverPlainHTTPCantListenOverTLS(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Secure = func(*http.Request) bool { return true } })
	p := h.player("cherry")
	for origin, want := range map[string]bool{h.server.URL: false, strings.Replace(h.server.URL, "http:", "https:", 1): true} {
		if _, _, err := p.listen("Origin", origin); (err == nil) != want {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestLive_ConnectionsOfAnAccountAreBounded(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	var last *websocket.Conn
	for range livePerAccount {
		last = p.mustListen()
	}
	if _, res, err := p.listen(); err == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("one too many: %v", err)
	}
	_ = last.CloseNow()
	for deadline := time.Now().Add(patience); ; {
		if _, _, err := p.listen(); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("a closed connection still counts: %v", err)
		}
	}
}

func TestHub_CutsOffAClientThatReadsTooSlowly(t *testing.T) {
	h := newHub()
	c, err := h.join(1000)
	if err != nil {
		t.Fatal(err)
	}
	for range liveBuffer {
		h.publish(1000, []byte("x"))
	}
	if len(c.end) != 0 {
		t.Fatal("ended before its buffer was full")
	}
	h.publish(1000, []byte("x"))
	h.publish(1000, []byte("x"))
	if code := <-c.end; code != websocket.StatusTryAgainLater {
		t.Errorf("ended with %d", code)
	}
	h.leave(1000, c)
	if h.listens(1000) {
		t.Error("still listens")
	}
	h.close()
	if _, err := h.join(1000); !errors.Is(err, errClosing) {
		t.Errorf("joined a closed hub: %v", err)
	}
}

func TestLive_PlainRequestsAreTold(t *testing.T) {
	p := newHouse(t).player("cherry")
	p.do("GET", livePath, "").want(t, 400, "bad_request")
	r := p.do("GET", livePath, "", "Upgrade", "websocket") // without Connection: Upgrade
	if r.status < 400 || r.status == http.StatusInternalServerError {
		t.Errorf("%d %s", r.status, r.raw)
	}
}
