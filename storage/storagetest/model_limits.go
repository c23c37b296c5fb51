package storagetest

import (
	"slices"
	"sort"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// limitsAt are the limits in force and those that wait.
func (p *player) limitsAt(now time.Time) (in command.LimitSet, waiting []command.PendingLimit) {
	in = p.limits
	for _, w := range p.pending {
		if now.Before(w.From) {
			waiting = append(waiting, w)
		} else {
			in.Set(w.Limit, w.Value)
		}
	}
	return in, waiting
}

func (m *Model) setLimits(p *player, b command.SetLimits) outcome {
	w := b.Limits
	for _, c := range []games.Coins{w.StakePerDay, w.LossPerDay, w.LossPerWeek, w.LossPerMonth} {
		if c < 0 || c > 1_000_000_000_000 {
			return refused(refuse("invalid_limits"))
		}
	}
	for _, n := range []int{w.SessionMinutes, w.RealityCheckMinutes} {
		if n < 0 || n > 1440 {
			return refused(refuse("invalid_limits"))
		}
	}
	have, waiting := p.limitsAt(m.now)
	p.limits, p.pending = have, nil
	for _, l := range command.AllLimits {
		if l == command.LimitRealityCheckMinutes || atLeastAsStrict(w.Of(l), have.Of(l)) {
			p.limits.Set(l, w.Of(l))
			continue
		}
		wait := command.PendingLimit{Limit: l, Value: w.Of(l), From: m.now.Add(24 * time.Hour)}
		for _, old := range waiting {
			if old.Limit == l && atLeastAsStrict(wait.Value, old.Value) {
				wait.From = old.From
			}
		}
		p.pending = append(p.pending, wait)
	}
	return did(func() any { v := m.limitsOf(p); return &v })
}

// atLeastAsStrict compares two limits; 0 means none.
func atLeastAsStrict(a, b int64) bool { return b == 0 || a != 0 && a <= b }

func (m *Model) limitsOf(p *player) command.Limits {
	v := m.counted(p)
	v.Room = m.room(p)
	return v
}

// counted are the limits and what counts against them.
func (m *Model) counted(p *player) command.Limits {
	in, waiting := p.limitsAt(m.now)
	midnight := m.now.Truncate(24 * time.Hour)
	v := command.Limits{
		InForce: in, Pending: waiting, NextDay: midnight.AddDate(0, 0, 1),
		NextWeek:  midnight.AddDate(0, 0, 7-(int(m.now.Weekday())+6)%7),
		NextMonth: time.Date(m.now.Year(), m.now.Month()+1, 1, 0, 0, 0, 0, time.UTC),
	}
	if since, last := p.stretch(m.now); !last.IsZero() {
		v.PlaySince, v.PlayEnds = since, last.Add(15*time.Minute)
	}
	year, week := m.now.ISOWeek()
	for _, b := range p.bets {
		y, w := b.at.ISOWeek()
		if y == year && w == week {
			v.LostThisWeek += b.amount
		}
		if b.at.Year() == m.now.Year() && b.at.Month() == m.now.Month() {
			v.LostThisMonth += b.amount
		}
		if b.at.Format(time.DateOnly) == m.now.Format(time.DateOnly) {
			v.LostToday += b.amount
			if b.stake {
				v.StakedToday += b.amount
			}
		}
	}
	return v
}

// stretch is the first and the last stake of the current stretch of play; zero if there is none. It reaches back from now
// over all stakes that are less than one break apart.
func (p *player) stretch(now time.Time) (since, last time.Time) {
	since = now
	for _, b := range slices.Backward(p.bets) {
		if b.stake {
			if since.Sub(b.at) >= 15*time.Minute {
				break
			}
			if last.IsZero() {
				last = b.at
			}
			since = b.at
		}
	}
	return since, last
}

// overLimit reports whether a stake would pass one of the player's own limits, and which.
func (m *Model) overLimit(p *player, stake games.Coins) (command.Result, bool) {
	v := m.counted(p)
	for _, c := range []struct {
		name        string
		limit, used games.Coins
		until       time.Time
	}{
		{"stake_per_day", v.InForce.StakePerDay, v.StakedToday, v.NextDay},
		{"loss_per_day", v.InForce.LossPerDay, v.LostToday, v.NextDay},
		{"loss_per_week", v.InForce.LossPerWeek, v.LostThisWeek, v.NextWeek},
		{"loss_per_month", v.InForce.LossPerMonth, v.LostThisMonth, v.NextMonth},
	} {
		if c.limit > 0 && c.used+stake > c.limit {
			return refuseByLimit(c.name, c.until), true
		}
	}
	if n := v.InForce.SessionMinutes; n > 0 && !v.PlaySince.IsZero() && m.now.Sub(v.PlaySince) >= time.Duration(n)*time.Minute {
		return refuseByLimit("session_minutes", v.PlayEnds), true
	}
	return command.Result{}, false
}

// room is the largest stake that would be taken: the model tries one after the other, halving the range.
func (m *Model) room(p *player) games.Coins {
	return games.Coins(sort.Search(int(p.coins), func(n int) bool {
		_, is := m.overLimit(p, games.Coins(n+1))
		return is
	}))
}
