package storage_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// state forges records beside the history, which shows at no event.
func state(fn func(f *forger)) func(f *forger) uint64 {
	return func(f *forger) uint64 { fn(f); return 0 }
}

func TestAudit_FindsSeedsThatWereNotPromised(t *testing.T) {
	t.Parallel()
	firstRound := func(f *forger, pair uint32) uint64 {
		return f.find(func(e *machine.Event) bool { return e.Account == ann && e.Round != nil && e.Round.Pair == pair }).Seq
	}
	reveal := func(pair uint32, id command.AccountID, which func(f *forger) *machine.Event, fn func(p *machine.PairRecord)) func(f *forger) uint64 {
		return func(f *forger) uint64 {
			fn(which(f).Pair)
			f.pair(id, pair, fn)
			f.rechain()
			return which(f).Seq
		}
	}
	const notCommitted = "is not the one that was committed to"
	another := storagetest.Keys.SealSeed(command.Seed{1})
	holdForgeries(t, []forgery{
		{"the seed that is revealed is another", reveal(0, cat, unused, func(p *machine.PairRecord) { p.Server[0]++ }),
			"the server seed that it reveals " + notCommitted},
		{"the seed that is revealed of played rounds is another", func(f *forger) uint64 {
			reveal(0, ann, rotated, func(p *machine.PairRecord) { p.Server[0]++ })(f)
			return firstRound(f, 0)
		}, "the server seed of pair 0 of account 1000 " + notCommitted},
		{"the client seed that is revealed is another", reveal(0, ann, rotated, func(p *machine.PairRecord) { p.Client = "other" }),
			"the client seed that it reveals is not the one that was in force"},
		{"the revealed pair has other rounds", reveal(0, ann, rotated, func(p *machine.PairRecord) { p.Rounds++ }), "it reveals pair 0 after 41 rounds; account 1000 is at pair 0 after 40"},
		{"another pair is revealed", amend(rotated, func(e *machine.Event) { e.PairNo = 1 }), "it reveals pair 1 after 40 rounds; account 1000 is at pair 0"},
		{"nothing is revealed", amend(rotated, func(e *machine.Event) { e.Pair = nil }), "a rotation reveals nothing"},
		{"nothing is promised", amend(rotated, func(e *machine.Event) { e.Seeds = nil }), "a rotation reveals nothing"},
		{"the seed that becomes active is not the one that was the next", amend(rotated, func(e *machine.Event) { e.Seeds.Active[0]++ }),
			"the server seed that it makes active is not the one that was promised as the next"},
		{"the next seed's commitment is altered", func(f *forger) uint64 {
			rotated(f).Seeds.Next[0]++
			f.rechain()
			return f.find(func(e *machine.Event) bool { return e.Account == ann && e.Kind == machine.SeedRotated && e.PairNo == 1 }).Seq
		}, "the server seed that it makes active is not the one that was promised as the next"},
		{"the newest commitment is altered", state(func(f *forger) { unused(f).Seeds.Next[0]++; f.rechain() }), "the seeds of account 1002 are not those that were committed to"},
		{"the first commitment is altered", func(f *forger) uint64 {
			welcome(f).Seeds.Active[0]++
			f.rechain()
			return firstRound(f, 0)
		}, "the server seed of pair 0 of account 1000 " + notCommitted},
		{"the client seed is altered", func(f *forger) uint64 {
			welcome(f).Seeds.Client = "other"
			f.rechain()
			return firstRound(f, 0)
		}, "the seeds give"},
		{"seeds are rotated while a round is open", func(f *forger) uint64 {
			e := f.find(func(e *machine.Event) bool { return e.Act != nil && e.Act.Act == "talked_to" })
			e.Kind, e.Pair, e.Seeds = machine.SeedRotated, rotated(f).Pair, rotated(f).Seeds
			f.rechain()
			return e.Seq
		}, "seeds are rotated while round "},
		{"a revealed pair is kept otherwise", func(f *forger) uint64 {
			f.pair(ann, 0, func(p *machine.PairRecord) { p.RevealedAt++ })
			return rotated(f).Seq
		}, "pair 0 of account 1000 is not kept as it was revealed"},
		{"a revealed pair is not kept", func(f *forger) uint64 {
			f.remove("pairs", storagetest.PairKey(cat, 0))
			return unused(f).Seq
		}, "pair 0 of account 1002 is not kept as it was revealed"},
		{"the revealed pair of played rounds is not kept", func(f *forger) uint64 {
			f.remove("pairs", storagetest.PairKey(ann, 0))
			return firstRound(f, 0)
		}, "the seeds of pair 0 of account 1000 are missing"},
		{"the active pair is revealed already", state(func(f *forger) {
			change(f, "seeds", storagetest.AccountKey(ann), func(s *machine.SeedsRecord) {
				seed, _ := storagetest.Keys.OpenSeed(s.Server)
				f.put("pairs", storagetest.PairKey(ann, s.Pair), machine.PairRecord{Server: seed, Client: s.Client})
			})
		}), "4 seed pairs are kept as revealed, the history reveals 3"},
		{"the active seed is swapped", func(f *forger) uint64 {
			f.seeds(ann, func(s *machine.SeedsRecord) { s.Server = another })
			return firstRound(f, 2)
		}, "the server seed of pair 2 of account 1000 " + notCommitted},
		{"the active seed's box is altered", func(f *forger) uint64 {
			f.seeds(ann, func(s *machine.SeedsRecord) { s.Server.Box[0]++ })
			return firstRound(f, 2)
		}, "the sealed seed of pair 2 of account 1000 can't be opened"},
		{"the active seed's box is that of the next", func(f *forger) uint64 {
			f.seeds(ann, func(s *machine.SeedsRecord) { s.Server.Box = s.Next.Box })
			return firstRound(f, 2)
		}, "the sealed seed of pair 2 of account 1000 can't be opened"},
		{"the active seed is swapped before a round", state(func(f *forger) { f.seeds(cat, func(s *machine.SeedsRecord) { s.Server = another }) }),
			"the seeds of account 1002 are not those that were committed to"},
		{"the active seed's box is another account's", state(func(f *forger) {
			f.seeds(ann, func(other *machine.SeedsRecord) {
				f.seeds(cat, func(s *machine.SeedsRecord) { s.Server.Box = other.Server.Box })
			})
		}), "the sealed seeds of account 1002 are not those that were committed to"},
		{"the next seed is swapped", state(func(f *forger) { f.seeds(ann, func(s *machine.SeedsRecord) { s.Next = another }) }),
			"the seeds of account 1000 are not those that were committed to"},
		{"the next seed's box is altered", state(func(f *forger) { f.seeds(ann, func(s *machine.SeedsRecord) { s.Next.Box[47]++ }) }),
			"the sealed seeds of account 1000 are not those that were committed to"},
		{"the client seed in force is swapped", state(func(f *forger) { f.seeds(ann, func(s *machine.SeedsRecord) { s.Client = "other" }) }),
			"the seeds of account 1000 are not those that were committed to"},
		{"the client seed is told as the house's own", state(func(f *forger) { f.seeds(ann, func(s *machine.SeedsRecord) { s.Default = true }) }),
			"the seeds of account 1000 are not those that were committed to"},
		{"the active pair began with another event", state(func(f *forger) { f.seeds(ann, func(s *machine.SeedsRecord) { s.FirstEvent-- }) }),
			"the seeds of account 1000 are not those that were committed to"},
		{"the active pair has another number", state(func(f *forger) { f.seeds(cat, func(s *machine.SeedsRecord) { s.Pair++ }) }),
			"the seeds of account 1002 are not those that were committed to"},
		{"an account has no seeds", state(func(f *forger) { f.remove("seeds", storagetest.AccountKey(dan)) }), "the seeds of account 1003 are not those that were committed to"},
	})
}

