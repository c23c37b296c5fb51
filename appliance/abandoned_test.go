package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// An abandoned round is settled like any other: it is counted, and the player's open pages hear of it.
func TestAbandoned_TheSettlementIsCountedAndTold(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	v, _ := p.dealUntil("hit")
	id := v["round"].(map[string]any)["id"]
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(h.url, "http")+"/api/v1/live", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + p.token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	next := func() (event map[string]any) {
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &event); err != nil {
			t.Fatal(err)
		}
		return event
	}
	next() // the balance at the start
	if _, err := h.app.dir.store.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	before := h.settledBlackjack()

	if err := h.app.settleAllAbandoned(ctx, "blackjack", time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	p.object(200, "GET", deals+"/open", "") // it has not been idle for an hour
	if err := h.app.settleAllAbandoned(ctx, "blackjack", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	event, me := next(), p.object(200, "GET", "/api/v1/me", "")
	round, _ := event["round"].(map[string]any)
	if round["id"] != id || round["settled"] != true || event["coins"] != me["coins"] || event["held_coins"] != 0.0 {
		t.Errorf("told %v; the account is %v", event, me)
	}
	if after := h.settledBlackjack(); after != before+1 {
		t.Errorf("%d rounds are settled after %d", after, before)
	}
	wantMetric(t, h.app.metrics, fmt.Sprintf(`imperio_rounds_settled_total{game="blackjack",rules="blackjack/1"} %d`, before+1))
}

// settledBlackjack is how many rounds of blackjack are settled, as the state says.
func (h *realHouse) settledBlackjack() uint64 {
	return h.app.dir.store.Figures().Houses["blackjack"].Rounds
}
