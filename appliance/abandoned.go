package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"imperio/storage/command"
)

// settleAbandoned settles rounds in which their players did nothing for as long as is configured, by the games' own
// rule for that, until ctx ends. It looks once a minute.
func (a *App) settleAbandoned(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := a.settleAllAbandoned(ctx, a.abandonedBefore()); err != nil && ctx.Err() == nil {
			a.log.Error("abandoned rounds not settled; trying again in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// abandonedBefore is when the player must have acted last in a round that is abandoned by now.
func (a *App) abandonedBefore() time.Time {
	return a.dir.node.Now().Add(-a.config.Games.BlackjackAbandonAfter)
}

// abandonedAtOnce bounds how many rounds are settled in one look, so that players' bets are not held up.
const abandonedAtOnce = 1000

func (a *App) settleAllAbandoned(ctx context.Context, before time.Time) error {
	rounds, err := a.dir.store.OpenRoundsBefore(before, abandonedAtOnce)
	if err != nil {
		return err
	}
	for _, id := range rounds {
		c := command.Command{Body: command.SettleAbandoned{Round: id, Before: before.UnixMilli()}}
		rand.Read(c.ID[:]) // never fails
		r, err := a.casino.Propose(ctx, c)
		switch {
		case errors.Is(err, command.ErrUnknown):
			continue // the next look sees what became of it
		case err != nil:
			return err
		}
		if settled, ok := r.Value.(*command.RoundResult); ok {
			a.api.RoundChanged(r.Event, settled)
			a.log.Info("settled a round that its player left", "round", id)
		}
	}
	return nil
}
