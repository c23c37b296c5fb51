package machine

import (
	"fmt"

	"imperio/storage/command"
)

// setLimits changes a player's own limits: stricter ones apply at once, looser ones a day later.
func (m *Machine) setLimits(b command.SetLimits) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	for _, limit := range command.AllLimits {
		switch v := b.Limits.Of(limit); {
		case limit.InMinutes() && (v < 0 || v > 24*60):
			return command.Refusef("invalid_limits", "A time is 1 to 1440 minutes, or none."), nil
		case v < 0 || coins(v) > m.is().mostCoins:
			return command.Refusef("invalid_limits", "A limit is 1 to %d coins, or none.", m.is().mostCoins), nil
		}
	}
	l, err := m.limits(id, &w)
	if err != nil {
		return command.Result{}, err
	}
	l = l.asked(b.Limits, m.now+m.is().looserAfter)
	if err := m.put(tableLimits, accountKey(id), l); err != nil {
		return command.Result{}, err
	}
	w.Limited = true
	if err := m.recordOn(id, &w, &Event{Kind: LimitsChanged, Until: l.settledAt()}); err != nil {
		return command.Result{}, err
	}
	v, err := m.limitsOf(id)
	return command.Result{Value: v}, err
}

// asked are the limits after their player asked for others. A stricter limit is in force at once. A looser one waits until
// the given time; or as long as it waits already, if the player asked for it, or for a still looser one, before.
func (l limitsRecord) asked(want command.LimitSet, from int64) limitsRecord {
	next := limitsRecord{InForce: l.InForce}
	for _, limit := range command.AllLimits {
		wanted := want.Of(limit)
		// The reality check is a reminder that blocks nothing, so it changes at once.
		if limit == command.LimitRealityCheckMinutes || !looser(wanted, l.InForce.Of(limit)) {
			next.InForce.Set(limit, wanted)
			continue
		}
		p := pendingRecord{Limit: limit, Value: wanted, From: from}
		for _, waiting := range l.Pending {
			if waiting.Limit == limit && !looser(wanted, waiting.Value) {
				p.From = waiting.From
			}
		}
		next.Pending = append(next.Pending, p)
	}
	return next
}

// looser says whether a limit allows more than another. 0 means no limit.
func looser(limit, other int64) bool { return other != 0 && (limit == 0 || limit > other) }

// settledAt is when the last of the pending limits takes effect; 0: none waits.
func (l limitsRecord) settledAt() (last int64) {
	for _, p := range l.Pending {
		last = max(last, p.From)
	}
	return last
}

// limits are an account's limits now.
func (r *Reader) limits(id command.AccountID, w *WalletRecord, now int64) (limitsRecord, error) {
	if !w.Limited {
		return limitsRecord{}, nil
	}
	l, ok, err := load[limitsRecord](r, tableLimits, accountKey(id))
	if err == nil && !ok {
		err = r.Damage("the limits of account %d are missing", id)
	}
	return l.at(now), err
}

func (m *Machine) limits(id command.AccountID, w *WalletRecord) (limitsRecord, error) {
	return m.Reader.limits(id, w, m.now)
}

// at returns the limits in force and pending at a time.
func (l limitsRecord) at(now int64) limitsRecord {
	then := limitsRecord{InForce: l.InForce}
	for _, p := range l.Pending {
		if p.From <= now {
			then.InForce.Set(p.Limit, p.Value)
		} else {
			then.Pending = append(then.Pending, p)
		}
	}
	return then
}

// roomFor is the largest stake that one limit lets through, and when the limit begins to count anew. bounds is false where
// it bounds no stake. The usage must be that of now.
func (l *limitsRecord) roomFor(limit command.Limit, u *UsageRecord, now, playBreak int64) (room coins, until int64, bounds bool) {
	most := l.InForce.Of(limit)
	if most == 0 {
		return 0, 0, false
	}
	switch limit {
	case command.LimitStakePerDay:
		return coins(most) - u.Staked, nextDay(u.Day), true
	case command.LimitLossPerDay:
		return coins(most) - u.Lost, nextDay(u.Day), true
	case command.LimitLossPerWeek:
		return coins(most) - u.LostWeek, nextWeek(u.Day), true
	case command.LimitLossPerMonth:
		return coins(most) - u.LostMonth, nextMonth(u.Day), true
	case command.LimitSessionMinutes:
		return 0, u.PlayLast + playBreak, u.PlaySince != 0 && now-u.PlaySince >= most*minuteMillis
	}
	return 0, 0, false
}

// limitedIn says what the limits on coins count.
var limitedIn = [...]string{
	command.LimitStakePerDay: "stakes in a day (UTC)", command.LimitLossPerDay: "losses in a day (UTC)",
	command.LimitLossPerWeek: "losses in a week (UTC)", command.LimitLossPerMonth: "losses in a month (UTC)",
}

// refuseByLimits says which limit a stake would pass; nil: none. Loss limits count the stake as lost, since the outcome is
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
	for _, limit := range command.AllLimits {
		room, until, bounds := l.roomFor(limit, &u, m.now, m.is().playBreak)
		if !bounds || stake <= room {
			continue
		}
		r := &command.Refusal{Code: "limit_reached", Limit: limit.String(), Until: at(until)}
		if most := l.InForce.Of(limit); limit == command.LimitSessionMinutes {
			r.Message = fmt.Sprintf("You have played for your limit of %d minutes. Take a break.", most)
		} else {
			r.Message = fmt.Sprintf("This would pass your limit of %d coins for %s.", most, limitedIn[limit])
		}
		return r, nil
	}
	return nil, nil
}

// room is the largest stake that an account may place at a time: what its balance and its own limits leave, at least 0.
func (l *limitsRecord) room(w *WalletRecord, now, playBreak int64) coins {
	if tooRich(w) {
		return 0
	}
	u, room := w.Usage.at(now, playBreak), w.Balance
	for _, limit := range command.AllLimits {
		if left, _, bounds := l.roomFor(limit, &u, now, playBreak); bounds {
			room = min(room, left)
		}
	}
	return max(room, 0)
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
	l, err := r.limits(id, &w, now)
	if err != nil {
		return v, err
	}
	playBreak := r.head.constants().playBreak
	u := w.Usage.at(now, playBreak)
	v = command.Limits{
		InForce: l.InForce, StakedToday: u.Staked, LostToday: u.Lost, LostThisWeek: u.LostWeek, LostThisMonth: u.LostMonth,
		NextDay: at(nextDay(u.Day)), NextWeek: at(nextWeek(u.Day)), NextMonth: at(nextMonth(u.Day)), Room: l.room(&w, now, playBreak),
	}
	if u.PlaySince != 0 {
		v.PlaySince, v.PlayEnds = at(u.PlaySince), at(u.PlayLast+playBreak)
	}
	for _, p := range l.Pending {
		v.Pending = append(v.Pending, command.PendingLimit{Limit: p.Limit, Value: p.Value, From: at(p.From)})
	}
	return v, nil
}
