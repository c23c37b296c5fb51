package machine_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/ledger"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

func sampleRound() machine.RoundRecord {
	return machine.RoundRecord{
		ID: 41, Rules: "blackjack/1", Stake: 10, Bets: []games.Bet{{Type: "split", Numbers: []int{8, 11}, Selection: 1, Amount: 10}},
		Actions: []string{"double"}, Draws: []uint16{0, 23, 255, 311}, Staked: 20, Payout: 40, Settled: true, Allowed: []string{"hit", "stand"},
		Nonce: 7, Pair: 2, OpenedAt: 1_795_000_000_000,
	}
}

func sampleEvent(kind machine.EventKind) machine.Event {
	round := sampleRound()
	e := machine.Event{
		Seq: 42, Time: 1_795_000_000_001, Kind: kind, Prev: [32]byte{0xaa, 31: 0xbb}, Command: command.ID{1, 15: 2}, Account: 1000, Back: 41, BackAlike: 40,
		Transfers: []ledger.Transfer{
			{Kind: command.TransferRaise, From: ledger.Player(1000), To: ledger.Escrow, Amount: 10, FromAfter: 90, ToAfter: 20},
			{Kind: command.TransferPayout, From: 5, To: ledger.Player(1000), Amount: 40, FromAfter: -20, ToAfter: 130}},
		Round: &round, Coins: 130, Held: 20, Act: &machine.Act{Actor: "cashier", Act: "x", Reason: "why", Before: "a", After: "b"}, Session: 9,
		Pair:   &machine.PairRecord{Server: [32]byte{1, 31: 2}, Client: "clover", Rounds: 7, RevealedAt: 1_795_000_000_000},
		PairNo: 2, Until: 1_795_000_000_002, Seeds: &machine.Commitments{Active: [32]byte{3}, Next: [32]byte{4}, Client: "shamrock"},
	}
	if kind == machine.InvitationRevoked {
		e.Invitation = 43
	}
	if kind == machine.ActionTaken {
		e.Room = new(int64(6))
	}
	if kind == machine.AbandonedSettled {
		e.Before = 1_795_000_000_003
	}
	if kind == machine.LineageBegun {
		e.Lineage = "20261120T100000Z-4f3a9c21"
	}
	if kind == machine.AccountsRenewed {
		e.Renewed = &machine.Renewal{Accounts: 7, Sessions: 9}
	}
	if kind == machine.AccountImported {
		e.From = &machine.ImportedRow{Source: "imperiocasino", Row: -7, Locked: true}
	}
	if kind == machine.AccountsImported {
		e.Imported = &machine.Imports{First: 1000, Accounts: 7, Coins: 9, Stakes: 11}
	}
	if kind == machine.ProfileChanged {
		e.Entry, e.Reached = 17, []command.Achievement{command.InSeason}
	}
	if kind == machine.SeasonClosed || kind == machine.SeasonBegun {
		e.Season = &machine.SeasonChange{Number: 3, Began: 1_795_000_000_000, Ended: 1_795_000_000_001, Players: 2, Digest: [32]byte{4, 31: 5}}
	}
	return e
}

