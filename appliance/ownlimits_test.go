package appliance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"imperio/appliance/config"
)

// A maximum of 100 was passed by repeating the bet.
func TestRoulette_RepeatingABetDoesNotPassTheMaximum(t *testing.T) {
	h := openRealHouse(t, func(c *config.Config) { c.Games.RouletteMaxStake = 100 })
	p := h.player("cherry")
	const spin = "/api/v1/games/roulette/spins"
	seventeen := `{"type":"straight","numbers":[17],"amount":100}`
	bets := func(list ...string) string { return `{"bets":[` + strings.Join(list, ",") + `]}` }
	if r := p.refused(422, "stake_out_of_range", "POST", spin, bets(slices.Repeat([]string{seventeen}, 10)...)); !strings.Contains(fmt.Sprint(r["detail"]), "100 coins") {
		t.Errorf("%v", r)
	}
	p.refused(422, "stake_out_of_range", "POST", spin, bets(`{"type":"split","numbers":[8,11],"amount":60}`, `{"type":"split","numbers":[11,8],"amount":60}`))
	p.object(201, "POST", spin, bets(seventeen, `{"type":"straight","numbers":[18],"amount":100}`, `{"type":"split","numbers":[17,18],"amount":100}`))
}

// No answer lists an action that the player's own limit refuses, as a double was.
func TestOwnLimits_TheActionsThatTheyRefuseAreNotListed(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	const rounds, limits = "/api/v1/games/blackjack/rounds", "/api/v1/me/limits"
	listed := func(v map[string]any) string { return fmt.Sprint(v["allowed_actions"]) }
	limit := func(coins any) {
		t.Helper()
		p.object(200, "PUT", limits, fmt.Sprintf(`{"stake_per_day":%v,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":null,"reality_check_minutes":null}`, coins))
	}
	// Play until a double is possible, with ever less than a stake left.
	for range 200 {
		v := p.object(201, "POST", rounds, `{"stake":4}`)
		if v["settled"] == true {
			continue
		}
		round := v["round"].(map[string]any)
		id := round["id"].(string)
		if listed(v) == "[insurance decline_insurance]" {
			if v = p.object(200, "POST", rounds+"/"+id+"/actions", `{"action":"decline_insurance"}`); v["settled"] == true {
				continue
			}
		}
		if !strings.Contains(listed(v), "double") {
			t.Fatalf("a first action can't be to double: %v", v)
		}
		staked := p.object(200, "GET", limits, "")["used"].(map[string]any)["staked_today"].(float64)
		limit(staked + 3)
		for what, now := range map[string]map[string]any{
			"the open round": p.object(200, "GET", rounds+"/open", ""),
			"the round":      p.object(200, "GET", "/api/v1/me/rounds/"+id, "")["outcome"].(map[string]any),
			"the list":       p.object(200, "GET", "/api/v1/me/rounds?limit=1", "")["rounds"].([]any)[0].(map[string]any)["outcome"].(map[string]any),
		} {
			if got := listed(now); strings.Contains(got, "double") || strings.Contains(got, "split") || !strings.Contains(got, "hit stand") {
				t.Errorf("%s: %s are listed", what, got)
			}
		}
		if r := p.refused(409, "limit_reached", "POST", rounds+"/"+id+"/actions", `{"action":"double"}`); r["limit"] != "stake_per_day" {
			t.Errorf("%v", r)
		}
		p.object(200, "POST", rounds+"/"+id+"/actions", `{"action":"stand"}`)
		// The answer to a deal leaves them out, too.
		next := p.h.player("plum")
		next.object(200, "PUT", limits, `{"stake_per_day":7,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":null,"reality_check_minutes":null}`)
		dealt := next.object(201, "POST", rounds, `{"stake":4}`)
		if got := listed(dealt); strings.Contains(got, "double") || strings.Contains(got, "split") {
			t.Errorf("the answer to a deal lists %s", got)
		}
		return
	}
	t.Fatal("no round stayed open")
}
