package command

import (
	"time"

	"imperio/games"
)

// Event is an event of the history, as followers of the feed receive it.
type Event struct {
	Seq       uint64 // its number in the history; events are numbered without gaps
	Time      time.Time
	Kind      string        // "round_played", "coins_granted", …, as the history names it
	Account   AccountID     // whom it concerns; 0: nobody
	Coins     games.Coins   // the account's balance after it
	HeldCoins games.Coins   // and what it has staked in its open round
	Room      games.Coins   // the most that an action in the open round may cost; see RoundResult
	Round     *Round        // the round after the event, without its proof; nil if no round is concerned
	Act       *Act          // nil unless an operator or the house itself did it
	Reached   []Achievement // by this event
	Until     time.Time     // the end of an exclusion, or the start of looser limits or of the next daily coins; zero: none
}

// Act is an operator's act: who did what and why, and what was before and after. Fields that don't apply are empty.
type Act struct {
	Actor  string
	Act    string // what was done, where the event's kind doesn't say it
	Reason string
	Before string
	After  string
}

// HistoryQuery says which events of the history to read. The zero value of a field leaves it open.
type HistoryQuery struct {
	// Cursor is the next cursor of the previous page of the same query; 0 starts at the newest event.
	Cursor        uint64
	Limit         int // the most events on the page, at least 1; a page may be shorter without being the last
	After, Before uint64
	Since, Until  time.Time // from Since on, and before Until
	Kinds         []string  // as Event.Kind names them
	Account       AccountID
	Acts          bool   // only acts of operators and of the house
	Actor         string // only acts of actors whose name has this part, in any case of letters
}
