package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"imperio/games"
	blackjackgame "imperio/games/blackjack"
	"imperio/storage/command"
)

// tableView answers everything about a round of blackjack: the round, and what lies on the table. The latter is what
// the game lets its player see, which is neither the hole card nor the shoe before the round is settled.
type tableView struct {
	Round roundView `json:"round"`
	blackjackgame.Outcome
	Payout    games.Coins `json:"payout"`
	Coins     games.Coins `json:"coins"`
	HeldCoins games.Coins `json:"held_coins"`
}

func viewTable(r *command.RoundResult) (*tableView, error) {
	v := &tableView{Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held}
	var err error
	if v.Round, err = viewRound(&r.Round); err != nil {
		return nil, err
	}
	v.Round.allowWithin(r.Coins)
	var ok bool
	if v.Outcome, ok = v.Round.Outcome.(blackjackgame.Outcome); !ok {
		return nil, fmt.Errorf("round %d of %s has the outcome of another game", r.Round.ID, r.Round.Rules)
	}
	return v, nil
}

// allowWithin leaves of a round's allowed actions those that a balance can pay for. The rules themselves know no balance.
func (v *roundView) allowWithin(coins games.Coins) {
	if o, ok := v.Outcome.(blackjackgame.Outcome); ok {
		o.Allowed = slices.DeleteFunc(o.Allowed, func(action string) bool { return blackjackgame.Cost(action, v.Stake) > coins })
		v.Outcome = o
	}
}

func (a *API) dealBlackjack(c *call) (answer, error) {
	t := &a.o.Blackjack
	w, err := c.stakeOf(t)
	if err != nil {
		return answer{}, err
	}
	r, replayed, err := a.placeWager(c, t, blackjack, w)
	if err != nil {
		return answer{}, err
	}
	v, err := viewTable(r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, replayed: replayed, value: v}, nil
}

func (a *API) showOpenBlackjack(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	r, ok, err := a.o.Casino.OpenRound(c.session.Account)
	if err != nil {
		return answer{}, fmt.Errorf("find open round: %w", err)
	}
	if !ok {
		return answer{}, refuse("no_open_round", "No round of yours is open. Start one.")
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	v, err := viewTable(&command.RoundResult{Round: r, Coins: account.Coins, Held: account.HeldCoins})
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: v}, nil
}

// blackjackActions are all that can be decided in a round, by GAMES: whether one may be taken now the rules say.
var blackjackActions = []string{"hit", "stand", "double", "split", "surrender", "insurance", "decline_insurance"}

func (a *API) actBlackjack(c *call) (answer, error) {
	var in struct {
		Action text  `json:"action"`
		Taken  whole `json:"taken"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	key, err := c.key()
	if err := errors.Join(require("action", in.Action.given), err); err != nil {
		return answer{}, err
	}
	id, err := c.roundID()
	if err != nil {
		return answer{}, err
	}
	if !slices.Contains(blackjackActions, in.Action.value) {
		return answer{}, refuse("unknown_action", "There is no such action. The actions are hit, stand, double, split, surrender, insurance and decline_insurance.")
	}
	taken, err := a.takenBy(c, id, in.Taken)
	if err != nil {
		return answer{}, err
	}
	r, replayed, err := a.play(c, nil, key, command.TakeAction{Round: id, Action: in.Action.value, Taken: taken})
	if err != nil {
		return answer{}, err
	}
	v, err := viewTable(r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, replayed: replayed, value: v}, nil
}

// takenBy is how many actions the player knew to be taken in a round: as the request says, or else those in the round as
// it stands while the request comes in, so that of two at once one is taken. It is nil where the round is not open.
func (a *API) takenBy(c *call, id command.RoundID, said whole) (*int, error) {
	if said.given {
		if said.value < 0 {
			return nil, refuse("bad_request", "The field \"taken\" is the number of actions in the round as you saw it: 0 or more.")
		}
		return new(int(said.value)), nil
	}
	r, ok, err := a.o.Casino.OpenRound(c.session.Account)
	if err != nil {
		return nil, fmt.Errorf("find open round: %w", err)
	}
	if !ok || r.ID != id {
		return nil, nil
	}
	return new(len(r.Wager.Actions)), nil
}
