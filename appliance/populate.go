package appliance

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// Populate makes a casino with many signed-in players for load tests, through the same commands as any other, and
// writes their session tokens, one a line. The players have no password, so nobody can sign in as them later.
// It refuses a directory that holds a casino already.
func Populate(ctx context.Context, dir string, players int, tokens io.Writer, progress func(done, total int)) (err error) {
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
	out := bufio.NewWriter(tokens)
	lines := make(chan string, 1024)
	failed := make(chan error, populateAtOnce)
	next := make(chan int)
	var owned group
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range populateAtOnce {
		owned.run(func() {
			for i := range next {
				line, err := d.addPlayer(ctx, i)
				if err != nil {
					failed <- err
					stop()
					return
				}
				lines <- line
			}
		})
	}
	var writer group
	writer.run(func() {
		done := 0
		for line := range lines {
			fmt.Fprintln(out, line)
			if done++; done%10_000 == 0 && progress != nil {
				progress(done, players)
			}
		}
	})
feed:
	for i := range players {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	owned.wait()
	close(lines)
	writer.wait()
	select {
	case err = <-failed:
	default:
		err = ctx.Err()
	}
	return errors.Join(err, out.Flush())
}

// populateAtOnce is how many accounts are opened at the same time.
const populateAtOnce = 512

// addPlayer opens one account and signs it in.
func (d *dataDir) addPlayer(ctx context.Context, i int) (token string, err error) {
	token, hash, err := auth.NewToken(rand.Reader)
	if err != nil {
		return "", err
	}
	now := time.Now().UTC()
	name := fmt.Sprintf("player-%d", i)
	c := command.Command{Time: now, Entropy: make([]byte, 2*command.SeedSize), Body: command.OpenAccount{
		Username: name, UsernameKey: name, Role: command.RolePlayer, WelcomeCoins: populationCoins, Actor: "populate",
		Session: &command.NewSession{Token: hash, Lifetime: populationSession.Milliseconds()},
	}}
	rand.Read(c.ID[:])   // never fails
	rand.Read(c.Entropy) // never fails
	r, err := d.node.Propose(ctx, c)
	if err == nil && r.Refusal != nil {
		err = r.Refusal
	}
	return token, err
}
