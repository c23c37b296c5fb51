package storage_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// A stake of 20 at 23:58, of which half comes back five seconds after midnight: with a limit of 20 a day, 30 could be lost.
func TestLimits_WhatComesBackOfYesterdaysStakeMakesNoRoomToday(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	c.Now = time.Date(2026, 11, 24, 23, 58, 0, 0, time.UTC)
	r := openRound(t, c, p, 20, "surrender")
	c.One(limit(p, command.LimitSet{LossPerDay: 20}))
	c.Now = time.Date(2026, 11, 25, 0, 0, 5, 0, time.UTC)
	if back := c.One(act(p, r.Round.ID, "surrender")).Value.(*command.RoundResult).Round.Payout; back != 10 {
		t.Fatalf("%d came back", back)
	}
	if l := limitsOf(t, c, p); l.LostToday != 0 || l.Room != 20 {
		t.Errorf("lost today: %d, room for %d", l.LostToday, l.Room)
	}
	c.Refused("limit_reached", spin(p, 21))
	c.One(spin(p, 20))
}

// A payout counts in the day, week and month in which its round was opened, wherever it is paid.
func TestLimits_APayoutCountsWhereItsRoundBegan(t *testing.T) {
	const back = 10
	for name, tc := range map[string]struct {
		opened, settled  time.Time
		day, week, month games.Coins // how much less is lost, once the round is settled
	}{
		"within a day":                {date(2026, 11, 24), date(2026, 11, 24).Add(23 * time.Hour), back, back, back},
		"across midnight":             {date(2026, 11, 24).Add(24*time.Hour - 1), date(2026, 11, 25), 0, back, back},
		"from Sunday to Monday":       {date(2026, 11, 29).Add(23 * time.Hour), date(2026, 11, 30), 0, 0, back},
		"into a new month":            {date(2026, 12, 31).Add(23 * time.Hour), date(2027, 1, 1), 0, back, 0},
		"open for days":               {date(2026, 11, 24), date(2026, 11, 28), 0, back, back},
		"open for a week":             {date(2026, 11, 24), date(2026, 12, 1), 0, 0, 0},
		"open for a year, to the day": {date(2026, 11, 24), date(2027, 11, 24), 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := storagetest.New(t, 1, byHand)
			p := c.Player("ann", 10_000)
			c.Now = tc.opened
			r := openRound(t, c, p, 2*back, "surrender")
			c.Now = tc.settled
			before := limitsOf(t, c, p)
			c.One(act(p, r.Round.ID, "surrender"))
			after := limitsOf(t, c, p)
			if day, week, month := before.LostToday-after.LostToday, before.LostThisWeek-after.LostThisWeek, before.LostThisMonth-after.LostThisMonth; day != tc.day || week != tc.week || month != tc.month {
				t.Errorf("less is lost: %d in the day, %d in the week, %d in the month; want %d, %d, %d", day, week, month, tc.day, tc.week, tc.month)
			}
		})
	}
}

// An action that a limit would refuse finds no room, and what costs nothing is never refused.
func TestLimits_TheRoomOfAnOpenRoundIsWhatTheyLeave(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	r := openRound(t, c, p, 20, "double")
	if r.Room != r.Coins {
		t.Errorf("without limits there is room for %d of %d", r.Room, r.Coins)
	}
	used := limitsOf(t, c, p)
	c.One(limit(p, command.LimitSet{StakePerDay: used.StakedToday + 19}))
	if room := limitsOf(t, c, p).Room; room != 19 {
		t.Errorf("there is room for %d", room)
	}
	refused := c.Refused("limit_reached", act(p, r.Round.ID, "double"))
	if refused.Limit != "stake_per_day" {
		t.Errorf("refused by %s", refused.Limit)
	}
	c.One(act(p, r.Round.ID, "stand"))

	// The answer says what there was room for, and says the same again when it is asked for again.
	q := c.Player("bob", 10_000)
	c.One(limit(q, command.LimitSet{LossPerDay: 1000}))
	for n := range 1000 {
		cmd := c.Complete(deal(q, 10))
		cmd.Key = command.KeyOf("key")
		cmd.Key[0] = byte(n)
		lost := limitsOf(t, c, q).LostToday
		first := c.One(cmd).Value.(*command.RoundResult)
		if first.Round.Settled {
			if first.Room != 0 {
				t.Fatalf("a settled round has room for %d", first.Room)
			}
			continue
		}
		if want := 1000 - lost - 10; first.Room != want {
			t.Errorf("there is room for %d, want %d", first.Room, want)
		}
		c.One(limit(q, command.LimitSet{LossPerDay: 500}))
		cmd.ID = command.ID{}
		if again := c.One(cmd); !again.Replayed || again.Value.(*command.RoundResult).Room != first.Room {
			t.Errorf("asked again, there is room for %+v", again.Value)
		}
		break
	}

	// Once the minutes of play are used up there is room for nothing, until the stretch has ended.
	e := c.Player("eve", 10_000)
	c.One(limit(e, command.LimitSet{SessionMinutes: 10}))
	open := openRound(t, c, e, 2, "hit")
	c.Now = c.Now.Add(10 * time.Minute)
	l := limitsOf(t, c, e)
	if l.Room != 0 || l.PlaySince.IsZero() || !l.PlayEnds.After(c.Now) {
		t.Errorf("after ten minutes: %+v", l)
	}
	c.One(act(e, open.Round.ID, "stand"))
	c.Now = l.PlayEnds
	if l := limitsOf(t, c, e); l.Room == 0 || !l.PlaySince.IsZero() || !l.PlayEnds.IsZero() {
		t.Errorf("after the break: %+v", l)
	}
}

