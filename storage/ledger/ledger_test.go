package ledger_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// The house accounts of two games.
const (
	slots    ledger.Account = 3
	roulette ledger.Account = 4
	unplayed ledger.Account = 999
)

func TestMove_KeepsTheSumAtZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b ledger.Books
		balance := games.Coins(0)
		player := ledger.Player(command.FirstAccountID)
		accounts := []ledger.Account{ledger.Issue, ledger.Escrow, slots, roulette, unplayed, player}
		moved := make(map[ledger.Account]bool)
		for range rapid.IntRange(1, 50).Draw(t, "moves") {
			from, to := rapid.SampledFrom(accounts).Draw(t, "from"), rapid.SampledFrom(accounts).Draw(t, "to")
			amount := games.Coins(rapid.Int64Range(1, 1000).Draw(t, "amount"))
			if from == to || from == player && balance < amount || from == ledger.Escrow && b.Of(from) < amount {
				continue // the caller's to check
			}
			before := b
			m, err := b.Move(command.TransferGrant, from, to, amount, &balance)
			if err != nil {
				t.Fatal(err)
			}
			moved[from], moved[to] = true, true
			of := func(b *ledger.Books, a ledger.Account) games.Coins {
				if a == player {
					return b.Players
				}
				return b.Of(a)
			}
			if b.Sum() != 0 || b.Players != balance || of(&b, from) != of(&before, from)-amount || of(&b, to) != of(&before, to)+amount ||
				m.FromAfter != of(&b, from) || m.ToAfter != of(&b, to) || m.Amount != amount || m.From != from || m.To != to {
				t.Fatalf("%+v took %+v to %+v, the player has %d", m, before, b, balance)
			}
		}
		for i, h := range b.House {
			if !moved[h.Account] || i > 0 && b.House[i-1].Account >= h.Account {
				t.Fatalf("the balances are %+v after transfers of %v", b.House, moved)
			}
		}
		if len(moved) > 0 && len(b.House) < len(moved)-1 {
			t.Fatalf("the balances are %+v after transfers of %v", b.House, moved)
		}
	})
}

// A new game changes no stored byte of a casino that does not play it, and adds its own balance to one that does.
func TestBooks_StoreOnlyAccountsThatMoved(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	var b ledger.Books
	balance := games.Coins(0)
	steps := []struct {
		from, to ledger.Account
		want     string
	}{
		{ledger.Issue, 1000, "a2018182012902" + "0a"},
		{1000, slots, "a201828201298203040206"},
		{1000, unplayed, "a20183820129820304821903e7030203"},
	}
	amounts := []games.Coins{10, 4, 3}
	for i, s := range steps {
		if _, err := b.Move(command.TransferGrant, s.from, s.to, amounts[i], &balance); err != nil {
			t.Fatal(err)
		}
		data, err := mode.Marshal(b)
		if got := hex.EncodeToString(data); err != nil || got != s.want {
			t.Errorf("after %d transfers the books are stored as %s (%v), want %s", i+1, got, err, s.want)
		}
		var back ledger.Books
		if err := cbor.Unmarshal(data, &back); err != nil || !slices.Equal(back.House, b.House) || back.Players != b.Players {
			t.Errorf("read back as %+v (%v), stored %+v", back, err, b)
		}
	}
}

func TestMove_RefusesWhatBreaksTheBooks(t *testing.T) {
	player := ledger.Player(1000)
	for name, move := range map[string]func(b *ledger.Books, balance *games.Coins) error{
		"nothing": func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, player, 0, c)) },
		"less":    func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, player, -1, c)) },
		"too much": func(b *ledger.Books, c *games.Coins) error {
			return err(b.Move(1, ledger.Issue, player, games.MaxCoins+1, c))
		},
		"below zero":   func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, player, slots, 1, c)) },
		"empty escrow": func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Escrow, slots, 1, c)) },
		"no balance":   func(b *ledger.Books, _ *games.Coins) error { return err(b.Move(1, ledger.Issue, player, 1, nil)) },
		"account 0":    func(b *ledger.Books, c *games.Coins) error { return err(b.Move(1, ledger.Issue, 0, 1, c)) },
		"player too rich": func(b *ledger.Books, c *games.Coins) error {
			*c = games.MaxCoins
			return err(b.Move(1, slots, player, 1, c))
		},
		"house too poor": func(b *ledger.Books, c *games.Coins) error {
			b.House = []ledger.Balance{{Account: slots, Coins: -games.MaxCoins}}
			return err(b.Move(1, slots, player, 1, c))
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
	for a, want := range map[ledger.Account]struct{ string, name string }{
		ledger.Issue: {"issue", "issue"}, ledger.Escrow: {"escrow", "escrow"}, ledger.Player(1000): {"player:1000", "player:1000"},
		slots: {"house:3", "house:slots"}, roulette: {"house:4", "house:roulette"}, unplayed: {"house:999", "house:999"}, 0: {"unknown:0", "unknown:0"},
	} {
		if got := a.String(); got != want.string {
			t.Errorf("%d is %q, want %q", uint64(a), got, want.string)
		}
		if got := a.Name(catalogue.Released()); got != want.name {
			t.Errorf("%d is named %q, want %q", uint64(a), got, want.name)
		}
	}
	for _, g := range catalogue.Released().Games() {
		if a := ledger.House(g); a.Game() != g.Number || a.IsPlayer() {
			t.Errorf("%s has the account %s", g.Name, a)
		}
	}
	for _, a := range []ledger.Account{0, ledger.Issue, ledger.Escrow, ledger.Player(1000)} {
		if a.Game() != 0 {
			t.Errorf("%s belongs to game %d", a, a.Game())
		}
	}
}
