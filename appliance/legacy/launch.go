package legacy

import (
	"fmt"
	"net/url"
	"strings"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/storage/command"
)

// launch sends a signed-in player's browser to a front end, with a ticket. Any other browser goes to the sign-in page, and comes
// back from there.
func (c *call) launch(g game) (any, error) {
	address, key := c.serve.Slots, "legacy-slots-url"
	switch g {
	case blackjack:
		address, key = c.serve.Blackjack, "legacy-blackjack-url"
	case roulette:
		address, key = c.serve.Roulette, "legacy-roulette-url"
	}
	if address == "" {
		return nil, problem.New("not_found", "The casino does not know where this game's older page is. Its operator can say so with the key %s.", key)
	}
	account, session, err := c.signedIn()
	if err != nil {
		return nil, err
	}
	if session.ID == 0 {
		return c.page("/sign-in?next=" + url.QueryEscape(c.r.URL.Path))
	}
	token, err := c.makeTicket(ticket{account.ID, session.ID, c.o.Now().Add(ticketLife).UnixMilli(), g})
	if err != nil {
		return nil, err
	}
	c.redirect(fmt.Sprintf("%s/?username=%s&token=%s", strings.TrimSuffix(address, "/"), escape(account.Username), token))
	return nil, nil
}

// escape is for a value in a query. A space is %20: the older pages don't read a plus sign as one.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// signedIn finds the player who is signed in with the casino's cookie; a zero session if there is none.
func (c *call) signedIn() (a command.Account, s command.Session, err error) {
	token, fromCookie := auth.Token(c.r, c.o.Secure(c.r))
	hash, ok := auth.HashToken(token)
	if !fromCookie || !ok {
		return a, s, nil
	}
	if err := c.o.Casino.Current(c.r.Context()); err != nil {
		return a, s, err
	}
	s, ok, err = c.o.Casino.Session(hash)
	if err != nil || !ok || s.Scopes != 0 || !s.ExpiresAt.After(c.o.Now()) {
		return a, command.Session{}, err
	}
	if a, ok, err = c.o.Casino.Account(s.Account); err != nil || !ok {
		return a, command.Session{}, err
	}
	return a, s, nil
}
