// Package games is the contract between the house and its games.
//
// A game is a pure function: from a Stream of random words and a Wager (all that the player decided) follows a
// Position (all that happened). Nothing here or below reads a clock, a file or a global; the same words and the same
// wager give the same position for ever, which is what lets a player, an auditor or another node play a round again.
//
// Rules are versioned ("slots/2") and immutable once released: a change of a pay table is a new version, and a round
// is judged by the version it was opened with.
package games

import "fmt"

// Coins is an amount of play money: whole coins, never a fraction. Balances lie in 0 … MaxCoins.
type Coins int64

// MaxCoins is the largest amount of coins anywhere: 2^53-1, so that JSON keeps every amount exact.
const MaxCoins Coins = 1<<53 - 1

// Words is the amount as it is said: "1 coin", "2 coins".
func (c Coins) Words() string {
	if c == 1 {
		return "1 coin"
	}
	return fmt.Sprintf("%d coins", c)
}

// Stream yields the random words of one round. It is not safe for concurrent use.
type Stream interface {
	// Uniform returns the next number in 0 … n-1, exactly uniform. n must be at least 1.
	Uniform(n uint64) uint64
}

// Wager is all that a player decides in a round.
type Wager struct {
	Stake   Coins    // what the opening costs; for games with Bets it is their sum
	Bets    []Bet    // roulette only
	Actions []string // blackjack only: the actions taken so far, in order
}

// Bet is one bet of a roulette spin. Numbers or Selection is given as its type needs.
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
	// the order of dealing. With the wager they determine everything else. They hold blackjack's hole card.
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
	// Describe gives what the player may see of a round, for JSON, from the numbers that were drawn: no random
	// words are needed. draws must be those of Play for the same wager.
	Describe(draws []uint16, w Wager) (any, error)
}

// Refusal says why a wager or an action is not allowed. It is the player's to mend, and nothing has changed.
type Refusal struct {
	Code    string // stable, snake_case, e.g. "invalid_bet", "action_not_allowed"
	Message string // one English sentence that says what is wrong and what would be right
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Refusef makes a Refusal.
func Refusef(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}
