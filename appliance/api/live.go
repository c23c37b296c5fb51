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
	liveBuffer     = 32               // messages that may wait for a client; a slower one is disconnected
	livePerAccount = 8                // connections that one account may have
	livePing       = 25 * time.Second // how often a connection and its session are checked
	// liveWrite is how long a client may take to read a message or to answer a ping. Then it is disconnected without a close
	// code, which would wait behind what the client doesn't read.
	liveWrite = 10 * time.Second
	// liveGoodbye is how long clients may take to answer the close frame of a server that stops. Other clients wait meanwhile.
	liveGoodbye     = 250 * time.Millisecond
	liveMessageSize = 1 << 10 // clients only send control frames, which are small
)

// closeSessionEnded is the close code when the session has ended: the player signed out, was locked or excluded, or it
// expired. The others are those of RFC 6455: going away (the server stops), try again later (messages were lost), policy
// violation (the client sent a message).
const closeSessionEnded = websocket.StatusCode(4001)

// message is what the server sends. Seq is the number of the event in the history: of two messages, the one with the higher
// Seq has the newer balance.
type message struct {
	Type      string      `json:"type"` // "balance" or "round"
	Seq       uint64      `json:"seq"`
	Coins     games.Coins `json:"coins"`
	HeldCoins games.Coins `json:"held_coins"`
	Round     *roundView  `json:"round,omitempty"`
	// Achievements are those that the player has reached with the event.
	Achievements []achievementView `json:"achievements,omitempty"`
}

// hub knows the live connections of this node.
type hub struct {
	mu       sync.Mutex
	accounts map[command.AccountID]map[*liveConn]struct{} // guarded by mu
	closing  bool                                         // guarded by mu
	wait     sync.WaitGroup                               // the handlers of all connections
	over     context.Context                              // ends when connections are cut
	cut      context.CancelFunc
}

// liveConn is one connection. Only its handler reads the channels.
type liveConn struct {
	messages chan []byte
	check    chan struct{}             // the session may have ended
	end      chan websocket.StatusCode // why the connection is to end; holds the first reason
}

func newHub() *hub {
	h := &hub{accounts: make(map[command.AccountID]map[*liveConn]struct{})}
	h.over, h.cut = context.WithCancel(context.Background())
	return h
}

// errClosing says that live connections end.
var errClosing = errors.New("live connections end")

// join adds a connection of an account. Its errors are errClosing and a *problem.Problem.
func (h *hub) join(account command.AccountID) (*liveConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, errClosing
	}
	conns := h.accounts[account]
	if len(conns) >= livePerAccount {
		return nil, refuse("too_many_connections", "You have %d live connections already. Close one.", livePerAccount)
	}
	if conns == nil {
		conns = make(map[*liveConn]struct{})
		h.accounts[account] = conns
	}
	c := &liveConn{messages: make(chan []byte, liveBuffer), check: make(chan struct{}, 1), end: make(chan websocket.StatusCode, 1)}
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

// listens reports whether an account has live connections.
func (h *hub) listens(account command.AccountID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.accounts[account]) != 0
}

// publish sends a message to all connections of an account. It never waits: if the buffer of a connection is full, that
// connection ends.
func (h *hub) publish(account command.AccountID, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.accounts[account] {
		select {
		case c.messages <- data:
		default:
			c.stop(websocket.StatusTryAgainLater)
		}
	}
}

