package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// signedIn answers a sign-up and a sign-in.
type signedIn struct {
	Account   accountView       `json:"account"`
	Token     string            `json:"token"`
	ExpiresAt timestamp         `json:"expires_at"`
	SessionID command.SessionID `json:"session_id,string"`
}

func (a *API) openAccount(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		Username text `json:"username"`
		Email    text `json:"email"`
		Password text `json:"password"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := errors.Join(require("username", in.Username.given), require("email", in.Email.given),
		require("password", in.Password.given)); err != nil {
		return answer{}, err
	}
	body, err := newAccount(in.Username.value, in.Email.value)
	if err == nil && body.Email == "" {
		err = refuse("invalid_email", "%s.", sentence(auth.ErrEmail))
	}
	if err != nil {
		return answer{}, err
	}
	key, err := c.key()
	if err != nil {
		return answer{}, err
	}
	ans, err := a.signUp(c, key, body, in.Password.value)
	if err != nil && key != (command.Key{}) && problemOf(err).code == "username_taken" {
		return a.signUpAgain(c, key, body, in.Password.value, err)
	}
	return ans, err
}

func (a *API) signUp(c *call, key command.Key, body *command.OpenAccount, password string) (answer, error) {
	// The machine checks this again; asked here, nobody waits for a hash that is not needed.
	err := checkFree(a.o.Casino, body)
	if err != nil {
		return answer{}, err
	}
	if body.PasswordHash, err = a.hashPassword(c, password); err != nil {
		return answer{}, err
	}
	token, session, err := a.newSession(c)
	if err != nil {
		return answer{}, err
	}
	body.Role, body.WelcomeCoins, body.Session = command.RolePlayer, a.o.WelcomeCoins, &session
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
	return a.signedIn(c, token, &opened.Account, opened.Session), nil
}

// signUpAgain answers a sign-up whose name is taken, by the same request as it seems: under the same key, with the same
// names. Whoever knows the password too is signed in, as the first answer would have done; anybody else is told what
// that was: taken.
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
	if err != nil && problemOf(err).code == "invalid_credentials" {
		return answer{}, taken
	}
	ans.replayed = true
	return ans, err
}

// newAccount checks the names of a new account. An empty address means that there is none.
func newAccount(username, email string) (*command.OpenAccount, error) {
	var body command.OpenAccount
	var err error
	if body.Username, body.UsernameKey, err = auth.Username(username); err != nil {
		return nil, refuse("invalid_username", "%s.", sentence(err))
	}
	if email == "" {
		return &body, nil
	}
	if body.Email, body.EmailKey, err = auth.Email(email); err != nil {
		return nil, refuse("invalid_email", "%s.", sentence(err))
	}
	return &body, nil
}

func checkFree(casino interface {
	Credentials(string) (command.Credentials, bool, error)
}, body *command.OpenAccount) error {
	if _, taken, err := casino.Credentials(body.UsernameKey); err != nil {
		return fmt.Errorf("look for username: %w", err)
	} else if taken {
		return refuse("username_taken", "This username belongs to somebody. Choose another one.")
	}
	if body.EmailKey == "" {
		return nil
	}
	if _, taken, err := casino.Credentials(body.EmailKey); err != nil {
		return fmt.Errorf("look for e-mail address: %w", err)
	} else if taken {
		return refuse("email_taken", "There is an account with this e-mail address. Sign in with it, or use another one.")
	}
	return nil
}

// hashPassword hashes a password that a player chose.
func (a *API) hashPassword(c *call, password string) (string, error) {
	hash, err := a.o.Passwords.Hash(c.r.Context(), password)
	if errors.Is(err, auth.ErrPasswordLength) {
		return "", refuse("invalid_password", "%s.", sentence(err))
	}
	return hash, err
}

// newSession draws a token and the session that it opens. Every sign-in gets a fresh one, whatever the client sent.
func (a *API) newSession(c *call) (token string, s command.NewSession, err error) {
	token, hash, err := auth.NewToken(a.o.Random)
	if err != nil {
		return "", s, err
	}
	agent := strings.ToValidUTF8(c.r.UserAgent(), "?")
	if len(agent) > 256 {
		agent = strings.ToValidUTF8(agent[:256], "")
	}
	return token, command.NewSession{
		Token: hash, Lifetime: a.o.SessionLifetime.Milliseconds(), UserAgent: agent,
		Address: network(a.o.Client(c.r)),
	}, nil
}

func (a *API) signedIn(c *call, token string, account *command.Account, s *command.Session) answer {
	return answer{
		status: http.StatusCreated,
		value: signedIn{
			Account: viewAccount(account, c.now), Token: token, ExpiresAt: timestamp(s.ExpiresAt), SessionID: s.ID,
		},
		cookie: auth.Cookie(token, s.ExpiresAt, c.secure),
	}
}

// network is what a client is known by: its IPv4 address, or the /64 of its IPv6 address, all of which it has.
func network(addr netip.Addr) string {
	if addr.Is6() && !addr.Is4In6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// sentence starts an error's text with a capital letter.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
