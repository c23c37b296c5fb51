package api

import (
	"net/http"
	"time"

	"imperio/games"
	"imperio/games/rulebook"
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
	MaxBet   games.Coins `json:"max_bet,omitempty"` // of all bets on one position together, in games with bets
	// AbandonAfterSeconds is how long an open round waits for its player's next action.
	AbandonAfterSeconds int64       `json:"abandon_after_seconds,omitempty"`
	Sheet               games.Sheet `json:"sheet"`
}

func (a *API) listGames(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	var views []gameView
	for i := range c.terms.Tables {
		t := &c.terms.Tables[i]
		version, ok := a.o.Games.Version(t.Rules)
		if !ok {
			continue // not offered at all
		}
		v := gameView{Game: t.Game, Enabled: t.Enabled, Rules: t.Rules, MinStake: t.MinStake, MaxStake: t.MaxStake}
		if version.Of().Bets {
			v.MaxBet = t.MaxBet
		}
		after := games.Words{}
		if version.Of().StaysOpen() && t.AbandonAfter > 0 {
			v.AbandonAfterSeconds = int64(t.AbandonAfter / time.Second)
			after = rulebook.Time(v.AbandonAfterSeconds)
		}
		v.Sheet = version.SheetFor(after)
		views = append(views, v)
	}
	return answer{status: http.StatusOK, lasting: true, value: struct {
		PlayMoney string       `json:"play_money"`
		Rules     []games.Rule `json:"rules"` // of all games, and of players' own limits
		Games     []gameView   `json:"games"`
	}{playMoney, append(rulebook.House(), rulebook.Limits()...), views}}, nil
}
