package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// changeEmail sets the e-mail address, which is also a login. So it needs the password.
func (a *API) changeEmail(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		Email    text `json:"email"`
		Password text `json:"password"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("email", in.Email.given), require("password", in.Password.given)); err != nil {
		return answer{}, err
	}
	var body command.ChangeEmail
	var err error
	if body.Email, body.EmailKey, err = auth.Email(in.Email.value); err != nil {
		return answer{}, err
	}
	if body.OldHash, err = a.confirm(c, in.Password.value); err != nil {
		return answer{}, err
	}
	return a.proposeOwn(c, body)
}

// deleteAccount deletes the account. The browser forgets the session.
func (a *API) deleteAccount(c *call) (answer, error) {
	var in struct {
		Password text `json:"password"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := require("password", in.Password.given); err != nil {
		return answer{}, err
	}
	hash, err := a.confirm(c, in.Password.value)
	if err != nil {
		return answer{}, err
	}
	ans, err := a.proposeOwn(c, command.DeleteAccount{OldHash: hash})
	if err == nil {
		ans.cookie = auth.NoCookie(c.r, c.secure)
	}
	return ans, err
}

// proposeOwn proposes a change that the owner has confirmed with the password. It is refused with wrong_password if another
// change of the password was quicker.
func (a *API) proposeOwn(c *call, body command.Body) (answer, error) {
	if _, err := a.propose(c, c.session.Account, command.Key{}, 0, body); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// resetPassword sets a password by a one-time link that an operator made. The link names the account, and its secret is as
// long as a session's token.
func (a *API) resetPassword(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		Link     text `json:"link"`
		Password text `json:"password"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("link", in.Link.given), require("password", in.Password.given)); err != nil {
		return answer{}, err
	}
	if err := a.o.Casino.Current(c.r.Context()); err != nil {
		return answer{}, err
	}
	id, hash, ok := splitLink(in.Link.value)
	if !ok {
		return answer{}, errNoLink
	}
	link, ok, err := a.o.Casino.PasswordLink(id)
	if err != nil {
		return answer{}, fmt.Errorf("find link: %w", err)
	}
	if !ok || link.Link != hash || !link.ExpiresAt.After(c.now) {
		return answer{}, errNoLink
	}
	account, ok, err := a.o.Casino.Account(id)
	if err != nil || !ok {
		return answer{}, fmt.Errorf("find account %d (%t): %w", id, ok, err)
	}
	if err := auth.CheckPassword(in.Password.value, account.Username, account.Email); err != nil {
		return answer{}, err
	}
	fresh, err := a.o.Passwords.Hash(c.r.Context(), false, in.Password.value)
	if err != nil {
		return answer{}, a.waitFailed(c, err)
	}
	if err := a.stillWaiting(c); err != nil {
		return answer{}, err
	}
	if _, err := a.propose(c, id, command.Key{}, 0, command.ChangePassword{NewHash: fresh, Link: hash}); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: struct {
		Username string `json:"username"`
	}{account.Username}}, nil
}

var errNoLink = refuse("link_invalid", "This link has been used, or it has expired. Ask the operator for another.")

// splitLink reads the account and the secret of a link: "1000.secret".
func splitLink(link string) (command.AccountID, command.TokenHash, bool) {
	account, secret, _ := strings.Cut(link, ".")
	id, err := strconv.ParseUint(account, 10, 64)
	if err != nil {
		return 0, command.TokenHash{}, false
	}
	hash, ok := auth.HashToken(secret)
	return command.AccountID(id), hash, ok
}
