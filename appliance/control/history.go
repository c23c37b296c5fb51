package control

import (
	"context"
	"fmt"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// EventQuery says which events of the history to list: at most Limit (1 … 1000), newest first. The zero value of a field leaves it open.
type EventQuery struct {
	Cursor uint64    `json:"cursor,string,omitzero"` // Next of the page before, of the same query
	Limit  int       `json:"limit"`
	After  uint64    `json:"after,string,omitzero"` // only events with a higher number
	Before uint64    `json:"before,string,omitzero"`
	Since  time.Time `json:"since,omitzero"` // from then on
	Until  time.Time `json:"until,omitzero"` // before then
	Kinds  []string  `json:"kinds,omitempty"`
	Who    string    `json:"who,omitzero"`   // the account that they concern
	Acts   bool      `json:"acts,omitzero"`  // only acts of operators and of the house
	Actor  string    `json:"actor,omitzero"` // a part of the name of who did it
}

// EventPage is a part of the history. A page may be shorter than asked for, even empty, without being the last.
type EventPage struct {
	Events []Event `json:"events"`
	Next   uint64  `json:"next,string,omitzero"` // the cursor of the next page; 0 if this is the last
}

// Event is an event of the history: what happened to whom, and for an operator's act who did it, why, and what was before and after.
type Event struct {
	Seq       uint64      `json:"seq,string"`
	Time      time.Time   `json:"time"`
	Kind      string      `json:"kind"`
	Account   uint64      `json:"account,string,omitzero"` // 0: it concerns none
	Username  string      `json:"username,omitzero"`       // of the account, today
	Coins     games.Coins `json:"coins"`                   // the account's balance after it
	HeldCoins games.Coins `json:"held_coins"`
	Actor     string      `json:"actor,omitzero"`
	Act       string      `json:"act,omitzero"` // what was done, where the kind doesn't say it
	Reason    string      `json:"reason,omitzero"`
	Before    string      `json:"before,omitzero"`
	After     string      `json:"after,omitzero"`
	Until     time.Time   `json:"until,omitzero"`
	Round     *EventRound `json:"round,omitzero"`
	Reached   []string    `json:"reached,omitempty"` // the achievements that the account has reached with it
}

// EventRound is the round that an event concerns, as it stood after the event.
type EventRound struct {
	ID      uint64      `json:"id,string"`
	Rules   string      `json:"rules"`
	Settled bool        `json:"settled"`
	Staked  games.Coins `json:"staked"`
	Payout  games.Coins `json:"payout"`
}

func (c *Control) listEvents(ctx context.Context, in EventQuery) (EventPage, error) {
	if err := checkLimit(in.Limit); err != nil {
		return EventPage{}, err
	}
	q := command.HistoryQuery{
		Cursor: in.Cursor, Limit: in.Limit, After: in.After, Before: in.Before, Since: in.Since, Until: in.Until,
		Kinds: in.Kinds, Acts: in.Acts, Actor: in.Actor,
	}
	var err error
	if in.Who != "" {
		if q.Account, err = c.find(in.Who); err != nil {
			return EventPage{}, err
		}
		if _, err := c.show(q.Account); err != nil {
			return EventPage{}, err
		}
	}
	list, next, err := c.o.Casino.History(ctx, q)
	if err != nil {
		return EventPage{}, fmt.Errorf("read the history: %w", err)
	}
	page := EventPage{Events: make([]Event, len(list)), Next: next}
	for i := range list {
		if page.Events[i], err = c.viewEvent(&list[i]); err != nil {
			return EventPage{}, err
		}
	}
	return page, nil
}

func (c *Control) viewEvent(e *command.Event) (Event, error) {
	v := Event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind, Account: uint64(e.Account), Coins: e.Coins, HeldCoins: e.HeldCoins, Until: e.Until,
	}
	if e.Account != 0 {
		a, _, err := c.o.Casino.Account(e.Account)
		if err != nil {
			return v, fmt.Errorf("name the account: %w", err)
		}
		v.Username = a.Username
	}
	if a := e.Act; a != nil {
		v.Actor, v.Act, v.Reason, v.Before, v.After = a.Actor, a.Act, a.Reason, a.Before, a.After
	}
	for _, a := range e.Reached {
		v.Reached = append(v.Reached, a.String())
	}
	if r := e.Round; r != nil {
		v.Round = &EventRound{uint64(r.ID), r.Rules, r.Settled, r.Staked, r.Payout}
	}
	return v, nil
}
