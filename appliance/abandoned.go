package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
)

// settleAbandoned settles rounds that their players left open for longer than after, by the games' own rule for
// that, until ctx ends. It looks once a minute.
func settleAbandoned(ctx context.Context, store *storage.Store, node *replication.Node, after time.Duration, now func() time.Time, log *slog.Logger) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := settleAllAbandoned(ctx, store, node, now().Add(-after), now, log); err != nil && ctx.Err() == nil {
			log.Error("abandoned rounds not settled; trying again in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// abandonedAtOnce bounds how many rounds are settled in one look, so that players' bets are not held up.
const abandonedAtOnce = 1000

func settleAllAbandoned(ctx context.Context, store *storage.Store, node *replication.Node, before time.Time, now func() time.Time, log *slog.Logger) error {
	rounds, err := store.OpenRoundsBefore(before, abandonedAtOnce)
	if err != nil {
		return err
	}
	for _, id := range rounds {
		c := command.Command{Time: now(), Body: command.SettleAbandoned{Round: id, Before: before.UnixMilli()}}
		rand.Read(c.ID[:]) // never fails
		r, err := node.Propose(ctx, c)
		switch {
		case errors.Is(err, command.ErrUnknown):
			continue // the next look sees what became of it
		case err != nil:
			return err
		case r.Refusal == nil:
			log.Info("settled a round that its player left", "round", id)
		}
	}
	return nil
}
