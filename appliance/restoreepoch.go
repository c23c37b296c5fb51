package appliance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
)

// epoch is the new lineage that a restore begins, on a restored state. Players may have seen cards, hold sessions, or know
// commitments of seeds that the restored state knows differently. So all open rounds are settled, all sessions end, and all
// seeds are revealed and replaced.
type epoch struct {
	dir      dataDirOptions   // of the restored state
	identity storage.Identity // of the new node
	version  string           // of this program
	begin    command.BeginLineage
	progress func(done, total int64) // accounts that are renewed
}

// renewAtOnce is how many accounts one command renews: the most that the machine takes.
const renewAtOnce = 1000

// Renewed says what the new lineage has done to accounts.
type Renewed struct {
	Accounts int `json:"accounts"` // whose seeds were revealed and replaced
	Sessions int `json:"sessions"` // that were ended, with personal access tokens
	Rounds   int `json:"rounds"`   // that were open, and were settled
}

// newLineage makes the name of a lineage that begins now.
func newLineage(now time.Time) string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}

// run makes a log for the restored state, begins the lineage in it, and closes both. keys are the casino's.
func (e *epoch) run(ctx context.Context, d *dataDir, quiet *slog.Logger) (done Renewed, err error) {
	if err := storage.WriteIdentity(d.path, e.identity); err != nil { // not ready yet
		return done, err
	}
	e.dir.store.Owner = e.identity.ClusterID
	if d.store, err = storage.OpenWith(d.path, e.dir.games, d.keys, e.dir.caches, e.dir.store); err != nil {
		return done, err
	}
	d.node, err = replication.Open(replication.Options{
		Dir: d.path, Machine: d.store, Create: true, Logger: quiet, Clock: e.dir.clock, StallLimit: e.dir.stallLimit,
		Identity: replication.Identity{NodeID: e.identity.NodeID, ClusterID: e.identity.ClusterID},
	})
	if err != nil {
		return done, errors.Join(err, d.store.Close())
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), max(closePatience, e.dir.stallLimit))
		defer cancel()
		err = errors.Join(err, d.node.Close(ending), d.store.Close())
	}()
	if err := d.node.Barrier(ctx); err != nil {
		return done, fmt.Errorf("wait for the restored casino's log: %w", err)
	}
	if done, err = e.renew(ctx, d); err != nil {
		return done, fmt.Errorf("begin the new lineage: %w", err)
	}
	if _, err := d.store.Checkpoint(ctx); err != nil {
		return done, fmt.Errorf("write the restored state: %w", err)
	}
	return done, nil
}

// renew proposes the commands.
func (e *epoch) renew(ctx context.Context, d *dataDir) (done Renewed, err error) {
	c := d.casino()
	if c.Level() < machine.NewestLevel { // an older program made the backup
		if _, err := c.propose(ctx, command.RaiseLevel{Level: machine.NewestLevel, Program: e.version}); err != nil {
			return done, err
		}
	}
	if _, err := c.propose(ctx, e.begin); err != nil {
		return done, err
	}
	if done.Rounds, err = settleAll(ctx, c); err != nil {
		return done, err
	}
	total := int64(c.Figures().Accounts)
	for first := command.FirstAccountID; ; first += renewAtOnce {
		accounts, next, err := c.Accounts(first, renewAtOnce)
		if err != nil || len(accounts) == 0 {
			return done, err
		}
		seeds := 0
		for i := range accounts {
			if accounts[i].DeletedAt.IsZero() {
				seeds += 2
			}
		}
		body := command.RenewAccounts{First: first, Count: len(accounts), Actor: e.begin.Actor}
		r, err := command.Propose(ctx, c, rand.Reader, command.Command{Body: body}, seeds*command.SeedSize)
		if err != nil {
			return done, fmt.Errorf("renew accounts %d to %d: %w", first, accounts[len(accounts)-1].ID, err)
		}
		renewed, err := command.ValueOf[command.AccountsRenewed](r)
		if err != nil {
			return done, err
		}
		done.Accounts += renewed.Accounts
		done.Sessions += renewed.Sessions
		e.progress(int64(first-command.FirstAccountID)+int64(len(accounts)), total)
		if next == 0 {
			return done, nil
		}
	}
}

// settleAll settles all open rounds by the rules for abandoned ones.
func settleAll(ctx context.Context, c casino) (settled int, err error) {
	snapshot, err := c.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	var open []command.RoundID
	err = snapshot.OpenRounds(func(id command.RoundID, _ *machine.OpenRoundRecord) error { open = append(open, id); return nil })
	if err = errors.Join(err, snapshot.Close()); err != nil {
		return 0, err
	}
	for _, id := range open {
		if _, err := c.propose(ctx, command.SettleAbandoned{Round: id}); err != nil {
			return settled, fmt.Errorf("settle the open round %d: %w", id, err)
		}
		settled++
	}
	return settled, nil
}
