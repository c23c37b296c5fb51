package api

import (
	"cmp"
	"errors"
	"fmt"

	"imperio/games"
	roulettegame "imperio/games/roulette"
	"imperio/storage/command"
)

// wheelView answers a spin of the roulette.
type wheelView struct {
	Round     roundView                 `json:"round"`
	Pocket    int                       `json:"pocket"`
	Color     string                    `json:"color"`
	Bets      []roulettegame.BetOutcome `json:"bets"`
	Payout    games.Coins               `json:"payout"`
	Coins     games.Coins               `json:"coins"`
	HeldCoins games.Coins               `json:"held_coins"`
}

func viewWheel(games *games.Catalogue, r *command.RoundResult) (any, error) {
	round, o, err := viewOutcome[roulettegame.Outcome](games, r)
	if err != nil {
		return nil, err
	}
	return &wheelView{
		Round: round, Pocket: o.Pocket, Color: o.Color, Bets: o.Bets,
		Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held,
	}, nil
}

// bet is one bet of a request.
type bet struct {
	Type      text    `json:"type"`
	Numbers   []whole `json:"numbers"`
	Selection whole   `json:"selection"`
	Amount    whole   `json:"amount"`
}

// betsOf reads the bets of a spin and checks them against the table and the rules: all are taken, or none.
func (c *call) betsOf(t *Table) (wager, error) {
	var in struct {
		Bets []bet `json:"bets"`
	}
	if err := c.decode(&in); err != nil {
		return wager{}, err
	}
	key, err := c.key()
	if err := errors.Join(require("bets", in.Bets != nil), err); err != nil {
		return wager{}, err
	}
	w := wager{PlaceWager: command.PlaceWager{Rules: t.Rules, Bets: make([]games.Bet, len(in.Bets))}, key: key}
	for i := range in.Bets {
		if w.Bets[i], err = readBet(i, &in.Bets[i]); err != nil {
			return wager{}, err
		}
	}
	limits := roulettegame.CheckLimits(w.Bets, t.MinStake, t.MaxBet, t.MaxStake)
	if r, ok := errors.AsType[*games.Refusal](limits); ok {
		w.refused = &command.Refusal{Code: r.Code, Message: r.Message}
	}
	// The machine checks the bets again. Checked here, invalid bets take no space in the log.
	if w.Stake, err = roulettegame.Validate(w.Bets); err != nil {
		return wager{}, cmp.Or(limits, err)
	}
	return w, nil
}

func readBet(i int, in *bet) (games.Bet, error) {
	if err := errors.Join(require(fmt.Sprintf("bets/%d/type", i), in.Type.given),
		require(fmt.Sprintf("bets/%d/amount", i), in.Amount.given)); err != nil {
		return games.Bet{}, err
	}
	b := games.Bet{Type: in.Type.value, Amount: in.Amount.coins()}
	if in.Selection.given {
		// Clamped to fit an int; the rules refuse what is out of range.
		b.Selection = int(min(max(in.Selection.value, -1), 1000))
		if b.Selection == 0 {
			return b, refuse("invalid_bet", "Bet %d: The selection is 0; it must be 1, 2 or 3.", i+1)
		}
	}
	for _, n := range in.Numbers {
		if !n.given || n.value < 0 || n.value > 36 {
			return b, refuse("invalid_bet", "Bet %d: A number is not on the wheel, which has 0 to 36.", i+1)
		}
		b.Numbers = append(b.Numbers, int(n.value))
	}
	return b, nil
}
