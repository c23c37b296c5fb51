package storage_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/fair"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

func deal(p command.AccountID, stake games.Coins) command.Command {
	return command.Command{Account: p, Body: command.PlaceWager{Rules: "blackjack/1", Stake: stake}}
}

func act(p command.AccountID, round command.RoundID, action string) command.Command {
	return command.Command{Account: p, Body: command.TakeAction{Round: round, Action: action}}
}

// openRound deals until a round stays open that allows the action.
func openRound(t *testing.T, c *storagetest.Casino, p command.AccountID, stake games.Coins, action string) command.RoundResult {
	t.Helper()
	for range 1000 {
		r := *c.One(deal(p, stake)).Value.(*command.RoundResult)
		if r.Round.Settled {
			continue
		}
		if slices.Contains(r.Round.Allowed, action) {
			return r
		}
		c.One(command.Command{Body: command.SettleAbandoned{Round: r.Round.ID}})
	}
	t.Fatalf("no round allowed %s", action)
	return command.RoundResult{}
}

func TestPlaceWager_RefusesStakesOutOfRange(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	for stake, code := range map[games.Coins]string{
		0: "stake_out_of_range", -1: "stake_out_of_range", 1_000_000_000_001: "stake_out_of_range", games.MaxCoins: "stake_out_of_range",
		-games.MaxCoins: "stake_out_of_range", 101: "insufficient_coins", 1_000_000_000_000: "insufficient_coins",
	} {
		c.Refused(code, spin(p, stake))
	}
	c.Refused("account_not_found", spin(p+1, 1))
	c.Refused("account_not_found", spin(0, 1))
	if f, _, err := c.Store.Fairness(p); err != nil || f.Nonce != 0 {
		t.Fatalf("refusals took nonces: %+v, %v", f, err)
	}
	if r := c.One(spin(p, 100)).Value.(*command.RoundResult); r.Round.Nonce != 0 || r.Coins != r.Round.Payout {
		t.Fatalf("all in: %+v", r)
	}
}

func TestPlaceWager_NeverBelowZeroHoweverManyAtOnce(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10)
	var commands []command.Command
	for range 500 {
		commands = append(commands, spin(p, 3))
	}
	var nonce uint64
	for _, r := range c.Do(commands...) {
		if r.Refusal != nil {
			if r.Refusal.Code != "insufficient_coins" {
				t.Fatal(r.Refusal)
			}
			continue
		}
		v := r.Value.(*command.RoundResult)
		if v.Round.Nonce != nonce || v.Coins < 0 {
			t.Fatalf("nonce %d after %d, balance %d", v.Round.Nonce, nonce, v.Coins)
		}
		nonce++
	}
}

func TestRound_CanBeProvenAfterARotation(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	before, _, err := c.Store.Fairness(p)
	if err != nil || before.ClientSeed != "default:1000" || !before.DefaultSeed || before.Commitment == before.NextCommitment {
		t.Fatalf("%+v, %v", before, err)
	}
	rotate := command.Command{Account: p, Body: command.RotateSeed{ClientSeed: "clover"}}
	first := c.One(rotate).Value.(*command.SeedRotated)
	if first.Fairness.Commitment != before.NextCommitment || first.Revealed.Commitment != before.Commitment || first.Revealed.Rounds != 0 {
		t.Fatalf("%+v after %+v", first, before)
	}
	bet := command.Command{Account: p, Key: command.KeyOf("x"), Body: command.PlaceWager{Rules: "slots/2", Stake: 7}}
	round := c.One(bet).Value.(*command.RoundResult).Round
	if round.Commitment != first.Fairness.Commitment || round.ServerSeed != nil || round.ClientSeed != "clover" || round.Nonce != 0 || round.Pair != 1 {
		t.Fatalf("%+v", round)
	}
	c.One(rotate)
	again, ok, err := c.Store.Round(context.Background(), p, round.ID)
	if err != nil || !ok || len(again.ServerSeed) != 32 {
		t.Fatalf("%+v %v %v", again, ok, err)
	}
	seed := [32]byte(again.ServerSeed)
	if fair.Commitment(seed) != round.Commitment {
		t.Fatal("the revealed seed is not the one that was committed to")
	}
	game, _ := catalogue.Released().Version(round.Rules)
	position, err := game.Play(fair.NewStream(seed, round.Rules, round.ClientSeed, round.Nonce), round.Wager)
	if err != nil || !slices.Equal(position.Draws, round.Draws) || position.Payout != round.Payout {
		t.Fatalf("%+v, %v; the casino says %+v", position, err, round)
	}
	if told := c.One(bet); !told.Replayed || len(told.Value.(*command.RoundResult).Round.ServerSeed) != 32 {
		t.Fatalf("%+v", told)
	}
	for _, bad := range []string{"", "tab\t", string(make([]byte, 65)), "\xff"} {
		c.Refused("invalid_client_seed", command.Command{Account: p, Body: command.RotateSeed{ClientSeed: bad}})
	}
}

