package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"imperio/storage/command"
)

// The longest name of a personal access token, in characters, and the longest time that it holds, in days.
const (
	longestTokenName = 64
	longestTokenDays = 366
)

// tokenView is a personal access token, without the token itself.
type tokenView struct {
	ID        command.SessionID `json:"id,string"`
	Name      string            `json:"name"`
	Scopes    []string          `json:"scopes"`
	CreatedAt timestamp         `json:"created_at"`
	ExpiresAt timestamp         `json:"expires_at"`
}

func viewToken(s *command.Session) tokenView {
	return tokenView{ID: s.ID, Name: s.Name, Scopes: namesOf(s.Scopes), CreatedAt: timestamp(s.CreatedAt), ExpiresAt: timestamp(s.ExpiresAt)}
}

// sessions lists the valid sessions of the account, newest first: personal access tokens or others.
func (a *API) sessions(c *call, tokens bool) ([]command.Session, error) {
	all, err := a.o.Casino.Sessions(c.session.Account)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return slices.DeleteFunc(all, func(s command.Session) bool {
		return (s.Scopes != 0) != tokens || !s.ExpiresAt.After(c.now)
	}), nil
}

func (a *API) listTokens(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	list, err := a.sessions(c, true)
	if err != nil {
		return answer{}, err
	}
	views := make([]tokenView, len(list))
	for i := range list {
		views[i] = viewToken(&list[i])
	}
	return answer{status: http.StatusOK, value: struct {
		Tokens []tokenView `json:"tokens"`
	}{views}}, nil
}

// createToken makes a personal access token, for programs that play or watch. Only this answer holds it.
func (a *API) createToken(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		Name   text     `json:"name"`
		Scopes []string `json:"scopes"`
		Days   whole    `json:"days"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("name", in.Name.given), require("scopes", in.Scopes != nil), require("days", in.Days.given)); err != nil {
		return answer{}, err
	}
	if n := utf8.RuneCountInString(in.Name.value); n < 1 || n > longestTokenName || !utf8.ValidString(in.Name.value) || containsControl(in.Name.value) {
		return answer{}, refuse("invalid_token", "The name of a personal access token has 1 to %d characters.", longestTokenName)
	}
	if in.Days.value < 1 || in.Days.value > longestTokenDays {
		return answer{}, refuse("invalid_token", "A personal access token holds 1 to %d days.", longestTokenDays)
	}
	scopes, err := scopesOf(in.Scopes)
	if err != nil {
		return answer{}, err
	}
	token, session, err := a.newSession(c)
	if err != nil {
		return answer{}, err
	}
	session.Network = command.Subject{} // the account knows it, or not, by sign-ins
	session.Name, session.Scopes, session.Lifetime = in.Name.value, scopes, (time.Duration(in.Days.value) * 24 * time.Hour).Milliseconds()
	res, err := a.propose(c, c.session.Account, command.Key{}, 0, command.CreateToken{Session: session})
	if err != nil {
		return answer{}, err
	}
	opened, err := valueOf[command.SessionOpened](res)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, location: "/api/v1/me/tokens", value: struct {
		tokenView
		Token string `json:"token"`
	}{viewToken(&opened.Session), token}}, nil
}

func containsControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

func (a *API) deleteToken(c *call) (answer, error) {
	n, ok := parseID(c.params.ByName("id"))
	if !ok {
		return answer{}, errNoToken
	}
	id := command.SessionID(n)
	if own, err := a.hasSession(c, true, id); err != nil {
		return answer{}, err
	} else if !own {
		return answer{}, errNoToken
	}
	if _, err := a.propose(c, c.session.Account, command.Key{}, 0, command.EndSessions{Session: id}); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

var errNoToken = refuse("token_not_found", "You have no personal access token with this id.")
