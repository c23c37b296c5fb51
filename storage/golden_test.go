package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/storagetest"
)

func sampleRound() storage.RoundRecord {
	return storage.RoundRecord{
		ID: 41, Rules: "blackjack/1", Stake: 10, Bets: []games.Bet{{Type: "split", Numbers: []int{8, 11}, Selection: 1, Amount: 10}},
		Actions: []string{"double"}, Draws: []uint16{0, 23, 255, 311}, Staked: 20, Payout: 40, Settled: true, Allowed: []string{"hit", "stand"},
		Nonce: 7, Pair: 2, OpenedAt: 1_795_000_000_000,
	}
}

func sampleEvent(kind storage.EventKind) storage.Event {
	round := sampleRound()
	e := storage.Event{
		Seq: 42, Time: 1_795_000_000_001, Kind: kind, Prev: [32]byte{0xaa, 31: 0xbb}, Command: command.ID{1, 15: 2}, Account: 1000, Back: 41,
		Transfers: []ledger.Transfer{
			{Kind: command.TransferRaise, From: ledger.Player(1000), To: ledger.Escrow, Amount: 10, FromAfter: 90, ToAfter: 20},
			{Kind: command.TransferPayout, From: ledger.HouseBlackjack, To: ledger.Player(1000), Amount: 40, FromAfter: -20, ToAfter: 130}},
		Round: &round, Coins: 130, Held: 20, Act: &storage.Act{Actor: "cashier", Act: "x", Reason: "why", Before: "a", After: "b"}, Session: 9,
		Pair:   &storage.PairRecord{Server: [32]byte{1, 31: 2}, Client: "clover", Rounds: 7, RevealedAt: 1_795_000_000_000},
		PairNo: 2, Until: 1_795_000_000_002, Seeds: &storage.Commitments{Active: [32]byte{3}, Next: [32]byte{4}, Client: "shamrock"},
	}
	if kind == storage.AbandonedSettled {
		e.Before = 1_795_000_000_003
	}
	return e
}

func TestRecords_GoldenVectors(t *testing.T) {
	limits := command.LimitSet{StakePerDay: 1, LossPerDay: 2, LossPerWeek: 3, LossPerMonth: 4, SessionMinutes: 5, RealityCheckMinutes: 6}
	game := storage.GameRecord{Rounds: 1, Staked: 2, Paid: 3, Biggest: 4}
	machine := storage.MachineRecord{
		Index: 1, Term: 2, Events: 3, Head: [32]byte{4, 31: 5}, Time: 6, NextAccount: 1007, NextFence: 8,
		Books: ledger.Books{House: [6]games.Coins{0, -100, 20, 30, 40, 5}, Players: 5}, Sessions: 9, OpenRounds: 10, Games: [3]storage.GameRecord{game, game, game}, Stamp: 11,
	}
	records := map[string]any{
		"machine": machine, "machine_zero": storage.MachineRecord{},
		"account": storage.AccountRecord{Username: "Ann", UsernameKey: "ann", Email: "Ann@example.com", EmailKey: "ann@example.com",
			PasswordHash: "$2a$12$x", Role: command.RoleOperator, CreatedAt: 1_795_000_000_000},
		"account_keyed": storage.AccountRecord{Username: "Ann", UsernameKey: "ann", Role: command.RolePlayer, OpenedUnder: command.KeyOf("sign-up")},
		"wallet": storage.WalletRecord{Balance: 1, Held: 2, Nonce: 3, Last: 4, OpenRound: 5, Locked: true, ExcludedUntil: 6, Limited: true, DailyNext: 7,
			Usage: storage.UsageRecord{Day: 8, Staked: 9, Lost: -10, LostWeek: 11, LostMonth: 12, PlaySince: 13, PlayLast: 14}, Games: [3]storage.GameRecord{game, game, game}},
		"wallet_zero":         storage.WalletRecord{},
		"seeds":               storage.SeedsRecord{Pair: 1, Server: [32]byte{2}, Next: [32]byte{3}, Client: "clover", Default: true, FirstEvent: 4},
		"pair":                storage.PairRecord{Server: [32]byte{1, 31: 2}, Client: "clover", Rounds: 7, RevealedAt: 8},
		"session":             storage.SessionRecord{ID: 1, Account: 1000, Role: command.RolePlayer, CreatedAt: 2, ExpiresAt: 3, UserAgent: "agent", Address: "192.0.2.1"},
		"account_sessions":    []storage.SessionRef{{ID: 1, Token: command.TokenHash{2, 31: 3}, ExpiresAt: 4}, {ID: 5}},
		"open_round":          storage.OpenRoundRecord{Account: 1000, Round: sampleRound(), ActedAt: 1_795_000_000_004},
		"limits":              storage.LimitsRecord{InForce: limits, Pending: &limits, PendingFrom: 7},
		"limits_zero":         storage.LimitsRecord{},
		"value":               storage.ValueRecord{Value: []byte{0xca, 0xfe}, Modified: 1},
		"lock":                storage.LockRecord{Holder: "node-1", Fence: 2, Expires: 3},
		"event_zero":          storage.Event{},
		"round_zero":          storage.RoundRecord{},
		"commitments_default": storage.Commitments{Client: "default:1000"},
	}
	for k := storage.EventKind(1); k <= 18; k++ {
		records["event_"+k.String()] = sampleEvent(k)
	}
	if name := storage.EventKind(19).String(); name != "event_19" {
		t.Errorf("the kind of event %s has no vector", name)
	}
	raw := map[string][]byte{
		"key_account":   storage.AccountKey(1000),
		"key_event":     storage.EventKey(0x0102),
		"key_round":     storage.RoundKey(0x0103),
		"key_pair":      storage.PairKey(1000, 2),
		"key_throttle":  storage.GenerationKey(498720, []byte("login:ann")),
		"chain_hash":    hash(storage.ChainHash([]byte("event"))),
		"key_of_header": key(command.KeyOf("Idempotency-Key")),
	}
	for i, name := range storage.Tables() { // a table's number is part of its checksums
		raw[fmt.Sprintf("table_%02d_%s", i, name)] = storage.Seal(name, []byte("key"), []byte("content"))
	}
	var vectors []storagetest.Vector
	for name, v := range records {
		data, err := storage.Encode(v)
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
		if err := storage.Decode(v.Data, got.Interface()); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		} else if !reflect.DeepEqual(got.Elem().Interface(), want) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", v.Name, got.Elem().Interface(), want)
		}
	}
}

