package clustertest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// madeUp is a casino that says what a test wants.
type madeUp struct {
	coins  int64
	rounds []Round
	status int // of the answers to bets; 0: 201
	bets   int // that arrived
}

func (m *madeUp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/spins") && m.status != 0:
		m.bets++
		w.WriteHeader(m.status)
	case strings.HasSuffix(r.URL.Path, "/spins"):
		m.bets++
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(map[string]any{"round": m.rounds[0], "coins": m.coins})
	case r.URL.Path == "/api/v1/me":
		fmt.Fprintf(w, `{"coins":%d}`, m.coins)
	case r.URL.Path == "/api/v1/me/rounds":
		json.NewEncoder(w).Encode(map[string]any{"rounds": m.rounds, "next_cursor": nil})
	}
}

// node is a node whose place the made-up casino takes.
func (m *madeUp) node(t *testing.T) *Node {
	t.Helper()
	n, err := NewNode("", t.TempDir(), "made-up")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	n.Players = strings.TrimPrefix(server.URL, "http://")
	return n
}

func round(id string, nonce uint64, staked, payout int64) Round {
	return Round{ID: id, Nonce: nonce, Staked: staked, Payout: payout, Settled: true, Outcome: json.RawMessage(`{"stops":[1,2,3]}`)}
}

func TestCheck_FindsWhatIsWrongInTheBooks(t *testing.T) {
	first, second := round("r1", 0, 5, 0), round("r2", 1, 5, 9)
	other := second
	other.Outcome = json.RawMessage(`{"stops":[1,2,4]}`)
	for name, c := range map[string]struct {
		told   []Round
		booked []Round
		coins  int64
		says   string
	}{
		"right":             {[]Round{first, second}, []Round{second, first}, 99, ""},
		"a lost bet":        {[]Round{first, second}, []Round{first}, 95, "does not have it"},
		"a doubled bet":     {[]Round{first}, []Round{first, second}, 99, "1 rounds were answered"},
		"two answers alike": {[]Round{first, first}, []Round{first}, 95, "two bets were answered"},
		"another outcome":   {[]Round{first, second}, []Round{other, first}, 99, "was told as"},
		"a wrong balance":   {[]Round{first, second}, []Round{second, first}, 98, "says 98 coins"},
		"a round twice":     {[]Round{first}, []Round{first, first}, 95, "twice"},
	} {
		a := &Account{Name: "ana", Coins: 100}
		for _, r := range c.told {
			a.addBet(Bet{Round: r})
		}
		err := a.Check(t.Context(), (&madeUp{coins: c.coins, rounds: c.booked}).node(t))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBet_IsSentOnceMoreToAnotherNodeUnderItsKey(t *testing.T) {
	away, well := &madeUp{status: http.StatusServiceUnavailable}, &madeUp{coins: 95, rounds: []Round{round("r1", 0, 5, 0)}}
	a := &Account{Name: "ana", Coins: 100}
	nodes := []*Node{away.node(t), well.node(t)}
	c := a.Client(1, nodes, 0, rand.New(rand.NewPCG(1, 1)), time.Minute)
	b, err := c.Bet(t.Context())
	if err != nil || b.Tries != 2 || away.bets != 1 || well.bets != 1 || len(a.Bets()) != 1 {
		t.Errorf("%+v %v, %d and %d bets arrived", b, err, away.bets, well.bets)
	}
	if _, err := c.Bet(t.Context()); err != nil || away.bets != 1 || well.bets != 2 {
		t.Errorf("%v, and then it does not stay where it was answered: %d and %d bets arrived", err, away.bets, well.bets)
	}
}

func TestBet_WithoutAnswersWaitsForTheNextCall(t *testing.T) {
	away := &madeUp{status: http.StatusServiceUnavailable, coins: 95, rounds: []Round{round("r1", 0, 5, 0)}}
	a := &Account{Name: "ana", Coins: 100}
	n := away.node(t)
	c := a.Client(1, []*Node{n, n}, 0, rand.New(rand.NewPCG(1, 1)), time.Minute)
	_, err := c.Bet(t.Context())
	if _, failed := err.(*FailedError); !failed || !c.Unanswered() || len(a.Bets()) != 0 {
		t.Fatalf("%v", err)
	}
	away.status = 0
	if b, err := c.Bet(t.Context()); err != nil || b.Request.Key != "1-1" || b.Tries != 3 || c.Unanswered() {
		t.Errorf("%+v %v", b, err)
	}
}

func TestBet_ARefusalIsABrokenPromise(t *testing.T) {
	refuses := &madeUp{status: http.StatusConflict}
	a := &Account{Name: "ana", Coins: 100}
	n := refuses.node(t)
	_, err := a.Client(1, []*Node{n, n}, 0, rand.New(rand.NewPCG(1, 1)), time.Minute).Bet(t.Context())
	if _, failed := err.(*FailedError); err == nil || failed || refuses.bets != 1 {
		t.Errorf("%v, %d bets arrived", err, refuses.bets)
	}
}
