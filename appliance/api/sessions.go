package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

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
	cred, known, subject, verified, err := a.checkPassword(c, login, password)
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
	if err := a.stillWaiting(c); err != nil {
		return answer{}, err
	}
	token, session, err := a.newSession(c)
	if err != nil {
		return answer{}, err
	}
	body := command.OpenSession{
		Session: session, Subject: subject, Rehash: verified.Rehash, OldHash: cred.PasswordHash,
	}
	res, err := a.propose(c, cred.Account, command.Key{}, 0, body)
	if err != nil {
		return answer{}, err
	}
	opened, err := valueOf[command.SessionOpened](res)
	if err != nil {
		return answer{}, err
	}
	return a.signedIn(c, token, &opened.Account, &opened.Session)
}

func excluded(cred command.Credentials) *problem.Problem {
	p := refuse("excluded", "You excluded yourself until %s. Nobody can shorten that.", cred.Excluded.UTC().Format("2 January 2006"))
	if !cred.Excluded.Before(command.ForEver) {
		p.Detail = "You excluded yourself for ever. Nobody can undo that."
	}
	p.NextAt = cred.Excluded
	return p
}

// checkPassword checks the password of a login. An unknown login takes the same path, and the same time.
func (a *API) checkPassword(c *call, login, password string) (cred command.Credentials, known bool, subject command.Subject, v auth.Verified, err error) {
	if cred, known, err = a.o.Casino.Credentials(login); err != nil {
		return cred, known, subject, v, fmt.Errorf("find credentials: %w", err)
	}
	if known {
		c.named = cred.Account
	}
	subject, familiar := a.subject(c, login, cred, known)
	turn, err := a.o.Passwords.Turn(c.r.Context(), familiar)
	if err != nil {
		return cred, known, subject, v, a.waitFailed(c, err)
	}
	defer turn.End()
	v, err = a.tryPassword(c, turn, subject, cred, password)
	return cred, known, subject, v, err
}

// subject is whose tries a sign-in uses up. Browsers and networks that the account has signed in from before have tries of
// their own, so strangers can't lock a player out. All strangers together share those of the account, whether they name it by
// username or by e-mail address. familiar tells the two kinds apart.
func (a *API) subject(c *call, login string, cred command.Credentials, known bool) (s command.Subject, familiar bool) {
	device, byDevice := a.devices(c).Of(cred.Account)
	from := a.o.Subjects.Network(network(a.o.Client(c.r)))
	switch {
	case !known:
		return a.o.Subjects.Login(login), false
	case byDevice:
		return a.o.Subjects.Device(cred.Account, device), true
	case slices.Contains(cred.Networks, from):
		return a.o.Subjects.From(cred.Account, from), true
	}
	return a.o.Subjects.Account(cred.Account), false
}

// tryPassword uses up one try of a subject, and then checks the password. The try is durable before the check, so neither
// parallel guesses nor a restart give more tries. It comes after the wait for the turn, so a wait that is too long costs none.
func (a *API) tryPassword(c *call, turn *auth.Turn, subject command.Subject, cred command.Credentials, password string) (auth.Verified, error) {
	attempt := command.AttemptSignIn{Subject: subject, Tries: c.terms.SignInTries, Refill: c.terms.SignInRefill.Milliseconds()}
	if _, err := a.propose(c, cred.Account, command.Key{}, 0, attempt); err != nil {
		return auth.Verified{}, err
	}
	v, err := turn.Verify(cred.PasswordHash, password)
	if err != nil {
		return auth.Verified{}, fmt.Errorf("check password: %w", err)
	}
	return v, nil
}

// errGone says that nobody waits for the answer any more.
var errGone = errors.New("the client has gone")

// waitFailed tells a client that went away from a queue that is too long.
func (a *API) waitFailed(c *call, err error) error {
	if c.r.Context().Err() != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

// stillWaiting refuses to go on, after the work on a password, for a client that has gone or is about to be cut off: nothing
// may be changed behind its back.
func (a *API) stillWaiting(c *call) error {
	if err := c.r.Context().Err(); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if a.o.AnswerWithin > 0 && time.Since(c.began) > a.o.AnswerWithin {
		return auth.ErrBusy
	}
	return nil
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
	list, err := a.sessions(c, false)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: struct {
		Sessions []sessionView `json:"sessions"`
	}{viewAll(list, func(s *command.Session) sessionView { return viewSession(s, c.session.ID) })}}, nil
}

func viewSession(s *command.Session, current command.SessionID) sessionView {
	return sessionView{
		ID: s.ID, CreatedAt: timestamp(s.CreatedAt), ExpiresAt: timestamp(s.ExpiresAt),
		UserAgent: s.UserAgent, Address: s.Address, Current: s.ID == current,
	}
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
		if own, err := a.hasSession(c, false, id); err != nil {
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

var errNoSession = refuse("session_not_found", "You have no session with this id.")

// hasSession says whether the account has a valid session with an id: a personal access token, or another.
func (a *API) hasSession(c *call, tokens bool, id command.SessionID) (bool, error) {
	list, err := a.sessions(c, tokens)
	return slices.ContainsFunc(list, func(s command.Session) bool { return s.ID == id }), err
}
