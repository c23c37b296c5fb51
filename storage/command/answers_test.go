package command_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// answers are one of each type with every field filled in.
func answers() []any {
	moment := func(ms int64) time.Time { return time.UnixMilli(1_795_000_000_000 + ms).UTC() }
	account := command.Account{ID: 1000, Username: "Ann", Email: "Ann@example.com", Role: command.RolePlayer, Coins: 70, HeldCoins: 30, OpenRound: 12,
		Locked: true, CreatedAt: moment(1), ExcludedUntil: command.ForEver, DailyNextAt: moment(2), DeletedAt: moment(3), Nudges: true}
	session := command.Session{ID: 7, Account: 1000, Role: command.RoleOperator, CreatedAt: moment(4), ExpiresAt: moment(999), UserAgent: "agent",
		Address: "192.0.2.1", Name: "bot", Scopes: command.ScopePlay}
	return []any{
		&command.RoundResult{Round: command.Round{ID: 12, Account: 1000, Rules: "blackjack/1",
			Wager: games.Wager{Stake: 30, Bets: []games.Bet{{Type: "split", Numbers: []int{8, 11}, Amount: 10}, {Type: "dozen", Selection: 2, Amount: 20}},
				Actions: []string{"double"}},
			Draws: []uint16{0, 311}, Staked: 60, Payout: 120, Settled: true, Allowed: []string{"hit", "stand"}, OpenedAt: moment(5), SettledAt: moment(678),
			Nonce: 3, Pair: 2, Commitment: strings.Repeat("ab", 32), ClientSeed: "clover", ServerSeed: []byte{1, 31: 2}}, Coins: 130, Held: 60, Room: 70},
		&command.AccountOpened{Account: account, Session: &session},
		&command.SessionOpened{Account: account, Session: session},
		&command.SeedRotated{
			Revealed: command.RevealedPair{Pair: 1, ServerSeed: []byte{3, 31: 4}, Commitment: "c0", ClientSeed: "clover", Rounds: 9, RevealedAt: moment(6)},
			Fairness: command.Fairness{Pair: 2, Commitment: "c1", NextCommitment: "c2", ClientSeed: "heart", DefaultSeed: true, Nonce: 4, OpenRound: 12}},
		&command.DailyCoins{Amount: 100, Coins: 170, NextAt: moment(7)},
		&command.CoinsGranted{Amount: -50, Coins: 120},
		&command.Limits{InForce: command.LimitSet{StakePerDay: 1, LossPerDay: 2, LossPerWeek: 3, LossPerMonth: 4, SessionMinutes: 5, RealityCheckMinutes: 6},
			Pending:     []command.PendingLimit{{Limit: command.LimitLossPerDay, Value: 9, From: moment(8)}},
			StakedToday: 10, LostToday: -11, LostThisWeek: 12, LostThisMonth: 13, NextDay: moment(9), NextWeek: moment(10), NextMonth: moment(11),
			PlaySince: moment(12), PlayEnds: moment(13), Room: 14},
		&command.Exclusion{Until: command.ForEver},
		&command.LockHeld{Fence: 3, Expires: moment(14)},
		&command.InvitationCreated{ID: 44, ExpiresAt: moment(15)},
		&command.PasswordLink{Link: command.TokenHash{5, 31: 6}, ExpiresAt: moment(16)},
		&command.AccountsRenewed{Accounts: 3, Sessions: 4},
		&command.AccountsImported{First: 1000, Accounts: 2, Coins: 300, Stakes: 20},
	}
}

func TestEncodeResult_GoldenVectors(t *testing.T) {
	var vectors []storagetest.Vector
	want := make(map[string]command.Result)
	add := func(name string, r command.Result) {
		data, err := command.EncodeResult(r)
		if err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, storagetest.Vector{Name: name, Data: data})
		want[name] = r
	}
	add("nothing", command.Result{})
	add("event", command.Result{Event: 7})
	add("replayed", command.Result{Event: 7, Replayed: true})
	add("refused", command.Result{Refusal: &command.Refusal{Code: "limit_reached", Message: "Not now.", Until: time.UnixMilli(1_795_000_000_456).UTC(), Limit: "loss_per_day"}})
	for _, v := range answers() {
		if hasZero(reflect.ValueOf(v)) {
			t.Errorf("%T has a field that is not filled in: %+v", v, v)
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", v), "*command.")
		add(name, command.Result{Event: 41, Replayed: true, Value: v})
		add(name+"_zero", command.Result{Value: reflect.New(reflect.TypeOf(v).Elem()).Interface()})
	}
	for _, v := range storagetest.Golden(t, "results.golden", vectors) {
		r, err := command.DecodeResult(v.Data)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if !reflect.DeepEqual(r, want[v.Name]) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", v.Name, r, want[v.Name])
		}
	}
}

func TestDecodeResult_EmptyListsStayEmpty(t *testing.T) {
	want := command.Result{Value: &command.RoundResult{Round: command.Round{Wager: games.Wager{Bets: []games.Bet{}, Actions: []string{}},
		Draws: []uint16{}, Allowed: []string{}, ServerSeed: []byte{}}}}
	data, err := command.EncodeResult(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := command.DecodeResult(data); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v (%v), want %+v", got.Value, err, want.Value)
	}
}

func TestDecodeResult_LeavesOutFieldsThatItDoesNotKnow(t *testing.T) {
	fields := map[int]any{2: 41, 4: 8, 5: cbor.RawMessage{0xa1, 0x18, 99, 1}, 99: "added by a newer member"}
	data, err := cbor.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	want := command.Result{Event: 41, Value: &command.Exclusion{}}
	if got, err := command.DecodeResult(data); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v (%v), want %+v", got, err, want)
	}
}

func TestDecodeResult_RefusesWhatItCannotRead(t *testing.T) {
	unknown, err := cbor.Marshal(map[int]any{4: 200, 5: cbor.RawMessage{0xa0}})
	if err != nil {
		t.Fatal(err)
	}
	noRound, err := cbor.Marshal(map[int]any{4: 1})
	if err != nil {
		t.Fatal(err)
	}
	noValue, err := cbor.Marshal(map[int]any{4: 2})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "an unknown kind": unknown, "no round": noRound, "no value": noValue} {
		if r, err := command.DecodeResult(data); err == nil {
			t.Errorf("%s: decoded as %+v", name, r)
		}
	}
	if _, err := command.EncodeResult(command.Result{Value: "text"}); err == nil {
		t.Error("a value that the machine never answers with was encoded")
	}
}

func BenchmarkResult_Round(b *testing.B) {
	r := command.Result{Event: 1_000_000, Value: answers()[0]}
	v := r.Value.(*command.RoundResult)
	v.Round.Rules, v.Round.Wager.Bets, v.Round.Wager.Actions, v.Round.ServerSeed = "slots/2", nil, nil, nil
	for b.Loop() {
		data, err := command.EncodeResult(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := command.DecodeResult(data); err != nil {
			b.Fatal(err)
		}
	}
}
