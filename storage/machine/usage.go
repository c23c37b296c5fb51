package machine

import "time"

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

// countStake counts a stake in the day, week and month in which it leaves the balance.
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

// countPayout counts a payout in the day, week and month in which its round was opened. In a later one it counts nowhere:
// what comes back of yesterday's stake must make no room for today's losses. That a later raise comes back with it makes no
// difference, so a limit may count more than was lost, and never less.
func (m *Machine) countPayout(w *WalletRecord, payout coins, opened int64) {
	u := w.Usage.at(m.now, m.is().playBreak)
	day := opened / dayMillis
	if day == u.Day {
		u.Lost -= payout
	}
	if week(day) == week(u.Day) {
		u.LostWeek -= payout
	}
	if month(day) == month(u.Day) {
		u.LostMonth -= payout
	}
	w.Usage = u
}

func nextDay(day int64) int64 { return (day + 1) * dayMillis }

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