// checkSessions makes all connections of an account check whether their sessions have ended.
func (h *hub) checkSessions(account command.AccountID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.accounts[account] {
		select {
		case c.check <- struct{}{}:
		default: // it is about to check
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	h.endAll(websocket.StatusGoingAway)
	patience := time.AfterFunc(liveGoodbye, h.cut)
	h.wait.Wait()
	patience.Stop()
	h.cut()
}

// endAll ends all connections.
func (h *hub) endAll(why websocket.StatusCode) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, conns := range h.accounts {
		for c := range conns {
			c.stop(why)
		}
	}
}

func (c *liveConn) stop(code websocket.StatusCode) {
	select {
	case c.end <- code:
	default: // it is already ending
	}
}

func (a *API) serveLive(c *call) (answer, error) {
	if !strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") {
		return answer{}, refuse("bad_request", "This address only speaks WebSocket.")
	}
	if err := checkLiveOrigin(c.r, c.secure); err != nil {
		return answer{}, err
	}
	account := c.session.Account
	lc, err := a.live.join(account)
	if errors.Is(err, errClosing) {
		return goodbye(c), nil
	}
	if err != nil {
		return answer{}, err
	}
	defer a.live.leave(account, lc)
	first, err := a.balance(account)
	if err != nil {
		return answer{}, err
	}
	token, _ := auth.Token(c.r, c.secure)
	hash, _ := auth.HashToken(token)
	// The origin was checked above, so that its refusal is a problem document like all others.
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return answer{taken: true, status: http.StatusBadRequest}, nil // Accept has answered
	}
	defer context.AfterFunc(a.live.over, func() { conn.CloseNow() })()
	conn.SetReadLimit(liveMessageSize)
	ctx, cancel := context.WithCancel(c.r.Context())
	read := make(chan struct{})
	go func() {
		defer close(read)
		// Reader answers pings, pongs and the client's close.
		switch _, _, err := conn.Reader(ctx); {
		case err == nil:
			lc.stop(websocket.StatusPolicyViolation) // clients have no messages to send
		case websocket.CloseStatus(err) == -1:
			lc.stop(websocket.StatusProtocolError) // this is no WebSocket, or the client is gone
		default:
			cancel() // the client has gone
		}
	}()
	_ = conn.Close(a.feed(ctx, conn, lc, hash, first), "") // the client may be gone
	cancel()
	<-read
	return answer{taken: true, status: http.StatusSwitchingProtocols}, nil
}

// goodbye answers a client whose request was on its way when the casino began to close, as it answers those that were connected:
// the client comes again, and finds the next process. An error would look like a failure.
func goodbye(c *call) answer {
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the origin was checked
	if err != nil {
		return answer{taken: true, status: http.StatusBadRequest} // Accept has answered
	}
	patience := time.AfterFunc(liveGoodbye, func() { conn.CloseNow() })
	defer patience.Stop()
	_ = conn.Close(websocket.StatusGoingAway, "") // the client may be gone
	return answer{taken: true, status: http.StatusSwitchingProtocols}
}

// feed sends the messages of a connection until there is a reason to end it.
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
		case next = <-lc.messages:
		case <-lc.check:
			if a.sessionEnded(ctx, hash) {
				return closeSessionEnded
			}
		case <-tick.C:
			if a.sessionEnded(ctx, hash) { // it expires without an event
				return closeSessionEnded
			}
			pong, cancel := context.WithTimeout(ctx, liveWrite)
			err := conn.Ping(pong)
			cancel()
			if err != nil {
				return websocket.StatusNormalClosure
			}
		case <-ctx.Done():
			return websocket.StatusNormalClosure
		}
	}
}

// sessionEnded reports whether a session is known to have ended.
func (a *API) sessionEnded(ctx context.Context, hash command.TokenHash) bool {
	if a.o.Casino.Current(ctx) != nil {
		return false
	}
	s, ok, err := a.o.Casino.Session(hash)
	return err == nil && (!ok || !s.ExpiresAt.After(a.o.Now()))
}

func writeLive(ctx context.Context, conn *websocket.Conn, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, liveWrite)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, data)
}

// checkLiveOrigin refuses pages of other sites: browsers let them open WebSockets with our cookie.
func checkLiveOrigin(r *http.Request, secure bool) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil // not a browser
	}
	u, err := url.Parse(origin)
	// A page that came over plain HTTP can be forged, whatever host it names.
	if err != nil || !strings.EqualFold(u.Host, r.Host) || secure && u.Scheme != "https" {
		return refuse("forbidden", "Pages of other sites can't listen here.")
	}
	return nil
}

// balance is a message with an account's balance.
func (a *API) balance(id command.AccountID) ([]byte, error) {
	account, ok, err := a.o.Casino.Account(id)
	if err != nil || !ok {
		return nil, errors.Join(errors.New("find account for its live connection"), err)
	}
	m := message{Type: "balance", Coins: account.Coins, HeldCoins: account.HeldCoins}
	return m.marshal()
}

func (m *message) marshal() ([]byte, error) {
	var b bytes.Buffer
	err := json.MarshalWrite(&b, m, marshalOptions)
	return b.Bytes(), err
}
