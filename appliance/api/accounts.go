package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/storage/command"
)

// signedIn answers a sign-up and a sign-in.
type signedIn struct {
	Account   accountView       `json:"account"`
	Token     string            `json:"token"`
	ExpiresAt timestamp         `json:"expires_at"`
	SessionID command.SessionID `json:"session_id,string"`
}

// ownAccount is the address at which players find their account.
const ownAccount = "/api/v1/me"

func (a *API) openAccount(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		Username text `json:"username"`
		Email    text `json:"email"`
		Password text `json:"password"`
		// Invitation is the code of one, where the house asks for it.
		Invitation text `json:"invitation"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("username", in.Username.given), require("email", in.Email.given),
		require("password", in.Password.given)); err != nil {
		return answer{}, err
	}
	body := new(command.OpenAccount)
	var err error
	if body.Username, body.UsernameKey, err = auth.Username(in.Username.value); err != nil {
		return answer{}, err
	}
	if body.Email, body.EmailKey, err = auth.Email(in.Email.value); err != nil {
		return answer{}, err
	}
	if err := errors.Join(auth.CheckReserved(body.Username, body.UsernameKey),
		auth.CheckPassword(in.Password.value, body.Username, body.Email)); err != nil {
		return answer{}, err
	}
	key, err := c.key()
	if err != nil {
		return answer{}, err
	}
	if err := a.o.Casino.Current(c.r.Context()); err != nil {
		return answer{}, err
	}
	ans, err := a.signUp(c, key, body, in.Password.value, in.Invitation.value)
	if err != nil && key != (command.Key{}) && problem.Of(err).Code == "username_taken" {
		return a.signUpAgain(c, key, body, in.Password.value, err)
	}
	return ans, err
}

func (a *API) signUp(c *call, key command.Key, body *command.OpenAccount, password, invitation string) (answer, error) {
	// The machine checks this again. Checked here, it saves the work of hashing.
	err := a.checkFree(body)
	if err != nil {
		return answer{}, err
	}
	if body.Invitation, err = a.invitation(c, invitation); err != nil {
		return answer{}, err
	}
	if body.PasswordHash, err = a.o.Passwords.Hash(c.r.Context(), false, password); err != nil {
		return answer{}, err
	}
	if err := a.stillWaiting(c); err != nil {
		return answer{}, err
	}
	token, session, err := a.newSession(c)
	if err != nil {
		return answer{}, err
	}
	body.Role, body.WelcomeCoins, body.Session = command.RolePlayer, c.terms.WelcomeCoins, &session
	res, err := a.propose(c, 0, key, 2*command.SeedSize, *body)
	if err != nil {
		return answer{}, err
	}
	opened, err := valueOf[command.AccountOpened](res)
	if err != nil {
		return answer{}, err
	}
	if opened.Session == nil {
		return answer{}, errors.New("the machine opened an account without the session that was asked for")
	}
	c.named = opened.Account.ID
	ans, err := a.signedIn(c, token, &opened.Account, opened.Session)
	ans.location = ownAccount
	return ans, err
}

// signUpAgain answers a sign-up whose name is taken, if it seems to be the same request sent again: it has the same key and
// the same names. A client that knows the password is signed in, as by the first answer. Any other gets the refusal.
func (a *API) signUpAgain(c *call, key command.Key, body *command.OpenAccount, password string, taken error) (answer, error) {
	named, known, err := a.o.Casino.Credentials(body.UsernameKey)
	if err != nil {
		return answer{}, fmt.Errorf("look for username: %w", err)
	}
	mailed, _, err := a.o.Casino.Credentials(body.EmailKey)
	if err != nil {
		return answer{}, fmt.Errorf("look for e-mail address: %w", err)
	}
	if !known || named.OpenedUnder != key || mailed.Account != named.Account {
		return answer{}, taken
	}
	ans, err := a.signIn(c, body.UsernameKey, password)
	if err != nil && problem.Of(err).Code == "invalid_credentials" {
		return answer{}, taken
	}
	ans.replayed, ans.location = true, ownAccount
	return ans, err
}

// checkFree refuses a new account whose name or address somebody has.
func (a *API) checkFree(body *command.OpenAccount) error {
	if _, taken, err := a.o.Casino.Credentials(body.UsernameKey); err != nil {
		return fmt.Errorf("look for username: %w", err)
	} else if taken {
		return refuse("username_taken", "This username is taken. Choose another one.")
	}
	if _, taken, err := a.o.Casino.Credentials(body.EmailKey); err != nil {
		return fmt.Errorf("look for e-mail address: %w", err)
	} else if taken {
		return refuse("email_taken", "There is an account with this e-mail address already. Sign in, or use another address.")
	}
	return nil
}

// newSession draws a token, and makes the session that it opens. Every sign-in gets a new one, whatever the client sent.
func (a *API) newSession(c *call) (token string, s command.NewSession, err error) {
	token, hash, err := auth.NewToken(a.o.Random)
	if err != nil {
		return "", s, err
	}
	agent := strings.ToValidUTF8(c.r.UserAgent(), "?")
	if len(agent) > 256 {
		agent = strings.ToValidUTF8(agent[:256], "")
	}
	from := network(a.o.Client(c.r))
	return token, command.NewSession{
		Token: hash, Lifetime: c.terms.SessionLifetime.Milliseconds(), UserAgent: agent,
		Address: from, Network: a.o.Subjects.Network(from),
	}, nil
}

// signedIn answers with the session, and lets the browser be known to the account from now on.
func (a *API) signedIn(c *call, token string, account *command.Account, s *command.Session) (answer, error) {
	device, err := a.devices(c).Cookie(c.r, account.ID, c.now, c.secure, a.o.Subjects, a.o.Random)
	if err != nil {
		return answer{}, err
	}
	return answer{
		status:   http.StatusCreated,
		location: "/api/v1/sessions/" + strconv.FormatUint(uint64(s.ID), 10),
		value: signedIn{
			Account: viewAccount(account, c.now), Token: token, ExpiresAt: timestamp(s.ExpiresAt), SessionID: s.ID,
		},
		cookie: auth.Cookie(c.r, token, s.ExpiresAt, c.secure), device: device,
	}, nil
}

// devices are the accounts that know the client's browser.
func (a *API) devices(c *call) auth.Devices {
	return auth.ReadDevices(c.r, c.secure, c.now, a.o.Subjects)
}

// network identifies a client: by its IPv4 address, or by the /64 of its IPv6 address, since a client has all of that.
func network(addr netip.Addr) string {
	if addr.Is6() && !addr.Is4In6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}
