package storage_test

import (
	"slices"
	"testing"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// forgery tampers with the books, and says what the audit must find.
type forgery struct {
	name string
	// do tampers with the casino and returns the event at which that must show; 0: at none.
	do   func(f *forger) (event uint64)
	says string
}

func holdForgeries(t *testing.T, list []forgery) {
	t.Helper()
	holdForgeriesIn(t, audited(t), list)
}

// holdForgeriesIn tampers with copies of a file.
func holdForgeriesIn(t *testing.T, file []byte, list []forgery) {
	t.Helper()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var event uint64
			s := forge(t, file, func(f *forger) { event = c.do(f) })
			holdViolation(t, s, event, c.says)
		})
	}
}

// amend changes an event and rebuilds the chain of hashes.
func amend(which func(f *forger) *machine.Event, fn func(e *machine.Event)) func(f *forger) uint64 {
	return func(f *forger) uint64 {
		e := which(f)
		fn(e)
		f.rechain()
		return e.Seq
	}
}

// rewrite changes an event and makes all sums add up again.
func rewrite(which func(f *forger) *machine.Event, fn func(e *machine.Event)) func(f *forger) uint64 {
	return func(f *forger) uint64 {
		e := which(f)
		fn(e)
		f.rebook()
		return e.Seq
	}
}

// Events to tamper with.

func first(k machine.EventKind, id command.AccountID) func(f *forger) *machine.Event {
	return func(f *forger) *machine.Event { return f.first(k, id) }
}

// round finds the first event whose round matches.
func round(wanted func(k machine.EventKind, r *machine.RoundRecord) bool) func(f *forger) *machine.Event {
	return func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool { return e.Round != nil && wanted(e.Kind, e.Round) })
	}
}

var (
	welcome = first(machine.AccountOpened, ann)
	signed  = first(machine.SessionOpened, ann)
	daily   = first(machine.DailyCollected, ann)
	granted = first(machine.CoinsGranted, ann)
	rotated = first(machine.SeedRotated, ann)
	unused  = first(machine.SeedRotated, cat) // a rotation of a pair without rounds
	opened  = first(machine.RoundOpened, ben)
	left    = first(machine.AbandonedSettled, ben)

	lostSpin = round(func(_ machine.EventKind, r *machine.RoundRecord) bool { return r.Rules == "slots/2" && r.Payout == 0 })
	wonSpin  = round(func(_ machine.EventKind, r *machine.RoundRecord) bool { return r.Rules == "slots/2" && r.Payout > 0 })
	wonRed   = round(func(_ machine.EventKind, r *machine.RoundRecord) bool { return r.Rules == "roulette/1" && r.Payout > 0 })
	hit      = round(func(_ machine.EventKind, r *machine.RoundRecord) bool {
		return slices.Equal(r.Actions, []string{"hit"}) && !r.Settled
	})
	hitAndStood = round(func(k machine.EventKind, r *machine.RoundRecord) bool {
		return slices.Equal(r.Actions, []string{"hit", "stand"}) && k == machine.ActionTaken
	})
	surrendered = round(func(_ machine.EventKind, r *machine.RoundRecord) bool { return slices.Contains(r.Actions, "surrender") })
	raised      = round(func(k machine.EventKind, r *machine.RoundRecord) bool {
		return k == machine.ActionTaken && r.Staked > r.Stake
	})
	actions = first(machine.ActionTaken, ben)
)

