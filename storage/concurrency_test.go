package storage_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// During Apply and checkpoints, readers see only whole commands: each player's list of transfers always adds up.
func TestReaders_BesideApplyAndCheckpoints(t *testing.T) {
	if testing.Short() {
		t.Skip("runs readers during many checkpoints")
	}
	c := storagetest.NewIn(t, memoryDir(t), 3, storage.Options{CheckpointInterval: time.Millisecond, CheckpointBytes: 4096})
	var players []command.AccountID
	for i := range 4 {
		players = append(players, c.Player(fmt.Sprint("player-", i), 1000))
		c.One(signIn(players[i], i))
	}
	ctx, stop := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	fail := func(format string, args ...any) {
		if ctx.Err() == nil {
			t.Errorf(format, args...)
		}
		stop()
	}
	var reads atomic.Int64
	for i, p := range players {
		readers.Add(2)
		go func() {
			defer readers.Done()
			var lastNonce uint64
			for ctx.Err() == nil {
				list, next, err := c.Store.Transfers(ctx, p, command.Page{Limit: 1000})
				if errors.Is(err, context.Canceled) {
					return
				}
				if err != nil || next != 0 {
					fail("transfers: %v, next %d", err, next)
					return
				}
				for n := range len(list) - 1 {
					if list[n].BalanceAfter != list[n+1].BalanceAfter+list[n].Amount {
						fail("transfers %+v and %+v don't add up", list[n], list[n+1])
						return
					}
				}
				f, ok, err := c.Store.Fairness(p)
				if err != nil || !ok || f.Nonce < lastNonce {
					fail("fairness %+v after nonce %d, %v", f, lastNonce, err)
					return
				}
				lastNonce = f.Nonce
				if figures := c.Store.Figures(); figures.LedgerSum != 0 {
					fail("the ledger's sum is %d", figures.LedgerSum)
				}
				reads.Add(1)
			}
		}()
		go func() {
			defer readers.Done()
			for ctx.Err() == nil {
				if s, ok, err := c.Store.Session(command.TokenHash{1, byte(i)}); err != nil || !ok || s.Account != p {
					fail("session %+v, %v", s, err)
				}
				if a, ok, err := c.Store.Account(p); err != nil || !ok || a.Coins < 0 {
					fail("account %+v, %v", a, err)
				}
				if _, _, err := c.Store.Rounds(ctx, p, command.Page{Limit: 10}); err != nil && !errors.Is(err, context.Canceled) {
					fail("rounds: %v", err)
				}
				if _, err := c.Store.Statistics(p); err != nil {
					fail("statistics: %v", err)
				}
				if _, _, err := c.Store.OpenRound(p); err != nil {
					fail("open round: %v", err)
				}
				c.Store.Head()
				c.Store.Applied()
				c.Store.CheckpointFigures()
				reads.Add(1)
			}
		}()
	}
	for n := 0; n < 400 || reads.Load() < 100 && ctx.Err() == nil; n++ {
		p := players[n%len(players)]
		c.Do(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}},
			command.Command{Account: p, Body: command.GrantCoins{Amount: 1, Actor: "cashier"}})
	}
	stop()
	readers.Wait()
}

// Nobody finds a session after it has ended, not even in a cache.
func TestSession_EndedIsNeverServedAgain(t *testing.T) {
	c := storagetest.NewIn(t, memoryDir(t), 3, storage.Options{CheckpointInterval: time.Millisecond})
	p := c.Player("ann", 100)
	ends := []func(command.SessionID) command.Body{
		func(id command.SessionID) command.Body { return command.EndSessions{Session: id} },
		func(command.SessionID) command.Body { return command.EndSessions{All: true} },
		func(command.SessionID) command.Body {
			return command.ChangePassword{NewHash: "new", Actor: "cashier"}
		},
		func(command.SessionID) command.Body { return command.SetLock{Locked: true, Actor: "cashier"} },
	}
	for n := range 60 {
		open := signIn(p, n)
		token := open.Body.(command.OpenSession).Session.Token
		id := c.One(open).Value.(*command.SessionOpened).Session.ID
		var over atomic.Bool
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for {
					ended := over.Load()
					_, ok, err := c.Store.Session(token)
					if err != nil || ended && ok {
						t.Errorf("session %d: found %v after its end, %v", id, ok, err)
						return
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		c.One(command.Command{Account: p, Body: ends[n%len(ends)](id)})
		over.Store(true)
		if _, ok, err := c.Store.Session(token); ok || err != nil {
			t.Errorf("session %d is found after its end (%v)", id, err)
		}
		close(stop)
		readers.Wait()
		c.Do(command.Command{Account: p, Body: command.SetLock{Actor: "cashier"}})
	}
}

// Each snapshot during Apply is of one moment: its books balance.
func TestSnapshot_BesideApply(t *testing.T) {
	c := storagetest.NewIn(t, memoryDir(t), 4, storage.Options{CheckpointInterval: time.Millisecond})
	p := c.Player("ann", 1000)
	done := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		for {
			if _, machine, err := identity(c.Store); err != nil || machine.Books.Sum() != 0 {
				done <- fmt.Errorf("snapshot with %d events: sum %d, %w", machine.Events, machine.Books.Sum(), err)
				return
			}
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
		}
	}()
	for range 200 {
		c.Do(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
