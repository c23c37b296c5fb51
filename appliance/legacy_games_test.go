package appliance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"imperio/appliance/config"
	"imperio/games/roulette"
)

// tableFields are all that the older front end may see of a round of blackjack. The older server also sent the deck.
var tableFields = []string{
	"can_double_down", "can_split", "current_hand", "current_wager", "dealer_hand", "dealer_value", "double_down", "game_over", "id",
	"message", "player_coins", "player_hand", "player_second_hand", "player_stood", "split",
}

// checkTable checks an answer about a round of blackjack by itself.
func (o *olderClient) checkTable(v map[string]any) {
	o.h.t.Helper()
	if got := slices.Sorted(maps.Keys(v)); !slices.Equal(got, tableFields) {
		o.h.t.Fatalf("the fields are %q", got)
	}
	dealer, over := v["dealer_hand"].([]any), v["game_over"].(bool)
	second := v["player_second_hand"].([]any)
	split := v["split"].(bool)
	if !over && (len(dealer) != 1 || v["dealer_value"] != nil) || split != (len(second) > 0) ||
		split && v["can_split"] == true || over && (v["can_split"] == true || v["can_double_down"] == true) ||
		v["current_hand"] != "first" && v["current_hand"] != "second" {
		o.h.t.Fatalf("%v", v)
	}
	for _, c := range slices.Concat(dealer, v["player_hand"].([]any), second) {
		c := c.(map[string]any)
		value := map[string]float64{"Jack": 10, "Queen": 10, "King": 10, "Ace": 11}[c["name"].(string)]
		if value == 0 {
			_, _ = fmt.Sscan(c["name"].(string), &value)
		}
		if !slices.Contains([]string{"hearts", "diamond", "clubs", "spades"}, c["suit"].(string)) || value < 2 || c["value"] != value || len(c) != 3 {
			o.h.t.Fatalf("no card of the older deck: %v", c)
		}
	}
}

// start deals a round for a stake.
func (o *olderClient) start(stake int) map[string]any {
	o.h.t.Helper()
	v := o.want(200, "POST", "/blackjack/start", fmt.Sprintf(`{"wager":%d}`, stake))
	o.checkTable(v)
	if v["message"] != "" {
		o.h.t.Fatalf("a start with a message draws no board: %v", v)
	}
	return v
}

func (o *olderClient) act(round map[string]any, action string) map[string]any {
	o.h.t.Helper()
	v := o.want(200, "POST", "/blackjack/action", fmt.Sprintf(`{"action":%q,"game_id":%.0f}`, action, round["id"]))
	o.checkTable(v)
	return v
}

// startUntil plays rounds until one is open after the deal and matches. It stands on the others.
func (o *olderClient) startUntil(holds func(v map[string]any) bool) map[string]any {
	o.h.t.Helper()
	for range 2000 {
		v := o.start(10)
		if v["game_over"] == false && holds(v) {
			return v
		}
		for v["game_over"] == false {
			v = o.act(v, "stand")
		}
	}
	o.h.t.Fatal("no such round in 2000")
	return nil
}

func rich(c *config.Config) { c.Accounts.WelcomeCoins = 1_000_000 }

func number(v any) int { return int(v.(float64)) }

// Rounds are played to their ends in all ways, and compared with what the API tells of them.
func TestLegacy_BlackjackIsTheSameGame(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	p := h.player("ana")
	o := p.launch("blackjack")
	naturals, insured := 0, 0
	for i := 0; i < 120 || naturals == 0 || insured == 0; i++ {
		if i == 3000 {
			t.Fatalf("3000 rounds with %d naturals, %d of them with an ace up", naturals, insured)
		}
		before := o.coins()
		v := o.start(10)
		if !v["game_over"].(bool) && number(v["player_coins"]) != before-10 {
			t.Fatalf("%d coins before, then %v", before, v)
		}
		for taken := 0; v["game_over"] == false; taken++ {
			action := []string{"hit", "stand", "double", "split", "double_down"}[(i+taken)%5]
			if strings.HasPrefix(action, "double") && v["can_double_down"] == false || action == "split" && v["can_split"] == false {
				action = "stand"
			}
			v = o.act(v, action)
		}
		round := p.object(200, "GET", fmt.Sprintf("/api/v1/me/rounds/%d", number(v["id"])), "")
		outcome := round["outcome"].(map[string]any)
		hands := outcome["hands"].([]any)
		dealer := outcome["dealer"].(map[string]any)
		if slices.Contains(round["actions"].([]any), any("decline_insurance")) {
			insured++
		}
		if outcome["insurance"] != nil || len(hands) > 2 || v["dealer_value"] != dealer["total"] ||
			number(v["player_coins"]) != before-number(round["staked"])+number(round["payout"]) || o.coins() != number(v["player_coins"]) ||
			len(v["dealer_hand"].([]any)) != len(dealer["cards"].([]any)) || len(v["player_hand"].([]any)) != len(hands[0].(map[string]any)["cards"].([]any)) {
			t.Fatalf("%v\n%v", v, round)
		}
		if hands[0].(map[string]any)["result"] == "blackjack" {
			naturals++
			if number(round["payout"]) != 25 || v["message"] != "" && !strings.Contains(v["message"].(string), "25 coins") {
				t.Errorf("a natural: %v", v)
			}
		}
	}
	p.checkBooks()
}

