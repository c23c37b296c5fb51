package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
)

// signUpTables is the number of connections that open accounts at the same time. Each sign-up costs the casino a password
// hash, so more would only wait.
const signUpTables = 4

// accountView has the fields of an account that bench reads.
type accountView struct {
	Username    string  `json:"username"`
	Coins       int64   `json:"coins"`
	HeldCoins   int64   `json:"held_coins"`
	OpenRoundID *string `json:"open_round_id"`
}

// seatPlayers makes the players, gives each a table, and reads their books before the first bet.
func (b *bench) seatPlayers(ctx context.Context) error {
	tokens := b.options.Tokens
	if len(tokens) == 0 {
		var err error
		if tokens, err = b.signUp(ctx); err != nil {
			return err
		}
	}
	for i := range b.options.Players {
		p := &player{
			token:   tokens[i],
			random:  mathrand.New(mathrand.NewPCG(uint64(i), 0)),
			keyMark: fmt.Sprintf("bench-%s-%d-", b.run, i),
		}
		b.players = append(b.players, p)
		t := b.tables[i%len(b.tables)]
		t.players = append(t.players, p)
	}
	b.progress("seating %d players", len(b.players))
	return b.eachTable(b.tables, func(t *table) error {
		for _, p := range t.players {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := b.noteStart(t, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// signUp opens the accounts and returns their tokens.
func (b *bench) signUp(ctx context.Context) ([]string, error) {
	tokens := make([]string, b.options.Players)
	var opened atomic.Int64
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range tokens {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	err := b.eachTable(b.tables[:min(signUpTables, len(b.tables))], func(t *table) error {
		var failed error
		for i := range next {
			if failed == nil {
				tokens[i], failed = b.openAccount(t, i)
			}
			if failed != nil {
				continue
			}
			if n := opened.Add(1); n%16 == 0 {
				b.progress("%d of %d players signed up", n, len(tokens))
			}
		}
		return failed
	})
	return tokens, errors.Join(ctx.Err(), err)
}

func (b *bench) openAccount(t *table, i int) (string, error) {
	name := fmt.Sprintf("bench-%s-%d", b.run, i)
	body, err := json.Marshal(map[string]string{"username": name, "email": name + "@example.org", "password": rand.Text()})
	if err != nil {
		return "", err
	}
	var opened struct {
		Token string `json:"token"`
	}
	// The key lets a retried sign-up get its answer instead of finding its own name taken.
	err = b.ask(t, &request{method: "POST", path: "/api/v1/accounts", key: name, body: body}, &opened)
	switch {
	case refusedAs(err, "rate_limited"):
		return "", fmt.Errorf("open an account for a player: %w: run the casino with --limits off, or give --tokens", err)
	case err != nil:
		return "", fmt.Errorf("open an account for a player: %w", err)
	}
	return opened.Token, nil
}

// noteStart records a player's books before the first bet.
func (b *bench) noteStart(t *table, p *player) error {
	var account accountView
	if err := b.get(t, p.token, "/api/v1/me", &account); err != nil {
		return err
	}
	p.name, p.coins = account.Username, account.Coins
	if account.OpenRoundID != nil {
		if err := b.finishOpenRound(t, p); err != nil {
			return err
		}
	}
	var newest struct {
		Rounds    []roundView    `json:"rounds"`
		Transfers []transferView `json:"transfers"`
	}
	for _, path := range []string{"/api/v1/me/rounds?limit=1", "/api/v1/me/transfers?limit=1"} {
		if err := b.get(t, p.token, path, &newest); err != nil {
			return err
		}
	}
	if len(newest.Rounds) > 0 {
		p.lastRound = newest.Rounds[0].ID
	}
	if len(newest.Transfers) > 0 {
		p.lastTransfer = newest.Transfers[0].ID
	}
	p.startCoins = p.coins
	return nil
}

// finishOpenRound finishes a round that the player left open before this run.
func (b *bench) finishOpenRound(t *table, p *player) error {
	var answer playAnswer
	if err := b.get(t, p.token, "/api/v1/games/blackjack/rounds/open", &answer); err != nil {
		return err
	}
	if err := b.playOn(t, p, &answer); err != nil {
		return err
	}
	p.coins = answer.Coins
	return nil
}

// eachTable runs do for each table at the same time, and waits for all.
func (b *bench) eachTable(tables []*table, do func(*table) error) error {
	errs := make([]error, len(tables))
	var all sync.WaitGroup
	for i, t := range tables {
		all.Go(func() { errs[i] = do(t) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the others are mostly the same
		}
	}
	return nil
}
