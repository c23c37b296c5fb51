package storage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// spin is a bet on Cherry Charm.
func spin(p command.AccountID, stake games.Coins) command.Command {
	return command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: stake}}
}

func limit(p command.AccountID, l command.LimitSet) command.Command {
	return command.Command{Account: p, Body: command.SetLimits{Limits: l}}
}

func limitsOf(t *testing.T, c *storagetest.Casino, p command.AccountID) command.Limits {
	t.Helper()
	l, err := c.Store.Limits(p, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSetLimits_StricterAtOnceLooserAfterADay(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	first := c.One(limit(p, command.LimitSet{StakePerDay: 100, LossPerWeek: 500})).Value.(*command.Limits)
	if first.InForce.StakePerDay != 100 || first.InForce.LossPerWeek != 500 || first.Pending != nil {
		t.Fatalf("a first limit is not in force at once: %+v", first)
	}
	asked := c.Now
	mixed := c.One(limit(p, command.LimitSet{StakePerDay: 200, LossPerWeek: 400})).Value.(*command.Limits)
	if mixed.InForce.StakePerDay != 100 || mixed.InForce.LossPerWeek != 400 ||
		!slices.Equal(mixed.Pending, []command.PendingLimit{{Limit: command.LimitStakePerDay, Value: 200, From: asked.Add(24 * time.Hour)}}) {
		t.Fatalf("a looser and a stricter limit: %+v", mixed)
	}
	c.Now = asked.Add(24*time.Hour - time.Millisecond)
	if l := limitsOf(t, c, p); l.InForce.StakePerDay != 100 || l.Pending == nil {
		t.Fatalf("before the day is over: %+v", l)
	}
	c.Refused("limit_reached", spin(p, 101))
	if l := limitsOf(t, c, p); l.InForce.StakePerDay != 200 || l.Pending != nil {
		t.Fatalf("after a day: %+v", l)
	}
	c.One(spin(p, 101))
	// No limit is looser than any limit, so it waits.
	if l := c.One(limit(p, command.LimitSet{})).Value.(*command.Limits); l.InForce.StakePerDay != 200 || l.Pending == nil {
		t.Fatalf("limits given up: %+v", l)
	}
	// Setting the limits in force again withdraws the pending ones.
	if l := c.One(limit(p, command.LimitSet{StakePerDay: 200, LossPerWeek: 400})).Value.(*command.Limits); l.Pending != nil {
		t.Fatalf("the same limits again: %+v", l)
	}
	c.Now = c.Now.Add(48 * time.Hour)
	if l := limitsOf(t, c, p); l.InForce.StakePerDay != 200 {
		t.Fatalf("a withdrawn change took effect: %+v", l)
	}
}

// Each limit waits on its own. Saving others, or the same ones again, used to restart the wait.
func TestSetLimits_AChangeOfOneDoesNotRestartTheWaitOfAnother(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	c.One(limit(p, command.LimitSet{StakePerDay: 100, LossPerDay: 50, SessionMinutes: 30}))
	first := c.Now
	c.One(limit(p, command.LimitSet{StakePerDay: 300, LossPerDay: 50, SessionMinutes: 30}))
	pending := func(what string, want ...command.PendingLimit) {
		t.Helper()
		if got := limitsOf(t, c, p).Pending; !slices.Equal(got, want) {
			t.Errorf("%s: pending are %v, want %v", what, got, want)
		}
	}
	waits := func(l command.Limit, value int64, asked time.Time) command.PendingLimit {
		return command.PendingLimit{Limit: l, Value: value, From: asked.Add(24 * time.Hour)}
	}
	c.Now = first.Add(20 * time.Hour)
	second := c.Now
	c.One(limit(p, command.LimitSet{StakePerDay: 300, LossPerDay: 80, SessionMinutes: 20, RealityCheckMinutes: 15}))
	pending("another limit is looser, and one is stricter", waits(command.LimitStakePerDay, 300, first), waits(command.LimitLossPerDay, 80, second))
	c.Now = first.Add(21 * time.Hour)
	c.One(limit(p, command.LimitSet{StakePerDay: 200, LossPerDay: 80, SessionMinutes: 20, RealityCheckMinutes: 15}))
	pending("less loose than was asked for", waits(command.LimitStakePerDay, 200, first), waits(command.LimitLossPerDay, 80, second))
	c.Now = first.Add(22 * time.Hour)
	third := c.Now
	c.One(limit(p, command.LimitSet{StakePerDay: 200, SessionMinutes: 20, RealityCheckMinutes: 15}))
	pending("still looser than was asked for", waits(command.LimitStakePerDay, 200, first), waits(command.LimitLossPerDay, 0, third))
	c.Now = first.Add(24 * time.Hour)
	pending("one wait is over", waits(command.LimitLossPerDay, 0, third))
	if l := limitsOf(t, c, p).InForce; l != (command.LimitSet{StakePerDay: 200, LossPerDay: 50, SessionMinutes: 20, RealityCheckMinutes: 15}) {
		t.Errorf("in force are %+v", l)
	}
	// A command after the wait stores the limits as they are then.
	c.One(limit(p, command.LimitSet{StakePerDay: 150, SessionMinutes: 20, RealityCheckMinutes: 15}))
	pending("a stricter limit after the wait", waits(command.LimitLossPerDay, 0, third))
	c.Now = third.Add(24 * time.Hour)
	pending("all waits are over")
	if l := limitsOf(t, c, p).InForce; l != (command.LimitSet{StakePerDay: 150, SessionMinutes: 20, RealityCheckMinutes: 15}) {
		t.Errorf("in the end, in force are %+v", l)
	}
}

func TestSetLimits_RefusesWhatIsNoLimit(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	for _, l := range []command.LimitSet{
		{StakePerDay: -1}, {LossPerDay: -1}, {LossPerWeek: -1}, {LossPerMonth: -1}, {StakePerDay: 1_000_000_000_001},
		{SessionMinutes: -1}, {SessionMinutes: 1441}, {RealityCheckMinutes: -1}, {RealityCheckMinutes: 1441},
	} {
		c.Refused("invalid_limits", limit(p, l))
	}
}

func TestLimits_StakesOfADayEndAtMidnightUTC(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	c.One(limit(p, command.LimitSet{StakePerDay: 100}))
	c.Now = time.Date(2026, 11, 24, 23, 59, 59, 0, time.UTC)
	c.One(spin(p, 60))
	c.One(spin(p, 40)) // exactly the limit
	midnight := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	if r := c.Refused("limit_reached", spin(p, 1)); !r.Until.Equal(midnight) {
		t.Fatalf("until %s", r.Until)
	}
	c.Now = midnight
	c.One(spin(p, 100))
	c.Refused("limit_reached", spin(p, 1))
}

func TestLimits_LossesCountByDayWeekAndMonth(t *testing.T) {
	for name, tc := range map[string]struct {
		limits      command.LimitSet
		at, until   time.Time
		stillBefore time.Time
	}{
		"day":          {command.LimitSet{LossPerDay: 1000}, date(2026, 11, 25), date(2026, 11, 26), date(2026, 11, 26).Add(-time.Second)},
		"week":         {command.LimitSet{LossPerWeek: 1000}, date(2026, 11, 24), date(2026, 11, 30), date(2026, 11, 29)},
		"week, Sunday": {command.LimitSet{LossPerWeek: 1000}, date(2026, 11, 29), date(2026, 11, 30), date(2026, 11, 29).Add(23 * time.Hour)},
		"week, Monday": {command.LimitSet{LossPerWeek: 1000}, date(2026, 11, 30), date(2026, 12, 7), date(2026, 12, 6)},
		"month":        {command.LimitSet{LossPerMonth: 1000}, date(2026, 11, 24), date(2026, 12, 1), date(2026, 11, 30)},
		"month, year":  {command.LimitSet{LossPerMonth: 1000}, date(2026, 12, 31), date(2027, 1, 1), date(2026, 12, 31).Add(23 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			c := storagetest.New(t, 1, byHand)
			p := c.Player("ann", 1_000_000)
			c.One(limit(p, tc.limits))
			c.Now = tc.at
			var lost games.Coins
			for lost < 1000 {
				r := c.One(spin(p, min(10, 1000-lost))).Value.(*command.RoundResult)
				lost += r.Round.Staked - r.Round.Payout
			}
			period, _, _ := strings.Cut(name, ",")
			if r := c.Refused("limit_reached", spin(p, 1)); !r.Until.Equal(tc.until) || r.Limit != "loss_per_"+period {
				t.Fatalf("%s until %s, want %s", r.Limit, r.Until, tc.until)
			}
			c.Now = tc.stillBefore
			c.Refused("limit_reached", spin(p, 1))
			c.Now = tc.until
			c.One(spin(p, 1000))
		})
	}
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestLimits_SessionMinutesEndWithABreak(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	c.One(limit(p, command.LimitSet{SessionMinutes: 30}))
	begin := c.Now
	c.One(spin(p, 1))
	c.Now = begin.Add(14 * time.Minute)
	c.One(spin(p, 1))
	c.Now = begin.Add(28 * time.Minute)
	c.One(spin(p, 1))
	c.Now = begin.Add(30 * time.Minute)
	r := c.Refused("limit_reached", spin(p, 1))
	if want := begin.Add(28*time.Minute + 15*time.Minute); !r.Until.Equal(want) || r.Limit != "session_minutes" {
		t.Fatalf("%s until %s, want %s", r.Limit, r.Until, want)
	}
	c.Now = r.Until.Add(-time.Millisecond)
	c.Refused("limit_reached", spin(p, 1)) // a refused bet is no play, so the break continues
	c.Now = r.Until
	c.One(spin(p, 1))
	// A voluntary break begins a new stretch, too.
	c.Now = c.Now.Add(20 * time.Minute)
	c.One(spin(p, 1))
	c.Now = c.Now.Add(14 * time.Minute)
	c.One(spin(p, 1))
}

func TestExclude_EndsSessionsBarsAndCantBeShortened(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	c.One(signIn(p, 1))
	c.Refused("invalid_exclusion", command.Command{Account: p, Body: command.Exclude{Days: 0}})
	c.Refused("invalid_exclusion", command.Command{Account: p, Body: command.Exclude{Days: 1826}})
	until := c.Now.AddDate(0, 0, 30)
	if got := c.One(command.Command{Account: p, Body: command.Exclude{Days: 30}}).Value.(*command.Exclusion).Until; !got.Equal(until) {
		t.Fatalf("until %s, want %s", got, until)
	}
	if s, err := c.Store.Sessions(p); err != nil || len(s) != 0 {
		t.Fatalf("sessions %v, %v", s, err)
	}
	for _, cmd := range []command.Command{spin(p, 1), signIn(p, 2), {Account: p, Body: command.CollectDailyCoins{Amount: 100}},
		{Account: p, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 10}}} {
		if r := c.Refused("excluded", cmd); !r.Until.Equal(until) {
			t.Fatalf("until %s, want %s", r.Until, until)
		}
	}
	if got := c.One(command.Command{Account: p, Body: command.Exclude{Days: 1}}).Value.(*command.Exclusion).Until; !got.Equal(until) {
		t.Fatalf("shortened to %s", got)
	}
	c.Do(command.Command{Account: p, Body: command.SetLock{Locked: true, Actor: "cashier"}}, command.Command{Account: p, Body: command.SetLock{Actor: "cashier"}},
		command.Command{Account: p, Body: command.SetRole{Role: command.RoleOperator, Actor: "cashier"}})
	c.Now = until.Add(-time.Second)
	c.Refused("excluded", spin(p, 1))
	c.Now = until
	c.One(spin(p, 1))
	c.One(signIn(p, 3))
	if got := c.One(command.Command{Account: p, Body: command.Exclude{ForEver: true}}).Value.(*command.Exclusion).Until; !got.Equal(command.ForEver) {
		t.Fatalf("for ever is %s", got)
	}
	c.Now = c.Now.AddDate(50, 0, 0)
	c.Refused("excluded", spin(p, 1))
}
