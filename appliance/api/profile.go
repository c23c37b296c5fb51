package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/storage/command"
)

// achievementView is an achievement that was reached.
type achievementView struct {
	Name      string     `json:"name"`
	ReachedAt timestamp  `json:"reached_at"`
	RoundID   optionalID `json:"round_id"`
}

// profileView is what the player says of herself to others, and what she has reached.
type profileView struct {
	Avatar       string            `json:"avatar"`
	ShownName    string            `json:"shown_name"`
	InSeasons    bool              `json:"in_seasons"`
	EntryID      optionalID        `json:"entry_id"`
	Achievements []achievementView `json:"achievements"`
}

func viewProfile(p *command.Profile) profileView {
	return profileView{Avatar: p.Avatar, ShownName: p.ShownName, InSeasons: p.InSeasons, EntryID: optionalID(p.Entry),
		Achievements: viewAll(p.Achievements, func(a *command.Achieved) achievementView {
			return achievementView{a.Achievement.String(), timestamp(a.At), optionalID(a.Round)}
		})}
}

// viewReached lists the achievements that an event reached.
func viewReached(e *command.Event) (list []achievementView) {
	var round optionalID
	if e.Round != nil {
		round = optionalID(e.Round.ID)
	}
	for _, a := range e.Reached {
		list = append(list, achievementView{a.String(), timestamp(e.Time), round})
	}
	return list
}

func (a *API) showProfile(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	p, err := a.profile(c)
	return answer{status: http.StatusOK, value: viewProfile(&p)}, err
}

func (a *API) profile(c *call) (command.Profile, error) {
	p, ok, err := a.o.Casino.Profile(c.session.Account)
	if err == nil && !ok {
		err = fmt.Errorf("account %d has no profile", c.session.Account)
	}
	if err != nil {
		err = fmt.Errorf("find profile: %w", err)
	}
	return p, err
}

// nameOrNull is a string or null in a request.
type nameOrNull struct {
	value        string
	given, exist bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (s *nameOrNull) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '"' && t.Kind() != 'n' {
		return errors.New("must be a string or null")
	}
	s.given, s.exist = true, t.Kind() == '"'
	if s.exist {
		s.value = t.String()
	}
	return nil
}

// truth is a boolean in a request.
type truth struct{ value, given bool }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (b *truth) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != 't' && t.Kind() != 'f' {
		return errors.New("must be true or false")
	}
	b.value, b.given = t.Kind() == 't', true
	return nil
}

// setProfile changes what others see of the player. Leaving seasons is never refused: the house may be full, but nobody has to
// stay on a board.
func (a *API) setProfile(c *call) (answer, error) {
	var in struct {
		Avatar    text       `json:"avatar"`
		ShownName nameOrNull `json:"shown_name"`
		InSeasons truth      `json:"in_seasons"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("avatar", in.Avatar.given), require("shown_name", in.ShownName.given),
		require("in_seasons", in.InSeasons.given)); err != nil {
		return answer{}, err
	}
	if in.InSeasons.value {
		if err := pass(a.o.Writes); err != nil {
			return answer{}, err
		}
	}
	before, err := a.profile(c)
	if err != nil {
		return answer{}, err
	}
	if in.InSeasons.value && !before.InSeasons && !c.terms.Seasons {
		return answer{}, refuse("seasons_off", "This casino has no seasons at the moment.")
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	body := command.SetProfile{Avatar: in.Avatar.value, InSeasons: in.InSeasons.value}
	if in.ShownName.exist && in.ShownName.value != account.Username {
		if body.ShownName, body.ShownKey, err = auth.Username(in.ShownName.value); err != nil {
			return answer{}, err
		}
		if err := auth.CheckReserved(body.ShownName, body.ShownKey); err != nil {
			return answer{}, err
		}
	}
	if _, err := a.propose(c, c.session.Account, command.Key{}, 0, body); err != nil {
		return answer{}, err
	}
	if body.InSeasons && !before.InSeasons {
		if err := a.beginSeason(c); err != nil {
			return answer{}, err
		}
	}
	p, err := a.profile(c)
	return answer{status: http.StatusOK, value: viewProfile(&p)}, err
}

// beginSeason begins a season if none is running, so that whoever has just joined doesn't wait for the house to do so.
func (a *API) beginSeason(c *call) error {
	newest, err := a.o.Casino.Seasons(0, 1)
	if err != nil {
		return fmt.Errorf("find seasons: %w", err)
	}
	if len(newest) > 0 && newest[0].EndedAt.IsZero() {
		return nil
	}
	_, err = a.propose(c, 0, command.Key{}, 0, command.CloseSeason{Begin: true})
	if err != nil && problem.Of(err).Code == "season_moved" {
		return nil // somebody else's joining has begun it
	}
	return err
}

// ends is when a running season ends: with the month in which it began, in UTC.
func ends(began time.Time) time.Time {
	return time.Date(began.UTC().Year(), began.UTC().Month()+1, 1, 0, 0, 0, 0, time.UTC)
}