func TestAudit_FindsABrokenHistory(t *testing.T) {
	t.Parallel()
	holdForgeries(t, []forgery{
		{"an event is missing", func(f *forger) uint64 {
			f.remove("history", storagetest.EventKey(10))
			return 11
		}, "it follows event 9: the history has a gap"},
		{"the first event is missing", func(f *forger) uint64 {
			f.remove("history", storagetest.EventKey(1))
			return 2
		}, "it follows event 0: the history has a gap"},
		{"an event is altered", func(f *forger) uint64 {
			change(f, "history", storagetest.EventKey(10), func(e *machine.Event) { e.Command[0]++ })
			return 11
		}, "it does not carry the hash of the event before it"},
		{"an operator's reason is altered", func(f *forger) uint64 {
			e := granted(f)
			change(f, "history", storagetest.EventKey(e.Seq), func(e *machine.Event) { e.Act.Reason = "wedding" })
			return e.Seq + 1
		}, "it does not carry the hash of the event before it"},
		{"the first event goes back before the history", func(f *forger) uint64 {
			change(f, "history", storagetest.EventKey(1), func(e *machine.Event) { e.Prev[31] = 1 })
			return 1
		}, "it does not carry the hash of the event before it"},
		{"the newest event is cut off", func(f *forger) uint64 {
			n := uint64(len(f.events))
			f.remove("history", storagetest.EventKey(n))
			f.events = f.events[:n-1]
			f.rechain()
			return 0
		}, "account 1000 has"},
		{"time goes back", amend(daily, func(e *machine.Event) { e.Time -= 10_000 }), "its time is before that of the event before it"},
		{"an account's event is not in its chain", amend(granted, func(e *machine.Event) { e.Back-- }), "the event before it of account 1000 is"},
		{"a round is not in the chain of its game", amend(lostSpin, func(e *machine.Event) { e.BackAlike-- }), "the event of the same sort before it of account "},
		{"a grant is not in the chain of coins", amend(granted, func(e *machine.Event) { e.BackAlike = 0 }), "the event of the same sort before it of account 1000 is"},
		{"a sign-in is in a short chain", amend(signed, func(e *machine.Event) { e.BackAlike = 1 }), "the event of the same sort before it of account "},
		{"an event names an account that was never opened", amend(signed, func(e *machine.Event) { e.Account = 4711 }), "account 4711 was never opened"},
		{"an event of play names an account that was never opened", amend(lostSpin, func(e *machine.Event) { e.Account = 999 }), "account 999 was never opened"},
		{"an account is opened out of turn", amend(welcome, func(e *machine.Event) { e.Account++ }), "it opens account 1001, the next is 1000"},
		{"an account is opened without commitments", amend(welcome, func(e *machine.Event) { e.Seeds = nil }), "an account is opened without commitments"},
		{"an event that is no round carries one", amend(signed, func(e *machine.Event) { e.Round = &machine.RoundRecord{} }), "a session_opened carries a round"},
		{"a round is played without a round", amend(lostSpin, func(e *machine.Event) { e.Round = nil }), "a round_played carries no round"},
	})
}

