package export

import (
	"encoding/json"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
)

var rounds = &Table{
	Name: "rounds",
	Help: "One row for each round: the settled ones in the order in which they were settled, then the open ones, oldest first.",
	Columns: []Column{
		{"id", "The round's number."},
		{"account", "The player's account."},
		{"game", "Such as slots."},
		{"rules", "The game and the version of its rules, such as slots/1."},
		{"opened_at", "When the stake was taken."},
		{"settled_at", "When the round ended. Empty: it is open."},
		{"state", "settled or open."},
		{"stake", "The price of opening the round."},
		{"bets", "The bets of roulette, as JSON. Empty: there are none."},
		{"actions", "The player's decisions, as JSON. Empty: there are none."},
		{"staked", "All that was staked in the round."},
		{"payout", "All that was paid for it."},
		{"draws", "The numbers drawn, as JSON; empty while the round is open. 'imperio fair round' computes the same from the seeds."},
		{"nonce", "The round's place under its seed pair, from 0."},
		{"pair", "The number of the account's seed pair, from 0."},
	},
	visit: func(s *storage.Snapshot, row func(...any) error, seen Progress) error {
		err := eachEvent(s, seen, func(e *machine.StoredEvent) error {
			if e.Round == nil || !e.Round.Settled {
				return nil
			}
			return roundRow(e.Account, e.Round, e.Time, row)
		})
		if err != nil {
			return err
		}
		return s.OpenRounds(func(_ command.RoundID, o *machine.OpenRoundRecord) error {
			return roundRow(o.Account, &o.Round, 0, row)
		})
	},
}

// roundRow writes a round as its player sees it: what is drawn in an open one is secret.
func roundRow(account command.AccountID, r *machine.RoundRecord, settled int64, row func(...any) error) error {
	state, draws := "open", any(nil)
	if settled != 0 {
		state, draws = "settled", list(r.Draws)
	}
	return row(id(r.ID), id(account), games.NameOf(r.Rules), r.Rules, cellTime(r.OpenedAt), cellTime(settled), state, r.Stake,
		list(r.Bets), list(r.Actions), r.Staked, r.Payout, draws, r.Nonce, r.Pair)
}

// list is a list as JSON; an empty one is an empty cell.
func list[T any](values []T) any {
	if len(values) == 0 {
		return nil
	}
	data, err := json.Marshal(values)
	if err != nil {
		panic(err) // they are numbers, texts and bets
	}
	return document(data)
}
