package command

import (
	"time"

	"imperio/games"
)

// Event is an event of the history, as followers of the feed receive it.
type Event struct {
	Seq       uint64 // its number in the history; events are numbered without gaps
	Time      time.Time
	Kind      string      // "round_played", "coins_granted", …, as the history names it
	Account   AccountID   // whom it concerns; 0: nobody
	Coins     games.Coins // the account's balance after it
	HeldCoins games.Coins // and what it has staked in its open round
	Room      games.Coins // the most that an action in the open round may cost; see RoundResult
	Round     *Round      // the round after the event, without its proof; nil if no round is concerned
}