func TestBlackjack_HoldsCoinsUntilTheRoundIsSettled(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p, other := c.Player("ann", 100_000), c.Player("ben", 1000)
	opened := openRound(t, c, p, 10, "double")
	id, before := opened.Round.ID, opened.Coins
	a, _, err := c.Store.Account(p)
	if err != nil || a.OpenRound != id || a.HeldCoins != 10 || a.Coins != before || opened.Held != 10 {
		t.Fatalf("%+v %v", a, err)
	}
	if f := c.Store.Figures(); f.Escrow != 10 || f.OpenRounds != 1 {
		t.Fatalf("%+v", f)
	}
	c.Refused("round_open", deal(p, 10))
	c.Refused("round_open", command.Command{Account: p, Body: command.RotateSeed{ClientSeed: "x"}})
	c.Refused("round_not_found", act(other, id, "stand"))
	c.Refused("round_not_found", act(p, id+1000, "stand"))
	c.Refused("round_not_found", act(p, 0, "stand"))
	c.Refused("unknown_action", act(p, id, "peek"))
	c.One(spin(p, 1)) // other games go on beside it
	c.Crash()
	resumed, ok, err := c.Store.OpenRound(p)
	if err != nil || !ok || resumed.ID != id || !slices.Equal(resumed.Draws, opened.Round.Draws) || !slices.Equal(resumed.Allowed, opened.Round.Allowed) {
		t.Fatalf("after a crash %+v, before it %+v (%v)", resumed, opened.Round, err)
	}
	double := act(p, id, "double")
	double.Key = command.KeyOf("d")
	done := c.One(double).Value.(*command.RoundResult)
	if !done.Round.Settled || done.Round.Staked != 20 || done.Held != 0 || done.Round.SettledAt.IsZero() {
		t.Fatalf("%+v", done)
	}
	if again := c.One(double); !again.Replayed || again.Value.(*command.RoundResult).Coins != done.Coins {
		t.Fatalf("%+v", again)
	}
	c.Refused("round_settled", act(p, id, "stand"))
	c.Refused("round_settled", command.Command{Body: command.SettleAbandoned{Round: id}})
	if v, ok, err := c.Store.Round(context.Background(), p, id); err != nil || !ok || !v.Settled || v.Payout != done.Round.Payout || v.Staked != 20 {
		t.Fatalf("%+v %v %v", v, ok, err)
	}
	if _, ok, err := c.Store.Round(context.Background(), other, id); ok || err != nil {
		t.Fatalf("another player's round is found (%v)", err)
	}
}

