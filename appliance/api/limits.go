package api

import (
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/games"
	"imperio/storage/command"
)

// The largest limits that a player may set.
const (
	maxLimitCoins   = int64(command.MaxAmount)
	maxLimitMinutes = 24 * 60
)

// limit is one limit in a request and in an answer: a whole number, or null for none.
type limit struct {
	whole
	none bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *limit) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == 'n' {
		l.given, l.none = true, true
		return d.SkipValue()
	}
	return l.whole.UnmarshalJSONFrom(d)
}

// MarshalJSONTo implements json.MarshalerTo.
func (l limit) MarshalJSONTo(e *jsontext.Encoder) error {
	if l.none {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.Int(l.value))
}

// limitsBody is a set of limits as JSON.
type limitsBody struct {
	StakePerDay         limit `json:"stake_per_day"`
	LossPerDay          limit `json:"loss_per_day"`
	LossPerWeek         limit `json:"loss_per_week"`
	LossPerMonth        limit `json:"loss_per_month"`
	SessionMinutes      limit `json:"session_minutes"`
	RealityCheckMinutes limit `json:"reality_check_minutes"`
}

// read checks the limits that a player asked for. All six must be there: a forgotten one must not loosen anything.
func (b *limitsBody) read() (command.LimitSet, error) {
	var set command.LimitSet
	for _, f := range []struct {
		name    string
		l       *limit
		coins   *games.Coins
		minutes *int
	}{
		{"stake_per_day", &b.StakePerDay, &set.StakePerDay, nil},
		{"loss_per_day", &b.LossPerDay, &set.LossPerDay, nil},
		{"loss_per_week", &b.LossPerWeek, &set.LossPerWeek, nil},
		{"loss_per_month", &b.LossPerMonth, &set.LossPerMonth, nil},
		{"session_minutes", &b.SessionMinutes, nil, &set.SessionMinutes},
		{"reality_check_minutes", &b.RealityCheckMinutes, nil, &set.RealityCheckMinutes},
	} {
		most := int64(maxLimitCoins)
		if f.minutes != nil {
			most = maxLimitMinutes
		}
		switch {
		case !f.l.given:
			return set, refuse("bad_request", "The field %q is missing. For no limit, send null.", f.name)
		case f.l.none:
		case f.l.value < 1 || f.l.value > most:
			return set, refuse("invalid_limits", "The limit %q must be from 1 to %d, or null for no limit.", f.name, most)
		case f.coins != nil:
			*f.coins = games.Coins(f.l.value)
		default:
			*f.minutes = int(f.l.value)
		}
	}
	return set, nil
}

func viewLimitSet(s *command.LimitSet) limitsBody {
	l := func(n int64) limit { return limit{whole{n, true}, n == 0} }
	return limitsBody{
		l(int64(s.StakePerDay)), l(int64(s.LossPerDay)), l(int64(s.LossPerWeek)), l(int64(s.LossPerMonth)),
		l(int64(s.SessionMinutes)), l(int64(s.RealityCheckMinutes)),
	}
}

// limitsView is the answer about limits.
type limitsView struct {
	InForce     limitsBody  `json:"in_force"`
	Pending     *limitsBody `json:"pending"`
	PendingFrom timestamp   `json:"pending_from"`
	Used        struct {
		StakedToday   games.Coins `json:"staked_today"`
		LostToday     games.Coins `json:"lost_today"`
		LostThisWeek  games.Coins `json:"lost_this_week"`
		LostThisMonth games.Coins `json:"lost_this_month"`
	} `json:"used"`
}

func viewLimits(l *command.Limits) limitsView {
	v := limitsView{InForce: viewLimitSet(&l.InForce)}
	if l.Pending != nil {
		p := viewLimitSet(l.Pending)
		v.Pending, v.PendingFrom = &p, timestamp(l.PendingFrom)
	}
	v.Used.StakedToday, v.Used.LostToday = l.StakedToday, l.LostToday
	v.Used.LostThisWeek, v.Used.LostThisMonth = l.LostThisWeek, l.LostThisMonth
	return v
}

func (a *API) showLimits(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	l, err := a.o.Casino.Limits(c.session.Account, c.now)
	if err != nil {
		return answer{}, fmt.Errorf("find limits: %w", err)
	}
	return answer{status: http.StatusOK, value: viewLimits(&l)}, nil
}

func (a *API) setLimits(c *call) (answer, error) {
	var in limitsBody
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	set, err := in.read()
	if err != nil {
		return answer{}, err
	}
	res, err := a.propose(c, c.session.Account, command.Key{}, 0, command.SetLimits{Limits: set})
	if err != nil {
		return answer{}, err
	}
	l, err := valueOf[command.Limits](res)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: viewLimits(l)}, nil
}