func TestAudit_FindsWrongTransfers(t *testing.T) {
	t.Parallel()
	holdForgeries(t, []forgery{
		{"an amount is altered", amend(daily, func(e *machine.Event) { e.Transfers[0].Amount++ }), "after transfer 0, issue has"},
		{"the balance after it is altered", amend(daily, func(e *machine.Event) { e.Transfers[0].ToAfter++ }), "after transfer 0, issue has"},
		{"the other balance after it is altered", amend(daily, func(e *machine.Event) { e.Transfers[0].FromAfter-- }), "after transfer 0, issue has"},
		{"the balance that an event tells is altered", amend(daily, func(e *machine.Event) { e.Coins++ }), "and 0 held, the event says"},
		{"the held coins that an event tells are altered", amend(opened, func(e *machine.Event) { e.Held-- }), "and 10 held, the event says"},
		{"a transfer is repeated", amend(daily, func(e *machine.Event) { e.Transfers = append(e.Transfers, e.Transfers[0]) }), "after transfer 1, issue has"},
		{"a transfer is missing", amend(daily, func(e *machine.Event) { e.Transfers = nil }), "coins and 0 held, the event says"},
		{"a transfer is of no coins", rewrite(daily, func(e *machine.Event) { e.Transfers[0].Amount = 0 }), "transfer 0 is of 0 coins"},
		{"a transfer is of less than none", rewrite(daily, func(e *machine.Event) { e.Transfers[0].Amount = -5 }), "transfer 0 is of -5 coins"},
		{"a transfer is of more coins than there can be", rewrite(daily, func(e *machine.Event) { e.Transfers[0].Amount = games.MaxCoins + 1 }), "transfer 0 is of 9007199254740992 coins"},
		{"a player's balance falls below 0", rewrite(func(f *forger) *machine.Event {
			return f.find(func(e *machine.Event) bool { return e.Kind == machine.CoinsGranted && e.Transfers[0].From.IsPlayer() })
		}, func(e *machine.Event) { e.Transfers[0].Amount = 100_000 }), "the balance of player:1000 falls to -"},
		{"escrow falls below 0", rewrite(granted, func(e *machine.Event) { e.Transfers[0].From = ledger.Escrow }), "escrow falls to -500"},
		{"daily coins come from a house", rewrite(daily, func(e *machine.Event) { e.Transfers[0].From = slots }),
			"a daily_coins_collected moves coins from house:slots to player:1000 as a daily"},
		{"daily coins are taken", rewrite(daily, func(e *machine.Event) {
			t := &e.Transfers[0]
			t.From, t.To = t.To, t.From
		}), "a daily_coins_collected moves coins from player:1000 to issue as a daily"},
		{"a grant is told as a payout", rewrite(granted, func(e *machine.Event) { e.Transfers[0].Kind = command.TransferPayout }),
			"a coins_granted moves coins from issue to player:1000 as a payout"},
		{"a grant is told as welcome coins", rewrite(granted, func(e *machine.Event) { e.Transfers[0].Kind = command.TransferWelcome }),
			"a coins_granted moves coins from issue to player:1000 as a welcome"},
		{"a transfer is of no kind", rewrite(granted, func(e *machine.Event) { e.Transfers[0].Kind = 99 }), "a coins_granted moves coins from issue to player:1000"},
		{"coins come from another player", rewrite(granted, func(e *machine.Event) { e.Transfers[0].From = ledger.Player(ben) }),
			"an event of account 1000 moves coins of player:1001"},
		{"coins go to another player", rewrite(granted, func(e *machine.Event) { e.Transfers[0].To = ledger.Player(ben) }),
			"an event of account 1000 moves coins of player:1001"},
		{"coins go to nobody", rewrite(granted, func(e *machine.Event) { e.Transfers[0].To = 0 }), "there is no account 0"},
		{"coins go to an account of the house that there is not", rewrite(granted, func(e *machine.Event) { e.Transfers[0].To = 6 }), "there is no account 6"},
		{"a sign-in moves coins", rewrite(signed, func(e *machine.Event) {
			e.Transfers = []ledger.Transfer{{Kind: command.TransferGrant, From: ledger.Issue, To: ledger.Player(ann), Amount: 5}}
		}), "a session_opened moves coins from issue to player:1000 as a grant"},
		{"an account is deleted with its coins", rewrite(signed, func(e *machine.Event) { e.Kind = machine.AccountDeleted }), "account 1000 is deleted with"},
		{"a deleted account goes on", func(f *forger) uint64 {
			e := signed(f)
			e.Kind = machine.AccountDeleted
			e.Transfers = []ledger.Transfer{{Kind: command.TransferClosing, From: ledger.Player(ann), To: ledger.Issue, Amount: games.Coins(e.Coins)}}
			f.rebook()
			return f.find(func(later *machine.Event) bool { return later.Account == ann && later.Seq > e.Seq }).Seq
		}, "something happens in account 1000, which was deleted"},
		{"coins leave as if an account were deleted", rewrite(granted, func(e *machine.Event) {
			t := &e.Transfers[0]
			t.Kind, t.From, t.To = command.TransferClosing, t.To, t.From
		}), "a coins_granted moves coins from player:1000 to issue as a closing"},
		{"an operator's act moves coins between houses", rewrite(signed, func(e *machine.Event) {
			e.Transfers = []ledger.Transfer{{Kind: command.TransferSettle, From: slots, To: roulette, Amount: 5}}
		}), "moves coins from house:slots to house:roulette as a settle"},
		{"a stake goes to another game's house", rewrite(lostSpin, func(e *machine.Event) { e.Transfers[0].To = roulette }),
			"of slots moves coins of house:roulette"},
		{"a payout comes from another game's house", rewrite(wonSpin, func(e *machine.Event) { e.Transfers[1].From = roulette }),
			"of slots moves coins of house:roulette"},
		{"a payout comes from escrow", rewrite(surrendered, func(e *machine.Event) { e.Transfers[1].From = ledger.Escrow }), "escrow falls to"},
		{"a stake comes from issue", rewrite(lostSpin, func(e *machine.Event) { e.Transfers[0].From = ledger.Issue }),
			"a round_played moves coins from issue to house:slots as a stake"},
		{"an open round's stake goes to the house", rewrite(opened, func(e *machine.Event) { e.Transfers[0].To = blackjack }),
			"a round_opened moves coins from player:1001 to house:blackjack as a stake"},
		{"a double goes to the house", rewrite(raised, func(e *machine.Event) { e.Transfers[0].To = blackjack }),
			"a action_taken moves coins from player:1001 to house:blackjack as a raise"},
	})
}

