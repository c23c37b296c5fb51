package appliance

import (
	"context"
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
		before := now.Add(-a.config.Games.BlackjackAbandonAfter)
		if err := a.settleAllAbandoned(ctx, before); err != nil && ctx.Err() == nil {
			a.log.Error("abandoned rounds not settled; trying again in a minute", "error", err)
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

func (a *App) settleAllAbandoned(ctx context.Context, before time.Time) error {
	rounds, err := a.dir.store.OpenRoundsBefore(before, abandonedAtOnce)
	if err != nil {
		return err
	}
	for _, id := range rounds {
		r, err := a.casino.propose(ctx, command.SettleAbandoned{Round: id, Before: before.UnixMilli()})
		_, refused := errors.AsType[*command.Refusal](err)
		switch {
		case refused:
			continue // its player was quicker
		case errors.Is(err, command.ErrUnknown):
			continue // the next look sees what became of it
		case err != nil:
			return err
		}
		if _, settled := r.Value.(*command.RoundResult); settled {
			a.log.Info("settled a round that its player left", "round", id)
		}
	}
	return nil
}
