package api

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
)

func TestChange_HoldsForTheNextRequest(t *testing.T) {
	h := newHouse(t)
	p := h.player("ana")
	const spins, wager = "/api/v1/games/slots/spins", `{"stake":10}`
	p.do("POST", spins, wager).want(t, 201, "")
	games := h.visitor().do("GET", "/api/v1/games", "").want(t, 200, "")

	o := h.api.o.Offer
	o.Tables = slices.Clone(o.Tables)
	o.Tables[0].MaxStake, o.Tables[0].MaxBet = 5, 5
	o.Tables[1].Enabled = false
	o.WelcomeCoins, o.DailyCoins, o.SignUp, o.Origins = 7, 0, SignUpClosed, []string{"https://play.example"}
	if err := h.api.Change(o); err != nil {
		t.Fatal(err)
	}
	now := h.visitor().do("GET", "/api/v1/games", "", "If-None-Match", games.header.Get("ETag")).want(t, 200, "")
	if !bytes.Contains(now.raw, []byte(`"max_stake":5,`)) || !bytes.Contains(now.raw, []byte(`"game":"roulette","enabled":false`)) {
		t.Errorf("the games are %s", now.raw)
	}
	p.do("POST", spins, wager).want(t, 422, "stake_out_of_range")
	p.do("POST", "/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":1}]}`).want(t, 409, "game_disabled")
	p.do("POST", "/api/v1/me/daily-coins", "").want(t, 409, "daily_coins_off")
	h.visitor().do("POST", "/api/v1/accounts", `{"username":"eve","email":"eve@example.com","password":"a long password"}`).want(t, 403, "sign_up_closed")
	h.visitor().do("POST", "/api/v1/sessions", `{"login":"nobody","password":"a long password"}`, "Origin", "https://play.example", "Sec-Fetch-Site", "cross-site").
		want(t, 401, "invalid_credentials")
	if house := h.visitor().do("GET", "/api/v1/house", "").want(t, 200, ""); !bytes.Contains(house.raw, []byte(`"welcome_coins":7,"daily_coins":0`)) {
		t.Errorf("the house is %s", house.raw)
	}
}

func TestChange_RefusesWhatMakesNoSenseAndChangesNothing(t *testing.T) {
	h := newHouse(t)
	for name, change := range map[string]func(*Offer){
		"rules that don't exist":  func(o *Offer) { o.Tables[0].Rules = "slots/99" },
		"stakes that can't be":    func(o *Offer) { o.Tables[0].MinStake = 1 << 40 },
		"too many coins":          func(o *Offer) { o.WelcomeCoins = -1 },
		"a throttle without time": func(o *Offer) { o.SignInRefill = 0 },
		"an origin with a path":   func(o *Offer) { o.Origins = []string{"https://play.example/x"} },
	} {
		o := h.api.o.Offer
		o.Tables, o.WelcomeCoins = slices.Clone(o.Tables), 1
		change(&o)
		if err := h.api.Change(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if house := h.visitor().do("GET", "/api/v1/house", "").want(t, 200, ""); !bytes.Contains(house.raw, []byte(`"welcome_coins":100000`)) {
		t.Errorf("the house is %s", house.raw)
	}
}

// A request sees one offer from its beginning to its end.
func TestChange_RequestsSeeOneOrTheOther(t *testing.T) {
	h := newHouse(t)
	one, other := h.api.o.Offer, h.api.o.Offer
	one.WelcomeCoins, one.DailyCoins = 1, 1
	other.WelcomeCoins, other.DailyCoins = 2, 2
	done := make(chan struct{})
	var changes, clients sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if err := h.api.Change([]Offer{one, other}[i%2]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 4 {
		clients.Go(func() {
			for range 200 {
				res := h.visitor().do("GET", "/api/v1/house", "")
				whole := slices.ContainsFunc([]int{1, 2, 100}, func(n int) bool {
					return bytes.Contains(res.raw, fmt.Appendf(nil, `"welcome_coins":%d,"daily_coins":%d`, n, n))
				})
				if res.status != http.StatusOK || !whole && !bytes.Contains(res.raw, []byte(`"welcome_coins":100000,"daily_coins":100`)) {
					t.Errorf("%d %s", res.status, res.raw)
				}
			}
		})
	}
	clients.Wait()
	close(done)
	changes.Wait()
}