func TestAudit_FindsRoundsThatAreNotAsTheirRulesHaveThem(t *testing.T) {
	t.Parallel()
	holdForgeries(t, []forgery{
		{"the stake is taken twice", rewrite(lostSpin, func(e *machine.Event) { e.Transfers = append(e.Transfers, e.Transfers[0]) }),
			"has two transfers of the same kind in one event"},
		{"the stake is taken again by an action", rewrite(raised, func(e *machine.Event) { e.Transfers[0].Kind = command.TransferStake }), "is staked a second time"},
		{"more is taken than the round costs", rewrite(lostSpin, func(e *machine.Event) { e.Transfers[0].Amount++ }), "costs 4 more, but 5 coins are taken"},
		{"it is settled without a stake", rewrite(lostSpin, func(e *machine.Event) { e.Transfers = nil }), "costs 4 more, but 0 coins are taken"},
		{"it is doubled for nothing", rewrite(raised, func(e *machine.Event) { e.Transfers = e.Transfers[1:] }), "but 0 coins are taken"},
		{"it is paid twice", rewrite(wonSpin, func(e *machine.Event) { e.Transfers = append(e.Transfers, e.Transfers[1]) }),
			"has two transfers of the same kind in one event"},
		{"it is not paid", rewrite(wonSpin, func(e *machine.Event) { e.Transfers = e.Transfers[:1] }), "but 0 coins are paid"},
		{"it is paid more than it says", rewrite(wonSpin, func(e *machine.Event) { e.Transfers[1].Amount++ }), "coins are paid"},
		{"it pays more than its rules say", rewrite(wonSpin, func(e *machine.Event) { e.Round.Payout++; e.Transfers[1].Amount++ }), "by its rules it costs 4 and pays"},
		{"it pays nothing where its rules pay", rewrite(wonSpin, func(e *machine.Event) { e.Round.Payout = 0; e.Transfers = e.Transfers[:1] }),
			"cost 4 and paid 0 (settled: true); by its rules it costs 4 and pays"},
		{"it pays where its rules pay nothing", rewrite(lostSpin, func(e *machine.Event) {
			e.Round.Payout = 8
			e.Transfers = append(e.Transfers, ledger.Transfer{Kind: command.TransferPayout, From: slots, To: ledger.Player(ann), Amount: 8})
		}), "cost 4 and paid 8 (settled: true); by its rules it costs 4 and pays 0"},
		{"it costs more than was bet", rewrite(lostSpin, func(e *machine.Event) { e.Round.Staked = 5; e.Transfers[0].Amount = 5 }), "cost 5 and paid 0 (settled: true); by its rules it costs 4"},
		{"a lower stake won as much", rewrite(wonSpin, func(e *machine.Event) { e.Round.Stake, e.Round.Staked, e.Transfers[0].Amount = 1, 1, 1 }), "by its rules it costs 1 and pays"},
		{"the bets are altered", rewrite(wonRed, func(e *machine.Event) { e.Round.Bets[0].Type = "black" }), "cost 6 and paid 12 (settled: true); by its rules it costs 6 and pays 0"},
		{"the bets are none that the rules allow", rewrite(wonRed, func(e *machine.Event) { e.Round.Bets[0].Type = "purple" }), "can't be played again: "},
		{"its draws are altered", amend(lostSpin, func(e *machine.Event) { e.Round.Draws[2]++ }), "the seeds give"},
		{"a draw is missing", amend(lostSpin, func(e *machine.Event) { e.Round.Draws = e.Round.Draws[:2] }), "the seeds give"},
		{"its rules are another version", amend(wonSpin, func(e *machine.Event) { e.Round.Rules = "slots/1" }), "the seeds give"},
		{"its rules are a version that there is not", amend(lostSpin, func(e *machine.Event) { e.Round.Rules = "slots/99" }),
			`has rules "slots/99", which this imperio does not know`},
		{"its rules are of no game", amend(lostSpin, func(e *machine.Event) { e.Round.Rules = "poker/1" }), `has rules "poker/1", which are no game's`},
		{"it has another event's number", amend(lostSpin, func(e *machine.Event) { e.Round.ID++ }), "but a round's number must be that of its event"},
		{"a nonce is skipped", amend(wonRed, func(e *machine.Event) { e.Round.Nonce++ }), "; the next of account 1000 is nonce"},
		{"a nonce is repeated", amend(wonRed, func(e *machine.Event) { e.Round.Nonce-- }), "; the next of account 1000 is nonce"},
		{"it is of another seed pair", amend(wonRed, func(e *machine.Event) { e.Round.Pair++ }), "of pair 1; the next of account 1000 is nonce"},
		{"a round is repeated", func(f *forger) uint64 {
			return f.add(*lostSpin(f))
		}, "but a round's number must be that of its event"},
		{"a round is repeated under the next number", func(f *forger) uint64 {
			e, r := *lostSpin(f), *lostSpin(f).Round
			r.ID = command.RoundID(len(f.events) + 1)
			e.Round = &r
			return f.add(e)
		}, "of pair 0; the next of account 1000 is nonce 2 of pair 2"},
	})
}

