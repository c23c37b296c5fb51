package control

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

func TestShowAccount_HasStatisticsLimitsAndSessions(t *testing.T) {
	h := newHouse(t)
	id := h.casino.Player("cherry", 100)
	h.casino.One(command.Command{Account: id, Body: command.OpenSession{Session: command.NewSession{
		Token: command.TokenHash{1}, UserAgent: "a browser", Address: "192.0.2.1", Lifetime: time.Hour.Milliseconds()}}})
	h.casino.One(command.Command{Account: id, Body: command.OpenSession{Session: command.NewSession{
		Token: command.TokenHash{2}, Lifetime: time.Minute.Milliseconds()}}})
	h.casino.One(command.Command{Account: id, Body: command.SetLimits{Limits: command.LimitSet{StakePerDay: 50, RealityCheckMinutes: 30}}})
	h.casino.One(command.Command{Account: id, Body: command.SetLimits{Limits: command.LimitSet{StakePerDay: 90}}})
	h.casino.One(command.Command{Account: id, Body: command.PlaceWager{Rules: "slots/2", Stake: 7}})
	h.casino.Now = h.casino.Now.Add(2 * time.Minute) // the second session is over

	a, err := ShowAccount.Call(t.Context(), h.socket(), Who{"cherry"})
	if err != nil {
		t.Fatal(err)
	}
	if a.Username != "cherry" || len(a.Games) != 1 || a.Games[0].Game != "slots" || a.Games[0].Rounds != 1 || a.Games[0].Staked != 7 ||
		a.Games[0].Net != a.Games[0].Paid-7 {
		t.Errorf("%+v", a)
	}
	l := a.Limits
	if l.InForce.StakePerDay != 50 || len(l.Pending) != 1 || l.Pending[0].Limit != "stake_per_day" || l.Pending[0].Value != 90 || l.Pending[0].From.IsZero() || l.StakedToday != 7 {
		t.Errorf("%+v", l)
	}
	if len(a.Sessions) != 1 || a.Sessions[0].Address != "192.0.2.1" || a.Sessions[0].UserAgent != "a browser" {
		t.Errorf("%+v", a.Sessions)
	}
}