func TestBlackjack_DoubleNeedsTheCoins(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100_000)
	opened := openRound(t, c, p, 10, "double")
	c.One(command.Command{Account: p, Body: command.GrantCoins{Amount: 9 - opened.Coins, Actor: "cashier"}})
	c.Refused("insufficient_coins", act(p, opened.Round.ID, "double"))
	c.One(command.Command{Account: p, Body: command.GrantCoins{Amount: 1, Actor: "cashier"}})
	if r := c.One(act(p, opened.Round.ID, "double")).Value.(*command.RoundResult); r.Coins != r.Round.Payout {
		t.Fatalf("%+v", r)
	}
}

func TestBlackjack_TwoActionsAtOnceAndOneIsTaken(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100_000)
	opened := openRound(t, c, p, 10, "surrender")
	r := c.Do(act(p, opened.Round.ID, "surrender"), act(p, opened.Round.ID, "surrender"))
	if r[0].Refusal != nil || r[1].Refusal == nil || r[1].Refusal.Code != "round_settled" {
		t.Fatalf("%+v and %+v", r[0], r[1])
	}
}

// actSeeing is an action of a player who has seen that many actions in the round.
func actSeeing(p command.AccountID, round command.RoundID, action string, taken int) command.Command {
	c := act(p, round, action)
	c.Body = command.TakeAction{Round: round, Action: action, Taken: &taken}
	return c
}

func TestTakeAction_RefusesARoundThatMovedOnSinceItsPlayerDecided(t *testing.T) {
	c := storagetest.New(t, 2, byHand)
	p := c.Player("ann", 100_000)
	id := openRound(t, c, p, 10, "split").Round.ID
	split := actSeeing(p, id, "split", 0)
	split.Key = command.KeyOf("split")
	first := c.One(split)
	if first.Value.(*command.RoundResult).Round.Settled {
		t.Fatal("this seed's split settles the round; choose another")
	}
	stand := actSeeing(p, id, "stand", 1)
	c.Refused("round_moved", actSeeing(p, id, "stand", 0))
	c.Refused("round_moved", actSeeing(p, id, "stand", 2))
	c.Refused("round_moved", actSeeing(p, id, "stand", -1))
	r := c.Do(stand, stand, stand) // a stand on each hand would be within the rules
	if r[0].Refusal != nil || r[1].Refusal == nil || r[1].Refusal.Code != "round_moved" || r[2].Refusal == nil {
		t.Fatalf("%+v, %+v and %+v", r[0], r[1], r[2])
	}
	// Repeated under its key, the split gets its old answer, whatever the player has seen since.
	for taken := range 3 {
		split.Body = command.TakeAction{Round: id, Action: "split", Taken: &taken}
		if again := c.One(split); !again.Replayed || again.Event != first.Event {
			t.Fatalf("%+v, first %+v", again, first)
		}
	}
	split.Body = command.TakeAction{Round: id, Action: "split"}
	if again := c.One(split); !again.Replayed {
		t.Fatalf("%+v", again)
	}
	c.One(act(p, id, "stand")) // without Taken there is no check
}

func TestSettleAbandoned_StandsAndDeclinesForThePlayer(t *testing.T) {
	for _, action := range []string{"stand", "decline_insurance"} {
		c := storagetest.New(t, 1, byHand)
		p := c.Player("ann", 100_000)
		opened := openRound(t, c, p, 10, action)
		c.One(command.Command{Account: p, Body: command.Exclude{ForEver: true}}) // who may not play any more is settled all the same
		c.Refused("excluded", act(p, opened.Round.ID, action))
		c.Checkpoint()
		c.Now = c.Now.Add(25 * time.Hour)
		list, err := c.Store.OpenRoundsBefore("blackjack", c.Now.Add(-24*time.Hour), 10)
		if err != nil || !slices.Equal(list, []command.RoundID{opened.Round.ID}) {
			t.Fatalf("abandoned rounds %v, %v", list, err)
		}
		if early, err := c.Store.OpenRoundsBefore("blackjack", opened.Round.OpenedAt, 10); err != nil || len(early) != 0 {
			t.Fatalf("rounds opened before it: %v, %v", early, err)
		}
		done := c.One(command.Command{Body: command.SettleAbandoned{Round: opened.Round.ID}}).Value.(*command.RoundResult)
		if !done.Round.Settled || done.Round.Account != p || done.Round.Staked != 10 || !slices.Contains(done.Round.Wager.Actions, action) {
			t.Fatalf("%s: %+v", action, done.Round)
		}
	}
}