func TestAudit_FindsAccountsThatAreNotAsTheirEventsMakeThem(t *testing.T) {
	t.Parallel()
	wallet := func(fn func(w *machine.WalletRecord)) func(f *forger) uint64 {
		return state(func(f *forger) { f.wallet(ben, fn) })
	}
	holdForgeries(t, []forgery{
		{"a balance is altered", wallet(func(w *machine.WalletRecord) { w.Balance += 1000 }), "account 1001 has "},
		{"held coins are altered", wallet(func(w *machine.WalletRecord) { w.Held = 0 }), "and 10 held by its transfers, its wallet says "},
		{"the nonce is altered", wallet(func(w *machine.WalletRecord) { w.Nonce++ }), "account 1001 is at nonce "},
		{"the newest event is altered", wallet(func(w *machine.WalletRecord) { w.Last-- }), "account 1001 is at nonce "},
		{"the newest round of a game is altered", wallet(func(w *machine.WalletRecord) { sum(w.Games, blackjack).Last-- }), "the statistics of account 1001 are not those of its rounds"},
		{"the newest event of coins is altered", wallet(func(w *machine.WalletRecord) { w.LastCoins++ }), "the newest event of account 1001 that moves coins outside of rounds is "},
		{"the open round is altered", wallet(func(w *machine.WalletRecord) { w.OpenRound = 0 }), "account 1001 is at nonce "},
		{"rounds are not counted", wallet(func(w *machine.WalletRecord) { sum(w.Games, blackjack).Rounds-- }), "the statistics of account 1001 are not those of its rounds"},
		{"stakes are counted wrong", wallet(func(w *machine.WalletRecord) { sum(w.Games, blackjack).Staked++ }), "the statistics of account 1001 are not those of its rounds"},
		{"payouts are counted wrong", wallet(func(w *machine.WalletRecord) { sum(w.Games, blackjack).Paid-- }), "the statistics of account 1001 are not those of its rounds"},
		{"the biggest win is altered", wallet(func(w *machine.WalletRecord) { sum(w.Games, blackjack).Biggest = 777 }), "the statistics of account 1001 are not those of its rounds"},
		{"a game that was not played is counted", wallet(func(w *machine.WalletRecord) { w.Games = append(w.Games, machine.GameRecord{Game: 6}) }),
			"the statistics of account 1001 are not those of its rounds"},
		{"an account has no wallet", state(func(f *forger) { f.remove("wallets", storagetest.AccountKey(dan)) }), "there are 3 wallets for 4 accounts"},
		{"there is a wallet without an account", state(func(f *forger) { f.put("wallets", storagetest.AccountKey(dan+1), &machine.WalletRecord{}) }),
			"there is a wallet of account 1004, which does not exist"},
		{"there is a wallet of the house", state(func(f *forger) { f.put("wallets", storagetest.AccountKey(1), &machine.WalletRecord{}) }),
			"there is a wallet of account 1, which does not exist"},
		{"the newest account is missing", state(func(f *forger) { f.remove("accounts", storagetest.AccountKey(dan)) }), "there are 3 accounts, the history opens 4"},
		{"an account is missing", state(func(f *forger) { f.remove("accounts", storagetest.AccountKey(ben)) }), "there is an account 1002 that the history does not know"},
		{"there is an account more", state(func(f *forger) {
			f.put("accounts", storagetest.AccountKey(dan+1), &machine.AccountRecord{Username: "eve", UsernameKey: "eve", Role: command.RolePlayer})
			f.put("usernames", []byte("eve"), storagetest.AccountKey(dan+1))
		}), "there is an account 1004 that the history does not know"},
		{"a name leads to another account", state(func(f *forger) { f.put("usernames", []byte("ann"), storagetest.AccountKey(ben)) }),
			"the name or e-mail address of account 1000 leads to another one"},
		{"a name leads nowhere", state(func(f *forger) { f.remove("usernames", []byte("ann")) }), "the name or e-mail address of account 1000 leads to another one"},
		{"an e-mail address leads to another account", state(func(f *forger) { f.put("emails", []byte("dan@example.com"), storagetest.AccountKey(ben)) }),
			"the name or e-mail address of account 1003 leads to another one"},
		{"an account has another's name", state(func(f *forger) {
			change(f, "accounts", storagetest.AccountKey(dan), func(a *machine.AccountRecord) { a.UsernameKey = "ann" })
		}), "the name or e-mail address of account 1003 leads to another one"},
		{"a wallet is called deleted", state(func(f *forger) { f.wallet(dan, func(w *machine.WalletRecord) { w.Deleted = true }) }),
			"account 1003 is deleted: false by its events, true by its wallet"},
		{"an account is called deleted", state(func(f *forger) {
			change(f, "accounts", storagetest.AccountKey(dan), func(a *machine.AccountRecord) {
				*a = machine.AccountRecord{Role: a.Role, CreatedAt: a.CreatedAt, DeletedAt: 1}
			})
		}), "account 1003 is deleted: false by its events, true by its record"},
		{"a session is missing", state(func(f *forger) { f.remove("sessions", append([]byte{1, 1}, make([]byte, 30)...)) }), "there are 1 sessions, the machine says 2"},
	})
}

