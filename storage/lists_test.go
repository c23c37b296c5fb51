package storage_test

import (
	"testing"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// A page reads 4,096 events at most, and ends early where they hold too little of what is asked for. What lies behind more
// of others' events than that is found in one page only if those are not read.
func TestLists_OfFewEventsAmongManyReadOnlyThese(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100_000)
	spinRed := command.Command{Account: p, Body: command.PlaceWager{Rules: "roulette/1", Stake: 1, Bets: []games.Bet{{Type: "red", Amount: 1}}}}
	c.One(spinRed)
	open := openRound(t, c, p, 10, "stand")
	c.One(act(p, open.Round.ID, "stand"))
	const many = 5000
	for range many / 100 {
		commands := make([]command.Command, 100)
		for i := range commands {
			commands[i] = spin(p, 1)
		}
		c.Do(commands...)
	}
	c.One(spinRed)
	for range 2 { // from memory, and from the file
		for _, game := range []string{"roulette", "blackjack"} {
			rounds, next, err := c.Store.Rounds(t.Context(), p, command.Page{Limit: 200, Game: game})
			if err != nil || next != 0 || len(rounds) < 1 || game == "roulette" && len(rounds) != 2 {
				t.Errorf("%d rounds of %s, next %d, %v", len(rounds), game, next, err)
			}
			transfers, next, err := c.Store.Transfers(t.Context(), p, command.Page{Limit: 200, Game: game})
			if err != nil || next != 0 || len(transfers) < len(rounds) {
				t.Errorf("%d transfers of %s, next %d, %v", len(transfers), game, next, err)
			}
		}
		granted, next, err := c.Store.Transfers(t.Context(), p, command.Page{Limit: 200, Kind: command.TransferWelcome})
		if err != nil || next != 0 || len(granted) != 1 {
			t.Errorf("%d transfers of welcome coins, next %d, %v", len(granted), next, err)
		}
		c.Checkpoint()
	}

	// A cursor of one list goes on in another: the next page holds what is older than it.
	_, cursor, err := c.Store.Rounds(t.Context(), p, command.Page{Limit: 200})
	if err != nil || cursor == 0 {
		t.Fatalf("next %d, %v", cursor, err)
	}
	older, _, err := c.Store.Rounds(t.Context(), p, command.Page{Limit: 3, Game: "slots", Before: cursor})
	if err != nil || len(older) != 3 || uint64(older[0].ID) != cursor {
		t.Errorf("from event %d on: %+v, %v", cursor, older, err)
	}
}