// A player who takes hours over a round has not abandoned it.
func TestSettleAbandoned_LeavesARoundAloneThatIsPlayed(t *testing.T) {
	c := storagetest.New(t, 2, byHand)
	p := c.Player("ann", 100_000)
	id := openRound(t, c, p, 10, "split").Round.ID
	settle := func(before time.Time) command.Command {
		return command.Command{Body: command.SettleAbandoned{Round: id, Before: before.UnixMilli()}}
	}
	c.Now = c.Now.Add(23 * time.Hour)
	acted := c.Now
	if c.One(act(p, id, "split")).Value.(*command.RoundResult).Round.Settled {
		t.Fatal("this seed's split settles the round; choose another")
	}
	c.Now = c.Now.Add(2 * time.Hour)
	// Until the next checkpoint the list may be out of date. The machine still refuses.
	c.Refused("round_moved", settle(c.Now.Add(-24*time.Hour)))
	c.Refused("round_moved", settle(acted))
	c.Checkpoint()
	for before, want := range map[time.Time]int{c.Now.Add(-24 * time.Hour): 0, acted: 0, acted.Add(time.Millisecond): 1} {
		if list, err := c.Store.OpenRoundsBefore("blackjack", before, 10); err != nil || len(list) != want {
			t.Errorf("left before %s: %v, %v", before, list, err)
		}
	}
	if done := c.One(settle(acted.Add(time.Millisecond))).Value.(*command.RoundResult); !done.Round.Settled {
		t.Fatalf("%+v", done.Round)
	}
}

// The house may close a table, or change its rules and limits, between a bet and its repetition.
func TestIdempotency_HoldsWhateverTheHouseChanged(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	closed := &command.Refusal{Code: "game_disabled", Message: "Closed."}
	bet := spin(p, 5)
	bet.Key = command.KeyOf("k")
	bet.Refusal = closed
	if r := c.Refused("game_disabled", bet); *r != *closed {
		t.Fatalf("%+v", r)
	}
	bet.Refusal = nil
	first := c.One(bet)
	if first.Replayed {
		t.Fatal("a bet that was refused counts as taken")
	}
	for _, rules := range []string{"slots/1", "slots/2"} {
		for _, refused := range []*command.Refusal{nil, closed} {
			bet.Body, bet.Refusal = command.PlaceWager{Rules: rules, Stake: 5}, refused
			again := c.One(bet)
			if !again.Replayed || again.Event != first.Event || again.Value.(*command.RoundResult).Round.Rules != "slots/2" {
				t.Errorf("under %s, refused with %v: %+v, first %+v", rules, refused, again, first)
			}
		}
	}
	bet.Body = command.PlaceWager{Rules: "slots/2", Stake: 6}
	c.Refused("idempotency_mismatch", bet)
	bet.Key = command.Key{}
	c.Refused("game_disabled", bet)
}

func TestRetry_IsAnsweredFromTheFirstAttempt(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	cmd := c.Complete(spin(p, 5))
	cmd.Retry = true // the first attempt never arrived
	first := c.One(cmd)
	if first.Replayed {
		t.Fatal("answered what was never done")
	}
	for range 50 {
		c.One(spin(p, 1))
	}
	again := c.One(cmd)
	if !again.Replayed || again.Event != first.Event || again.Value.(*command.RoundResult).Coins != first.Value.(*command.RoundResult).Coins {
		t.Fatalf("%+v, first %+v", again, first)
	}
}
