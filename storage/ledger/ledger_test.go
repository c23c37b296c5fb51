package ledger_test

import (
	"testing"

	"pgregory.net/rapid"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

func TestMove_KeepsTheSumAtZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b ledger.Books
		balance := games.Coins(0)
		player := ledger.Player(command.FirstAccountID)
		accounts := []ledger.Account{ledger.Issue, ledger.Escrow, ledger.HouseSlots, ledger.HouseRoulette, ledger.HouseBlackjack, player}
		for range rapid.IntRange(1, 50).Draw(t, "moves") {
			from, to := rapid.SampledFrom(accounts).Draw(t, "from"), rapid.SampledFrom(accounts).Draw(t, "to")
			amount := games.Coins(rapid.Int64Range(1, 1000).Draw(t, "amount"))
			if from == to || from == player && balance < amount || from == ledger.Escrow && b.House[from] < amount {
				continue // the caller's to check
			}
			before := b
			m, err := b.Move(command.TransferGrant, from, to, amount, &balance)
			if err != nil {
				t.Fatal(err)
			}
			of := func(b *ledger.Books, a ledger.Account) games.Coins {
				if a == player {
					return b.Players
				}
				return b.House[a]
			}
			if b.Sum() != 0 || b.Players != balance || of(&b, from) != of(&before, from)-amount || of(&b, to) != of(&before, to)+amount ||
				m.FromAfter != of(&b, from) || m.ToAfter != of(&b, to) || m.Amount != amount || m.From != from || m.To != to {
				t.Fatalf("%+v took %+v to %+v, the player has %d", m, before, b, balance)
			}
		}
	})
}

func TestMove_RefusesWhatBreaksTheBooks(t *testing.T) {
	player := ledger.Player(1000)
	for name, move := range map[string]func(b *ledger.Books, balance *games.Coins) error{
		"nothing": func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, player, 0, c)) },
		"less":    func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, player, -1, c)) },
		"too much": func(b *ledger.Books, c *games.Coins) error {
			return err(b.Move(1, ledger.Issue, player, games.MaxCoins+1, c))
		},
		"below zero": func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, player, ledger.HouseSlots, 1, c)) },
		"empty escrow": func(b *ledger.Books, c *games.Coins) error {
			return err(b.Move(1, ledger.Escrow, ledger.HouseSlots, 1, c))
		},
		"no balance":      func(b *ledger.Books, _ *games.Coins) error { return err(b.Move(1, ledger.Issue, player, 1, nil)) },
		"account 0":       func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, 0, 1, c)) },
		"unknown account": func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, 6, 1, c)) },
		"player too rich": func(b *ledger.Books, c *games.Coins) error {
			*c = games.MaxCoins
			return err(b.Move(1, ledger.HouseSlots, player, 1, c))
		},
		"house too poor": func(b *ledger.Books, c *games.Coins) error {
			b.House[ledger.HouseSlots] = -games.MaxCoins
			return err(b.Move(1, ledger.HouseSlots, player, 1, c))
		},
	} {
		var b ledger.Books
		var balance games.Coins
		if move(&b, &balance) == nil {
			t.Errorf("%s: moved", name)
		}
	}
}

func err(_ ledger.Transfer, e error) error { return e }

func TestAccounts_NamesAndGames(t *testing.T) {
	for a, want := range map[ledger.Account]string{
		ledger.Issue: "issue", ledger.Escrow: "escrow", ledger.HouseSlots: "house:slots", ledger.HouseRoulette: "house:roulette",
		ledger.HouseBlackjack: "house:blackjack", ledger.Player(1000): "player:1000", 0: "unknown:0", 6: "unknown:6",
	} {
		if got := a.String(); got != want {
			t.Errorf("%d is %q, want %q", uint64(a), got, want)
		}
	}
	for _, game := range ledger.Games {
		if a, ok := ledger.House(game); !ok || a.Game() != game || a.IsPlayer() {
			t.Errorf("%s has the account %s", game, a)
		}
	}
	if _, ok := ledger.House("poker"); ok {
		t.Error("poker has a house")
	}
	if ledger.Issue.Game() != "" || ledger.Escrow.Game() != "" || ledger.Player(1000).Game() != "" {
		t.Error("an account without a game has one")
	}
}
