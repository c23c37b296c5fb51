// Package ledger is the double-entry book of the casino. Every coin that moves leaves one account and enters another, so
// the sum of all balances is always 0.
package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"imperio/games"
	"imperio/storage/command"
)

// Transfer is one movement of coins. It never changes. Amount is above 0.
type Transfer struct {
	_         struct{} `cbor:",toarray"`
	Kind      command.TransferKind
	From      Account
	To        Account
	Amount    games.Coins
	FromAfter games.Coins // balances after the transfer
	ToAfter   games.Coins
}

// Books are the balances of the house's own accounts, and the sum of all players' balances. A single player's balance is
// in the player's wallet. Changing the original does not change a copy.
type Books struct {
	// House is sorted by account number. Accounts that never had a transfer are left out.
	House   []Balance   `cbor:"1,keyasint,omitempty"`
	Players games.Coins `cbor:"2,keyasint"`
}

// Balance is the balance of one of the house's accounts.
type Balance struct {
	_       struct{} `cbor:",toarray"`
	Account Account
	Coins   games.Coins
}

// Of is the balance of an account of the house.
func (b *Books) Of(a Account) games.Coins {
	if i, ok := b.find(a); ok {
		return b.House[i].Coins
	}
	return 0
}

func (b *Books) find(a Account) (int, bool) {
	return slices.BinarySearchFunc(b.House, a, func(have Balance, want Account) int { return cmp.Compare(have.Account, want) })
}

// Sum adds up all balances of the casino. It is 0.
func (b *Books) Sum() games.Coins {
	sum := b.Players
	for i := range b.House {
		sum += b.House[i].Coins
	}
	return sum
}

// Move makes a transfer. balance is the player's balance if one of the two accounts is a player's; else nil. The caller
// has checked that no player falls below 0 and that no balance rises above games.MaxCoins. A transfer that breaks this is
// a bug and gives an error.
func (b *Books) Move(kind command.TransferKind, from, to Account, amount games.Coins, balance *games.Coins) (Transfer, error) {
	t := Transfer{Kind: kind, From: from, To: to, Amount: amount}
	if amount <= 0 || amount > games.MaxCoins {
		return t, fmt.Errorf("ledger: transfer of %d coins from %s to %s", amount, from, to)
	}
	b.House = slices.Clone(b.House) // copies of the books keep their balances
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
	if a == 0 {
		return 0, fmt.Errorf("ledger: no account %d", a)
	}
	i, found := b.find(a)
	if !found {
		b.House = slices.Insert(b.House, i, Balance{Account: a})
	}
	h := &b.House[i]
	h.Coins += amount
	if h.Coins > games.MaxCoins || h.Coins < -games.MaxCoins {
		return 0, fmt.Errorf("ledger: balance of %s would be %d", a, h.Coins)
	}
	if a == Escrow && h.Coins < 0 {
		return 0, fmt.Errorf("ledger: escrow would be %d", h.Coins)
	}
	return h.Coins, nil
}
