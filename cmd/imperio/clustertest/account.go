package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"
)

// Account is a player's account, with a record of everything that the casino said of it. Any number of clients may use it at
// the same time.
type Account struct {
	Name, Token string
	Coins       int64 // when it was opened

	mu    sync.Mutex
	bets  []Bet
	reads []Read
}

// Bet is a bet that was answered, perhaps only when it was sent again under its key.
type Bet struct {
	Client   int       // who made it
	Sent     time.Time // for the first time
	Answered time.Time
	Tries    int
	Request  Request
	Path     string
	Round    Round
	Balance  int64 // of the account, after the bet
}

// Round is a round as the casino tells it.
type Round struct {
	ID      string          `json:"id"`
	Nonce   uint64          `json:"nonce"`
	Staked  int64           `json:"staked"`
	Payout  int64           `json:"payout"`
	Settled bool            `json:"settled"`
	Outcome json.RawMessage `json:"outcome"`
}

// Read is an answer to the question how many coins the account has.
type Read struct {
	Client          int
	Asked, Answered time.Time
	Coins           int64
}

// Bets are all answered bets so far.
func (a *Account) Bets() []Bet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bets[:len(a.bets):len(a.bets)]
}

// Reads are all answered reads so far.
func (a *Account) Reads() []Read {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reads[:len(a.reads):len(a.reads)]
}

func (a *Account) addBet(b Bet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bets = append(a.bets, b)
}

func (a *Account) addRead(r Read) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads = append(a.reads, r)
}

// Open opens an account through a node.
func Open(ctx context.Context, n *Node, name string) (*Account, error) {
	status, body, err := n.Call(ctx, http.MethodPost, "/api/v1/accounts", Request{
		Body: fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"a long password"}`, name, name),
	})
	var in struct {
		Token   string `json:"token"`
		Account struct {
			Coins int64 `json:"coins"`
		} `json:"account"`
	}
	if err == nil && status == http.StatusCreated {
		err = json.Unmarshal(body, &in)
	}
	if err == nil && in.Token == "" {
		err = &statusError{status, body}
	}
	if err != nil {
		return nil, fmt.Errorf("open the account %s on %s: %w", name, n.Name, err)
	}
	return &Account{Name: name, Token: in.Token, Coins: in.Account.Coins}, nil
}

// Check compares the record with the books of a node. Every answered bet must be in the books exactly once and unchanged, and the
// books must have no other. The balance must follow from them. No client may have a bet that waits for an answer.
func (a *Account) Check(ctx context.Context, n *Node) error {
	booked, err := a.booked(ctx, n)
	if err != nil {
		return err
	}
	coins := a.Coins
	told := make(map[string]bool)
	for _, b := range a.Bets() {
		kept, found := booked[b.Round.ID]
		switch {
		case told[b.Round.ID]:
			return fmt.Errorf("%s: two bets were answered with round %s", a.Name, b.Round.ID)
		case !found:
			return fmt.Errorf("%s: round %s was answered, and %s does not have it", a.Name, b.Round.ID, n.Name)
		case !sameRound(b.Round, kept):
			return fmt.Errorf("%s: round %s was told as %+v, and %s has it as %+v", a.Name, b.Round.ID, b.Round, n.Name, kept)
		}
		told[b.Round.ID] = true
		coins += b.Round.Payout - b.Round.Staked
	}
	if len(booked) != len(told) {
		return fmt.Errorf("%s: %d rounds were answered, and %s has %d", a.Name, len(told), n.Name, len(booked))
	}
	has, err := a.coins(ctx, n)
	if err == nil && has != coins {
		err = fmt.Errorf("%s: %s says %d coins, and the rounds make it %d", a.Name, n.Name, has, coins)
	}
	return err
}

func sameRound(a, b Round) bool {
	var x, y any
	if json.Unmarshal(a.Outcome, &x) != nil || json.Unmarshal(b.Outcome, &y) != nil {
		return false
	}
	a.Outcome, b.Outcome = nil, nil
	return reflect.DeepEqual(a, b) && reflect.DeepEqual(x, y)
}

// booked reads all rounds of the account from a node.
func (a *Account) booked(ctx context.Context, n *Node) (map[string]Round, error) {
	rounds, cursor := make(map[string]Round), ""
	for {
		var page struct {
			Rounds []Round `json:"rounds"`
			Next   *string `json:"next_cursor"`
		}
		if err := a.get(ctx, n, "/api/v1/me/rounds?limit=100"+cursor, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Rounds {
			if _, twice := rounds[r.ID]; twice {
				return nil, fmt.Errorf("%s: %s lists round %s twice", a.Name, n.Name, r.ID)
			}
			rounds[r.ID] = r
		}
		if page.Next == nil {
			return rounds, nil
		}
		cursor = "&cursor=" + *page.Next
	}
}

// coins reads the balance from a node.
func (a *Account) coins(ctx context.Context, n *Node) (int64, error) {
	var me struct {
		Coins int64 `json:"coins"`
	}
	err := a.get(ctx, n, "/api/v1/me", &me)
	return me.Coins, err
}

func (a *Account) get(ctx context.Context, n *Node, path string, v any) error {
	status, body, err := n.Call(ctx, http.MethodGet, path, Request{Token: a.Token})
	if err == nil && status != http.StatusOK {
		err = &statusError{status, body}
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %s on %s: %w", a.Name, path, n.Name, err)
	}
	return nil
}

// statusError is an answer with another status than the wanted one.
type statusError struct {
	status int
	body   []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("%d %s", e.status, e.body) }

// passing says whether another node, or the same one later, may answer better. The others are the client's fault.
func (e *statusError) passing() bool {
	return e.status >= http.StatusInternalServerError || e.status == http.StatusTooManyRequests
}
