package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"testing"
	"time"
)

// player bets, and keeps a record of all answers.
type player struct {
	name, token string
	casino      *process
	random      *rand.Rand
	rest        time.Duration // between two bets, so that the history stays short
	bets        int
	coins       int64             // by the newest answer
	rounds      map[string]answer // by id, from the newest answer
	open        *answer           // a blackjack round that waits for an action
	pending     *bet              // sent, but not answered
	refused     bool              // the casino refused the pending bet for now
	checked     string            // the newest round that was compared with the books
	fresh       []string          // rounds in answers since then
}

// bet is a request that moves coins, with the key that makes it safe to send again.
type bet struct{ path, body, key string }

// answer has the fields that all games' answers share.
type answer struct {
	Round struct {
		ID      string          `json:"id"`
		Nonce   uint64          `json:"nonce"`
		Staked  int64           `json:"staked"`
		Payout  int64           `json:"payout"`
		Settled bool            `json:"settled"`
		Outcome json.RawMessage `json:"outcome"`
	} `json:"round"`
	Coins   int64    `json:"coins"`
	Held    int64    `json:"held_coins"`
	Allowed []string `json:"allowed_actions"`
}

// call sends a request and returns the status and the body.
func (p *player) call(ctx context.Context, method, path, body, key string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.casino.address+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return res.StatusCode, data, err
}

func (p *player) signUp(t *testing.T) {
	t.Helper()
	status, data, err := p.call(t.Context(), "POST", "/api/v1/accounts",
		fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"a long password"}`, p.name, p.name), "")
	var in struct {
		Token   string `json:"token"`
		Account struct {
			Coins int64 `json:"coins"`
		} `json:"account"`
	}
	if err != nil || status != http.StatusCreated || json.Unmarshal(data, &in) != nil {
		t.Fatalf("sign up: %v %d %s", err, status, data)
	}
	p.token, p.coins, p.rounds = in.Token, in.Account.Coins, make(map[string]answer)
}

// playUntilLost bets until an answer is lost, the casino takes no bets, or ctx ends.
func (p *player) playUntilLost(ctx context.Context) {
	for ctx.Err() == nil {
		if p.pending == nil {
			p.pending = p.next()
			time.Sleep(p.rest)
		}
		// Not with ctx: the test needs an answer that the kill cuts off.
		if !p.try(context.Background()) {
			return
		}
	}
}

// playOn bets until an answer is lost or ctx ends. While the casino takes no bets, it asks again.
func (p *player) playOn(ctx context.Context) {
	for ctx.Err() == nil {
		if p.playUntilLost(ctx); !p.refused {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond): // between two looks whether it takes bets again
		}
	}
}

// next chooses a bet.
func (p *player) next() *bet {
	p.bets++
	b := &bet{key: fmt.Sprintf("%s-%d", p.name, p.bets)}
	if p.open != nil {
		action := p.open.Allowed[p.random.IntN(len(p.open.Allowed))]
		b.path, b.body = "/api/v1/games/blackjack/rounds/"+p.open.Round.ID+"/actions", fmt.Sprintf(`{"action":%q}`, action)
		return b
	}
	switch p.random.IntN(4) {
	case 0:
		b.path, b.body = "/api/v1/games/blackjack/rounds", `{"stake":10}`
	case 1:
		b.path = "/api/v1/games/roulette/spins"
		b.body = `{"bets":[{"type":"red","amount":3},{"type":"straight","numbers":[17],"amount":2}]}`
	default:
		b.path, b.body = "/api/v1/games/slots/spins", fmt.Sprintf(`{"stake":%d}`, 1+p.random.IntN(5))
	}
	return b
}

// try sends the pending bet; false if its answer was lost.
func (p *player) try(ctx context.Context) bool {
	status, data, err := p.call(ctx, "POST", p.pending.path, p.pending.body, p.pending.key)
	p.refused = err == nil && status == http.StatusServiceUnavailable
	if err != nil || status >= 500 {
		return false
	}
	var a answer
	if status >= 400 || json.Unmarshal(data, &a) != nil {
		panic(fmt.Sprintf("%s %s: %d %s", p.pending.path, p.pending.body, status, data)) // a bug in the test: it made a bad bet
	}
	p.pending = nil
	if _, known := p.rounds[a.Round.ID]; !known {
		p.fresh = append(p.fresh, a.Round.ID)
	}
	p.rounds[a.Round.ID], p.coins = a, a.Coins
	p.open = nil
	if !a.Round.Settled {
		p.open = &a
	}
	return true
}

// settleUp sends unanswered bets again, and compares all new answers with the books. It returns how many it compared.
func (p *player) settleUp(t *testing.T) int {
	t.Helper()
	deadline := time.Now().Add(patience)
	for p.pending != nil && !p.try(t.Context()) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: no answer to %+v after the restart", p.name, p.pending)
		}
	}
	var me struct {
		Coins int64 `json:"coins"`
		Held  int64 `json:"held_coins"`
	}
	p.get(t, "/api/v1/me", &me)
	if me.Coins != p.coins {
		t.Errorf("%s was told %d coins and has %d", p.name, p.coins, me.Coins)
	}
	booked := p.newRounds(t)
	if len(booked) != len(p.fresh) {
		t.Errorf("%s got answers with %d new rounds, the books have %d", p.name, len(p.fresh), len(booked))
		return 0
	}
	compared := 0
	for i, id := range p.fresh {
		told, kept := p.rounds[id].Round, booked[len(booked)-1-i].Round // newest first there
		var a, b any
		json.Unmarshal(told.Outcome, &a)
		json.Unmarshal(kept.Outcome, &b)
		told.Outcome, kept.Outcome = nil, nil
		if !reflect.DeepEqual(told, kept) || !reflect.DeepEqual(a, b) {
			t.Errorf("%s was told of round %s as %+v %v, the books have %+v %v", p.name, id, told, a, kept, b)
		}
		compared++
	}
	if p.open != nil {
		p.fresh = p.fresh[len(p.fresh)-1:] // it is compared again when settled
		p.checked = p.before(booked)
	} else {
		p.fresh = nil
		if len(booked) > 0 {
			p.checked = booked[0].Round.ID
		}
	}
	return compared
}

// before is the round before the newest one.
func (p *player) before(booked []answer) string {
	if len(booked) > 1 {
		return booked[1].Round.ID
	}
	return p.checked
}

// newRounds lists the rounds in the books after the last one that was compared, newest first.
func (p *player) newRounds(t *testing.T) (list []answer) {
	t.Helper()
	cursor := ""
	for {
		var page struct {
			Rounds []json.RawMessage `json:"rounds"`
			Next   *string           `json:"next_cursor"`
		}
		p.get(t, "/api/v1/me/rounds?limit=100"+cursor, &page)
		for _, raw := range page.Rounds {
			var a answer
			if err := json.Unmarshal(raw, &a.Round); err != nil {
				t.Fatal(err)
			}
			if a.Round.ID == p.checked {
				return list
			}
			list = append(list, a)
		}
		if page.Next == nil {
			return list
		}
		cursor = "&cursor=" + *page.Next
	}
}

func (p *player) get(t *testing.T, path string, v any) {
	t.Helper()
	status, data, err := p.call(t.Context(), "GET", path, "", "")
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %v %d %s", path, err, status, data)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