func TestAudit_FindsOpenRoundsThatAreNotAsTheHistoryLeftThem(t *testing.T) {
	t.Parallel()
	key := func(f *forger) []byte { k, _ := f.table("open_rounds").Cursor().First(); return k }
	open := func(fn func(o *machine.OpenRoundRecord)) func(f *forger) uint64 {
		return state(func(f *forger) { change(f, "open_rounds", key(f), fn) })
	}
	const altered = "of account 1001 is kept as open, but not as the history left it"
	holdForgeries(t, []forgery{
		{"it is missing", state(func(f *forger) { f.remove("open_rounds", key(f)) }), "0 rounds are kept as open, 1 are by the history, the machine says 1"},
		{"there is another", state(func(f *forger) {
			f.put("open_rounds", storagetest.RoundKey(8), &machine.OpenRoundRecord{Account: ben, Round: machine.RoundRecord{ID: 8, Rules: "blackjack/1", Stake: 5, Staked: 5}})
		}), "round 8 of account 1001 is kept as open, but not as the history left it"},
		{"it is kept under another number", state(func(f *forger) {
			k := bytes.Clone(key(f))
			change(f, "open_rounds", k, func(o *machine.OpenRoundRecord) { f.put("open_rounds", storagetest.RoundKey(8), o) })
			f.remove("open_rounds", k)
		}), "is kept as open, but not as the history left it"},
		{"it is another player's", open(func(o *machine.OpenRoundRecord) { o.Account = ann }), "of account 1000 is kept as open, but not as the history left it"},
		{"it is under other rules", open(func(o *machine.OpenRoundRecord) { o.Round.Rules = "blackjack/2" }), altered},
		{"it has another number within", open(func(o *machine.OpenRoundRecord) { o.Round.ID-- }), altered},
		{"its stake is altered", open(func(o *machine.OpenRoundRecord) { o.Round.Stake++ }), altered},
		{"its cost is altered", open(func(o *machine.OpenRoundRecord) { o.Round.Staked++ }), altered},
		{"its cards are kept", open(func(o *machine.OpenRoundRecord) { o.Round.Draws = []uint16{1, 2, 3, 4} }), altered},
		{"an action is added", open(func(o *machine.OpenRoundRecord) { o.Round.Actions = append(o.Round.Actions, "hit") }), altered},
		{"its nonce is altered", open(func(o *machine.OpenRoundRecord) { o.Round.Nonce++ }), altered},
		{"its pair is altered", open(func(o *machine.OpenRoundRecord) { o.Round.Pair++ }), altered},
		{"its time is altered", open(func(o *machine.OpenRoundRecord) { o.Round.OpenedAt++ }), altered},
		{"the time of its last action is altered", open(func(o *machine.OpenRoundRecord) { o.ActedAt++ }), altered},
		{"what the rules allow is altered", open(func(o *machine.OpenRoundRecord) { o.Round.Allowed = nil }), altered},
		{"it is settled", open(func(o *machine.OpenRoundRecord) { o.Round.Settled = true }), altered},
		{"it is kept as settled as well", state(func(f *forger) {
			f.put("settlements", key(f), storagetest.EventKey(9))
		}), "rounds are kept as settled by a later event, the history settles"},
	})
}

