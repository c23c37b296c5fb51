package machine

import (
	"fmt"
	"time"

	"imperio/storage/command"
)

// setLimits changes a player's own limits: stricter ones apply at once, looser ones a day later.
func (m *Machine) setLimits(b command.SetLimits) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	want := b.Limits
	for _, v := range []int64{int64(want.StakePerDay), int64(want.LossPerDay), int64(want.LossPerWeek), int64(want.LossPerMonth)} {
		if v < 0 || coins(v) > m.is().mostCoins {
			return command.Refusef("invalid_limits", "A limit is 1 to %d coins, or none.", m.is().mostCoins), nil
		}
	}
	for _, v := range []int{want.SessionMinutes, want.RealityCheckMinutes} {
		if v < 0 || v > 24*60 {
			return command.Refusef("invalid_limits", "A time is 1 to 1440 minutes, or none."), nil
		}
	}
	l, err := m.limits(id, &w)
	if err != nil {
		return command.Result{}, err
	}
	now, looser := merge(l.InForce, want)
	l = limitsRecord{InForce: now}
	if looser {
		l.Pending, l.PendingFrom = &want, m.now+m.is().looserAfter
	}
	if err := m.put(tableLimits, accountKey(id), l); err != nil {
		return command.Result{}, err
	}
	w.Limited = true
	if err := m.recordOn(id, &w, &Event{Kind: LimitsChanged, Until: l.PendingFrom}); err != nil {
		return command.Result{}, err
	}
	v, err := m.limitsOf(id)
	return command.Result{Value: v}, err
}

// merge takes the stricter of the limit in force and the wanted one, for each limit. looser reports whether a wanted limit
// is looser than the one in force, and so has to wait.
func merge(have, want command.LimitSet) (now command.LimitSet, looser bool) {
	stricter := func(have, want int64) int64 {
		if want != 0 && (have == 0 || want <= have) {
			return want
		}
		looser = looser || want != have
		return have
	}
	return command.LimitSet{
		StakePerDay:         coins(stricter(int64(have.StakePerDay), int64(want.StakePerDay))),
		LossPerDay:          coins(stricter(int64(have.LossPerDay), int64(want.LossPerDay))),
		LossPerWeek:         coins(stricter(int64(have.LossPerWeek), int64(want.LossPerWeek))),
		LossPerMonth:        coins(stricter(int64(have.LossPerMonth), int64(want.LossPerMonth))),
		SessionMinutes:      int(stricter(int64(have.SessionMinutes), int64(want.SessionMinutes))),
		RealityCheckMinutes: want.RealityCheckMinutes, // a reminder that blocks nothing, so it changes at once
	}, looser
}

// limits are an account's limits now.
func (m *Machine) limits(id command.AccountID, w *WalletRecord) (limitsRecord, error) {
	if !w.Limited {
		return limitsRecord{}, nil
	}
	l, ok, err := load[limitsRecord](&m.Reader, tableLimits, accountKey(id))
	if err == nil && !ok {
		err = m.Damage("the limits of account %d are missing", id)
	}
	return l.at(m.now), err
}

// at returns the limits in force and pending at a time.
func (l limitsRecord) at(now int64) limitsRecord {
	if l.Pending != nil && l.PendingFrom <= now {
		return limitsRecord{InForce: *l.Pending}
	}
	return l
}

// refuseByLimits says which limit a stake would exceed; nil: none. Loss limits count the stake as lost, since the outcome is
// unknown when the bet is taken.
func (m *Machine) refuseByLimits(id command.AccountID, w *WalletRecord, stake coins) (*command.Refusal, error) {
	if !w.Limited {
		return nil, nil
	}
	l, err := m.limits(id, w)
	if err != nil {
		return nil, err
	}
	u := w.Usage.at(m.now, m.is().playBreak)
	tomorrow := (u.Day + 1) * dayMillis
	for _, c := range []struct {
		limit, used coins
		name, what  string
		until       int64
	}{
		{l.InForce.StakePerDay, u.Staked, "stake_per_day", "stakes in a day", tomorrow},
		{l.InForce.LossPerDay, u.Lost, "loss_per_day", "losses in a day", tomorrow},
		{l.InForce.LossPerWeek, u.LostWeek, "loss_per_week", "losses in a week", nextWeek(u.Day)},
		{l.InForce.LossPerMonth, u.LostMonth, "loss_per_month", "losses in a month", nextMonth(u.Day)},
	} {
		if c.limit > 0 && c.used+stake > c.limit {
			return &command.Refusal{Code: "limit_reached", Limit: c.name, Until: at(c.until),
				Message: fmt.Sprintf("This would pass your limit of %d coins for %s.", c.limit, c.what)}, nil
		}
	}
	if minutes := l.InForce.SessionMinutes; minutes > 0 && u.PlaySince != 0 &&
		m.now-u.PlaySince >= int64(minutes)*time.Minute.Milliseconds() {
		return &command.Refusal{Code: "limit_reached", Limit: "session_minutes", Until: at(u.PlayLast + m.is().playBreak),
			Message: fmt.Sprintf("You have played for your limit of %d minutes. Take a break.", minutes)}, nil
	}
	return nil, nil
}

