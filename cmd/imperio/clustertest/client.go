package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// Client plays with an account through all nodes. It stays with a node while that answers, as behind a load balancer, and goes to
// the next one when it does not. One goroutine at a time uses it.
type Client struct {
	ID       int // unique among the clients of its account
	Account  *Account
	Nodes    []*Node
	Random   *rand.Rand
	Patience time.Duration // for one answer

	at      int  // the node that it uses
	made    int  // bets so far
	pending *Bet // without an answer yet
}

// Client adds a client to an account. It begins with the node at a position of the list.
func (a *Account) Client(id int, nodes []*Node, at int, random *rand.Rand, patience time.Duration) *Client {
	return &Client{ID: id, Account: a, Nodes: nodes, Random: random, Patience: patience, at: at % len(nodes)}
}

// Unanswered says whether a bet waits for its answer.
func (c *Client) Unanswered() bool { return c.pending != nil }

// FailedError means that two nodes in a row gave no answer to a request.
type FailedError struct{ First, Second error }

func (e *FailedError) Error() string {
	return fmt.Sprintf("no answer: %v; and again: %v", e.First, e.Second)
}

// Bet sends a bet: the one without an answer if there is one, else a new one. If a node gives no answer, it sends the bet once
// more, under the same key and to another node. If that gives none either, the error is a *FailedError, and the next call sends the bet again. Any
// other error is a broken promise of the casino. It returns the answered bet.
func (c *Client) Bet(ctx context.Context) (Bet, error) {
	if c.pending == nil {
		c.pending = c.next()
	}
	first := c.try(ctx)
	if first == nil {
		return c.settle(), nil
	}
	if !passing(first) || ctx.Err() != nil {
		return Bet{}, first
	}
	c.moveOn()
	second := c.try(ctx)
	if second == nil {
		return c.settle(), nil
	}
	c.moveOn()
	if !passing(second) || ctx.Err() != nil {
		return Bet{}, second
	}
	return Bet{}, &FailedError{first, second}
}

// Read asks how many coins the account has, at the node that the client uses. If that gives no answer, the client goes to the next
// one, and there is nothing to record. Any other error is a broken promise of the casino.
func (c *Client) Read(ctx context.Context) error {
	asked := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	coins, err := c.Account.coins(limited, c.Nodes[c.at])
	if err == nil {
		c.Account.addRead(Read{Client: c.ID, Asked: asked, Answered: time.Now(), Coins: coins})
		return nil
	}
	c.moveOn()
	if passing(err) {
		return nil
	}
	return err
}

// Move makes the client use another node from now on.
func (c *Client) Move() { c.at = c.Random.IntN(len(c.Nodes)) }

func (c *Client) moveOn() { c.at = (c.at + 1) % len(c.Nodes) }

// next makes a bet.
func (c *Client) next() *Bet {
	c.made++
	b := &Bet{
		Client: c.ID, Sent: time.Now(), Path: "/api/v1/games/slots/spins",
		Request: Request{Token: c.Account.Token, Key: fmt.Sprintf("%d-%d", c.ID, c.made), Body: fmt.Sprintf(`{"stake":%d}`, 1+c.Random.IntN(5))},
	}
	if c.Random.IntN(4) == 0 {
		b.Path = "/api/v1/games/roulette/spins"
		b.Request.Body = `{"bets":[{"type":"red","amount":3},{"type":"straight","numbers":[17],"amount":2}]}`
	}
	return b
}

// try sends the pending bet to the node that the client uses.
func (c *Client) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	c.pending.Tries++
	n := c.Nodes[c.at]
	status, body, err := n.Call(ctx, http.MethodPost, c.pending.Path, c.pending.Request)
	if err == nil && status != http.StatusOK && status != http.StatusCreated {
		err = &statusError{status, body}
	}
	if err != nil {
		return fmt.Errorf("%s: bet %s at %s: %w", c.Account.Name, c.pending.Request.Key, n.Name, err)
	}
	var answer struct {
		Round Round `json:"round"`
		Coins int64 `json:"coins"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || !answer.Round.Settled {
		return &statusError{status, body}
	}
	c.pending.Answered, c.pending.Round, c.pending.Balance = time.Now(), answer.Round, answer.Coins
	return nil
}

// settle records the answered bet.
func (c *Client) settle() Bet {
	b := *c.pending
	c.pending = nil
	c.Account.addBet(b)
	return b
}

// passing says whether an error may pass by itself: a node that can't be reached, or is not ready.
func passing(err error) bool {
	status, answered := errors.AsType[*statusError](err)
	return !answered || status.passing()
}

// Again sends an answered bet again under its key, to the node that the client uses. The answer must be the same.
func (c *Client) Again(ctx context.Context, b Bet) error {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	n := c.Nodes[c.at]
	status, body, err := n.Call(ctx, http.MethodPost, b.Path, b.Request)
	if err == nil && status >= http.StatusBadRequest {
		err = &statusError{status, body}
	}
	if err != nil && passing(err) {
		c.moveOn()
		return nil
	}
	var answer struct {
		Round Round `json:"round"`
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err == nil && !sameRound(answer.Round, b.Round) {
		err = &statusError{status, body}
	}
	if err != nil {
		return fmt.Errorf("%s: bet %s was answered with %+v, and later at %s: %w", c.Account.Name, b.Request.Key, b.Round, n.Name, err)
	}
	return nil
}
