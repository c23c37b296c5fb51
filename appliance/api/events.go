package api

import (
	"github.com/coder/websocket"

	"imperio/storage/command"
)

// Event is what live connections need to know of one event of the casino's history. A field that doesn't apply is zero.
type Event struct {
	Seq     uint64 // its number in the history
	Account command.AccountID
	Round   *command.RoundResult // the round that it opened, continued or settled
	Balance bool                 // it changed the account's coins, and not by a round
	Ended   command.EndSessions  // the sessions that it ended
	// Lost says that events were dropped before this one, since the API was too slow. All else is zero.
	Lost bool
}

// Events is where the API hears of events, whichever node their commands came from. It calls tell with one event after the
// other until stop is called; when stop returns, tell is not running and won't be called again. tell may read the casino.
type Events func(tell func(Event)) (stop func())

// EventOf tells what became of a command; false: nothing that live connections need to know. Sessions that are ended twice,
// or a balance that is told twice, do no harm; a round is told once.
func EventOf(c command.Command, r command.Result) (Event, bool) {
	e := Event{Seq: r.Event, Account: c.Account}
	if r.Refusal != nil {
		return e, false
	}
	if round, ok := r.Value.(*command.RoundResult); ok {
		e.Account, e.Round = round.Round.Account, round
		return e, !r.Replayed
	}
	switch b := c.Body.(type) {
	case command.CollectDailyCoins, command.GrantCoins:
		e.Balance = true
	case command.EndSessions:
		e.Ended = b
	case command.ChangePassword:
		e.Ended = command.EndSessions{All: true, Keep: b.Keep}
	case command.Exclude:
		e.Ended = command.EndSessions{All: true}
	case command.SetLock, command.SetRole:
		e.Ended = command.EndSessions{All: true}
		return e, r.Event != 0 // it changed something
	default:
		return e, false
	}
	return e, true
}

// hear tells live connections of an event.
func (a *API) hear(e Event) {
	if e.Lost {
		a.live.endAll(websocket.StatusTryAgainLater) // clients connect again, and read what they show
		return
	}
	if !a.live.listens(e.Account) {
		return
	}
	a.live.endSessions(e.Account, func(s command.SessionID) bool {
		return e.Ended.All && s != e.Ended.Keep || s == e.Ended.Session
	})
	var data []byte
	var err error
	switch {
	case e.Round != nil:
		data, err = roundMessage(e.Seq, e.Round)
	case e.Balance:
		data, err = a.balance(e.Account, e.Seq)
	default:
		return
	}
	if err != nil {
		a.o.Log.Error("a player could not be told of an event", "account", uint64(e.Account), "event", e.Seq, "error", err)
		return
	}
	a.live.publish(e.Account, data)
}
