package legacy

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/problem"
	"imperio/games"
	roulettegame "imperio/games/roulette"
)

// rouletteAction spins the wheel. Of a bet, only its amount and its numbers count: the odds are those of the numbers.
func (c *call) rouletteAction() (any, error) {
	if err := c.authenticate(bearer(c.r)); err != nil {
		return nil, err
	}
	var in struct {
		Bet []struct {
			Amount  jsontext.Value `json:"amt"`
			Numbers jsontext.Value `json:"numbers"`
		} `json:"bet"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	bets := []apiBet{}
	for i, b := range in.Bet {
		amount, ok := whole(b.Amount)
		if !ok || amount < 0 {
			return nil, problem.New("bad_request", "Bet %d: amt must be a whole number of coins.", i+1)
		}
		if amount == 0 {
			continue // chips that the player has taken back
		}
		bet, err := betOn(i, text(b.Numbers))
		if err != nil {
			return nil, err
		}
		bet.Amount = games.Coins(min(amount, int64(games.MaxCoins)+1))
		bets = append(bets, apiBet{bet.Type, bet.Numbers, bet.Selection, bet.Amount})
	}
	if len(bets) == 0 {
		return nil, problem.New("bad_request", "There is no bet. Put at least 1 coin on the table.")
	}
	var out struct {
		Round struct {
			Staked games.Coins `json:"staked"`
		} `json:"round"`
		Pocket int         `json:"pocket"`
		Payout games.Coins `json:"payout"`
		Coins  games.Coins `json:"coins"`
	}
	if err := c.ask("POST", "/games/roulette/spins", c.key(""), map[string]any{"bets": bets}, &out); err != nil {
		return nil, err
	}
	return struct {
		WinningNumber int         `json:"winning_number"`
		TotalBet      games.Coins `json:"total_bet"`
		TotalWin      games.Coins `json:"total_win"`
		NewCoins      games.Coins `json:"new_coins"`
	}{out.Pocket, out.Round.Staked, out.Payout, out.Coins}, nil
}

// apiBet is a bet as the API takes it.
type apiBet struct {
	Type      string      `json:"type"`
	Numbers   []int       `json:"numbers,omitempty"`
	Selection int         `json:"selection,omitzero"`
	Amount    games.Coins `json:"amount"`
}

// betsBySet are all bets of the table by the set of pockets that they cover, one bit for each. No two bets cover the same.
var betsBySet = func() map[uint64]games.Bet {
	all := make(map[uint64]games.Bet)
	for _, b := range roulettegame.All() {
		var set uint64
		for _, n := range roulettegame.Covers(b) {
			set |= 1 << n
		}
		all[set] = b
	}
	return all
}()

// betOn finds the bet that covers the given numbers, such as "2, 3, 5, 6".
func betOn(i int, numbers string) (games.Bet, error) {
	var set uint64
	for field := range strings.SplitSeq(numbers, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(field), 10, 8)
		if err != nil || n >= roulettegame.Pockets {
			return games.Bet{}, problem.New("bad_request", "Bet %d: numbers must be a text with numbers from 0 to 36 and commas, such as \"2, 3, 5, 6\".", i+1)
		}
		if set>>n&1 == 1 {
			return games.Bet{}, problem.New("bad_request", "Bet %d: the number %d is given twice.", i+1, n)
		}
		set |= 1 << n
	}
	b, ok := betsBySet[set]
	if !ok {
		return b, problem.New("bad_request", "Bet %d: there is no bet on these numbers.", i+1)
	}
	return b, nil
}
