package export

import (
	"fmt"

	"imperio/storage"
	"imperio/storage/machine"
)

var transfers = &Table{
	Name: "transfers",
	Help: "One row for each movement of coins, oldest first. The account of a side is player:ID, house:GAME, escrow (stakes of open rounds) or issue (where coins come from).",
	Columns: []Column{
		{"id", "EVENT.N: the event of the history that it belongs to, and its place there."},
		{"time", "When it happened."},
		{"kind", "Why: welcome, stake, raise, settle, payout, daily, grant, closing, import or returned."},
		{"event", "What the event was, such as round_played."},
		{"account", "The player's account."},
		{"from", "The account that the coins left."},
		{"to", "The account that they came to."},
		{"amount", "Coins, above 0."},
		{"from_after", "What was on the first account afterwards. That of issue is negative."},
		{"to_after", "What was on the second account afterwards."},
		{"game", "Empty where no game is concerned."},
		{"round", "The round's number. Empty where none is concerned."},
	},
	visit: func(s *storage.Snapshot, row func(...any) error, seen Progress) error {
		catalogue := s.Games()
		return eachEvent(s, seen, func(e *machine.StoredEvent) error {
			var round any
			if e.Round != nil {
				round = id(e.Round.ID)
			}
			for i, t := range e.Transfers {
				if err := row(fmt.Sprintf("%d.%d", e.Seq, i), cellTime(e.Time), t.Kind.String(), e.Kind.String(), idOrNone(uint64(e.Account)),
					t.From.Name(catalogue), t.To.Name(catalogue), t.Amount, t.FromAfter, t.ToAfter, textOrNone(e.Game()), round); err != nil {
					return err
				}
			}
			return nil
		})
	},
}

// eachEvent visits the whole history in order.
func eachEvent(s *storage.Snapshot, seen Progress, fn func(*machine.StoredEvent) error) error {
	total := s.Machine().Events
	return s.Events(1, func(e *machine.StoredEvent) error {
		if e.Seq%tell == 0 || e.Seq == total {
			seen(e.Seq, total)
		}
		return fn(e)
	})
}
