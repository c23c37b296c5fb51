package appliance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/replication/replicationtest"
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

const ownLimits = "/api/v1/me/limits"

// limit sets limits on stakes and losses of a day; "null" is none.
func (c *realClient) limit(stake, loss any) map[string]any {
	c.h.t.Helper()
	return c.object(200, "PUT", ownLimits, fmt.Sprintf(
		`{"stake_per_day":%v,"loss_per_day":%v,"loss_per_week":null,"loss_per_month":null,"session_minutes":null,"reality_check_minutes":null}`, stake, loss))
}

// No answer lists an action that the player's own limit refuses, as a double was.
func TestOwnLimits_TheActionsThatTheyRefuseAreNotListed(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("cherry")
	listed := func(v map[string]any) string { return fmt.Sprint(v["allowed_actions"]) }
	v, actions := p.dealUntil("double")
	id := v["round"].(map[string]any)["id"].(string)
	staked := p.object(200, "GET", ownLimits, "")["used"].(map[string]any)["staked_today"].(float64)
	p.limit(staked+1, "null")
	for what, now := range map[string]map[string]any{
		"the open round": p.object(200, "GET", deals+"/open", ""),
		"the round":      p.object(200, "GET", "/api/v1/me/rounds/"+id, "")["outcome"].(map[string]any),
		"the list":       p.object(200, "GET", "/api/v1/me/rounds?limit=1", "")["rounds"].([]any)[0].(map[string]any)["outcome"].(map[string]any),
	} {
		if got := listed(now); strings.Contains(got, "double") || strings.Contains(got, "split") || !strings.Contains(got, "hit stand") {
			t.Errorf("%s: %s are listed", what, got)
		}
	}
	if r := p.refused(409, "limit_reached", "POST", actions, `{"action":"double"}`); r["limit"] != "stake_per_day" {
		t.Errorf("%v", r)
	}
	p.object(200, "POST", actions, `{"action":"stand"}`)

	// The answer to a deal leaves them out, too, and says the same again.
	q := h.player("plum")
	q.limit(3, "null")
	dealt := q.object(201, "POST", deals, `{"stake":2}`, "Idempotency-Key", "once")
	if got := listed(dealt); strings.Contains(got, "double") || strings.Contains(got, "split") {
		t.Errorf("the answer to a deal lists %s", got)
	}
	q.limit(2, "null")
	if again := q.object(201, "POST", deals, `{"stake":2}`, "Idempotency-Key", "once"); listed(again) != listed(dealt) {
		t.Errorf("asked again, it lists %s, before %s", listed(again), listed(dealt))
	}
}

// With a limit of 2 on a day's losses, and half of yesterday's stake of 2 back after midnight, 3 could be lost.
func TestOwnLimits_WhatComesBackAfterMidnightMakesNoRoom(t *testing.T) {
	clock := replicationtest.NewClock(noon.Add(12*time.Hour - 2*time.Minute)) // 23:58
	h := openRealHouseBy(t, clock)
	p := h.player("cherry")
	_, actions := p.dealUntil("surrender")
	p.limit("null", 2)
	clock.Pass(2*time.Minute + 5*time.Second)
	if v := p.object(200, "POST", actions, `{"action":"surrender"}`); v["payout"] != 1.0 {
		t.Fatalf("came back: %v", v["payout"])
	}
	used := p.object(200, "GET", ownLimits, "")
	if lost := used["used"].(map[string]any)["lost_today"]; lost != 0.0 || used["resets_at"].(map[string]any)["day"] != "2027-03-03T00:00:00.000Z" {
		t.Errorf("lost today: %v, until %v", lost, used["resets_at"])
	}
	p.refused(409, "limit_reached", "POST", spins, `{"stake":3}`)
	p.object(201, "POST", spins, `{"stake":2}`)
}
