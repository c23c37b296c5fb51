// Package games is the contract between the house and its games.
//
// A Game is a pure function: a Stream of random numbers and a Wager (all that the player decided) determine a Position
// (all that happened). Nothing here or below reads a clock, a file or a global. The same numbers and the same wager give
// the same position for ever. So a player, an auditor or another node can play a round again.
//
// Rules are versioned ("slots/2") and immutable once released. A changed pay table is a new version, and a round is judged
// by the version it was opened with.
//
// A Descriptor is all that the house knows of a game, and a Catalogue is the set of games that a house offers.
package games

import "fmt"

// Coins is an amount of play money: whole coins, never a fraction. Balances lie in 0 … MaxCoins.
type Coins int64

// MaxCoins is the largest amount of coins anywhere: 2^53-1, so that JSON keeps every amount exact.
const MaxCoins Coins = 1<<53 - 1

// Words is the amount in words: "1 coin", "2 coins".
func (c Coins) Words() string {
	if c == 1 {
		return "1 coin"
	}
	return fmt.Sprintf("%d coins", c)
}

// Stream yields the random numbers of one round. It is not safe for concurrent use.
type Stream interface {
	// Uniform returns the next number in 0 … n-1, exactly uniform. n must be at least 1.
	Uniform(n uint64) uint64
}

// Wager is all that a player decides in a round.
type Wager struct {
	Stake   Coins    // what the opening costs; for games with bets it is their sum
	Bets    []Bet    // empty for games without bets
	Actions []string // the actions taken so far, in order; empty for games whose rounds settle at once
}

// Bet is one bet of a wager. Its type says whether Numbers or Selection is needed.
type Bet struct {
	_         struct{} `cbor:",toarray"`
	Type      string   `json:"type"`
	Numbers   []int    `json:"numbers,omitempty"`   // 0 … 36
	Selection int      `json:"selection,omitempty"` // 1 … 3 for dozen and column, else 0
	Amount    Coins    `json:"amount"`
}

// Position is where a round stands after its wager's actions.
type Position struct {
	// Draws are the numbers drawn so far, in order: slots' stops, roulette's pocket, blackjack's cards (0 … 311) in
	// the order of dealing. With the wager they determine everything else. They include blackjack's hole card.
	Draws []uint16
	// Staked is all that the player has paid into the round so far: the stake, doubles, splits and insurance.
	Staked Coins
	// Payout is what comes back when the round is settled, stake included; 0 before.
	Payout  Coins
	Settled bool
	// Allowed are the actions that the rules allow now (not whether the player has the coins for them).
	Allowed []string
}

// Game is one version of the rules of one game. Its methods are pure and safe for concurrent use.
type Game interface {
	// Rules is the version, e.g. "slots/2".
	Rules() string
	// Play gives the position after wager.Actions. A wager that the rules don't allow gives a *Refusal.
	Play(s Stream, w Wager) (Position, error)
	// Describe gives what the player may see of a round, for JSON. draws must be those of Play for the same wager.
	Describe(draws []uint16, w Wager) (any, error)
	// Tell explains a round whose random numbers are known. It may reveal what Describe hides of an open round.
	Tell(p Played) (Story, error)
}

// Refusal says why a wager or an action is not allowed. The player can mend it, and nothing has changed.
type Refusal struct {
	Code    string // stable, snake_case, e.g. "invalid_bet", "action_not_allowed"
	Message string // one English sentence that says what is wrong and what would be right
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Refusef makes a Refusal.
func Refusef(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Choosing is an outcome that lists the actions that are allowed now. The rules know no balance, so the house asks for the
// outcome without those that a player can't pay for.
type Choosing interface {
	Within(affordable func(action string) bool) any
}