// period is a day, a week or a month in which losses count.
type period struct {
	name  string
	limit games.Coins
	of    func(time.Time) time.Time // when the period of a moment began
}

// The rule in its own words: a stake counts where it leaves, and a payout where its round began. Counted so from the list of
// transfers, no day, week or month ever loses more than its limit, at no moment.
func TestLimits_BoundWhatIsLostInEveryPeriod(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := storagetest.NewIn(rt, memoryDir(rt), rapid.Uint64().Draw(rt, "seed"), byHand)
		p := c.Player("ann", 1_000_000)
		periods := []period{
			{"day", 60, func(at time.Time) time.Time { return at.Truncate(24 * time.Hour) }},
			{"week", 150, func(at time.Time) time.Time {
				return at.Truncate(24*time.Hour).AddDate(0, 0, -(int(at.Weekday())+6)%7)
			}},
			{"month", 250, func(at time.Time) time.Time { return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC) }},
		}
		c.One(limit(p, command.LimitSet{LossPerDay: periods[0].limit, LossPerWeek: periods[1].limit, LossPerMonth: periods[2].limit}))
		for range rapid.IntRange(20, 80).Draw(rt, "commands") {
			switch rapid.IntRange(0, 9).Draw(rt, "time") {
			case 0, 1: // to shortly before the next midnight
				c.Now = c.Now.Truncate(24 * time.Hour).Add(24*time.Hour - time.Second)
			case 2, 3:
				c.Now = c.Now.Add(2 * time.Second)
			case 4:
				c.Now = c.Now.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "hours")) * time.Hour)
			}
			stake := games.Coins(rapid.Int64Range(2, 30).Draw(rt, "stake"))
			r, open, err := c.Store.OpenRound(p)
			switch {
			case err != nil:
				rt.Fatal(err)
			case open && rapid.IntRange(0, 3).Draw(rt, "act") != 0:
				c.Do(act(p, r.ID, rapid.SampledFrom(r.Allowed).Draw(rt, "action")))
			case open:
				c.Do(spin(p, stake))
			default:
				c.Do(deal(p, stake))
			}
		}
		opened := map[command.RoundID]time.Time{}
		lost := map[string]games.Coins{}
		for _, tr := range transfersOf(rt, c, p) {
			switch tr.Kind {
			case command.TransferStake:
				opened[tr.Round] = tr.Time
			case command.TransferRaise, command.TransferPayout:
			default:
				continue
			}
			for _, d := range periods {
				at := tr.Time
				if tr.Kind == command.TransferPayout {
					at = opened[tr.Round]
				}
				key := d.name + d.of(at).String()
				if lost[key] -= tr.Amount; lost[key] > d.limit {
					rt.Fatalf("%s: %d are lost in the %s of %s, whose limit is %d", tr.ID, lost[key], d.name, d.of(at), d.limit)
				}
			}
		}
		l, err := c.Store.Limits(p, c.Now)
		if err != nil {
			rt.Fatal(err)
		}
		for _, d := range periods {
			counted := map[string]games.Coins{"day": l.LostToday, "week": l.LostThisWeek, "month": l.LostThisMonth}[d.name]
			if want := lost[d.name+d.of(c.Now).String()]; counted != want {
				rt.Fatalf("the %s counts %d as lost, the transfers say %d", d.name, counted, want)
			}
		}
		// Statistics sum up settled rounds, limits every stake that has left. So they differ by what is staked in an open round.
		first, last := periods[2].of(storagetest.Birth), periods[2].of(c.Now)
		account, _, err := c.Store.Account(p)
		if err != nil {
			rt.Fatal(err)
		}
		var net games.Coins
		list, err := c.Store.Statistics(p)
		for _, s := range list {
			net += s.Paid - s.Staked
		}
		if err != nil {
			rt.Fatal(err)
		}
		if first.Equal(last) && l.LostThisMonth != account.HeldCoins-net {
			rt.Fatalf("the limits count %d as lost in the only month; by the statistics the net is %d, and %d are held", l.LostThisMonth, net, account.HeldCoins)
		}
	})
}

// transfersOf lists an account's transfers, oldest first.
func transfersOf(rt *rapid.T, c *storagetest.Casino, p command.AccountID) (all []command.Transfer) {
	for before := uint64(0); ; {
		list, next, err := c.Store.Transfers(context.Background(), p, command.Page{Before: before, Limit: 200})
		if err != nil {
			rt.Fatal(err)
		}
		all = append(all, list...)
		if next == 0 {
			break
		}
		before = next
	}
	slices.Reverse(all)
	return all
}