func hash(h [32]byte) []byte   { return h[:] }
func key(k command.Key) []byte { return k[:] }

func TestIdentity_GoldenVector(t *testing.T) {
	dir := t.TempDir()
	id := storage.Identity{NodeID: "n1", ClusterID: "c1", Format: 1, CreatedAt: storagetest.Birth, Ready: true}
	if err := storage.WriteIdentity(dir, id); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, storage.NodeFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range storagetest.Golden(t, "node.golden", []storagetest.Vector{{Name: "node.json", Data: data}}) {
		if err := os.WriteFile(filepath.Join(dir, storage.NodeFile), v.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := storage.ReadIdentity(dir); err != nil || got != id {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A log that was written once gives the same state and the same history for ever, whatever build applies it. The file
// holds the entries and, at the end, the hash of the state and the head of the history.
func TestApply_GoldenLog(t *testing.T) {
	stored := storagetest.Golden(t, "log.golden", goldenLog(t))
	c := storagetest.NewIn(t, t.TempDir(), 5, byHand)
	var log []storage.Entry
	for i, v := range stored[:len(stored)-2] {
		log = append(log, storage.Entry{Index: uint64(i + 1), Term: 1, Data: v.Data})
	}
	c.Replay(log)
	kinds := make(map[storage.EventKind]bool)
	snap, err := c.Store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Events(1, func(e *storage.StoredEvent) error { kinds[e.Kind] = true; return nil })
	if err = errors.Join(err, snap.Close()); err != nil {
		t.Fatal(err)
	}
	for k := storage.EventKind(1); k <= 18; k++ {
		if !kinds[k] {
			t.Errorf("the log leads to no event %s", k)
		}
	}
	state, machine := c.Identity()
	if want := stored[len(stored)-2].Data; string(want) != string(state[:]) {
		t.Errorf("the state is %x, and was %x", state, want)
	}
	if want := stored[len(stored)-1].Data; string(want) != string(machine.Head[:]) {
		t.Errorf("the head of the history is %x, and was %x", machine.Head, want)
	}
}

// goldenLog makes the log in which everything happens once.
func goldenLog(t *testing.T) (vectors []storagetest.Vector) {
	c := storagetest.New(t, 7, byHand)
	op := func(b command.Body) command.Command { return command.Command{Body: b} }
	of := func(b command.Body) command.Command { return command.Command{Account: 1000, Body: b} }
	ann := command.OpenAccount{Username: "Ann", UsernameKey: "ann", Email: "Ann@example.com", EmailKey: "ann@example.com", PasswordHash: "hash", Role: command.RolePlayer,
		WelcomeCoins: 5000, Session: &command.NewSession{Token: command.TokenHash{1}, Lifetime: 2_592_000_000, UserAgent: "agent", Address: "192.0.2.1"}}
	commands := []command.Command{
		op(ann),
		op(command.OpenAccount{Username: "Ben", UsernameKey: "ben", PasswordHash: "hash", Role: command.RoleOperator, Actor: "setup"}),
		op(command.AttemptSignIn{Address: "192.0.2.2", Login: "ben", Tries: 5, Refill: 12_000}),
		{Account: 1001, Body: command.OpenSession{Session: command.NewSession{Token: command.TokenHash{2}, Lifetime: 2_592_000_000, Address: "192.0.2.2"},
			Login: "ben", Refill: 12_000, OldHash: "hash", Rehash: "better hash"}},
		of(command.RotateSeed{ClientSeed: "clover"}),
		of(command.CollectDailyCoins{Amount: 100}),
		of(command.GrantCoins{Amount: 1000, Actor: "ben", Reason: "birthday"}),
		of(command.GrantCoins{Amount: -10, Actor: "ben"}),
		of(command.SetLimits{Limits: command.LimitSet{StakePerDay: 100_000, SessionMinutes: 600}}),
		of(command.SetLimits{Limits: command.LimitSet{StakePerDay: 200_000}}),
	}
	for n := range 10 {
		commands = append(commands, command.Command{Account: 1000, Key: command.KeyOf(fmt.Sprint(n)), Body: command.PlaceWager{Rules: []string{"slots/1", "slots/2"}[n%2], Stake: games.Coins(n + 1)}},
			of(command.PlaceWager{Rules: []string{"roulette/1", "roulette/2"}[n%2], Stake: 30, Bets: []games.Bet{{Type: "red", Amount: 20}, {Type: "split", Numbers: []int{8, 11}, Amount: 10}}}))
	}
	commands = append(commands,
		command.Command{Account: 1000, Key: command.KeyOf("3"), Body: command.PlaceWager{Rules: "slots/2", Stake: 4}},                                                                       // told again
		command.Command{Account: 1000, Key: command.KeyOf("3"), Refusal: &command.Refusal{Code: "game_disabled", Message: "Closed."}, Body: command.PlaceWager{Rules: "slots/1", Stake: 4}}, // and again
		command.Command{Account: 1000, Key: command.KeyOf("other"), Refusal: &command.Refusal{Code: "game_disabled", Message: "Closed."}, Body: command.PlaceWager{Rules: "slots/1", Stake: 4}},
		of(command.SetRole{Role: command.RoleOperator, Actor: "ben"}),
		op(command.AcquireLock{Name: "issue", Holder: "node-1", TTL: 60_000_000_000}),
		op(command.PutValue{Name: "certificate", Value: []byte("pem"), Lock: "issue", Fence: 1}),
		op(command.DeleteValue{Name: "certificate"}),
		op(command.PutValue{Name: "account key", Value: []byte("key")}),
		op(command.ReleaseLock{Name: "issue", Fence: 1}),
		op(command.RecordAct{Actor: "ben", Act: "configuration_changed", Before: "a", After: "b"}),
		of(command.ChangePassword{OldHash: "hash", NewHash: "new hash"}),
		command.Command{Account: 1001, Body: command.EndSessions{All: true}},
	)
	c.Do(commands...)
	for i := range 12 { // blackjack: as it comes, and every third round is left
		r := c.Do(of(command.PlaceWager{Rules: "blackjack/1", Stake: 20}))[0]
		for n := 0; r.Refusal == nil && !r.Value.(*command.RoundResult).Round.Settled; n++ {
			round := r.Value.(*command.RoundResult).Round
			if i%3 == 0 {
				b := command.SettleAbandoned{Round: round.ID}
				if i%2 == 0 {
					b.Before = c.Now.UnixMilli()
				}
				r = c.One(op(b))
				break
			}
			action := command.TakeAction{Round: round.ID, Action: round.Allowed[n%len(round.Allowed)]}
			if i%2 == 0 {
				action.Taken = new(n)
			}
			r = c.One(of(action))
		}
	}
	c.Do(of(command.PlaceWager{Rules: "blackjack/1", Stake: 20}), of(command.SetLock{Locked: true, Actor: "ben"}), of(command.SetLock{Actor: "ben"}),
		command.Command{Account: 1001, Body: command.Exclude{Days: 3}})
	log := c.Log
	for i, e := range log {
		vectors = append(vectors, storagetest.Vector{Name: fmt.Sprintf("entry_%03d", i+1), Data: e.Data})
	}
	// The state is that of the log as it is applied again, without gaps in its indexes.
	again := storagetest.NewIn(t, t.TempDir(), 1, byHand)
	for i := range log {
		log[i].Index = uint64(i + 1)
	}
	again.Replay(log)
	state, machine := again.Identity()
	return append(vectors, storagetest.Vector{Name: "state", Data: state[:]}, storagetest.Vector{Name: "head", Data: machine.Head[:]})
}
