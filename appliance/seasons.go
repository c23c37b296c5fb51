package appliance

import (
	"context"
	"errors"
	"time"

	"imperio/appliance/config"
	"imperio/storage/command"
)

// turnSeasons ends the running season when its month is over, and begins the next one. It checks every few seconds until ctx
// ends: a round right after midnight should count in the new month.
func (a *App) turnSeasons(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		if err := a.turnSeason(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("could not turn the season; trying again in a few seconds", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// turnSeason does so now, if this node leads: once in a cluster. If another leader did it just before, the machine refuses.
func (a *App) turnSeason(ctx context.Context) error {
	if !a.dir.node.Leads() {
		return nil
	}
	due, ok, err := a.dir.store.DueSeason(a.dir.node.Now().UnixMilli(), a.inForce.Load().Accounts.Season == config.SeasonMonth)
	if err != nil || !ok {
		return err
	}
	_, err = a.casino.propose(ctx, due)
	_, refused := errors.AsType[*command.Refusal](err)
	switch {
	case refused, errors.Is(err, command.ErrUnknown):
		return nil // the next check sees what has come of it
	case err == nil:
		a.log.Info("turned the season", "ended", due.Season, "begins", due.Begin)
	}
	return err
}
