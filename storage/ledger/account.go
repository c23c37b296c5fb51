package ledger

import (
	"fmt"
	"strconv"

	"imperio/games"
	"imperio/storage/command"
)

// Account is a side of a transfer: one of the house's own accounts, or a player's (its command.AccountID).
type Account uint64

// The accounts that belong neither to a game nor to a player. Their numbers are in stored transfers and never change.
// Account numbers from games.MinNumber to games.MaxNumber belong to the games.
const (
	Issue  Account = 1 // granted coins come from here, so its balance is minus all coins in the casino
	Escrow Account = 2 // holds the stakes of open rounds
)

// House is the account of a game: it takes the stakes and pays the payouts.
func House(game *games.Descriptor) Account { return Account(game.Number) }

// Player is the account of a player.
func Player(id command.AccountID) Account { return Account(id) }

// IsPlayer reports whether the account is a player's.
func (a Account) IsPlayer() bool { return a >= Account(command.FirstAccountID) }

// Game is the number of the game that the account belongs to; 0 if it belongs to none.
func (a Account) Game() uint16 {
	if a >= games.MinNumber && a <= games.MaxNumber {
		return uint16(a)
	}
	return 0
}

// String names the account where no game is known by name: "player:1000", "house:3", "escrow", "issue".
func (a Account) String() string {
	switch {
	case a == Issue:
		return "issue"
	case a == Escrow:
		return "escrow"
	case a.Game() != 0:
		return fmt.Sprintf("house:%d", a.Game())
	case a.IsPlayer():
		return "player:" + strconv.FormatUint(uint64(a), 10)
	}
	return "unknown:" + strconv.FormatUint(uint64(a), 10)
}

// Name is String for people: it names the game, as in "house:slots".
func (a Account) Name(c *games.Catalogue) string {
	if game, ok := c.Numbered(a.Game()); ok {
		return "house:" + game.Name
	}
	return a.String()
}
