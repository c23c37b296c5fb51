package appliance

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imperio/appliance/api"
	"imperio/appliance/config"
	"imperio/appliance/ops"
)

// wantMetric waits for lines in the metrics.
func wantMetric(t *testing.T, m *ops.Metrics, lines ...string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, line := range lines {
		for {
			w := httptest.NewRecorder()
			m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			if strings.Contains(w.Body.String(), "\n"+line+"\n") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is missing in\n%s", line, w.Body)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// The API turns a panic into a 500 itself, so the edge sees no panic.
func TestObserve_CountsPanicsOfTheAPI(t *testing.T) {
	a := &App{metrics: ops.NewMetrics(ops.Sources{})}
	a.observe(httptest.NewRequest("GET", "/api/v1/me", nil), api.Observation{Route: "/api/v1/me", Panicked: true})
	wantMetric(t, a.metrics, "imperio_http_panics_total 1")
}

// The edge refuses a flood of guesses before the API sees it. The metrics count these, too.
func TestSignIns_CountThoseThatALimitRefused(t *testing.T) {
	h := openRealHouse(t, func(c *config.Config) { c.Limits.On, c.Limits.FailedSignIns = true, config.Rate{} })
	for range 12 {
		(&realClient{h: h}).send("POST", "/api/v1/sessions", `{"login":"nobody","password":"wrong password"}`)
	}
	wantMetric(t, h.app.metrics, `imperio_sign_ins_total{result="invalid_credentials"} 10`, `imperio_sign_ins_total{result="rate_limited"} 2`)
}

// The stake of an open round is in escrow, and in no game's sums.
func TestMetrics_TellRoundsUnderWayFromSettledOnes(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	settled, staked := 0, 0
	for p.object(201, "POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`)["settled"] == true {
		settled, staked = settled+1, staked+10
	}
	wantMetric(t, h.app.metrics,
		fmt.Sprintf(`imperio_bets_total{game="blackjack"} %d`, settled), fmt.Sprintf(`imperio_staked_coins_total{game="blackjack"} %d`, staked),
		"imperio_open_rounds 1", "imperio_ledger_escrow_coins 10")

	// At the newest checkpoint, the books and the rounds agree.
	if _, err := h.app.dir.store.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	books, rounds, err := h.app.openStakes(t.Context())
	if want := (ops.OpenStakes{Rounds: 1, Stakes: 10}); err != nil || books != want || rounds != want {
		t.Errorf("the books have %+v, the rounds %+v, %v", books, rounds, err)
	}
	h.app.escrow.Look(t.Context())
	wantMetric(t, h.app.metrics, `imperio_ledger_invariant_holds{invariant="escrow_is_open_rounds"} 1`)
}
