package appliance

import (
	"context"
	"errors"
	"time"

	"imperio/appliance/config"
	"imperio/storage/command"
)

// settleAbandoned settles rounds whose players have done nothing for the configured time, by the rule of their game. It
// checks once a minute until ctx ends.
func (a *App) settleAbandoned(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		a.lookForAbandoned(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookForAbandoned settles what is abandoned now, if this node leads: once in a cluster.
func (a *App) lookForAbandoned(ctx context.Context) {
	for _, t := range a.offered(a.inForce.Load()) {
		if t.AbandonAfter <= 0 || !a.dir.node.Leads() {
			continue // its rounds never stay open, or another node does it
		}
		if err := a.settleAllAbandoned(ctx, t.Game, a.abandonedBefore(t)); err != nil && ctx.Err() == nil {
			a.log.Error("could not settle abandoned rounds; trying again in a minute", "game", t.Game, "error", err)
		}
	}
}

// abandonedBefore is the cut-off: a round of the game counts as abandoned if its player last acted before it.
func (a *App) abandonedBefore(t config.Table) time.Time { return a.dir.node.Now().Add(-t.AbandonAfter) }

// abandonedAtOnce bounds how many rounds of a game are settled in one go, so that they don't delay players' bets.
const abandonedAtOnce = 1000

func (a *App) settleAllAbandoned(ctx context.Context, game string, before time.Time) error {
	rounds, err := a.dir.store.OpenRoundsBefore(game, before, abandonedAtOnce)
	if err != nil {
		return err
	}
	for _, id := range rounds {
		r, err := a.casino.propose(ctx, command.SettleAbandoned{Round: id, Before: before.UnixMilli()})
		_, refused := errors.AsType[*command.Refusal](err)
		switch {
		case refused:
			continue // the player has acted in the meantime
		case errors.Is(err, command.ErrUnknown):
			continue // the next check finds the round, if it is still open
		case err != nil:
			return err
		}
		if _, settled := r.Value.(*command.RoundResult); settled {
			a.log.Info("settled an abandoned round", "round", id)
		}
	}
	return nil
}
