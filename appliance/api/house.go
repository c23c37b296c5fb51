package api

import (
	"fmt"
	"net/http"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage/command"
)

// SignUp says who may open an account.
type SignUp string

// The ways of signing up.
const (
	SignUpOpen   SignUp = "open"   // anybody
	SignUpInvite SignUp = "invite" // whoever has an invitation
	SignUpClosed SignUp = "closed" // nobody; operators open accounts
)

// showHouse says what a visitor can expect before signing up.
func (a *API) showHouse(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: struct {
		SignUp       SignUp      `json:"sign_up"`
		WelcomeCoins games.Coins `json:"welcome_coins"`
		DailyCoins   games.Coins `json:"daily_coins"`
		PlayMoney    string      `json:"play_money"`
	}{c.terms.SignUp, c.terms.WelcomeCoins, c.terms.DailyCoins, playMoney}}, nil
}

// invitation finds the invitation that a sign-up needs; zero if the house asks for none.
func (a *API) invitation(c *call, code string) (command.TokenHash, error) {
	switch c.terms.SignUp {
	case SignUpClosed:
		return command.TokenHash{}, refuse("sign_up_closed", "New accounts are opened by the operator only.")
	case SignUpInvite:
	default:
		return command.TokenHash{}, nil
	}
	if code == "" {
		return command.TokenHash{}, refuse("invitation_required", "An account can only be opened with an invitation. Ask the operator for one.")
	}
	hash, ok := auth.HashToken(code)
	if !ok {
		return hash, errNoInvitation
	}
	i, ok, err := a.o.Casino.Invitation(hash)
	if err != nil {
		return hash, fmt.Errorf("find invitation: %w", err)
	}
	if !ok || !i.ExpiresAt.After(c.now) {
		return hash, errNoInvitation
	}
	return hash, nil
}

var errNoInvitation = refuse("invitation_invalid", "There is no such invitation, or it has been used or has expired. Ask the operator for another.")
