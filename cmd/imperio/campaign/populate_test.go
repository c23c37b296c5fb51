package campaign

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"imperio/appliance"
	"imperio/appliance/auth"
	"imperio/games"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/seal"
)

// populated is a casino with accounts, on disk.
type populated struct {
	directory  string
	accounts   int
	rounds     int // of slots, without keys, by all accounts in turn
	keys       int // used idempotency keys, spread evenly over the first keyPlayers accounts
	keyPlayers int

	tokens []string // of all accounts; set when the casino is made
	took   time.Duration
}

// playing returns the tokens of at most n accounts, spread evenly over all.
func (c *populated) playing(n int) []string {
	n = min(n, len(c.tokens))
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = c.tokens[i*len(c.tokens)/n]
	}
	return tokens
}

// Each player's coins, and how long they stay signed in.
const (
	populationCoins   games.Coins = 100_000_000
	populationSession             = 30 * 24 * time.Hour
)

// make makes a casino, unless it is made already. The program makes the empty casino with all its files. Accounts and bets
// are ordinary commands in its log, but proposed here, without password hashes and without the network.
func (m *campaign) make(ctx context.Context, c *populated) error {
	if c.accounts == 0 || c.tokens != nil {
		return nil
	}
	began := time.Now()
	empty, err := m.program.StartCasino(ctx, c.directory)
	if err == nil {
		err = empty.Stop()
	}
	if err != nil {
		return err
	}
	if err := m.populate(ctx, c); err != nil {
		return fmt.Errorf("make a casino with %d accounts, %d rounds and %d used keys: %w", c.accounts, c.rounds, c.keys, err)
	}
	c.took = time.Since(began)
	m.made = append(m.made, c)
	return nil
}

func (m *campaign) populate(ctx context.Context, c *populated) (err error) {
	h, err := openHouse(c.directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.node.Barrier(ctx); err != nil {
		return err
	}
	tokens, accounts := make([]string, c.accounts), make([]command.AccountID, c.accounts)
	err = m.repeat(ctx, "accounts", c.accounts, func(i int) (err error) {
		tokens[i], accounts[i], err = h.addPlayer(ctx, i)
		return err
	})
	if err != nil {
		return err
	}
	err = m.repeat(ctx, "rounds", c.rounds, func(i int) error { return h.addRound(ctx, accounts[i%c.accounts], command.Key{}) })
	if err != nil {
		return err
	}
	err = m.repeat(ctx, "used keys", c.keys, func(i int) error {
		return h.addRound(ctx, accounts[i%c.keyPlayers], command.KeyOf(fmt.Sprintf("campaign-%d", i)))
	})
	if err != nil {
		return err
	}
	c.tokens = tokens
	return nil
}

// atOnce is the number of commands in flight while a casino is made.
const atOnce = 512

// repeat calls do n times, concurrently, until an error ends it.
func (m *campaign) repeat(ctx context.Context, what string, n int, do func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(atOnce, n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					stop(err)
				}
				if (i+1)%100_000 == 0 {
					fmt.Fprintf(m.progress, "%d of %d %s\n", i+1, n, what)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// house is an open data directory without a server.
type house struct {
	store *storage.Store
	node  *replication.Node
	keys  *seal.Keys
}

// keysOf are the keys of a casino that made its key itself.
func keysOf(directory string) (*seal.Keys, error) {
	text, err := os.ReadFile(filepath.Join(directory, appliance.KeyFile))
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != seal.KeySize {
		return nil, fmt.Errorf("the casino's key has %d bytes: %w", len(key), err)
	}
	return seal.New([seal.KeySize]byte(key)), nil
}

func openHouse(directory string) (*house, error) {
	identity, err := storage.ReadIdentity(directory)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(directory)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(directory, keys, storage.Options{Owner: identity.ClusterID})
	if err != nil {
		return nil, err
	}
	// A slow disk must not end this: it doesn't measure the disk.
	node, err := replication.Open(replication.Options{
		Dir: directory, Machine: store, StallLimit: 5 * time.Minute,
		Identity: replication.Identity{NodeID: identity.NodeID, ClusterID: identity.ClusterID},
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &house{store, node, keys}, nil
}

func (h *house) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return errors.Join(h.node.Close(ctx), h.store.Close())
}

// addPlayer opens an account without a password, and signs it in.
func (h *house) addPlayer(ctx context.Context, i int) (token string, id command.AccountID, err error) {
	token, hash, err := auth.NewToken(rand.Reader)
	if err != nil {
		return "", 0, err
	}
	name := fmt.Sprintf("player-%d", i)
	c := command.Command{Entropy: make([]byte, 2*command.SeedSize), Body: command.OpenAccount{
		Username: name, UsernameKey: name, Role: command.RolePlayer, WelcomeCoins: populationCoins, Actor: "campaign",
		Session: &command.NewSession{Token: hash, Lifetime: populationSession.Milliseconds()},
	}}
	rand.Read(c.Entropy) // never fails
	r, err := h.propose(ctx, c)
	if err != nil {
		return "", 0, err
	}
	opened, ok := r.Value.(*command.AccountOpened)
	if !ok {
		return "", 0, fmt.Errorf("opening an account returned a %T", r.Value)
	}
	return token, opened.Account.ID, nil
}

// addRound spins once.
func (h *house) addRound(ctx context.Context, account command.AccountID, key command.Key) error {
	_, err := h.propose(ctx, command.Command{Account: account, Key: key, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	return err
}

// propose proposes a command that must not be refused.
func (h *house) propose(ctx context.Context, c command.Command) (command.Result, error) {
	rand.Read(c.ID[:]) // never fails
	r, err := h.node.Propose(ctx, h.keys.Command(c))
	if err == nil && r.Refusal != nil {
		err = r.Refusal
	}
	return r, err
}