func TestAudit_FindsRoundsThatAreNotPlayedOnAsTheyStood(t *testing.T) {
	t.Parallel()
	holdForgeries(t, []forgery{
		{"an action is another", amend(hit, func(e *machine.Event) { e.Round.Actions[0] = "stand" }), "by its rules it costs"},
		{"an action before it is another", amend(hitAndStood, func(e *machine.Event) { e.Round.Actions[0] = "stand" }), "don't continue those before"},
		{"an action is forgotten", amend(hitAndStood, func(e *machine.Event) { e.Round.Actions = e.Round.Actions[:1] }), "don't continue those before"},
		{"two actions are taken at once", amend(hitAndStood, func(e *machine.Event) { e.Round.Actions = append(e.Round.Actions, "stand") }), "don't continue those before"},
		{"an action is none that the rules know", amend(hitAndStood, func(e *machine.Event) { e.Round.Actions[1] = "peek" }), "can't be played again: "},
		{"a card is another", amend(hitAndStood, func(e *machine.Event) { e.Round.Draws[0] ^= 1 }), "the seeds give"},
		{"its cards are kept while it is open", amend(hit, func(e *machine.Event) { e.Round.Draws = []uint16{1, 2, 3, 4, 5} }), "is stored with its draws"},
		{"what the rules allow is altered", amend(hit, func(e *machine.Event) { e.Round.Allowed = append(e.Round.Allowed, "insurance") }), "its rules allow"},
		{"it opens with actions", amend(opened, func(e *machine.Event) { e.Round.Actions = []string{"hit"} }), "opens with actions"},
		{"its stake is another than at the opening", amend(actions, func(e *machine.Event) { e.Round.Stake++ }), "is not the round that was opened"},
		{"its rules are others than at the opening", amend(actions, func(e *machine.Event) { e.Round.Rules = "blackjack/2" }), "is not the round that was opened"},
		{"its pair is another than at the opening", amend(actions, func(e *machine.Event) { e.Round.Pair++ }), "is not the round that was opened"},
		{"its nonce is another than at the opening", amend(actions, func(e *machine.Event) { e.Round.Nonce++ }), "is not the round that was opened"},
		{"it was opened at another time", amend(actions, func(e *machine.Event) { e.Round.OpenedAt-- }), "is not the round that was opened"},
		{"an action is taken in a round that is not open", amend(actions, func(e *machine.Event) { e.Round.ID-- }), "is not open"},
		{"an action is taken by another player", amend(actions, func(e *machine.Event) { e.Account = ann }), "of account 1000 is not open"},
		{"a round opens while another is open", func(f *forger) uint64 {
			e := actions(f) // the player surrenders; without that the round stays open
			*e = machine.Event{Seq: e.Seq, Time: e.Time, Account: e.Account, Kind: machine.OperatorActed}
			f.rebook()
			next := f.find(func(later *machine.Event) bool { return later.Seq > e.Seq && later.Kind == machine.RoundOpened })
			return next.Seq
		}, "opens while round "},
		{"a round that is settled at once is told as opened", amend(lostSpin, func(e *machine.Event) { e.Kind = machine.RoundOpened }), "settled: true"},
		{"a round that stays open is told as played", amend(opened, func(e *machine.Event) { e.Kind = machine.RoundPlayed }), "settled: false"},
		{"an open round pays", rewrite(opened, func(e *machine.Event) {
			e.Round.Payout = 7
			e.Transfers = append(e.Transfers, ledger.Transfer{Kind: command.TransferPayout, From: blackjack, To: ledger.Player(ben), Amount: 7})
		}), "pays while it is open"},
		{"limits leave more than the player has", amend(hit, func(e *machine.Event) { e.Room = new(e.Coins) }), "own limits leave"},
		{"less leaves escrow than was staked", rewrite(surrendered, func(e *machine.Event) { e.Transfers[0].Amount-- }), "9 coins leave escrow for round"},
		{"nothing leaves escrow", rewrite(surrendered, func(e *machine.Event) { e.Transfers = e.Transfers[1:] }), "0 coins leave escrow for round"},
		{"a round is settled in the name of its player", amend(left, func(e *machine.Event) {
			e.Kind = machine.ActionTaken
			e.Round.Actions = append(e.Round.Actions, "stand")
		}),
			"don't continue those before"},
		{"an abandoned round is settled otherwise than its rules say", amend(surrendered, func(e *machine.Event) { e.Kind = machine.AbandonedSettled }),
			"is settled by [surrender], its rules say [stand]"},
		{"an abandoned round was not left by the time that it says", amend(left, func(e *machine.Event) { e.Before -= 10_000 }), "but its player acted at"},
		{"an abandoned round is not settled", amend(hit, func(e *machine.Event) { e.Kind = machine.AbandonedSettled }), "is not settled as it stood"},
		{"an abandoned round is doubled", amend(raised, func(e *machine.Event) { e.Kind = machine.AbandonedSettled }), "is not settled as it stood"},
		{"its settlement is kept as another event's", func(f *forger) uint64 {
			e := surrendered(f)
			f.put("settlements", storagetest.RoundKey(e.Round.ID), storagetest.EventKey(e.Seq+1))
			return e.Seq
		}, "is settled here, but kept as settled by event"},
		{"its settlement is not kept", func(f *forger) uint64 {
			e := surrendered(f)
			f.remove("settlements", storagetest.RoundKey(e.Round.ID))
			return e.Seq
		}, "is settled here, but kept as settled by event 0"},
	})
}
