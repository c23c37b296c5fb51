package appliance

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage/command"
)

// populationCoins is what each player of a populated casino has to play with, and populationSession how long it stays
// signed in.
const (
	populationCoins   games.Coins = 100_000_000
	populationSession             = 30 * 24 * time.Hour
)

// Populate makes a casino with many signed-in players for load tests, through the same commands as any other, lets them
// play rounds of slots in turn, and writes their session tokens, one a line. The players have no password, so nobody can
// sign in as them later. It refuses a directory that holds a casino already. progress may be nil.
func Populate(ctx context.Context, dir string, players, rounds int, tokens io.Writer, progress func(what string, done, total int)) (err error) {
	d, err := openDataDir(dataDirOptions{path: dir, create: true, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = errors.Join(err, d.close(ctx))
	}()
	if !d.made {
		return fmt.Errorf("%s holds a casino already; populate an empty directory", dir)
	}
	if err := d.node.Barrier(ctx); err != nil {
		return err
	}
	if progress == nil {
		progress = func(string, int, int) {}
	}
	out := bufio.NewWriter(tokens)
	var writing sync.Mutex
	err = populate(ctx, players, func(done int) { progress("players", done, players) }, func(i int) error {
		token, err := d.addPlayer(ctx, i)
		writing.Lock()
		defer writing.Unlock()
		fmt.Fprintln(out, token)
		return err
	})
	if err == nil {
		err = populate(ctx, rounds, func(done int) { progress("rounds", done, rounds) }, func(i int) error {
			return d.addRound(ctx, command.FirstAccountID+command.AccountID(i%players))
		})
	}
	return errors.Join(err, out.Flush())
}

// populate does something n times, much of it at once, until an error ends it.
func populate(ctx context.Context, n int, progress func(done int), do func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var workers group
	for range populateAtOnce {
		workers.run(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					stop(err)
				}
				if (i+1)%10_000 == 0 {
					progress(i + 1)
				}
			}
		})
	}
	workers.wait()
	return context.Cause(ctx)
}

// populateAtOnce is how many commands are under way at the same time.
const populateAtOnce = 512

// addPlayer opens one account and signs it in.
func (d *dataDir) addPlayer(ctx context.Context, i int) (token string, err error) {
	token, hash, err := auth.NewToken(rand.Reader)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("player-%d", i)
	c := command.Command{Entropy: make([]byte, 2*command.SeedSize), Body: command.OpenAccount{
		Username: name, UsernameKey: name, Role: command.RolePlayer, WelcomeCoins: populationCoins, Actor: "populate",
		Session: &command.NewSession{Token: hash, Lifetime: populationSession.Milliseconds()},
	}}
	rand.Read(c.ID[:])   // never fails
	rand.Read(c.Entropy) // never fails
	return token, d.must(ctx, c)
}

// addRound lets a player spin once.
func (d *dataDir) addRound(ctx context.Context, id command.AccountID) error {
	c := command.Command{Account: id, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}
	rand.Read(c.ID[:]) // never fails
	return d.must(ctx, c)
}

// must proposes a command that nothing refuses.
func (d *dataDir) must(ctx context.Context, c command.Command) error {
	r, err := d.node.Propose(ctx, c)
	if err == nil && r.Refusal != nil {
		err = r.Refusal
	}
	return err
}
