package api

import (
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
	round, outcome, err := viewOutcome[blackjackgame.Outcome](games, r)
	if err != nil {
		return nil, err
	}
	return &tableView{Round: round, Outcome: outcome, Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held}, nil
}
