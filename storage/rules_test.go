package storage_test

import (
	"reflect"
	"testing"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/fair"
	"imperio/games/rulebook"
	"imperio/games/rulebook/rulebooktest"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// richAnn is a player in a casino of her own, with 10,000 coins.
func richAnn(t *testing.T) (*storagetest.Casino, command.AccountID) {
	t.Helper()
	c := storagetest.New(t, 1, byHand)
	return c, c.Player("ann", 10_000)
}

// room is the largest stake that the player could place now.
func room(t *testing.T, c *storagetest.Casino, p command.AccountID) games.Coins {
	t.Helper()
	return limitsOf(t, c, p).Room
}

func TestRules_OfTheHouseAreWhatTheMachinePlays(t *testing.T) {
	rulebooktest.Play(t, rulebook.HouseTemplates(), rulebook.House(), map[string]func(*testing.T, *rulebooktest.Said){
		"house/stakes": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			before, _, err := c.Store.Account(p)
			if err != nil {
				t.Fatal(err)
			}
			r := *c.One(deal(p, 20)).Value.(*command.RoundResult)
			for r.Round.Settled { // the next one may stay open
				before.Coins = r.Coins
				r = *c.One(deal(p, 20)).Value.(*command.RoundResult)
			}
			if r.Coins != before.Coins-20 || r.Held != 20 || r.Round.Payout != 0 {
				t.Errorf("of %d coins, %d are left when the round opens, and %d are held", before.Coins, r.Coins, r.Held)
			}
			c.One(command.Command{Body: command.SettleAbandoned{Round: r.Round.ID}})
			if s, _, err := c.Store.Round(t.Context(), p, r.Round.ID); err != nil || accountOf(t, c, p).Coins != r.Coins+s.Payout {
				t.Errorf("the payout of %d did not come with the settlement: %v", s.Payout, err)
			}
		},
		"house/same_price": func(t *testing.T, _ *rulebooktest.Said) {
			// The same seeds give the same round to a rich and to a poor player, whatever they staked before.
			second := func(coins, first games.Coins) command.Round {
				c := storagetest.New(t, 1, byHand)
				p := c.Player("ann", coins)
				c.One(spin(p, first))
				return c.One(spin(p, 10)).Value.(*command.RoundResult).Round
			}
			one, other := second(1_000_000, 1), second(100, 90)
			if !reflect.DeepEqual(one, other) {
				t.Errorf("%+v and %+v", one, other)
			}
		},
		"house/interrupted": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			r := openRound(t, c, p, 20, "hit").Round
			for _, interrupt := range []func(){c.Reopen, c.Crash, func() { c.Now = c.Now.AddDate(0, 1, 0) }} {
				interrupt()
				now, ok, err := c.Store.OpenRound(p)
				if err != nil || !ok || !reflect.DeepEqual(now, r) {
					t.Errorf("the round stands at %+v, was %+v: %v", now, r, err)
				}
			}
			c.One(act(p, r.ID, "stand"))
		},
		"house/one_open_round": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			openRound(t, c, p, 20, "hit")
			c.Refused("round_open", deal(p, 20))
			c.One(spin(p, 1))
			c.One(command.Command{Account: p, Body: command.PlaceWager{Rules: "roulette/1", Stake: 1, Bets: []games.Bet{{Type: "red", Amount: 1}}}})
		},
		"house/actions": func(t *testing.T, _ *rulebooktest.Said) {
			// Answers leave out what costs more than this; see TestOwnLimits_TheActionsThatTheyRefuseAreNotListed.
			c := storagetest.New(t, 1, byHand)
			p := c.Player("ann", 10_000)
			r := openRound(t, c, p, 20, "double")
			c.One(command.Command{Account: p, Body: command.GrantCoins{Amount: 19 - r.Coins, Actor: "cashier", Reason: "test"}})
			if got := room(t, c, p); got != 19 {
				t.Errorf("with 19 coins there is room for %d", got)
			}
			c.Refused("insufficient_coins", act(p, r.Round.ID, "double"))
			c.One(command.Command{Account: p, Body: command.GrantCoins{Amount: 1000, Actor: "cashier", Reason: "test"}})
			c.One(limit(p, command.LimitSet{LossPerMonth: limitsOf(t, c, p).LostThisMonth + 19}))
			if got := room(t, c, p); got != 19 {
				t.Errorf("under a limit there is room for %d", got)
			}
			c.Refused("limit_reached", act(p, r.Round.ID, "double"))
			c.One(act(p, r.Round.ID, "stand"))
		},
		"house/recompute": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			r := c.One(spin(p, 10)).Value.(*command.RoundResult).Round
			revealed := c.One(command.Command{Account: p, Body: command.RotateSeed{ClientSeed: "clover"}}).Value.(*command.SeedRotated).Revealed
			version, _ := catalogue.Released().Version(r.Rules)
			again, err := version.Play(fair.NewStream([32]byte(revealed.ServerSeed), r.Rules, r.ClientSeed, r.Nonce), r.Wager)
			if err != nil || !reflect.DeepEqual(again.Draws, r.Draws) || again.Payout != r.Payout {
				t.Errorf("recomputed: %+v, played: %+v, %v", again, r, err)
			}
		},
	})
}

