package export

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"imperio/games"
	"imperio/storage/machine"
)

func idText(n uint64) string { return strconv.FormatUint(n, 10) }

func contextThatEnds() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}

func TestAccounts_HaveTheirStateAndHarmlessText(t *testing.T) {
	c, _ := house(t)
	list := csvOf(t, accounts, snapshot(t, c))
	if len(list) != 6 {
		t.Fatalf("%d accounts", len(list))
	}
	list[0].expect(t, row{"id": "1000", "username": "Ana", "email": "Ana@example.com", "role": "player", "held_coins": "100", "locked": "false",
		"created_at": "2026-11-23T21:00:00.000Z", "excluded_until": "", "deleted_at": ""})
	list[1].expect(t, row{"username": "王小明", "email": "", "coins": "7", "locked": "true", "rounds": "0", "staked": "0", "paid": "0"})
	list[2].expect(t, row{"username": "", "email": "", "coins": "0", "deleted_at": "2026-11-23T21:00:00.009Z"})
	list[3].expect(t, row{"username": "dora", "excluded_until": "9999-12-31T23:59:59.000Z"})
	list[4].expect(t, row{"role": "operator", "email": `'=cmd|'/c"calc",@example.com`, "coins": "2147483648"})
}

func TestTransfers_AddUpToTheBalances(t *testing.T) {
	c, _ := house(t)
	s := snapshot(t, c)
	sums := make(map[string]int64)
	for _, r := range csvOf(t, transfers, s) {
		n, err := strconv.ParseInt(r["amount"], 10, 64)
		if err != nil || n <= 0 {
			t.Errorf("%v", r)
		}
		sums[r["from"]] -= n
		sums[r["to"]] += n
		if fmt.Sprint(sums[r["from"]]) != r["from_after"] || fmt.Sprint(sums[r["to"]]) != r["to_after"] {
			t.Errorf("%v: the sums are %d and %d", r, sums[r["from"]], sums[r["to"]])
		}
	}
	for _, a := range csvOf(t, accounts, s) {
		if got := fmt.Sprint(sums["player:"+a["id"]]); got != a["coins"] {
			t.Errorf("the transfers of account %s add up to %s, and it has %s", a["id"], got, a["coins"])
		}
	}
	if sums["escrow"] != 100 || sums["issue"] >= 0 {
		t.Errorf("%v", sums)
	}
}

func TestRounds_AreAllThereWithWhatDescribesThem(t *testing.T) {
	c, _ := house(t)
	s := snapshot(t, c)
	var staked games.Coins
	opened := 0
	if err := s.Events(1, func(e *machine.StoredEvent) error {
		if e.Kind == machine.RoundPlayed || e.Kind == machine.RoundOpened {
			opened++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	list := csvOf(t, rounds, s)
	if len(list) != opened {
		t.Errorf("%d rounds of %d", len(list), opened)
	}
	for _, r := range list {
		n, err := strconv.ParseInt(r["staked"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		staked += games.Coins(n)
		if r["state"] == "open" {
			continue
		}
		version, ok := s.Games().Version(r["rules"])
		if !ok || r["game"] != games.NameOf(r["rules"]) {
			t.Fatalf("%v", r)
		}
		w := games.Wager{}
		stake, err := strconv.ParseInt(r["stake"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		w.Stake = games.Coins(stake)
		read := func(name string, to any) {
			if r[name] == "" {
				return
			}
			if err := json.Unmarshal([]byte(r[name]), to); err != nil {
				t.Fatalf("%s: %v", r[name], err)
			}
		}
		var draws []uint16
		read("bets", &w.Bets)
		read("actions", &w.Actions)
		read("draws", &draws)
		if _, err := version.Describe(draws, w); err != nil || len(draws) == 0 {
			t.Errorf("%v: the rules can't describe it: %v", r, err)
		}
	}
	if len(list) < 4 || staked == 0 {
		t.Errorf("%d rounds with %d coins", len(list), staked)
	}
}
