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
	if err := auth.CheckPassword(in.New.value, account.Username, account.Email); err != nil {
		return answer{}, err
	}
	body, err := a.replacePassword(c, &account, in.Current.value, in.New.value)
	if err != nil {
		return answer{}, err
	}
	return a.proposeOwn(c, body)
}

// replacePassword checks the current password and hashes the new one, in one turn.
func (a *API) replacePassword(c *call, account *command.Account, current, next string) (command.ChangePassword, error) {
	body := command.ChangePassword{Keep: c.session.ID, Subject: a.o.Subjects.Session(c.session.ID)}
	turn, err := a.o.Passwords.Turn(c.r.Context(), true)
	if err != nil {
		return body, a.waitFailed(c, err)
	}
	defer turn.End()
	if body.OldHash, err = a.confirmIn(c, turn, account, current); err != nil {
		return body, err
	}
	if body.NewHash, err = turn.Hash(next); err != nil {
		return body, err
	}
	return body, a.stillWaiting(c)
}

// confirm checks the password of the signed-in account before a change that only its owner may make. It returns the hash that
// it was checked against.
func (a *API) confirm(c *call, password string) (hash string, err error) {
	account, err := a.account(c)
	if err != nil {
		return "", err
	}
	turn, err := a.o.Passwords.Turn(c.r.Context(), true)
	if err != nil {
		return "", a.waitFailed(c, err)
	}
	defer turn.End()
	if hash, err = a.confirmIn(c, turn, &account, password); err != nil {
		return "", err
	}
	return hash, a.stillWaiting(c)
}

// confirmIn is confirm in a turn. Tries count by session: a stolen session can't guess the password without end, and nobody else
// can use up the player's tries.
func (a *API) confirmIn(c *call, turn *auth.Turn, account *command.Account, password string) (hash string, err error) {
	cred, known, err := a.o.Casino.Credentials(auth.LoginKey(account.Username))
	if err != nil {
		return "", fmt.Errorf("find credentials: %w", err)
	}
	if !known || cred.Account != account.ID {
		return "", fmt.Errorf("account %d is not found by its own name", account.ID)
	}
	verified, err := a.tryPassword(c, turn, a.o.Subjects.Session(c.session.ID), cred, password)
	if err != nil {
		return "", err
	}
	if !verified.OK {
		return "", refuse("wrong_password", "The current password is wrong.")
	}
	return cred.PasswordHash, nil
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
	if c.terms.DailyCoins == 0 {
		refused = &command.Refusal{Code: "daily_coins_off", Message: "This casino gives no daily coins."}
	}
	res, err := a.proposeUnless(c, refused, key, command.CollectDailyCoins{Amount: c.terms.DailyCoins})
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
