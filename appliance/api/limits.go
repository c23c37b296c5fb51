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
	maxLimitMinutes = int64(24 * 60)
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

// of is one of the limits of the body.
func (b *limitsBody) of(l command.Limit) *limit {
	switch l {
	case command.LimitStakePerDay:
		return &b.StakePerDay
	case command.LimitLossPerDay:
		return &b.LossPerDay
	case command.LimitLossPerWeek:
		return &b.LossPerWeek
	case command.LimitLossPerMonth:
		return &b.LossPerMonth
	case command.LimitSessionMinutes:
		return &b.SessionMinutes
	}
	return &b.RealityCheckMinutes
}

// read checks the limits that a player asked for. All six must be there: a forgotten one must not loosen anything.
func (b *limitsBody) read() (command.LimitSet, error) {
	var set command.LimitSet
	for _, l := range command.AllLimits {
		f, most := b.of(l), maxLimitCoins
		if l.InMinutes() {
			most = maxLimitMinutes
		}
		switch {
		case !f.given:
			return set, refuse("bad_request", "The field %q is missing. For no limit, send null.", l)
		case f.none:
		case f.value < 1 || f.value > most:
			return set, refuse("invalid_limits", "The limit %q must be from 1 to %d, or null for no limit.", l, most)
		default:
			set.Set(l, f.value)
		}
	}
	return set, nil
}

func viewLimit(n int64) limit { return limit{whole{n, true}, n == 0} }

// limitsView is the answer about limits.
type limitsView struct {
	InForce  limitsBody    `json:"in_force"`
	Pending  []pendingView `json:"pending"` // in the order of the limits
	Used     usedView      `json:"used"`
	ResetsAt struct {
		Day   timestamp `json:"day"`
		Week  timestamp `json:"week"`
		Month timestamp `json:"month"`
	} `json:"resets_at"`
	Stretch *stretchView `json:"stretch"` // nil: nothing was staked lately
}

// pendingView is a looser limit that waits.
type pendingView struct {
	Limit string    `json:"limit"`
	Value limit     `json:"value"`
	From  timestamp `json:"from"`
}

// usedView is what counts against the limits.
type usedView struct {
	StakedToday   games.Coins `json:"staked_today"`
	LostToday     games.Coins `json:"lost_today"`
	LostThisWeek  games.Coins `json:"lost_this_week"`
	LostThisMonth games.Coins `json:"lost_this_month"`
}

// stretchView is the current stretch of play.
type stretchView struct {
	Since  timestamp `json:"since"`
	EndsAt timestamp `json:"ends_at"` // unless another stake is placed
}

func viewLimits(l *command.Limits) limitsView {
	v := limitsView{Pending: make([]pendingView, len(l.Pending)), Used: usedView{l.StakedToday, l.LostToday, l.LostThisWeek, l.LostThisMonth}}
	for _, name := range command.AllLimits {
		*v.InForce.of(name) = viewLimit(l.InForce.Of(name))
	}
	for i, p := range l.Pending {
		v.Pending[i] = pendingView{p.Limit.String(), viewLimit(p.Value), timestamp(p.From)}
	}
	v.ResetsAt.Day, v.ResetsAt.Week, v.ResetsAt.Month = timestamp(l.NextDay), timestamp(l.NextWeek), timestamp(l.NextMonth)
	if !l.PlaySince.IsZero() {
		v.Stretch = &stretchView{timestamp(l.PlaySince), timestamp(l.PlayEnds)}
	}
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
