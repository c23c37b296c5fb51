package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage/command"
)

const (
	liveBuffer     = 32               // events that wait for a client; one that reads more slowly is cut off
	livePerAccount = 8                // connections of one account
	livePing       = 25 * time.Second // how often a connection and its session are looked after
	// liveWrite is how long a client may take to read an event or answer a ping. Then it is cut off without a close code,
	// which would have to wait behind what it does not read.
	liveWrite       = 10 * time.Second
	liveMessageSize = 1 << 10 // clients have nothing to say; control frames are small
)

// closeSessionEnded is the close code when the player signed out, was locked or excluded, or the session expired. The
// others are of RFC 6455: going away (the server stops), try again later (the client read too slowly), policy
// violation (the client sent a message).
const closeSessionEnded = websocket.StatusCode(4001)

// event is what a live connection tells. Seq grows with every change of the casino, so that a client can tell an older
// balance from a newer one.
type event struct {
	Type      string      `json:"type"` // "balance" or "round"
	Seq       uint64      `json:"seq"`
	Coins     games.Coins `json:"coins"`
	HeldCoins games.Coins `json:"held_coins"`
	Round     *roundView  `json:"round,omitempty"`
}

// hub knows the live connections of this node.
type hub struct {
	mu       sync.Mutex
	accounts map[command.AccountID]map[*liveConn]struct{} // guarded by mu
	closing  bool                                         // guarded by mu
	wait     sync.WaitGroup                               // the handlers of all connections
}

// liveConn is one connection. Its handler is the only one that reads events and end.
type liveConn struct {
	session command.SessionID
	events  chan []byte
	end     chan websocket.StatusCode // why the connection is to end; holds the first reason
}

func newHub() *hub { return &hub{accounts: make(map[command.AccountID]map[*liveConn]struct{})} }

func (h *hub) join(account command.AccountID, session command.SessionID) (*liveConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, command.ErrUnavailable
	}
	conns := h.accounts[account]
	if len(conns) >= livePerAccount {
		return nil, refuse("too_many_connections", "You have %d live connections already. Close one.", livePerAccount)
	}
	if conns == nil {
		conns = make(map[*liveConn]struct{})
		h.accounts[account] = conns
	}
	c := &liveConn{session: session, events: make(chan []byte, liveBuffer), end: make(chan websocket.StatusCode, 1)}
	conns[c] = struct{}{}
	h.wait.Add(1)
	return c, nil
}

func (h *hub) leave(account command.AccountID, c *liveConn) {
	h.mu.Lock()
	delete(h.accounts[account], c)
	if len(h.accounts[account]) == 0 {
		delete(h.accounts, account)
	}
	h.mu.Unlock()
	h.wait.Done()
}

// count is how many connections there are.
func (h *hub) count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, conns := range h.accounts {
		n += len(conns)
	}
	return n
}

// listens tells whether anybody wants to know of an account.
func (h *hub) listens(account command.AccountID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.accounts[account]) != 0
}

// publish tells all connections of an account. It never waits: a connection whose buffer is full is ended.
func (h *hub) publish(account command.AccountID, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.accounts[account] {
		select {
		case c.events <- data:
		default:
			c.stop(websocket.StatusTryAgainLater)
		}
	}
}

// endSessions ends the connections of those of an account's sessions that have ended.
func (h *hub) endSessions(account command.AccountID, ended func(command.SessionID) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.accounts[account] {
		if ended(c.session) {
			c.stop(closeSessionEnded)
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	h.closing = true
	for _, conns := range h.accounts {
		for c := range conns {
			c.stop(websocket.StatusGoingAway)
		}
	}
	h.mu.Unlock()
	h.wait.Wait()
}

func (c *liveConn) stop(code websocket.StatusCode) {
	select {
	case c.end <- code:
	default: // it is already ending
	}
}

func (a *API) serveLive(c *call) (answer, error) {
	if !strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") {
		return answer{}, refuse("bad_request", "This address speaks WebSocket only.")
	}
	if err := checkLiveOrigin(c.r, c.secure); err != nil {
		return answer{}, err
	}
	account, session := c.session.Account, c.session.ID
	lc, err := a.live.join(account, session)
	if err != nil {
		return answer{}, err
	}
	defer a.live.leave(account, lc)
	first, err := a.balance(account, 0)
	if err != nil {
		return answer{}, err
	}
	token, _ := auth.Token(c.r, c.secure)
	hash, _ := auth.HashToken(token)
	// The origin was checked above, so that a refusal is said like all others.
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return answer{taken: true, status: http.StatusBadRequest}, nil // Accept has answered
	}
	conn.SetReadLimit(liveMessageSize)
	ctx, cancel := context.WithCancel(c.r.Context())
	read := make(chan struct{})
	go func() {
		defer close(read)
		// Pings, pongs and the client's close are answered in here.
		switch _, _, err := conn.Reader(ctx); {
		case err == nil:
			lc.stop(websocket.StatusPolicyViolation) // a message, of which there are none
		case websocket.CloseStatus(err) == -1:
			lc.stop(websocket.StatusProtocolError) // no WebSocket, or nobody there any more, who hears nothing
		default:
			cancel() // the client has gone
		}
	}()
	_ = conn.Close(a.feed(ctx, conn, lc, hash, first), "") // whether it was heard changes nothing
	cancel()
	<-read
	return answer{taken: true, status: http.StatusSwitchingProtocols}, nil
}

