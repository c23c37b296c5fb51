package api

import (
	"fmt"
	"net/http"

	"imperio/games"
)

// statisticsView sums up settled rounds. Net is what the player won, or lost if negative.
type statisticsView struct {
	Game       string      `json:"game,omitempty"` // not in the total
	Rounds     uint64      `json:"rounds"`
	Staked     games.Coins `json:"staked"`
	Paid       games.Coins `json:"paid"`
	Net        games.Coins `json:"net"`
	BiggestWin games.Coins `json:"biggest_win"`
}

func (a *API) showStatistics(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	list, err := a.o.Casino.Statistics(c.session.Account)
	if err != nil {
		return answer{}, fmt.Errorf("sum up rounds: %w", err)
	}
	views := make([]statisticsView, len(list))
	var total statisticsView
	for i, s := range list {
		views[i] = statisticsView{
			Game: s.Game, Rounds: s.Rounds, Staked: s.Staked, Paid: s.Paid, Net: s.Paid - s.Staked, BiggestWin: s.BiggestWin,
		}
		total.Rounds += s.Rounds
		total.Staked += s.Staked
		total.Paid += s.Paid
		total.BiggestWin = max(total.BiggestWin, s.BiggestWin)
	}
	total.Net = total.Paid - total.Staked
	return answer{status: http.StatusOK, value: struct {
		Games []statisticsView `json:"games"`
		Total statisticsView   `json:"total"`
	}{views, total}}, nil
}
