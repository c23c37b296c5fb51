package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"imperio/games"
	"imperio/storage/command"
)

func (a *API) listRounds(c *call) (answer, error) {
	page, err := a.page(c, "limit", "cursor", "game")
	if err != nil {
		return answer{}, err
	}
	list, next, err := a.o.Casino.Rounds(c.r.Context(), c.session.Account, page)
	if err != nil {
		return answer{}, fmt.Errorf("list rounds: %w", err)
	}
	views := make([]roundView, len(list))
	for i := range list {
		if views[i], err = a.viewOwnRound(c, &list[i]); err != nil {
			return answer{}, err
		}
	}
	return answer{status: http.StatusOK, value: struct {
		Rounds     []roundView `json:"rounds"`
		NextCursor optionalID  `json:"next_cursor"`
	}{views, optionalID(next)}}, nil
}

var errNoRound = refuse("round_not_found", "You have no round with this id.")

// parseID reads a number as the API writes it: an id has one form.
func parseID(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n != 0 && s[0] != '0'
}

// roundID reads the id of a round from the address. A malformed id is answered like a missing round.
func (c *call) roundID() (command.RoundID, error) {
	n, ok := parseID(c.params.ByName("id"))
	if !ok {
		return 0, errNoRound
	}
	return command.RoundID(n), nil
}

func (a *API) showRound(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	id, err := c.roundID()
	if err != nil {
		return answer{}, err
	}
	r, ok, err := a.o.Casino.Round(c.r.Context(), c.session.Account, id)
	if err != nil {
		return answer{}, fmt.Errorf("find round: %w", err)
	}
	if !ok || r.Account != c.session.Account {
		return answer{}, errNoRound
	}
	v, err := a.viewOwnRound(c, &r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: v}, nil
}

// viewOwnRound describes a round of the caller as it stands now.
func (a *API) viewOwnRound(c *call, r *command.Round) (roundView, error) {
	v, err := viewRound(a.o.Games, r)
	if err != nil || r.Settled {
		return v, err
	}
	room, err := a.room(c)
	v.allowWithin(room)
	return v, err
}

// room is the largest stake that the caller could place now: what the balance and the player's own limits leave.
func (a *API) room(c *call) (games.Coins, error) {
	l, err := a.o.Casino.Limits(c.session.Account, c.now)
	if err != nil {
		return 0, fmt.Errorf("find limits: %w", err)
	}
	return l.Room, nil
}

// play opens a round, unless the house refuses it, or takes an action in one.
func (a *API) play(c *call, refused *command.Refusal, key command.Key, body command.Body) (*command.RoundResult, bool, error) {
	res, err := a.proposeUnless(c, refused, key, body)
	if err != nil {
		return nil, false, err
	}
	r, err := valueOf[command.RoundResult](res)
	return r, res.Replayed, err
}

// wager is a bet that a table could take, under some limits.
type wager struct {
	command.PlaceWager
	key     command.Key
	refused *command.Refusal // by the limits of this table; nil: it takes the bet
}

// placeWager opens a round, unless the game is off or the house takes no new rounds.
func (a *API) placeWager(c *call, t *Table, w wager) (*command.RoundResult, bool, error) {
	refused := a.o.NewBets()
	if !t.Enabled {
		refused = &command.Refusal{Code: "game_disabled",
			Message: fmt.Sprintf("New rounds of %s are not taken at the moment. Open rounds can be finished.", t.Game)}
	}
	return a.play(c, cmp.Or(refused, w.refused), w.key, w.PlaceWager)
}

// stakeOf reads a body that holds only a stake.
func (c *call) stakeOf(t *Table) (wager, error) {
	var in struct {
		Stake whole `json:"stake"`
	}
	if err := c.decode(&in); err != nil {
		return wager{}, err
	}
	key, keyErr := c.key()
	if err := errors.Join(require("stake", in.Stake.given), keyErr); err != nil {
		return wager{}, err
	}
	w := wager{PlaceWager: command.PlaceWager{Rules: t.Rules, Stake: in.Stake.coins()}, key: key}
	if w.Stake < max(t.MinStake, 1) || w.Stake > t.MaxStake {
		w.refused = &command.Refusal{Code: "stake_out_of_range",
			Message: fmt.Sprintf("The stake must be from %d to %d coins.", t.MinStake, t.MaxStake)}
	}
	if w.Stake < 1 || w.Stake > games.MaxCoins {
		return wager{}, w.refused // no table ever takes it, so it takes no space in the log
	}
	return w, nil
}
