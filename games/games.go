// Package games is the contract between the house and its games.
//
// A Game is a pure function: a Stream of random numbers and a Wager (everything the player decided) determine a Position
// (everything that happened). Nothing here or below reads a clock, a file or a global. The same numbers and the same wager
// always give the same position, so a player, an auditor or another node can replay a round.
//
// Rules are versioned ("slots/2") and immutable once released. A changed pay table is a new version, and a round is judged
// by the version it was opened with.
//
// A Descriptor is everything the house knows about a game, and a Catalogue is the set of games that a house knows.
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

// Wager is everything that a player decides in a round.
type Wager struct {
	Stake   Coins    // the price of opening the round; for games with bets, their sum
	Bets    []Bet    // empty for games without bets
	Actions []string // the actions so far, in order; empty for games whose rounds settle at once
}

// Bet is one bet of a wager. Its type says whether Numbers or Selection is needed.
type Bet struct {
	_         struct{} `cbor:",toarray"`
	Type      string   `json:"type"`
	Numbers   []int    `json:"numbers,omitempty"`   // 0 … 36
	Selection int      `json:"selection,omitempty"` // 1 … 3 for dozen and column, else 0
	Amount    Coins    `json:"amount"`
}

// Position is the state of a round after its wager's actions.
type Position struct {
	// Draws are the numbers drawn so far, in order: slots' stops, roulette's pocket, blackjack's cards (0 … 311) in
	// the order of dealing, including the hole card. Together with the wager they determine everything else.
	Draws []uint16
	// Staked is everything the player has paid into the round so far: the stake, doubles, splits and insurance.
	Staked Coins
	// Payout is what the settled round pays, stake included; 0 before.
	Payout  Coins
	Settled bool
	// Allowed are the actions that the rules allow now, whether or not the player can pay for them.
	Allowed []string
}

// Game is one version of the rules of one game. Its methods are pure and safe for concurrent use.
type Game interface {
	// Rules is the version, e.g. "slots/2".
	Rules() string
	// Play gives the position after wager.Actions. A wager that the rules don't allow gives a *Refusal.
	Play(s Stream, w Wager) (Position, error)
	// Describe returns what the player may see of a round, for JSON. draws must be what Play returned for the wager.
	Describe(draws []uint16, w Wager) (any, error)
	// Tell explains a round whose random numbers are known. It may reveal what Describe hides in an open round.
	Tell(p Played) (Story, error)
}

// Refusal says why a wager or an action is not allowed. Nothing has changed, and the player can correct the request.
type Refusal struct {
	Code    string // stable, snake_case, e.g. "invalid_bet", "action_not_allowed"
	Message string // one English sentence that says what is wrong and what would be right
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Refusef makes a Refusal.
func Refusef(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Choosing is an outcome that lists the actions that are allowed now. The rules know neither the player's balance nor the
// player's own limits, so the house removes the actions that these would refuse.
type Choosing interface {
	Within(affordable func(action string) bool) any
}
