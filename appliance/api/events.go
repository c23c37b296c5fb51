package api

import (
	"context"
	"slices"

	"github.com/coder/websocket"

	"imperio/storage/command"
)

// Events reports what happens in the casino, on whichever node. One goroutine reads it.
type Events interface {
	// Next waits for new events, and returns them in the order of the history. missed is how many were dropped before
	// them, since the caller was too slow. The error is that of ctx.
	Next(ctx context.Context) (events []command.Event, missed uint64, err error)
}

// The events that live connections are told of, besides those of rounds: kinds that change the account's coins, and kinds that
// may end sessions.
var (
	coinEvents    = []string{"daily_coins_collected", "coins_granted"}
	sessionEvents = []string{"session_opened", "sessions_ended", "password_changed", "role_changed", "account_locked", "player_excluded",
		"account_deleted"}
)

// follow tells live connections what happens, until ctx ends.
func (a *API) follow(ctx context.Context, feed Events) {
	for {
		events, missed, err := feed.Next(ctx)
		if err != nil {
			return
		}
		if missed > 0 {
			a.live.endAll(websocket.StatusTryAgainLater) // clients connect again, and read what they show
		}
		for i := range events {
			if err := a.hear(ctx, &events[i]); err != nil && ctx.Err() == nil {
				a.o.Log.Error("a player could not be told of an event", "account", uint64(events[i].Account), "event", events[i].Seq, "error", err)
			}
		}
	}
}

// hear tells the live connections of an event's account about the event.
func (a *API) hear(ctx context.Context, e *command.Event) error {
	if !a.live.listens(e.Account) {
		return nil
	}
	m := message{Type: "balance", Seq: e.Seq, Coins: e.Coins, HeldCoins: e.HeldCoins}
	switch {
	case e.Round != nil:
		view, err := a.viewEvent(ctx, e)
		if err != nil {
			return err
		}
		m.Type, m.Round = "round", &view
	case slices.Contains(sessionEvents, e.Kind):
		a.live.checkSessions(e.Account)
		return nil
	case !slices.Contains(coinEvents, e.Kind) && len(e.Reached) == 0:
		return nil
	}
	m.Achievements = viewReached(e)
	data, err := m.marshal()
	if err != nil {
		return err
	}
	a.live.publish(e.Account, data)
	return nil
}

// viewEvent describes the round of an event as the event left it. The round's proof is not part of the event.
func (a *API) viewEvent(ctx context.Context, e *command.Event) (roundView, error) {
	r := *e.Round
	now, ok, err := a.o.Casino.Round(ctx, e.Account, r.ID)
	if err != nil {
		return roundView{}, err
	}
	if ok {
		r.Commitment, r.ClientSeed, r.ServerSeed = now.Commitment, now.ClientSeed, now.ServerSeed
	}
	v, err := viewRound(a.o.Games, &r)
	if err != nil {
		return roundView{}, err
	}
	v.allowWithin(e.Room)
	return v, nil
}