func TestAudit_FindsTotalsThatAreNotTheSums(t *testing.T) {
	t.Parallel()
	altered := func(fn func(m *machine.Record)) func(f *forger) uint64 {
		return state(func(f *forger) { f.machine(fn) })
	}
	holdForgeries(t, []forgery{
		{"escrow is altered", altered(func(m *machine.Record) { *balance(m, ledger.Escrow) = 0 }), "the balance of escrow is 10 by its transfers, the machine says 0"},
		{"issue is altered", altered(func(m *machine.Record) { *balance(m, ledger.Issue)++ }), "the balance of issue is -"},
		{"the house of slots is altered", altered(func(m *machine.Record) { *balance(m, slots)-- }), "the balance of house:slots is "},
		{"the house of roulette is altered", altered(func(m *machine.Record) { *balance(m, roulette)-- }), "the balance of house:roulette is "},
		{"the house of blackjack is altered", altered(func(m *machine.Record) { *balance(m, blackjack)-- }), "the balance of house:blackjack is "},
		{"there is an account of the house beside the others", altered(func(m *machine.Record) {
			m.Books.House = append(m.Books.House, ledger.Balance{Account: 6, Coins: 5})
		}), "by its transfers, the machine says [{"},
		{"the accounts of the house are out of order", altered(func(m *machine.Record) { slices.Reverse(m.Books.House) }), "by its transfers, the machine says "},
		{"all players' coins are altered", altered(func(m *machine.Record) { m.Books.Players++ }), "the balances of all players add up to "},
		{"a house and the players are altered so that the sum is 0", altered(func(m *machine.Record) {
			m.Books.Players++
			*balance(m, slots)--
		}), "the balance of house:slots is "},
		{"rounds are altered", altered(func(m *machine.Record) { sum(m.Games, slots).Rounds++ }), "by its rounds, the machine says 43 rounds, "},
		{"stakes are altered", altered(func(m *machine.Record) { sum(m.Games, roulette).Staked++ }), "roulette has 40 rounds, 240 staked, "},
		{"payouts are altered", altered(func(m *machine.Record) { sum(m.Games, blackjack).Paid++ }), "paid and a biggest win of 20 by its rounds"},
		{"the biggest win is altered", altered(func(m *machine.Record) { sum(m.Games, slots).Biggest++ }), "and a biggest win of 56 by its rounds, the machine says 42 rounds"},
		{"a game is summed up that was not played", altered(func(m *machine.Record) { m.Games = append(m.Games, machine.GameRecord{Game: 6}) }), "the sums of the games are "},
		{"the index of sessions is altered", altered(func(m *machine.Record) { m.SessionsEnd = 0 }), "the index of when sessions expire is not that of the sessions"},
		{"sessions are altered", altered(func(m *machine.Record) { m.Sessions++ }), "there are 2 sessions, the machine says 3"},
		{"open rounds are altered", altered(func(m *machine.Record) { m.OpenRounds = 0 }), "1 rounds are kept as open, 1 are by the history, the machine says 0"},
		{"the next account is altered", altered(func(m *machine.Record) { m.NextAccount++ }), "there are 4 accounts, the history opens 4, the machine's next is 1005"},
		{"the time is altered", altered(func(m *machine.Record) { m.Time -= 60_000 }), "the machine's time is before that of the newest event"},
	})
}