func TestRecords_GoldenVectors(t *testing.T) {
	limits := command.LimitSet{StakePerDay: 1, LossPerDay: 2, LossPerWeek: 3, LossPerMonth: 4, SessionMinutes: 5, RealityCheckMinutes: 6}
	sums := machine.GameRecords{{Game: 3, Rounds: 1, Staked: 2, Paid: 3, Biggest: 4, Last: 5}, {Game: 999, Rounds: 5, Staked: 6, Paid: 7, Biggest: 8}}
	record := machine.Record{
		Events: 3, Head: [32]byte{4, 31: 5}, Time: 6, NextAccount: 1007, NextFence: 8,
		Books:    ledger.Books{House: []ledger.Balance{{Account: ledger.Issue, Coins: -100}, {Account: ledger.Escrow, Coins: 20}, {Account: 3, Coins: 75}}, Players: 5},
		Sessions: 9, SessionsEnd: 17, OpenRounds: 10, Games: sums, Level: 12, Program: "1.2.3", Key: command.KeyID{13, 15: 14}, Lineage: "20261120T100000Z-4f3a9c21", Season: 18, InSeason: true, TakingPart: 19,
	}
	records := map[string]any{
		"machine": record, "machine_zero": machine.Record{},
		"account": machine.AccountRecord{Username: "Ann", UsernameKey: "ann", Email: "Ann@example.com", EmailKey: "ann@example.com",
			PasswordHash: "$2a$12$x", Role: command.RoleOperator, CreatedAt: 1_795_000_000_000},
		"account_keyed": machine.AccountRecord{Username: "Ann", UsernameKey: "ann", Role: command.RolePlayer, OpenedUnder: command.KeyOf("sign-up"),
			Networks: []command.Subject{{1, 15: 2}, {3, 15: 4}}, Link: command.TokenHash{5, 31: 6}, LinkExpires: 7, DeletedAt: 8, Mark: command.Subject{9, 15: 10}},
		"wallet": machine.WalletRecord{Balance: 1, Held: 2, Nonce: 3, Last: 4, OpenRound: 5, Locked: true, ExcludedUntil: 6, Limited: true, DailyNext: 7,
			Usage: machine.UsageRecord{Day: 8, Staked: 9, Lost: -10, LostWeek: 11, LostMonth: 12, PlaySince: 13, PlayLast: 14}, Games: sums, LastCoins: 15, Deleted: true, Entry: 16, Achieved: machine.Achievements(0).With(command.FirstSpin, command.InSeason)},
		"wallet_zero":      machine.WalletRecord{},
		"seeds":            machine.SeedsRecord{Pair: 1, Server: command.SealedSeed{Commitment: [32]byte{2}, Box: [48]byte{5}}, Next: command.SealedSeed{Commitment: [32]byte{3}, Box: [48]byte{47: 6}}, Client: "clover", Default: true, FirstEvent: 4},
		"pair":             machine.PairRecord{Server: [32]byte{1, 31: 2}, Client: "clover", Rounds: 7, RevealedAt: 8},
		"session":          machine.SessionRecord{ID: 1, Account: 1000, Role: command.RolePlayer, CreatedAt: 2, ExpiresAt: 3, UserAgent: "agent", Address: "192.0.2.1", Name: "bot", Scopes: command.AllScopes},
		"account_sessions": []machine.SessionRef{{ID: 1, Token: command.TokenHash{2, 31: 3}, ExpiresAt: 4, Personal: true, Launcher: 6}, {ID: 5}},
		"session_ends":     int64(3),
		"open_round":       machine.OpenRoundRecord{Account: 1000, Round: sampleRound(), ActedAt: 1_795_000_000_004},
		"limits":           machine.LimitsRecord{InForce: limits, Pending: []machine.PendingRecord{{Limit: command.LimitLossPerWeek, Value: 8, From: 7}, {Limit: command.LimitSessionMinutes, From: 9}}},
		"limits_zero":      machine.LimitsRecord{},
		"value":            machine.ValueRecord{Value: []byte{0xca, 0xfe}, Modified: 1},
		"lock":             machine.LockRecord{Holder: "node-1", Fence: 2, Expires: 3},
		"invitation":       machine.InvitationRecord{ID: 1, UsesLeft: 2, CreatedAt: 3, ExpiresAt: 4, Actor: "cashier", Reason: "friends"},
		"profile": machine.ProfileRecord{Avatar: "owl", ShownName: "Nan", ShownKey: "nan",
			Achieved: []machine.AchievementRecord{{Achievement: command.Natural, At: 1, Round: 2}, {Achievement: command.OwnSeed, At: 3}}, Past: []command.EntryID{4}},
		"profile_zero": machine.ProfileRecord{},
		"season": machine.SeasonRecord{Began: 1, From: 2, Ended: 3, To: 4, Players: 5, Digest: [32]byte{6, 31: 7},
			Top: [command.Boards][]command.EntryID{{8, 9}, nil, {10}}},
		"season_running":      machine.SeasonRecord{Began: 1, From: 2},
		"season_entry":        machine.EntryRecord{Account: 1000, Rounds: 1, Staked: 2, Paid: 3, BestPayout: 4, BestStaked: 5, BestRound: 6, Last: 7},
		"import":              machine.ImportRecord{Account: 1000, Event: 2},
		"event_zero":          machine.Event{},
		"round_zero":          machine.RoundRecord{},
		"commitments_default": machine.Commitments{Client: "default:1000"},
	}
	for k := machine.EventKind(1); k <= 32; k++ {
		records["event_"+k.String()] = sampleEvent(k)
	}
	if name := machine.EventKind(33).String(); name != "event_33" {
		t.Errorf("the kind of event %s has no vector", name)
	}
	raw := map[string][]byte{
		"key_account":   machine.AccountKey(1000),
		"key_event":     machine.EventKey(0x0102),
		"key_round":     machine.RoundKey(0x0103),
		"key_pair":      machine.PairKey(1000, 2),
		"key_import":    machine.ImportKey("imperiocasino", -7),
		"key_throttle":  machine.GenerationKey(498720, []byte{1, 15: 2}),
		"chain_hash":    hash(machine.ChainHash([]byte("event"))),
		"key_of_header": key(command.KeyOf("Idempotency-Key")),
	}
	for _, table := range machine.Tables() { // a table's name is part of its checksums
		raw["table_"+table.Name] = engine.Seal(table.Name, []byte("key"), []byte("content"))
	}
	var vectors []storagetest.Vector
	for name, v := range records {
		data, err := machine.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, storagetest.Vector{Name: name, Data: data})
	}
	for name, data := range raw {
		vectors = append(vectors, storagetest.Vector{Name: name, Data: data})
	}
	slices.SortFunc(vectors, func(a, b storagetest.Vector) int { return strings.Compare(a.Name, b.Name) })
	for _, v := range storagetest.Golden(t, "records.golden", vectors) {
		want, ok := records[v.Name]
		if !ok {
			continue
		}
		got := reflect.New(reflect.TypeOf(want))
		if err := machine.Decode(v.Data, got.Interface()); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		} else if !reflect.DeepEqual(got.Elem().Interface(), want) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", v.Name, got.Elem().Interface(), want)
		}
	}
}

func hash(h [32]byte) []byte   { return h[:] }
func key(k command.Key) []byte { return k[:] }