func TestListRounds_NewestFirstInPages(t *testing.T) {
	h := newHouse(t)
	c := Local(h.control)
	id := h.casino.Player("cherry", 100)
	for range 3 {
		h.casino.One(command.Command{Account: id, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	}
	bet := games.Bet{Type: "red", Amount: 2}
	h.casino.One(command.Command{Account: id, Body: command.PlaceWager{Rules: "roulette/1", Stake: 2, Bets: []games.Bet{bet}}})

	var rules []string
	in := RoundList{Who: "cherry", Limit: 3}
	for {
		page, err := ListRounds.Call(t.Context(), c, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rounds {
			rules = append(rules, r.Rules)
			if !r.Settled || r.Commitment == "" || r.ClientSeed == "" || r.ServerSeed != "" {
				t.Errorf("%+v", r)
			}
		}
		if in.Before = page.Next; page.Next == 0 {
			break
		}
	}
	if !slices.Equal(rules, []string{"roulette/1", "slots/2", "slots/2", "slots/2"}) {
		t.Error(rules)
	}
	page, err := ListRounds.Call(t.Context(), c, RoundList{Who: "cherry", Limit: 3, Game: "roulette"})
	if err != nil || len(page.Rounds) != 1 || !reflect.DeepEqual(page.Rounds[0].Bets, []games.Bet{bet}) {
		t.Errorf("%+v, %v", page, err)
	}
	for code, in := range map[string]RoundList{
		"account_not_found": {Who: "#7", Limit: 1}, "bad_request": {Who: "cherry", Limit: 1001},
	} {
		if _, err := ListRounds.Call(t.Context(), c, in); refusedWith(err) != code {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

func refusedWith(err error) string {
	r, _ := errors.AsType[*Refusal](err)
	if r == nil {
		return ""
	}
	return r.Code
}

func TestListEvents_SaysWhoDidWhatAndWhy(t *testing.T) {
	h := newHouse(t)
	c := Local(h.control)
	h.casino.Player("cherry", 50)
	if _, err := GrantCoins.Call(t.Context(), c, Grant{"cherry", 25, "a gift"}); err != nil {
		t.Fatal(err)
	}
	if _, err := SetRole.Call(t.Context(), c, Role{"cherry", "operator", "promoted"}); err != nil {
		t.Fatal(err)
	}
	page, err := ListEvents.Call(t.Context(), c, EventQuery{Limit: 10, Acts: true, Who: "cherry"})
	if err != nil || len(page.Events) != 2 || page.Next != 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	role, grant := page.Events[0], page.Events[1]
	if role.Kind != "role_changed" || role.Username != "cherry" || role.Actor != "tester" || role.Before != "player" || role.After != "operator" || role.Reason != "promoted" {
		t.Errorf("%+v", role)
	}
	if grant.Kind != "coins_granted" || grant.Before != "50" || grant.After != "75" || grant.Reason != "a gift" || grant.Coins != 75 {
		t.Errorf("%+v", grant)
	}
	if _, err := ListEvents.Call(t.Context(), c, EventQuery{Limit: 10, Who: "nobody"}); refusedWith(err) != "account_not_found" {
		t.Error(err)
	}
}

func TestListAccounts_SearchesAndSaysWhetherThereAreMore(t *testing.T) {
	h := newHouse(t)
	c := Local(h.control)
	for i := range 5 {
		h.casino.Player(fmt.Sprintf("apple%d", i), 0)
		h.casino.Player(fmt.Sprintf("Σίσυφος%d", i), 0)
	}
	for search, want := range map[string]int{"": 10, "APPLE": 5, "apple3": 1, "ΣΊΣΥΦΟΣ": 5, "pear": 0} {
		var found int
		in := List{Limit: 2, Search: search}
		for {
			page, err := ListAccounts.Call(t.Context(), c, in)
			if err != nil {
				t.Fatal(err)
			}
			found += len(page.Accounts)
			if in.From = page.Next; page.Next == 0 {
				break
			}
			if len(page.Accounts) < 2 {
				t.Errorf("%q: a page of %d is not the last", search, len(page.Accounts))
			}
		}
		if found != want {
			t.Errorf("%q: %d accounts, want %d", search, found, want)
		}
	}
	all, err := ListAccounts.Call(t.Context(), c, List{Limit: 10})
	if err != nil || len(all.Accounts) != 10 || all.Next != 0 {
		t.Errorf("a full page is the last: %d accounts, next %d, %v", len(all.Accounts), all.Next, err)
	}
}

func TestControl_RefusesAChangeWithoutAReason(t *testing.T) {
	h := newHouse(t)
	c := Local(h.control)
	h.casino.Player("cherry", 50)
	ctx := t.Context()
	for _, reason := range []string{"", " \t", string(make([]byte, 1001))} {
		for name, do := range map[string]func() error{
			"grant": func() error { _, err := GrantCoins.Call(ctx, c, Grant{"cherry", 1, reason}); return err },
			"lock":  func() error { _, err := SetLock.Call(ctx, c, Lock{"cherry", true, reason}); return err },
			"password": func() error {
				_, err := SetPassword.Call(ctx, c, Password{"cherry", "a new long password", reason})
				return err
			},
			"role": func() error { _, err := SetRole.Call(ctx, c, Role{"cherry", "operator", reason}); return err },
		} {
			if err := do(); refusedWith(err) != "reason_missing" {
				t.Errorf("%s, reason %q: %v", name, reason, err)
			}
		}
	}
	if len(h.proposed) > 0 {
		t.Errorf("%d changes were proposed", len(h.proposed))
	}
}

func TestPeer_NamesThePersonBehindSudo(t *testing.T) {
	const own = 4000
	for _, c := range []struct {
		peer
		sudo, want string
	}{
		{peer{uid: 0}, "", "root"},
		{peer{uid: 0}, "ana", "ana as root by sudo"},
		{peer{uid: 0, login: "ana"}, "", "ana as root"},
		{peer{uid: 0, login: "ana"}, "somebody else", "ana as root"}, // the kernel knows better
		{peer{uid: 0, login: "root"}, "ana", "root"},
		{peer{uid: own}, "ana", "ana as uid 4000 by sudo"}, // the casino's own user
		{peer{uid: 4001}, "ana", "uid 4001"},               // anybody else could say so
		{peer{uid: 0}, "ana\nroot", "root"},                // no name
		{peer{uid: 0}, "-ana", "root"},                     // nor this
		{peer{uid: 0}, strings.Repeat("a", 65), "root"},    // nor this
		{peer{uid: 0}, `HOUSE\jörg.1@x-y`, `HOUSE\jörg.1@x-y as root by sudo`},
		{peer{uid: 4001, login: "ana"}, "", "ana as uid 4001"}, // by su
	} {
		if got := c.name(c.sudo, own); got != c.want {
			t.Errorf("%+v by sudo from %q: %q, want %q", c.peer, c.sudo, got, c.want)
		}
	}
}

// What sudo says travels with each request, and counts, since the peer is the server's own user.
func TestPeer_TheClientPassesOnWhoUsedSudo(t *testing.T) {
	if loginOf("self") != "" {
		t.Skip("the kernel knows who signed in, which counts more than what sudo says")
	}
	h := newHouse(t)
	h.casino.Player("cherry", 0)
	if _, err := GrantCoins.Call(t.Context(), h.socket().ForSudo("ana"), Grant{"cherry", 1, "a gift"}); err != nil {
		t.Fatal(err)
	}
	want := "ana as " + userName(uint32(os.Getuid())) + " by sudo"
	if last := h.proposed[len(h.proposed)-1].Body.(command.GrantCoins); last.Actor != want {
		t.Errorf("the actor is %q, want %q", last.Actor, want)
	}
}
