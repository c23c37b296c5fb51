package legacy

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/storage/command"
)

// The older clients take a token from their address, and use it for every call from then on. A token in an address gets into
// logs, histories and referrers. So it is not the session's token but a ticket T, which is good for a minute and for one use.
//
// The first use of T opens a session with the token X, which follows from T, the client's network and its user agent by a keyed
// hash. X is never sent. Later calls with T from the same browser give the same X, which finds the session. From anywhere else, T
// gives another X, which finds none. That T opens one session alone is the machine's work: the session is opened under
// an idempotency key that follows from T, so another X is another request under the same key, and refused.
//
// The casino stores nothing for a ticket. It names its account and the session that it was made for, and is authenticated.
const (
	ticketLife  = time.Minute
	sessionLife = 12 * time.Hour
)

// game is what a front end plays.
type game byte

const (
	slots game = iota + 1
	blackjack
	roulette
)

func (g game) String() string {
	switch g {
	case slots:
		return "slots"
	case blackjack:
		return "blackjack"
	case roulette:
		return "roulette"
	}
	return fmt.Sprint("game ", byte(g))
}

// ticket is what T holds.
type ticket struct {
	account  command.AccountID
	launcher command.SessionID // the player's session: what is launched ends with it
	until    int64             // milliseconds since 1970, by the casino's time
	game     game
}

// The sizes of a ticket in bytes: what it holds and a random number, and the proof that the casino made it.
const (
	ticketRandom = 15
	ticketBody   = 3*8 + 1 + ticketRandom
	ticketBytes  = ticketBody + 32
)

var ticketText = base64.RawURLEncoding.Strict()

// makeTicket makes T.
func (l *Legacy) makeTicket(t ticket) (string, error) {
	b := make([]byte, ticketBody, ticketBytes)
	binary.BigEndian.PutUint64(b[0:], uint64(t.account))
	binary.BigEndian.PutUint64(b[8:], uint64(t.launcher))
	binary.BigEndian.PutUint64(b[16:], uint64(t.until))
	b[24] = byte(t.game)
	if _, err := io.ReadFull(l.o.Random, b[25:]); err != nil {
		return "", fmt.Errorf("draw a ticket: %w", err)
	}
	return ticketText.EncodeToString(append(b, l.proof(b)...)), nil
}

// readTicket reads T; ok is false for what the casino has not made.
func (l *Legacy) readTicket(text string) (t ticket, ok bool) {
	if len(text) != ticketText.EncodedLen(ticketBytes) {
		return t, false
	}
	b, err := ticketText.DecodeString(text)
	if err != nil || !hmac.Equal(b[ticketBody:], l.proof(b[:ticketBody])) {
		return t, false
	}
	return ticket{
		command.AccountID(binary.BigEndian.Uint64(b[0:])), command.SessionID(binary.BigEndian.Uint64(b[8:])),
		int64(binary.BigEndian.Uint64(b[16:])), game(b[24]),
	}, true
}

func (l *Legacy) proof(body []byte) []byte {
	sum := l.o.Sign(append([]byte("ticket\x00"), body...))
	return sum[:]
}

// sessionToken is X, in the form of every session's token.
func (l *Legacy) sessionToken(text, network, agent string) string {
	sum := l.o.Sign([]byte("session\x00" + text + "\x00" + network + "\x00" + agent))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var errNoSession = problem.New("unauthenticated", "This page's session has ended, or was opened by another browser or network. Open the game from the casino again.")

// authenticate finds the token of the session that a client's token stands for: of the ticket's session, or of a session or a
// personal access token of the API, which stands for itself. The API judges the result.
func (c *call) authenticate(token string) error {
	if token == "" || token == "null" || token == "undefined" { // what a page sends that has no token yet
		return problem.New("unauthenticated", "There is no token. Open the game from the casino.")
	}
	t, ok := c.readTicket(token)
	if !ok {
		c.token = token
		return nil
	}
	c.token = c.sessionToken(token, c.o.Network(c.r), agent(c.r))
	hash, _ := auth.HashToken(c.token)
	if err := c.o.Casino.Current(c.r.Context()); err != nil {
		return err
	}
	switch _, known, err := c.o.Casino.Session(hash); {
	case err != nil:
		return fmt.Errorf("find session: %w", err)
	case known:
		return nil
	case c.o.Now().UnixMilli() >= t.until:
		return errNoSession
	}
	return c.exchange(token, t, hash)
}

// exchange opens the session of a ticket at its first use. Of two uses at once, by one browser, both find it.
func (c *call) exchange(token string, t ticket, hash command.TokenHash) error {
	if r := c.o.Spare(); r != nil {
		return r
	}
	body := command.CreateToken{Launcher: t.launcher, Session: command.NewSession{
		Token: hash, Lifetime: sessionLife.Milliseconds(), UserAgent: agent(c.r), Address: c.o.Network(c.r),
		Name: "Front end: " + t.game.String(), Scopes: command.AllScopes,
	}}
	cmd := command.Command{Account: t.account, Key: command.KeyOf("ticket " + token), Body: body}
	res, err := command.Propose(c.r.Context(), c.o.Casino, c.o.Random, cmd, 0)
	if err == nil {
		opened, err := command.ValueOf[command.SessionOpened](res)
		if err == nil && opened.Session.ID == 0 {
			return errNoSession // the ticket was used before, and its session has ended since
		}
		return err
	}
	switch problem.Of(err).Code {
	case "idempotency_mismatch", "session_not_found", "invalid_session", "account_not_found":
		return errNoSession
	}
	return err
}

// longestAgent bounds what a session remembers of a User-Agent header, in bytes.
const longestAgent = 256

func agent(r *http.Request) string {
	agent := strings.ToValidUTF8(r.UserAgent(), "?")
	if len(agent) > longestAgent {
		agent = strings.ToValidUTF8(agent[:longestAgent], "")
	}
	return agent
}
