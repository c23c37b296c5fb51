package api

import (
	"errors"
	"fmt"
	"net/http"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage/command"
)

func (a *API) me(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: viewAccount(&account, c.now)}, nil
}

// account reads the signed-in account.
func (a *API) account(c *call) (command.Account, error) {
	account, ok, err := a.o.Casino.Account(c.session.Account)
	if err != nil {
		return account, fmt.Errorf("find account: %w", err)
	}
	if !ok {
		return account, fmt.Errorf("session %d belongs to account %d, which does not exist", c.session.ID, c.session.Account)
	}
	return account, nil
}

func (a *API) changePassword(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		Current text `json:"current"`
		New     text `json:"new"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("current", in.Current.given), require("new", in.New.given)); err != nil {
		return answer{}, err
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	// Tries count as for a sign-in, so that a stolen session can't guess the password without end.
	login := auth.LoginKey(account.Username)
	cred, known, err := a.o.Casino.Credentials(login)
	if err != nil {
		return answer{}, fmt.Errorf("find credentials: %w", err)
	}
	if !known || cred.Account != account.ID {
		return answer{}, fmt.Errorf("account %d is not found by its own name", account.ID)
	}
	verified, err := a.tryPassword(c, login, cred, in.Current.value)
	if err != nil {
		return answer{}, err
	}
	if !verified.OK {
		return answer{}, refuse("wrong_password", "The current password is wrong.")
	}
	hash, err := a.o.Passwords.Hash(c.r.Context(), in.New.value)
	if err != nil {
		return answer{}, err
	}
	body := command.ChangePassword{OldHash: cred.PasswordHash, NewHash: hash, Keep: c.session.ID,
		Login: a.o.Subjects.Login(login), Address: a.o.Subjects.Address(network(a.o.Client(c.r))), Refill: a.o.SignInRefill.Milliseconds()}
	_, err = a.propose(c, account.ID, command.Key{}, 0, body)
	if err != nil {
		return answer{}, err // wrong_password, if another change was quicker
	}
	return answer{status: http.StatusNoContent}, nil
}

func (a *API) collectDailyCoins(c *call) (answer, error) {
	if err := c.decodeNothing(); err != nil {
		return answer{}, err
	}
	key, err := c.key()
	if err != nil {
		return answer{}, err
	}
	refused := a.o.Writes()
	if a.o.DailyCoins == 0 {
		refused = &command.Refusal{Code: "daily_coins_off", Message: "This casino gives no daily coins."}
	}
	res, err := a.proposeUnless(c, refused, key, command.CollectDailyCoins{Amount: a.o.DailyCoins})
	if err != nil {
		return answer{}, err
	}
	got, err := valueOf[command.DailyCoins](res)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, location: "/api/v1/me/transfers?kind=daily", replayed: res.Replayed, value: struct {
		Amount games.Coins `json:"amount"`
		Coins  games.Coins `json:"coins"`
		NextAt timestamp   `json:"next_at"`
	}{got.Amount, got.Coins, timestamp(got.NextAt)}}, nil
}
