package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"imperio/games"
	"imperio/storage/command"
)

func (a *API) listRounds(c *call) (answer, error) {
	page, err := c.page("limit", "cursor", "game")
	if err != nil {
		return answer{}, err
	}
	list, next, err := a.o.Casino.Rounds(c.r.Context(), c.session.Account, page)
	if err != nil {
		return answer{}, fmt.Errorf("list rounds: %w", err)
	}
	views := make([]roundView, len(list))
	for i := range list {
		if views[i], err = viewRound(&list[i]); err != nil {
			return answer{}, err
		}
	}
	return answer{status: http.StatusOK, value: struct {
		Rounds     []roundView `json:"rounds"`
		NextCursor optionalID  `json:"next_cursor"`
	}{views, optionalID(next)}}, nil
}

var errNoRound = refuse("round_not_found", "You have no round with this id.")

// roundID reads the id of a round from the address. What is no id is no round.
func (c *call) roundID() (command.RoundID, error) {
	n, err := strconv.ParseUint(c.params.ByName("id"), 10, 64)
	if err != nil || n == 0 {
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
	v, err := viewRound(&r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: v}, nil
}

// play opens a round, or takes an action in one.
func (a *API) play(c *call, key command.Key, body command.Body) (*command.RoundResult, bool, error) {
	res, err := a.propose(c, c.session.Account, key, 0, body)
	if err != nil {
		return nil, false, err
	}
	r, err := valueOf[command.RoundResult](res)
	if err != nil {
		return nil, false, err
	}
	if !res.Replayed {
		a.tellRound(c, res.Event, r)
	}
	return r, res.Replayed, nil
}

// checkTable refuses new rounds of a game that is off, and while the house takes none.
func (a *API) checkTable(t *Table, game string) error {
	if !t.Enabled {
		return refuse("game_disabled", "New rounds of %s are not taken at the moment. Open rounds can be finished.", game)
	}
	if r := a.o.NewBets(); r != nil {
		return r
	}
	return nil
}

// checkStake refuses a stake that the table does not take.
func (t *Table) checkStake(stake whole) (games.Coins, error) {
	coins := stake.coins()
	if coins < t.MinStake || coins > t.MaxStake {
		return 0, refuse("stake_out_of_range", "The stake must be from %d to %d coins.", t.MinStake, t.MaxStake)
	}
	return coins, nil
}

// stakeOf reads a body that holds a stake and nothing else.
func (c *call) stakeOf(t *Table) (games.Coins, command.Key, error) {
	var in struct {
		Stake whole `json:"stake"`
	}
	if err := c.decode(&in); err != nil {
		return 0, command.Key{}, err
	}
	key, keyErr := c.key()
	if err := errors.Join(require("stake", in.Stake.given), keyErr); err != nil {
		return 0, command.Key{}, err
	}
	stake, err := t.checkStake(in.Stake)
	return stake, key, err
}