func TestLegacy_BlackjackWagersAndHands(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	o := h.player("ana").launch("blackjack")
	v := o.startUntil(func(v map[string]any) bool { return v["can_double_down"] == true })
	if v = o.act(v, "double"); number(v["current_wager"]) != 20 || v["double_down"] != true || v["game_over"] != true {
		t.Errorf("a double: %v", v)
	}
	v = o.startUntil(func(v map[string]any) bool {
		return v["can_split"] == true && v["player_hand"].([]any)[0].(map[string]any)["name"] != "Ace"
	})
	if v = o.act(v, "split"); v["split"] != true || v["can_split"] != false || number(v["current_wager"]) != 10 {
		t.Fatalf("a split: %v", v)
	}
	if v["game_over"] == false {
		_, refused := o.send("POST", "/blackjack/action", fmt.Sprintf(`{"action":"split","game_id":"%d"}`, number(v["id"])))
		o.checkTable(refused)
		if refused["message"] != "This page can't split a second time." || len(refused["player_hand"].([]any)) != len(v["player_hand"].([]any)) {
			t.Errorf("a second split: %v", refused)
		}
	}
	for v["game_over"] == false {
		v = o.act(v, "stand")
	}
	if !strings.HasPrefix(v["message"].(string), "Hand 1: ") && !strings.HasPrefix(v["message"].(string), "The dealer") {
		t.Errorf("%v", v["message"])
	}
}

// An old tab, a second tab, a reload and a double click meet the round that is open.
func TestLegacy_BlackjackRoundsThatAreOpenElsewhere(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	p := h.player("ana")
	o := p.launch("blackjack")
	v := o.startUntil(func(map[string]any) bool { return true })
	coins := o.coins()
	again := o.start(50)
	if again["id"] != v["id"] || number(again["current_wager"]) != 10 || o.coins() != coins {
		t.Errorf("a second start moved coins: %v, then %v", v, again)
	}
	over := o.act(v, "stand")
	for over["game_over"] == false {
		over = o.act(v, "stand")
	}
	late := o.want(409, "POST", "/blackjack/action", fmt.Sprintf(`{"action":"hit","game_id":%d}`, number(v["id"])))
	o.checkTable(late)
	if late["game_over"] != true || late["player_coins"] != over["player_coins"] || !strings.HasSuffix(late["message"].(string), over["message"].(string)) {
		t.Errorf("an action too late: %v", late)
	}
	for _, body := range []string{`{"action":"hit"}`, `{"action":"hit","game_id":987654}`, `{"action":"dance","game_id":987654}`} {
		_, v := o.send("POST", "/blackjack/action", body)
		o.checkTable(v)
	}

	// A round with three hands can only be played on the casino's own page.
	for range 3000 {
		v := p.object(201, "POST", deals, `{"stake":10}`)
		for v["settled"] == false {
			hands, allowed := v["hands"].([]any), v["allowed_actions"].([]any)
			if len(hands) == 3 {
				three := o.want(409, "POST", "/blackjack/start", `{"wager":10}`)
				if len(three) != 1 {
					t.Errorf("%v", three)
				}
				acted := o.want(409, "POST", "/blackjack/action", `{"action":"stand"}`)
				o.checkTable(acted)
				if acted["game_over"] != false {
					t.Errorf("%v", acted)
				}
				return
			}
			action := "stand"
			for _, wanted := range []any{"split", "decline_insurance"} {
				if slices.Contains(allowed, wanted) {
					action = wanted.(string)
				}
			}
			v = p.object(200, "POST", deals+"/"+roundOf(v).(string)+"/actions", `{"action":"`+action+`"}`)
		}
	}
	t.Fatal("no pair was split twice in 3000 rounds")
}

