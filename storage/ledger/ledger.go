// Package ledger is the double-entry book of the casino: every coin that moves leaves one account and enters another,
// in whole coins, so that the sum of all balances is 0 for ever.
package ledger

import (
	"fmt"
	"strconv"

	"imperio/games"
	"imperio/storage/command"
)

// Account is a side of a transfer: one of the house's own accounts below, or a player's (its command.AccountID).
type Account uint64

// The house's own accounts. Their numbers are in stored transfers and never change.
const (
	Issue          Account = 1 // where granted coins come from: its balance is minus all coins in the casino
	Escrow         Account = 2 // stakes of open rounds
	HouseSlots     Account = 3
	HouseRoulette  Account = 4
	HouseBlackjack Account = 5

	houseAccounts = 6 // one above the last
)

// Games are the games that have a house account, in the order of those accounts.
var Games = [...]string{"slots", "roulette", "blackjack"}

// House is the account of a game's house.
func House(game string) (Account, bool) {
	for i, g := range Games {
		if g == game {
			return HouseSlots + Account(i), true
		}
	}
	return 0, false
}

// Player is the account of a player.
func Player(id command.AccountID) Account { return Account(id) }

// IsPlayer reports whether the account is a player's.
func (a Account) IsPlayer() bool { return a >= Account(command.FirstAccountID) }

// Game is the game whose house account this is; "" for all others.
func (a Account) Game() string {
	if a >= HouseSlots && int(a-HouseSlots) < len(Games) {
		return Games[a-HouseSlots]
	}
	return ""
}

// String names the account as people read it: "player:1000", "house:slots", "escrow", "issue".
func (a Account) String() string {
	switch {
	case a == Issue:
		return "issue"
	case a == Escrow:
		return "escrow"
	case a.Game() != "":
		return "house:" + a.Game()
	case a.IsPlayer():
		return "player:" + strconv.FormatUint(uint64(a), 10)
	}
	return "unknown:" + strconv.FormatUint(uint64(a), 10)
}

// Transfer is one movement of coins, for ever as it was made. Amount is above 0.
type Transfer struct {
	_         struct{} `cbor:",toarray"`
	Kind      command.TransferKind
	From      Account
	To        Account
	Amount    games.Coins
	FromAfter games.Coins // the balances after it
	ToAfter   games.Coins
}

// Books are the balances of the house's own accounts and the sum of all players' ones. Players' single balances are
// with their wallets.
type Books struct {
	House   [houseAccounts]games.Coins `cbor:"1,keyasint"`
	Players games.Coins                `cbor:"2,keyasint"`
}

// Sum adds up all balances of the casino. It is 0.
func (b *Books) Sum() games.Coins {
	sum := b.Players
	for _, c := range b.House {
		sum += c
	}
	return sum
}

// Move makes a transfer between an account of the house and a player's, whose balance it changes through balance, or
// between two accounts of the house (balance is nil). The caller has checked that it is allowed: that a player does not
// go below 0 and nobody above MaxCoins. A transfer that breaks that is a bug and gives an error.
func (b *Books) Move(kind command.TransferKind, from, to Account, amount games.Coins, balance *games.Coins) (Transfer, error) {
	t := Transfer{Kind: kind, From: from, To: to, Amount: amount}
	if amount <= 0 || amount > games.MaxCoins {
		return t, fmt.Errorf("ledger: transfer of %d coins from %s to %s", amount, from, to)
	}
	var err error
	if t.FromAfter, err = b.add(from, -amount, balance); err != nil {
		return t, err
	}
	if t.ToAfter, err = b.add(to, amount, balance); err != nil {
		return t, err
	}
	return t, nil
}

func (b *Books) add(a Account, amount games.Coins, balance *games.Coins) (games.Coins, error) {
	if a.IsPlayer() {
		if balance == nil {
			return 0, fmt.Errorf("ledger: no balance given for %s", a)
		}
		*balance += amount
		b.Players += amount
		if *balance < 0 || *balance > games.MaxCoins {
			return 0, fmt.Errorf("ledger: balance of %s would be %d", a, *balance)
		}
		return *balance, nil
	}
	if a == 0 || a >= houseAccounts {
		return 0, fmt.Errorf("ledger: no account %d", a)
	}
	b.House[a] += amount
	if c := b.House[a]; c > games.MaxCoins || c < -games.MaxCoins {
		return 0, fmt.Errorf("ledger: balance of %s would be %d", a, c)
	}
	if a == Escrow && b.House[a] < 0 {
		return 0, fmt.Errorf("ledger: escrow would be %d", b.House[a])
	}
	return b.House[a], nil
}
