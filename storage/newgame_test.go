package storage_test

import (
	"reflect"
	"testing"

	"imperio/games"
	"imperio/games/gamestest"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// A program that knows one more game writes the same bytes as before. Playing that game changes no record of players who
// don't play it.
func TestNewGame_ChangesNoStoredByteOfOldOnes(t *testing.T) {
	before := storagetest.New(t, 1, byHand)
	ann, ben := before.Player("ann", 1000), before.Player("ben", 1000)
	of := func(id command.AccountID, rules string, bets ...games.Bet) command.Command {
		return command.Command{Account: id, Body: command.PlaceWager{Rules: rules, Stake: 10, Bets: bets}}
	}
	before.Do(of(ann, "slots/2"), of(ben, "slots/2"), of(ben, "roulette/1", games.Bet{Type: "red", Amount: 10}), of(ann, "blackjack/1"))
	after := storagetest.NewWith(t, t.TempDir(), 2, gamestest.Catalogue(), byHand)
	after.Replay(before.Log)
	old, record := before.Identity()
	renewed, same := after.Identity()
	if old != renewed || !reflect.DeepEqual(record, same) {
		t.Fatalf("with another game the state is\n%+v, was\n%+v", same, record)
	}

	after.Now = before.Now
	for range 50 { // enough for some rounds to be settled at once and others by an action
		r := after.One(of(ben, "dice/1")).Value.(*command.RoundResult)
		if !r.Round.Settled {
			after.One(command.Command{Account: ben, Body: command.TakeAction{Round: r.Round.ID, Action: gamestest.Keep}})
		}
	}
	if had, has := walletOf(t, before, ann), walletOf(t, after, ann); !reflect.DeepEqual(had, has) {
		t.Errorf("ann never played dice, and her wallet is\n%+v, was\n%+v", has, had)
	}
	had, has := walletOf(t, before, ben), walletOf(t, after, ben)
	if len(has.Games) != len(had.Games)+1 || !reflect.DeepEqual(has.Games[:len(had.Games)], had.Games) || has.Games.Of(gamestest.Number).Rounds != 50 {
		t.Errorf("the sums of ben's games are %+v, were %+v", has.Games, had.Games)
	}
	list, err := after.Store.Statistics(ben)
	if err != nil || len(list) != 4 || list[3].Game != "dice" || list[3].Rounds != 50 {
		t.Errorf("ben's statistics are %+v, %v", list, err)
	}
	if f := after.Store.Figures().Houses["dice"]; f.Rounds != 50 || f.Balance != f.Staked-f.Paid {
		t.Errorf("the figures of dice are %+v", f)
	}
}

func walletOf(t *testing.T, c *storagetest.Casino, id command.AccountID) (wallet machine.WalletRecord) {
	t.Helper()
	s, err := c.Store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Wallets(func(of command.AccountID, w *machine.WalletRecord) error {
		if of == id {
			wallet = *w
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return wallet
}