// A store does not open if the head is not that of its newest event. So this test changes the head in memory.
func TestAudit_FindsAnotherHead(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(m *machine.Record){
		"another hash":        func(m *machine.Record) { m.Head[0]++ },
		"more events":         func(m *machine.Record) { m.Events++ },
		"fewer events":        func(m *machine.Record) { m.Events-- },
		"no events at all":    func(m *machine.Record) { m.Events, m.Head = 0, [32]byte{} },
		"its own hash doubly": func(m *machine.Record) { copy(m.Head[16:], m.Head[:]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := forge(t, audited(t), untouched)
			if err := storage.TamperMachine(s, tamper); err != nil {
				t.Fatal(err)
			}
			holdViolation(t, s, 0, "the history ends with event ")
		})
	}
}

// Unreadable records are damage, not violations: the error names the file and says what to do.
func TestAudit_TellsDamageFromViolations(t *testing.T) {
	t.Parallel()
	file := audited(t)
	hold := func(t *testing.T, s *storage.Store, says string) {
		t.Helper()
		_, err := prove(t, t.Context(), s, audit.Options{})
		if !storage.IsDamage(err) || errors.As(err, new(*audit.Violation)) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), s.Path()) {
			t.Errorf("%v, want damage: %q", err, says)
		}
	}
	for _, table := range append([]string{"meta"}, tableNames()...) {
		t.Run("a checksum fails in "+table, func(t *testing.T) {
			t.Parallel()
			var value []byte
			key := []byte("a record of this test's own")
			s := forge(t, file, func(f *forger) {
				value = f.put(table, key, []byte("and what it holds, of which one bit is to be flipped"))
			})
			// The record was whole when the store was opened. Later damage is found as well.
			flip(t, s.Path(), append(key, value...))
			hold(t, s, " of the table "+table+" fails its checksum")
		})
	}
	for name, c := range map[string]struct {
		tamper func(f *forger)
		says   string
	}{
		"a wallet is no record":   {func(f *forger) { f.put("wallets", storagetest.AccountKey(ben), []byte("wallet")) }, "of the table wallets can't be read"},
		"an event is no record":   {func(f *forger) { f.put("history", storagetest.EventKey(9), []byte{0xff}) }, "of the table history can't be read"},
		"seeds are no record":     {func(f *forger) { f.put("seeds", storagetest.AccountKey(cat), []byte{}) }, "of the table seeds can't be read"},
		"an account is no record": {func(f *forger) { f.put("accounts", storagetest.AccountKey(cat), []byte{}) }, "of the table accounts can't be read"},
		"a round is no record":    {func(f *forger) { f.put("open_rounds", storagetest.RoundKey(7), []byte{}) }, "of the table open_rounds can't be read"},
		"a pair is no record":     {func(f *forger) { f.put("pairs", storagetest.PairKey(ann, 0), []byte{}) }, "of the table pairs can't be read"},
		"an event has another's number": {func(f *forger) {
			change(f, "history", storagetest.EventKey(9), func(e *machine.Event) { e.Seq = 90 })
		}, "event 90 is stored as number 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold(t, forge(t, file, c.tamper), c.says)
		})
	}
}

// flip finds every occurrence of some bytes in a file, and flips the last bit of each.
func flip(t *testing.T, path string, what []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for at := 0; ; {
		i := bytes.Index(file[at:], what)
		if i < 0 {
			break
		}
		at += i + len(what)
		if _, err := f.WriteAt([]byte{file[at-1] ^ 1}, int64(at-1)); err != nil {
			t.Fatal(err)
		}
		found = true
	}
	if err := f.Close(); err != nil || !found {
		t.Fatalf("the bytes are in the file: %t (%v)", found, err)
	}
}
