package api

import (
	"fmt"
	"net/http"

	"imperio/games"
	slotsgame "imperio/games/slots"
	"imperio/storage/command"
)

// spinView answers a spin of the slots.
type spinView struct {
	Round     roundView                         `json:"round"`
	Stops     [slotsgame.Reels]int              `json:"stops"`
	Symbols   [slotsgame.Reels]slotsgame.Symbol `json:"symbols"`
	Payout    games.Coins                       `json:"payout"`
	Coins     games.Coins                       `json:"coins"`
	HeldCoins games.Coins                       `json:"held_coins"`
}

func (a *API) spinSlots(c *call) (answer, error) {
	t := &a.o.Slots
	if err := a.checkTable(t, slots); err != nil {
		return answer{}, err
	}
	stake, key, err := c.stakeOf(t)
	if err != nil {
		return answer{}, err
	}
	r, replayed, err := a.play(c, key, command.PlaceWager{Rules: t.Rules, Stake: stake})
	if err != nil {
		return answer{}, err
	}
	v := &spinView{Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held}
	if v.Round, err = viewRound(&r.Round); err != nil {
		return answer{}, err
	}
	o, ok := v.Round.Outcome.(slotsgame.Outcome)
	if !ok {
		return answer{}, fmt.Errorf("round %d of %s has the outcome of another game", r.Round.ID, r.Round.Rules)
	}
	v.Stops, v.Symbols = o.Stops, o.Symbols
	return answer{status: http.StatusCreated, replayed: replayed, value: v}, nil
}