// at is the usage at a time. The sums of earlier days, weeks, months and stretches of play are reset.
func (u UsageRecord) at(now, playBreak int64) UsageRecord {
	if day := now / dayMillis; day != u.Day {
		if week(day) != week(u.Day) {
			u.LostWeek = 0
		}
		if month(day) != month(u.Day) {
			u.LostMonth = 0
		}
		u.Day, u.Staked, u.Lost = day, 0, 0
	}
	if now-u.PlayLast >= playBreak {
		u.PlaySince = 0
	}
	return u
}

// countStake and countPayout keep the sums that limits are compared with.
func (m *Machine) countStake(w *WalletRecord, stake coins) {
	u := w.Usage.at(m.now, m.is().playBreak)
	u.Staked += stake
	u.Lost += stake
	u.LostWeek += stake
	u.LostMonth += stake
	if u.PlaySince == 0 {
		u.PlaySince = m.now
	}
	u.PlayLast = m.now
	w.Usage = u
}

func (m *Machine) countPayout(w *WalletRecord, payout coins) {
	u := w.Usage.at(m.now, m.is().playBreak)
	u.Lost -= payout
	u.LostWeek -= payout
	u.LostMonth -= payout
	w.Usage = u
}

// week numbers weeks from Monday: 1970-01-01 was a Thursday.
func week(day int64) int64 { return (day + 3) / 7 }

func month(day int64) int64 {
	t := time.UnixMilli(day * dayMillis).UTC()
	return int64(t.Year())*12 + int64(t.Month())
}

func nextWeek(day int64) int64 { return ((week(day)+1)*7 - 3) * dayMillis }

func nextMonth(day int64) int64 {
	t := time.UnixMilli(day * dayMillis).UTC()
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
}

// limitsOf reads an account's limits now.
func (m *Machine) limitsOf(id command.AccountID) (*command.Limits, error) {
	v, err := m.LimitsAt(id, m.now)
	return &v, err
}

// LimitsAt reads an account's limits at a time, in Unix milliseconds.
func (r *Reader) LimitsAt(id command.AccountID, now int64) (v command.Limits, err error) {
	w, _, err := r.Wallet(id)
	if err != nil {
		return v, err
	}
	l, ok, err := load[limitsRecord](r, tableLimits, accountKey(id))
	if err == nil && !ok && w.Limited {
		err = r.Damage("the limits of account %d are missing", id)
	}
	if err != nil {
		return v, err
	}
	l = l.at(now)
	u := w.Usage.at(now, r.head.constants().playBreak)
	return command.Limits{
		InForce: l.InForce, Pending: l.Pending, PendingFrom: at(l.PendingFrom),
		StakedToday: u.Staked, LostToday: u.Lost, LostThisWeek: u.LostWeek, LostThisMonth: u.LostMonth,
	}, nil
}

// exclude shuts a player out. Nobody can shorten an exclusion: another one can only extend it.
func (m *Machine) exclude(b command.Exclude) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	until := command.ForEver.UnixMilli()
	if !b.ForEver {
		if b.Days < 1 || b.Days > m.is().longestExclusion {
			return command.Refusef("invalid_exclusion", "An exclusion lasts 1 to %d days, or for ever.", m.is().longestExclusion), nil
		}
		until = m.now + int64(b.Days)*dayMillis
	}
	w.ExcludedUntil = max(w.ExcludedUntil, until)
	if err := m.dropSessions(id, allSessions); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: PlayerExcluded, Until: w.ExcludedUntil}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}