// feed sends a connection what it is to know until there is a reason to end it.
func (a *API) feed(ctx context.Context, conn *websocket.Conn, lc *liveConn, hash command.TokenHash, first []byte) websocket.StatusCode {
	tick := time.NewTicker(livePing)
	defer tick.Stop()
	next := first
	for {
		if next != nil {
			if err := writeLive(ctx, conn, next); err != nil {
				return websocket.StatusNormalClosure
			}
		}
		next = nil
		select {
		case code := <-lc.end:
			return code
		case next = <-lc.events:
		case <-tick.C:
			// Sessions also end elsewhere: on another node, by an operator, by time.
			s, ok, err := a.o.Casino.Session(hash)
			if err == nil && (!ok || !s.ExpiresAt.After(a.o.Now())) {
				return closeSessionEnded
			}
			pong, cancel := context.WithTimeout(ctx, liveWrite)
			err = conn.Ping(pong)
			cancel()
			if err != nil {
				return websocket.StatusNormalClosure
			}
		case <-ctx.Done():
			return websocket.StatusNormalClosure
		}
	}
}

func writeLive(ctx context.Context, conn *websocket.Conn, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, liveWrite)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, data)
}

// checkLiveOrigin refuses pages of other sites, which browsers let open WebSockets with our cookie.
func checkLiveOrigin(r *http.Request, secure bool) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil // not a browser
	}
	u, err := url.Parse(origin)
	// A page that came over plain HTTP can be anybody's, whatever host it names.
	if err != nil || !strings.EqualFold(u.Host, r.Host) || secure && u.Scheme != "https" {
		return refuse("forbidden", "Pages of other sites can't listen here.")
	}
	return nil
}

// balance is an event that says what an account has.
func (a *API) balance(id command.AccountID, seq uint64) ([]byte, error) {
	account, ok, err := a.o.Casino.Account(id)
	if err != nil || !ok {
		return nil, errors.Join(errors.New("find account for its live connection"), err)
	}
	return marshalEvent(&event{Type: "balance", Seq: seq, Coins: account.Coins, HeldCoins: account.HeldCoins})
}

func marshalEvent(e *event) ([]byte, error) {
	var b bytes.Buffer
	err := json.MarshalWrite(&b, e, marshalOptions)
	return b.Bytes(), err
}

// RoundChanged tells the live connections of its player of a round, as the event seq of the history left it. Nobody is
// told twice of one.
func (a *API) RoundChanged(seq uint64, r *command.RoundResult) {
	id := r.Round.Account
	if !a.live.listens(id) {
		return
	}
	v, err := viewRound(a.o.Games, &r.Round)
	if err == nil {
		v.allowWithin(r.Coins)
		var data []byte
		if data, err = marshalEvent(&event{Type: "round", Seq: seq, Coins: r.Coins, HeldCoins: r.Held, Round: &v}); err == nil {
			a.live.publish(id, data)
			return
		}
	}
	a.o.Log.Error("a player could not be told of a round", "account", uint64(id), "round", uint64(r.Round.ID), "error", err)
}

// BalanceChanged tells the live connections of an account that its coins changed with the event seq of the history, by
// a command that did not come through this API's routes.
func (a *API) BalanceChanged(id command.AccountID, seq uint64) {
	if !a.live.listens(id) {
		return
	}
	if data, err := a.balance(id, seq); err == nil {
		a.live.publish(id, data)
	}
}

// SessionsEnded ends the live connections of an account, all of whose sessions were ended by a command that did not
// come through this API's routes.
func (a *API) SessionsEnded(id command.AccountID) {
	a.live.endSessions(id, func(command.SessionID) bool { return true })
}
