package api

import (
	"fmt"
	"net/http"
	"time"

	"imperio/games"
)

// playMoney is part of every description of the house.
const playMoney = "Coins are play money: they are never bought, sold or paid out."

// gameView is how a game is offered, with all that players should know before they play.
type gameView struct {
	Game     string      `json:"game"`
	Enabled  bool        `json:"enabled"`
	Rules    string      `json:"rules"`
	MinStake games.Coins `json:"min_stake"`
	MaxStake games.Coins `json:"max_stake"`
	MaxBet   games.Coins `json:"max_bet,omitempty"` // of games with bets
	// AbandonAfterSeconds is how long an open round waits for its player's next action.
	AbandonAfterSeconds int64       `json:"abandon_after_seconds,omitempty"`
	Sheet               games.Sheet `json:"sheet"`
}

// inWords is a time in the largest unit of which it is a whole number: "24 hours", "90 minutes", "1 hour".
func inWords(d time.Duration) string {
	n, unit := int64(d/time.Second), "second"
	if d%time.Hour == 0 {
		n, unit = int64(d/time.Hour), "hour"
	} else if d%time.Minute == 0 {
		n, unit = int64(d/time.Minute), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

func (a *API) listGames(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	var views []gameView
	for i := range a.o.Tables {
		t := &a.o.Tables[i]
		version, ok := a.o.Games.Version(t.Rules)
		if !ok {
			continue // not offered at all
		}
		v := gameView{Game: t.Game, Enabled: t.Enabled, Rules: t.Rules, MinStake: t.MinStake, MaxStake: t.MaxStake}
		if version.Of().Bets {
			v.MaxBet = t.MaxBet
		}
		after := ""
		if version.Of().StaysOpen() && t.AbandonAfter > 0 {
			v.AbandonAfterSeconds, after = int64(t.AbandonAfter/time.Second), inWords(t.AbandonAfter)
		}
		v.Sheet = version.SheetFor(after)
		views = append(views, v)
	}
	return answer{status: http.StatusOK, lasting: true, value: struct {
		PlayMoney string     `json:"play_money"`
		Games     []gameView `json:"games"`
	}{playMoney, views}}, nil
}
