package command

import (
	"fmt"

	"imperio/games"
)

// Limit names one of a player's own limits. The numbers are stored.
type Limit uint8

// The limits. Those on coins count in UTC days, weeks and months, those on time in minutes.
const (
	LimitStakePerDay         Limit = 1
	LimitLossPerDay          Limit = 2
	LimitLossPerWeek         Limit = 3
	LimitLossPerMonth        Limit = 4
	LimitSessionMinutes      Limit = 5 // of a stretch of play
	LimitRealityCheckMinutes Limit = 6 // a reminder of the pages, which refuses nothing
)

// AllLimits lists the limits in the order in which people see them. Don't change it.
var AllLimits = []Limit{
	LimitStakePerDay, LimitLossPerDay, LimitLossPerWeek, LimitLossPerMonth, LimitSessionMinutes, LimitRealityCheckMinutes,
}

var limitNames = [...]string{
	LimitStakePerDay: "stake_per_day", LimitLossPerDay: "loss_per_day", LimitLossPerWeek: "loss_per_week",
	LimitLossPerMonth: "loss_per_month", LimitSessionMinutes: "session_minutes", LimitRealityCheckMinutes: "reality_check_minutes",
}

// String is the name of the limit in the API.
func (l Limit) String() string {
	if int(l) < len(limitNames) && limitNames[l] != "" {
		return limitNames[l]
	}
	return fmt.Sprintf("limit_%d", uint8(l))
}

// InMinutes says whether the limit is a time; otherwise it is an amount of coins.
func (l Limit) InMinutes() bool { return l == LimitSessionMinutes || l == LimitRealityCheckMinutes }

// Of is one of the limits, in coins or minutes; 0 means none.
func (s *LimitSet) Of(l Limit) int64 {
	switch l {
	case LimitStakePerDay:
		return int64(s.StakePerDay)
	case LimitLossPerDay:
		return int64(s.LossPerDay)
	case LimitLossPerWeek:
		return int64(s.LossPerWeek)
	case LimitLossPerMonth:
		return int64(s.LossPerMonth)
	case LimitSessionMinutes:
		return int64(s.SessionMinutes)
	case LimitRealityCheckMinutes:
		return int64(s.RealityCheckMinutes)
	}
	return 0
}

// Set sets one of the limits, in coins or minutes; 0 means none.
func (s *LimitSet) Set(l Limit, value int64) {
	switch l {
	case LimitStakePerDay:
		s.StakePerDay = games.Coins(value)
	case LimitLossPerDay:
		s.LossPerDay = games.Coins(value)
	case LimitLossPerWeek:
		s.LossPerWeek = games.Coins(value)
	case LimitLossPerMonth:
		s.LossPerMonth = games.Coins(value)
	case LimitSessionMinutes:
		s.SessionMinutes = int(value)
	case LimitRealityCheckMinutes:
		s.RealityCheckMinutes = int(value)
	}
}
