package legacy

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/games"
)

// me is what is needed of the API's view of the player.
type me struct {
	Username string      `json:"username"`
	Coins    games.Coins `json:"coins"`
}

// account authenticates the client and reads the player's account.
func (c *call) account(token string) (a me, err error) {
	if err := c.authenticate(token); err != nil {
		return a, err
	}
	err = c.ask("GET", "/me", "", nil, &a)
	return a, err
}

// verifyToken says whether a token is that of a player.
func (c *call) verifyToken() (any, error) {
	var in struct {
		Token    jsontext.Value `json:"token"`
		Username jsontext.Value `json:"username"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	token, username := text(in.Token), text(in.Username)
	if token == "" || username == "" {
		return nil, problem.New("bad_request", "The fields token and username are needed.")
	}
	a, err := c.account(token)
	if err != nil {
		return nil, err
	}
	if auth.LoginKey(username) != auth.LoginKey(a.Username) {
		return nil, problem.New("unauthenticated", "This token is another player's.")
	}
	return message{"Token is valid"}, nil
}

func (c *call) getCoins() (any, error) {
	a, err := c.account(bearer(c.r))
	if err != nil {
		return nil, err
	}
	return struct {
		Coins games.Coins `json:"coins"`
	}{a.Coins}, nil
}

// updateCoins refuses what let every player of the older system choose their balance.
func (c *call) updateCoins() (any, error) {
	if _, err := c.account(bearer(c.r)); err != nil {
		return nil, err
	}
	return said{http.StatusGone, message{"Coins can't be set. They only change by games and by the operator."}}, nil
}
