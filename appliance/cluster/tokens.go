package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"imperio/replication/network"
	"imperio/storage/command"
)

// How long a token may be valid, and how many there may be.
const (
	ShortestToken = time.Minute
	LongestToken  = 30 * 24 * time.Hour
	mostTokens    = 1000
)

// token is a token in the state. Its name holds a hash of its secret.
type token struct {
	Expires time.Time `json:"expires"`        // by the casino's time
	Actor   string    `json:"actor"`          // who made it
	Node    string    `json:"node,omitempty"` // the node that has used it
	Key     string    `json:"key,omitempty"`  // names that node's key
}

// keepUsed is how long a token is kept after it has expired, to tell late joiners that it has.
const keepUsed = 24 * time.Hour

// NewToken makes a token that admits one node, for as long as it is valid.
func (c *Cluster) NewToken(ctx context.Context, actor string, valid time.Duration) (t network.Token, expires time.Time, err error) {
	if valid < ShortestToken || valid > LongestToken {
		return t, expires, refusef("a token is valid from %s to %s", ShortestToken, LongestToken)
	}
	if err := c.node.Barrier(ctx); err != nil {
		return t, expires, err
	}
	authority, err := c.awaitAuthority(ctx)
	if err != nil {
		return t, expires, err
	}
	t = network.NewToken(authority.Fingerprint())
	err = c.act(ctx, func(a *acting) error {
		now := c.node.Now()
		expires = now.Add(valid).UTC()
		left := 0
		if err := each(c, tokenPrefix, func(id string, old token) error {
			if now.Sub(old.Expires) > keepUsed {
				return a.drop(tokenPrefix + id)
			}
			left++
			return nil
		}); err != nil {
			return err
		}
		if left >= mostTokens {
			return refusef("there are %d tokens already. Wait until some have expired", left)
		}
		if err := a.put(tokenPrefix+t.ID(), token{Expires: expires, Actor: actor}); err != nil {
			return err
		}
		return a.record(command.RecordAct{Actor: actor, Act: "join_token_made", After: "valid until " + expires.Format(time.RFC3339)})
	})
	return t, expires, err
}

// authorityPatience bounds how long a token waits for the authority: the leader puts it into the state right after its first start.
const authorityPatience = 10 * time.Second

func (c *Cluster) awaitAuthority(ctx context.Context) (*network.Authority, error) {
	ctx, cancel := context.WithTimeout(ctx, authorityPatience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		authority, err := AuthorityIn(c.o.State, c.o.Keys)
		if !errors.Is(err, ErrNoAuthority) {
			return authority, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-again.C:
		}
	}
}

// Refusal is a request that makes no sense now. Its message is for whoever asked.
type Refusal struct{ message string }

func (r *Refusal) Error() string { return r.message }

func refusef(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }
