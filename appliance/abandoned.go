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
		now := time.Now()
		if newest := a.dir.store.Time(); newest.After(now) { // rounds are as old as the machine's time says
			now = newest
		}
		for _, t := range a.tables {
			if t.AbandonAfter <= 0 {
				continue // its rounds never stay open
			}
			if err := a.settleAllAbandoned(ctx, t.Game, now.Add(-t.AbandonAfter)); err != nil && ctx.Err() == nil {
				a.log.Error("abandoned rounds not settled; trying again in a minute", "game", t.Game, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// abandonedAtOnce bounds how many rounds of a game are settled in one look, so that players' bets are not held up.
const abandonedAtOnce = 1000

func (a *App) settleAllAbandoned(ctx context.Context, game string, before time.Time) error {
	rounds, err := a.dir.store.OpenRoundsBefore(game, before, abandonedAtOnce)
	if err != nil {
		return err
	}
	for _, id := range rounds {
		c := command.Command{Time: time.Now(), Body: command.SettleAbandoned{Round: id, Before: before.UnixMilli()}}
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
