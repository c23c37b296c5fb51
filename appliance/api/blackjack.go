package api

import (
	"fmt"

	"imperio/games"
	blackjackgame "imperio/games/blackjack"
	"imperio/storage/command"
)

// tableView answers for a round of blackjack: the round, and what lies on the table. The game decides what its player may
// see. The hole card and the shoe are not shown before the round is settled.
type tableView struct {
	Round roundView `json:"round"`
	blackjackgame.Outcome
	Payout    games.Coins `json:"payout"`
	Coins     games.Coins `json:"coins"`
	HeldCoins games.Coins `json:"held_coins"`
}

func viewTable(games *games.Catalogue, r *command.RoundResult) (any, error) {
	v := &tableView{Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held}
	var err error
	if v.Round, err = viewRound(games, &r.Round); err != nil {
		return nil, err
	}
	v.Round.allowWithin(r.Coins)
	var ok bool
	if v.Outcome, ok = v.Round.Outcome.(blackjackgame.Outcome); !ok {
		return nil, fmt.Errorf("round %d of %s has the outcome of another game", r.Round.ID, r.Round.Rules)
	}
	return v, nil
}
