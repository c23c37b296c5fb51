package api

import (
	"errors"
	"fmt"
	"net/http"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/storage/command"
)

func (a *API) openSession(c *call) (answer, error) {
	if err := pass(a.o.Spare); err != nil {
		return answer{}, err
	}
	var in struct {
		Login    text `json:"login"`
		Password text `json:"password"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("login", in.Login.given), require("password", in.Password.given)); err != nil {
		return answer{}, err
	}
	if in.Login.value == "" || len(in.Login.value) > auth.MaxEmailLength {
		return answer{}, refuse("bad_request", "The field %q is a username or an e-mail address of up to %d bytes.", "login", auth.MaxEmailLength)
	}
	if err := a.o.Casino.Current(c.r.Context()); err != nil {
		return answer{}, err
	}
	return a.signIn(c, auth.LoginKey(in.Login.value), in.Password.value)
}

// signIn opens a session for a client that knows the password of a login.
func (a *API) signIn(c *call, login, password string) (answer, error) {
	cred, known, err := a.o.Casino.Credentials(login)
	if err != nil {
		return answer{}, fmt.Errorf("find credentials: %w", err)
	}
	if known {
		c.named = cred.Account
	}
	verified, err := a.tryPassword(c, login, cred, password)
	if err != nil {
		return answer{}, err
	}
	if !known || !verified.OK {
		return answer{}, refuse("invalid_credentials", "The name or the password is wrong.")
	}
	// Only those who know the password learn of these. The machine refuses as well.
	if cred.Excluded.After(c.now) {
		return answer{}, excluded(cred)
	}
	if cred.Locked {
		return answer{}, refuse("account_locked", "The operator has locked this account. Ask the operator.")
	}
	token, session, err := a.newSession(c)
	if err != nil {
		return answer{}, err
	}
	body := command.OpenSession{
		Session: session, Login: a.o.Subjects.Login(login), Address: a.o.Subjects.Address(session.Address), Refill: a.o.SignInRefill.Milliseconds(),
		Rehash: verified.Rehash, OldHash: cred.PasswordHash,
	}
	res, err := a.propose(c, cred.Account, command.Key{}, 0, body)
	if err != nil {
		return answer{}, err
	}
	opened, err := valueOf[command.SessionOpened](res)
	if err != nil {
		return answer{}, err
	}
	return a.signedIn(c, token, &opened.Account, &opened.Session), nil
}

func excluded(cred command.Credentials) *problem.Problem {
	p := refuse("excluded", "You excluded yourself until %s. Nobody can shorten that.", cred.Excluded.UTC().Format("2 January 2006"))
	if !cred.Excluded.Before(command.ForEver) {
		p.Detail = "You excluded yourself for ever. Nobody can undo that."
	}
	p.NextAt = cred.Excluded
	return p
}

// tryPassword takes one of the tries that a login has, and then checks the password. The try is durable before the check, so
// neither parallel guesses nor a restart give more tries. An unknown login takes the same path, and the same time.
func (a *API) tryPassword(c *call, login string, cred command.Credentials, password string) (auth.Verified, error) {
	attempt := command.AttemptSignIn{
		Address: a.o.Subjects.Address(network(a.o.Client(c.r))), Login: a.o.Subjects.Login(login),
		Tries: a.o.SignInTries, Refill: a.o.SignInRefill.Milliseconds(),
	}
	if _, err := a.propose(c, cred.Account, command.Key{}, 0, attempt); err != nil {
		return auth.Verified{}, err
	}
	v, err := a.o.Passwords.Verify(c.r.Context(), cred.PasswordHash, password)
	if err != nil {
		return auth.Verified{}, fmt.Errorf("check password: %w", err)
	}
	return v, nil
}

// sessionView is one session in the player's list.
type sessionView struct {
	ID        command.SessionID `json:"id,string"`
	CreatedAt timestamp         `json:"created_at"`
	ExpiresAt timestamp         `json:"expires_at"`
	UserAgent string            `json:"user_agent"`
	Address   string            `json:"address"`
	Current   bool              `json:"current"`
}

func (a *API) listSessions(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	all, err := a.o.Casino.Sessions(c.session.Account)
	if err != nil {
		return answer{}, fmt.Errorf("list sessions: %w", err)
	}
	views := make([]sessionView, 0, len(all))
	for i := range all {
		if s := &all[i]; s.ExpiresAt.After(c.now) {
			views = append(views, sessionView{
				ID: s.ID, CreatedAt: timestamp(s.CreatedAt), ExpiresAt: timestamp(s.ExpiresAt),
				UserAgent: s.UserAgent, Address: s.Address, Current: s.ID == c.session.ID,
			})
		}
	}
	return answer{status: http.StatusOK, value: struct {
		Sessions []sessionView `json:"sessions"`
	}{views}}, nil
}

func (a *API) endSession(c *call) (answer, error) {
	id := c.session.ID
	if name := c.params.ByName("id"); name != "current" {
		n, ok := parseID(name)
		if !ok {
			return answer{}, errNoSession
		}
		id = command.SessionID(n)
	}
	if id != c.session.ID {
		if own, err := a.ownSession(c, id); err != nil {
			return answer{}, err
		} else if !own {
			return answer{}, errNoSession
		}
	}
	if _, err := a.propose(c, c.session.Account, command.Key{}, 0, command.EndSessions{Session: id}); err != nil {
		return answer{}, err
	}
	ans := answer{status: http.StatusNoContent}
	if id == c.session.ID {
		ans.cookie = auth.NoCookie(c.r, c.secure)
	}
	return ans, nil
}

var errNoSession = refuse("not_found", "You have no session with this id.")

func (a *API) ownSession(c *call, id command.SessionID) (bool, error) {
	all, err := a.o.Casino.Sessions(c.session.Account)
	if err != nil {
		return false, fmt.Errorf("list sessions: %w", err)
	}
	for i := range all {
		if all[i].ID == id {
			return true, nil
		}
	}
	return false, nil
}