// Two starts at once are one round, also if the first has ended before the second is answered: an ace up, and a blackjack.
func TestLegacy_ADoubleClickOnStartIsNoError(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	o := h.player("ana").launch("blackjack")
	for range 100 {
		var clicks [2]map[string]any
		var wait sync.WaitGroup
		for i := range clicks {
			wait.Go(func() { _, clicks[i] = o.send("POST", "/blackjack/start", `{"wager":2}`) })
		}
		wait.Wait()
		for _, v := range clicks {
			o.checkTable(v)
			if v["message"] != "" {
				t.Fatalf("%v", v)
			}
		}
		for _, v := range clicks {
			for v["game_over"] == false {
				_, v = o.send("POST", "/blackjack/action", `{"action":"stand"}`)
			}
		}
	}
}

// Each in its own way lost, doubled or made up coins in the older system.
func TestLegacy_ManyRequestsAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy)
	p := h.player("ana")
	a, b := p.launch("imperio"), p.launch("blackjack")
	var wait sync.WaitGroup
	for i := range 8 {
		o := []*olderClient{a, b}[i%2]
		wait.Go(func() {
			for n := range 12 {
				var status int
				switch (i + n) % 4 {
				case 0:
					status, _ = o.send("POST", "/spin", "{}")
				case 1:
					status, _ = o.send("POST", "/roulette/action", `{"bet":[{"amt":97,"type":"outside_oerb","odds":1,"numbers":"1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35"}]}`)
				case 2:
					status, _ = o.send("POST", "/blackjack/start", `{"wager":60}`)
				case 3:
					status, _ = o.send("POST", "/blackjack/action", `{"action":"stand"}`)
				}
				if status != 200 && status != 400 && status != 404 && status != 409 {
					t.Errorf("status %d", status)
				}
			}
		})
	}
	wait.Wait()
	p.checkBooks()
}

func TestLegacy_AKeyIsOneRequestHoweverOftenItIsSent(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	p := h.player("ana")
	o := p.launch("blackjack")
	send := func(path, body, key string) map[string]any {
		first := o.want(200, "POST", path, body, "Idempotency-Key", key)
		again := o.want(200, "POST", path, body, "Idempotency-Key", key)
		if fmt.Sprint(first) != fmt.Sprint(again) {
			t.Errorf("%s: %v, then %v", path, first, again)
		}
		return first
	}
	send("/spin", "{}", "s")
	send("/roulette/action", `{"bet":[{"amt":1,"numbers":"7"}]}`, "r")
	for i := range 60 { // with an ace up, a start is two requests of the API
		v := send("/blackjack/start", `{"wager":2}`, fmt.Sprint("start ", i))
		for n := 0; v["game_over"] == false; n++ {
			v = send("/blackjack/action", fmt.Sprintf(`{"action":"stand","game_id":%d}`, number(v["id"])), fmt.Sprint("stand ", i, n))
		}
	}
	if rounds := p.checkBooks(); rounds != 62 {
		t.Errorf("%d rounds", rounds)
	}
}

// The odds are those of the numbers, whatever the client says.
func TestLegacy_RoulettePaysByTheNumbers(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	p := h.player("ana")
	o := p.launch("roulette")
	for i, b := range roulette.All() {
		numbers := strings.Trim(strings.ReplaceAll(fmt.Sprint(roulette.Covers(b)), " ", ", "), "[]")
		body := fmt.Sprintf(`{"bet":[{"amt":3,"type":"any","odds":100000,"numbers":%q},{"amt":0,"type":"straight","odds":35,"numbers":"99"},{"amt":2,"odds":-1,"numbers":%q}]}`, numbers, numbers)
		before := o.coins()
		v := o.want(200, "POST", "/roulette/action", body)
		pays := 0
		if slices.Contains(roulette.Covers(b), number(v["winning_number"])) {
			for _, kind := range roulette.Types() {
				if kind.Name == b.Type {
					pays = 5 * int(kind.Pays+1)
				}
			}
		}
		if len(v) != 4 || number(v["total_bet"]) != 5 || number(v["total_win"]) != pays || number(v["new_coins"]) != before-5+pays {
			t.Fatalf("bet %d, %v, paid %v instead of %d from %d coins", i, b, v, pays, before)
		}
	}
}
