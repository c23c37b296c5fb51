package appliance

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"imperio/appliance/control"
)

// listen opens a live connection and reads the first message.
func (c *realClient) listen() *websocket.Conn {
	c.h.t.Helper()
	header := map[string][]string{"Authorization": {"Bearer " + c.token}}
	conn, _, err := websocket.Dial(c.h.t.Context(), "ws"+strings.TrimPrefix(c.h.url, "http")+"/api/v1/live", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		c.h.t.Fatal(err)
	}
	c.h.t.Cleanup(func() { _ = conn.CloseNow() })
	heard(c.h.t, conn)
	return conn
}

// heard waits for the next message.
func heard(t *testing.T, conn *websocket.Conn) map[string]any {
	t.Helper()
	_, data, err := conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return m
}

func wantSessionEnded(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	for {
		_, data, err := conn.Read(t.Context())
		if err == nil {
			t.Logf("heard %s", data)
			continue
		}
		if websocket.CloseStatus(err) != 4001 {
			t.Errorf("closed with %v", err)
		}
		return
	}
}

// Players hear of everything that concerns them, whoever caused it.
func TestLive_TellsWhatHappensInTheCasino(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	operator, err := control.Dial(t.Context(), filepath.Join(h.config.Data.Dir, SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	conn := p.listen()

	if _, err := control.GrantCoins.Call(t.Context(), operator, control.Grant{Who: "cherry", Coins: 7, Reason: "a gift"}); err != nil {
		t.Fatal(err)
	}
	grant := heard(t, conn)
	if grant["type"] != "balance" || grant["coins"] != 1007.0 {
		t.Errorf("of a grant: %v", grant)
	}
	p.object(201, "POST", "/api/v1/me/daily-coins", "")
	if m := heard(t, conn); m["type"] != "balance" || m["coins"] != 1107.0 {
		t.Errorf("of daily coins: %v", m)
	}
	spin := p.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":5}`)
	m := heard(t, conn)
	round, want := m["round"].(map[string]any), spin["round"].(map[string]any)
	for name := range want {
		if got, want := jsonOf(t, round[name]), jsonOf(t, want[name]); got != want {
			t.Errorf("of a spin: %s is %s, the answer said %s", name, got, want)
		}
	}
	if m["type"] != "round" || m["coins"] != spin["coins"] || len(round) != len(want) || m["seq"].(float64) <= grant["seq"].(float64) {
		t.Errorf("of a spin: %v", m)
	}

	if _, err := control.SetLock.Call(t.Context(), operator, control.Lock{Who: "cherry", Locked: true, Reason: "asked for it"}); err != nil {
		t.Fatal(err)
	}
	wantSessionEnded(t, conn)
}

func TestLive_EndsWithItsSessionHoweverThatEnds(t *testing.T) {
	for name, end := range map[string]func(*realHouse, *realClient){
		"signed out": func(_ *realHouse, p *realClient) { p.send("DELETE", "/api/v1/sessions/current", "") },
		"excluded":   func(_ *realHouse, p *realClient) { p.object(201, "POST", "/api/v1/me/exclusions", `{"days":1}`) },
		"password changed elsewhere": func(h *realHouse, _ *realClient) {
			other := &realClient{h: h}
			other.token = other.object(201, "POST", "/api/v1/sessions", `{"login":"cherry","password":"correct horse"}`)["token"].(string)
			other.send("PUT", "/api/v1/me/password", `{"current":"correct horse","new":"better horse"}`)
		},
		"pushed out by new ones": func(h *realHouse, _ *realClient) {
			for range 20 {
				(&realClient{h: h}).object(201, "POST", "/api/v1/sessions", `{"login":"cherry","password":"correct horse"}`)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := openRealHouse(t)
			p := h.player("cherry")
			conn := p.listen()
			end(h, p)
			wantSessionEnded(t, conn)
		})
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