func accountOf(t *testing.T, c *storagetest.Casino, p command.AccountID) command.Account {
	t.Helper()
	a, _, err := c.Store.Account(p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// pendingOf are the limits that wait, by their names.
func pendingOf(t *testing.T, c *storagetest.Casino, p command.AccountID) map[command.Limit]command.PendingLimit {
	t.Helper()
	waiting := map[command.Limit]command.PendingLimit{}
	for _, l := range limitsOf(t, c, p).Pending {
		waiting[l.Limit] = l
	}
	return waiting
}

func TestRules_OfLimitsAreWhatTheMachinePlays(t *testing.T) {
	rulebooktest.Play(t, rulebook.LimitTemplates(), rulebook.Limits(), map[string]func(*testing.T, *rulebooktest.Said){
		"limits/stricter": func(t *testing.T, said *rulebooktest.Said) {
			wait := time.Duration(said.Number("looser_hours")) * time.Hour
			for _, looser := range []games.Coins{200, 0} {
				c, p := richAnn(t)
				c.One(limit(p, command.LimitSet{StakePerDay: 100}))
				c.Refused("limit_reached", spin(p, 101))
				c.Now = date(2026, 11, 24) // a new day, so that the wait ends in another
				asked := c.Now
				c.One(limit(p, command.LimitSet{StakePerDay: looser}))
				c.Now = asked.Add(wait - time.Millisecond)
				c.Refused("limit_reached", spin(p, 101))
				c.Now = asked.Add(wait)
				c.One(spin(p, 101))
			}
		},
		"limits/own_wait": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			c.One(limit(p, command.LimitSet{StakePerDay: 100, LossPerDay: 100}))
			c.One(limit(p, command.LimitSet{StakePerDay: 200, LossPerDay: 100}))
			first := pendingOf(t, c, p)[command.LimitStakePerDay].From
			for _, other := range []command.LimitSet{{StakePerDay: 200, LossPerDay: 50}, {StakePerDay: 200, LossPerDay: 300}, {StakePerDay: 200, RealityCheckMinutes: 5}} {
				c.Now = c.Now.Add(time.Hour)
				c.One(limit(p, other))
				if now := pendingOf(t, c, p)[command.LimitStakePerDay].From; !now.Equal(first) {
					t.Errorf("after %+v it waits until %s, not until %s", other, now, first)
				}
			}
		},
		"limits/withdraw": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			c.One(limit(p, command.LimitSet{StakePerDay: 100}))
			c.One(limit(p, command.LimitSet{StakePerDay: 300}))
			first := pendingOf(t, c, p)[command.LimitStakePerDay]
			c.Now = c.Now.Add(time.Hour)
			c.One(limit(p, command.LimitSet{StakePerDay: 200}))
			if now := pendingOf(t, c, p)[command.LimitStakePerDay]; now.Value != 200 || !now.From.Equal(first.From) {
				t.Errorf("a less loose one: %+v, before %+v", now, first)
			}
			asked := c.Now
			c.One(limit(p, command.LimitSet{StakePerDay: 400}))
			if now := pendingOf(t, c, p)[command.LimitStakePerDay]; now.Value != 400 || now.From.Before(asked.Add(24*time.Hour)) {
				t.Errorf("a still looser one: %+v, asked for at %s", now, asked)
			}
			c.One(limit(p, command.LimitSet{StakePerDay: 100}))
			if now := pendingOf(t, c, p); len(now) != 0 {
				t.Errorf("withdrawn, and still waiting: %v", now)
			}
		},
		"limits/periods": func(t *testing.T, _ *rulebooktest.Said) {
			for name, tc := range map[string]struct {
				limits      command.LimitSet
				used, anew  time.Time
				beforeLimit time.Time
			}{
				"day":   {command.LimitSet{StakePerDay: 100}, date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 25).Add(-time.Millisecond)},
				"week":  {command.LimitSet{LossPerWeek: 100}, date(2026, 11, 24), date(2026, 11, 30), date(2026, 11, 30).Add(-time.Millisecond)}, // a Monday
				"month": {command.LimitSet{LossPerMonth: 100}, date(2026, 12, 2), date(2027, 1, 1), date(2027, 1, 1).Add(-time.Millisecond)},
			} {
				c, p := richAnn(t)
				c.One(limit(p, tc.limits))
				c.Now = tc.used
				for room(t, c, p) > 0 {
					c.One(spin(p, min(room(t, c, p), 10)))
				}
				c.Now = tc.beforeLimit
				l := limitsOf(t, c, p)
				if r := c.Refused("limit_reached", spin(p, 1)); !r.Until.Equal(tc.anew) {
					t.Errorf("%s: until %s, want %s", name, r.Until, tc.anew)
				}
				if at := map[string]time.Time{"day": l.NextDay, "week": l.NextWeek, "month": l.NextMonth}[name]; !at.Equal(tc.anew) {
					t.Errorf("the %s is said to reset at %s, want %s", name, at, tc.anew)
				}
				c.Now = tc.anew
				c.One(spin(p, 100))
			}
		},
		"limits/stakes": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			for _, action := range []string{"double", "split", "insurance"} {
				c.Now = c.Now.Truncate(24 * time.Hour).Add(24*time.Hour - 2*time.Second)
				r := openRound(t, c, p, 20, action).Round
				c.Now = c.Now.Truncate(24 * time.Hour).Add(24 * time.Hour)
				if l := limitsOf(t, c, p); l.StakedToday != 0 {
					t.Errorf("%d were staked before the day began", l.StakedToday)
				}
				c.One(act(p, r.ID, action))
				want := map[string]games.Coins{"double": 20, "split": 20, "insurance": 10}[action]
				if l := limitsOf(t, c, p); l.StakedToday != want {
					t.Errorf("%s: staked today are %d, want %d", action, l.StakedToday, want)
				}
				if open, ok, _ := c.Store.OpenRound(p); ok {
					c.One(command.Command{Body: command.SettleAbandoned{Round: open.ID}})
				}
			}
		},
		"limits/losses": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			c.One(limit(p, command.LimitSet{LossPerDay: 100}))
			c.Refused("limit_reached", spin(p, 101))
			var lost games.Coins
			for range 50 {
				stake := min(100-lost, 10)
				if stake == 0 {
					c.Refused("limit_reached", spin(p, 1))
					return
				}
				c.Refused("limit_reached", spin(p, 101-lost))
				r := c.One(spin(p, stake)).Value.(*command.RoundResult).Round
				lost += r.Staked - r.Payout
				if l := limitsOf(t, c, p); l.LostToday != lost {
					t.Fatalf("lost today are %d, want %d", l.LostToday, lost)
				}
			}
		},
		"limits/midnight": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			c.Now = date(2026, 11, 29).Add(24*time.Hour - time.Minute) // Sunday
			r := openRound(t, c, p, 20, "surrender").Round
			c.Now = date(2026, 11, 30).Add(5 * time.Second)
			before := limitsOf(t, c, p)
			c.One(limit(p, command.LimitSet{LossPerDay: 20}))
			c.One(act(p, r.ID, "surrender"))
			after := limitsOf(t, c, p)
			if after.LostToday != 0 || after.LostThisWeek != 0 || after.LostThisMonth != before.LostThisMonth-10 || after.Room != 20 {
				t.Errorf("%+v, and before %+v", after, before)
			}
		},
		"limits/stretch": func(t *testing.T, said *rulebooktest.Said) {
			c, p := richAnn(t)
			pause := time.Duration(said.Number("break_minutes")) * time.Minute
			c.One(limit(p, command.LimitSet{SessionMinutes: 30}))
			begin := c.Now
			last := begin
			for i := range 3 { // each just before the break is over
				if i > 0 {
					c.Now = last.Add(pause - time.Second)
				}
				last = c.Now
				rules := []string{"slots/2", "slots/1", "slots/2"}[i]
				c.One(command.Command{Account: p, Body: command.PlaceWager{Rules: rules, Stake: 1}})
				c.One(command.Command{Account: p, Body: command.EndSessions{All: true}}) // signing out does not end it
			}
			c.Now = begin.Add(30 * time.Minute)
			r := c.Refused("limit_reached", spin(p, 1))
			if r.Limit != "session_minutes" || !r.Until.Equal(last.Add(pause)) {
				t.Errorf("refused by %s until %s, want %s", r.Limit, r.Until, last.Add(pause))
			}
			if l := limitsOf(t, c, p); !l.PlaySince.Equal(begin) || !l.PlayEnds.Equal(last.Add(pause)) {
				t.Errorf("played from %s to %s", l.PlaySince, l.PlayEnds)
			}
			c.Now = last.Add(pause - time.Millisecond)
			c.Refused("limit_reached", spin(p, 1))
			c.Now = last.Add(pause)
			c.One(spin(p, 1))
		},
		"limits/open_rounds": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			r := openRound(t, c, p, 20, "hit").Round
			c.One(limit(p, command.LimitSet{StakePerDay: 1, LossPerDay: 1, LossPerWeek: 1, LossPerMonth: 1, SessionMinutes: 1}))
			c.Now = c.Now.Add(5 * time.Minute)
			if got := room(t, c, p); got != 0 {
				t.Errorf("there is room for %d", got)
			}
			if hit := c.One(act(p, r.ID, "hit")).Value.(*command.RoundResult); !hit.Round.Settled {
				c.One(act(p, r.ID, "stand"))
			}
			c.Refused("limit_reached", spin(p, 1))
		},
		"limits/reality_check": func(t *testing.T, _ *rulebooktest.Said) {
			c, p := richAnn(t)
			for _, minutes := range []int{1, 60, 0, 5} { // stricter and looser
				c.One(limit(p, command.LimitSet{RealityCheckMinutes: minutes}))
				if l := limitsOf(t, c, p); l.InForce.RealityCheckMinutes != minutes || len(l.Pending) != 0 {
					t.Errorf("%d minutes: %+v", minutes, l)
				}
			}
			c.One(spin(p, 1))
			c.Now = c.Now.Add(10 * time.Minute)
			c.One(spin(p, 1))
		},
		"limits/exclusion": func(t *testing.T, said *rulebooktest.Said) {
			c, p := richAnn(t)
			exclude := func(days int, forEver bool) command.Command {
				return command.Command{Account: p, Body: command.Exclude{Days: days, ForEver: forEver}}
			}
			shortest := said.Number("shortest_days")
			c.Refused("invalid_exclusion", exclude(shortest-1, false))
			c.One(signIn(p, 1))
			until := c.Now.AddDate(0, 0, 30)
			c.One(exclude(30, false))
			if s, err := c.Store.Sessions(p); err != nil || len(s) != 0 {
				t.Errorf("sessions are left: %v, %v", s, err)
			}
			if got := c.One(exclude(shortest, false)).Value.(*command.Exclusion).Until; !got.Equal(until) {
				t.Errorf("shortened to %s", got)
			}
			c.Do(command.Command{Account: p, Body: command.SetLock{Locked: true, Actor: "cashier"}}, command.Command{Account: p, Body: command.SetLock{Actor: "cashier"}})
			c.Refused("excluded", spin(p, 1))
			if got := c.One(exclude(0, true)).Value.(*command.Exclusion).Until; !got.Equal(command.ForEver) {
				t.Errorf("for ever is %s", got)
			}
		},
	})
}
