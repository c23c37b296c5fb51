package command_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// bodies are one of each kind with every field filled in.
func bodies() []command.Body {
	subject := command.Subject{1, 15: 2}
	session := command.NewSession{Token: command.TokenHash{1, 2, 3}, Lifetime: 2_592_000_000, UserAgent: "agent", Address: "192.0.2.1", Network: command.Subject{3, 15: 4},
		Name: "bot", Scopes: command.ScopePlay}
	return []command.Body{
		command.OpenAccount{Username: "Ann", UsernameKey: "ann", Email: "Ann@example.com", EmailKey: "ann@example.com", PasswordHash: "$2a$12$x",
			Role: command.RolePlayer, WelcomeCoins: 100, Session: &session, Actor: "cashier", Invitation: command.TokenHash{7, 31: 8}},
		command.OpenSession{Session: session, Subject: subject, Rehash: "$2a$13$x", OldHash: "$2a$12$x"},
		command.EndSessions{Session: 7, All: true, Keep: 8},
		command.AttemptSignIn{Subject: subject, Tries: 5, Refill: 12_000},
		command.ChangePassword{OldHash: "old", NewHash: "new", Keep: 9, Actor: "cashier", Reason: "forgotten", Subject: subject, Link: command.TokenHash{5, 31: 6}},
		command.PlaceWager{Rules: "roulette/1", Stake: 30, Bets: []games.Bet{
			{Type: "split", Numbers: []int{8, 11}, Amount: 10}, {Type: "dozen", Selection: 2, Amount: 20}}},
		command.TakeAction{Round: 12, Action: "hit", Taken: new(2)},
		command.RotateSeed{ClientSeed: "clover"},
		command.CollectDailyCoins{Amount: 100},
		command.GrantCoins{Amount: -50, Actor: "cashier", Reason: "correction"},
		command.SetLock{Locked: true, Actor: "cashier", Reason: "asked for it"},
		command.SetRole{Role: command.RoleOperator, Actor: "cashier", Reason: "hired"},
		command.SettleAbandoned{Round: 12, Before: 1_795_000_000_000},
		command.SetLimits{Limits: command.LimitSet{StakePerDay: 1, LossPerDay: 2, LossPerWeek: 3, LossPerMonth: 4, SessionMinutes: 5, RealityCheckMinutes: 6}},
		command.Exclude{Days: 30, ForEver: true},
		command.PutValue{Name: "certificate", Value: []byte{0xca, 0xfe}, Lock: "issue", Fence: 3},
		command.DeleteValue{Name: "certificate", Lock: "issue", Fence: 3},
		command.AcquireLock{Name: "issue", Holder: "node-1", TTL: 90 * time.Second, Fence: 3},
		command.ReleaseLock{Name: "issue", Fence: 3},
		command.RecordAct{Actor: "cashier", Act: "configuration_changed", Reason: "asked", Before: "a", After: "b"},
		command.RaiseLevel{Level: 2, Program: "1.2.3"},
		command.CreateInvitation{Code: command.TokenHash{7, 31: 8}, Uses: 3, Lifetime: 604_800_000, Actor: "cashier", Reason: "friends"},
		command.RevokeInvitation{Invitation: 44, Actor: "cashier", Reason: "leaked"},
		command.CreatePasswordLink{Link: command.TokenHash{5, 31: 6}, Lifetime: 86_400_000, Actor: "cashier", Reason: "forgotten"},
		command.ChangeEmail{Email: "Ann@example.org", EmailKey: "ann@example.org", OldHash: "old", Actor: "cashier", Reason: "asked for it"},
		command.DeleteAccount{OldHash: "old", Actor: "cashier", Reason: "asked for it"},
		command.CreateToken{Session: session, Launcher: 7},
		command.BeginLineage{Lineage: "20261120T100000Z-4f3a9c21", Actor: "cashier", Reason: "the disk died", Before: "origin", After: "20261120T100000Z-4f3a9c21"},
		command.RenewAccounts{First: 1000, Count: 7, Actor: "cashier"},
		command.ImportAccounts{Source: "imperiocasino", Actor: "cashier", Accounts: []command.ImportedAccount{
			{Row: -7, Username: "Ann", UsernameKey: "ann", Email: "Ann@example.com", EmailKey: "ann@example.com", PasswordHash: "sealed1:x",
				Coins: 100, Stakes: 20, Locked: true, Mark: subject}, {Row: 8, Username: "Bob", UsernameKey: "bob"}}},
		command.SetProfile{Avatar: "owl", ShownName: "Nan", ShownKey: "nan", InSeasons: true},
		command.CloseSeason{Season: 3, Begin: true, Actor: "cashier", Reason: "asked for it"},
	}
}

func full(b command.Body) command.Command {
	return command.Command{
		ID: command.ID{0xa1, 0xa2}, Account: 1000, Key: command.KeyOf("key"), Retry: true, Since: 41,
		Seeds: []command.SealedSeed{{Commitment: [32]byte{0xe1, 31: 0xe2}, Box: [48]byte{0xe3, 47: 0xe4}}, {}}, Body: b,
	}
}

func TestEncode_GoldenVectors(t *testing.T) {
	var vectors []storagetest.Vector
	want := make(map[string]command.Command)
	add := func(suffix string, c command.Command) {
		data, err := command.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", c.Body), "command.") + suffix
		vectors = append(vectors, storagetest.Vector{Name: name, Data: data})
		want[name] = c
	}
	for _, b := range bodies() {
		if v := reflect.ValueOf(b); hasZero(v) {
			t.Errorf("%T has a field that is not filled in: %+v", b, b)
		}
		add("", full(b))
		add("_zero", command.Command{Body: reflect.Zero(reflect.TypeOf(b)).Interface().(command.Body)})
	}
	refused := full(command.PlaceWager{Rules: "slots/2", Stake: 5})
	refused.Refusal = &command.Refusal{Code: "game_disabled", Message: "Not now.", Until: time.UnixMilli(1_795_000_000_456).UTC()}
	add("_refused", refused)
	for _, v := range storagetest.Golden(t, "commands.golden", vectors) {
		d, err := command.Decode(v.Data)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if !reflect.DeepEqual(d.Command, want[v.Name]) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", v.Name, d.Command, want[v.Name])
		}
		if again, err := command.Encode(d.Command); err != nil || string(again) != string(v.Data) {
			t.Errorf("%s: encoded again as %x (%v)", v.Name, again, err)
		}
	}
}

// hasZero reports whether a struct has a field that is not filled in, at any depth.
func hasZero(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || hasZero(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[games.Bet]() {
			return false // a bet names numbers or a selection, not both
		}
		if v.Type() == reflect.TypeFor[time.Time]() {
			return v.IsZero()
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "_" && hasZero(v.Field(i)) {
				return true
			}
		}
		return false
	}
	return v.IsZero()
}

func TestDecode_EveryKindHasAVector(t *testing.T) {
	known := make(map[command.Kind]bool)
	for _, b := range bodies() {
		if known[b.Kind()] {
			t.Errorf("two kinds have the number %d", b.Kind())
		}
		known[b.Kind()] = true
	}
	for k := command.Kind(0); k < 1000; k++ {
		data, err := command.Encode(command.Command{Body: anyKind{k}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = command.Decode(data)
		unknown := errors.As(err, new(*command.NewerError))
		if unknown == known[k] {
			t.Errorf("kind %d: vector %v, decoding: %v", k, known[k], err)
		}
	}
}

// anyKind is a body without fields, of any kind.
type anyKind struct{ kind command.Kind }

func (a anyKind) Kind() command.Kind           { return a.kind }
func (a anyKind) MarshalCBOR() ([]byte, error) { return []byte{0xa0}, nil }

func TestDecode_FingerprintTellsRequestsApart(t *testing.T) {
	seen := make(map[[8]byte]string)
	for _, b := range append(bodies(), command.TakeAction{Round: 12, Action: "stand"}, command.TakeAction{Round: 13, Action: "hit"}) {
		c := full(b)
		data, err := command.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		first, err := command.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[first.Fingerprint]; ok {
			t.Errorf("%T and %s have one fingerprint", b, other)
		}
		seen[first.Fingerprint] = fmt.Sprintf("%T", b)
		// The same request under another id, proposed again, keeps its fingerprint.
		c.ID, c.Retry, c.Since, c.Seeds = command.ID{9}, false, 0, []command.SealedSeed{{}}
		if data, err = command.Encode(c); err != nil {
			t.Fatal(err)
		}
		if second, err := command.Decode(data); err != nil || second.Fingerprint != first.Fingerprint {
			t.Errorf("%T: asked again, the fingerprint is another (%v)", b, err)
		}
	}
}

// What the house adds to a request may differ when the client repeats the request.
func TestDecode_FingerprintIsOfWhatTheClientAsked(t *testing.T) {
	fingerprint := func(b command.Body, refused *command.Refusal) [8]byte {
		t.Helper()
		c := full(b)
		c.Refusal = refused
		data, err := command.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := command.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		return d.Fingerprint
	}
	bets := []games.Bet{{Type: "red", Amount: 5}}
	for _, same := range [][2]command.Body{
		{command.PlaceWager{Rules: "slots/1", Stake: 5}, command.PlaceWager{Rules: "slots/2", Stake: 5}},
		{command.PlaceWager{Rules: "roulette/1", Stake: 5, Bets: bets}, command.PlaceWager{Rules: "roulette/2", Stake: 5, Bets: bets}},
		{command.TakeAction{Round: 12, Action: "hit"}, command.TakeAction{Round: 12, Action: "hit", Taken: new(0)}},
		{command.CollectDailyCoins{Amount: 100}, command.CollectDailyCoins{}},
	} {
		if fingerprint(same[0], nil) != fingerprint(same[1], &command.Refusal{Code: "low_disk_space", Message: "No."}) {
			t.Errorf("%+v and %+v ask for different things", same[0], same[1])
		}
	}
	for _, other := range [][2]command.Body{
		{command.PlaceWager{Rules: "slots/2", Stake: 5}, command.PlaceWager{Rules: "blackjack/1", Stake: 5}},
		{command.PlaceWager{Rules: "slots/2", Stake: 5}, command.PlaceWager{Rules: "slots/2", Stake: 6}},
		{command.PlaceWager{Rules: "roulette/1", Stake: 5, Bets: bets}, command.PlaceWager{Rules: "roulette/1", Stake: 5}},
	} {
		if fingerprint(other[0], nil) == fingerprint(other[1], nil) {
			t.Errorf("%+v and %+v ask for the same", other[0], other[1])
		}
	}
}

func TestDecode_RefusesWhatNobodyEncodes(t *testing.T) {
	good, err := command.Encode(full(command.TakeAction{Round: 12, Action: "hit"}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if _, err := command.Decode(good[:i]); err == nil {
			t.Errorf("cut to %d of %d bytes and decoded", i, len(good))
		}
	}
	if _, err := command.Decode(append(good[:len(good):len(good)], 0)); err == nil {
		t.Error("decoded with a byte after it")
	}
	c := full(command.TakeAction{Round: 12, Action: "hit\xff\xfe"}) // not UTF-8: what a client sent must not stop the machine
	if data, err := command.Encode(c); err != nil {
		t.Fatal(err)
	} else if d, err := command.Decode(data); err != nil || !reflect.DeepEqual(d.Command, c) {
		t.Errorf("%+v, %v", d, err)
	}
}

// Whatever decodes is encoded as the same command again, in exactly one form.
func FuzzDecodeCommand(f *testing.F) {
	for _, b := range bodies() {
		data, err := command.Encode(full(b))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{})
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := command.Decode(data)
		if err != nil {
			return
		}
		once, err := command.Encode(d.Command)
		if err != nil {
			t.Fatalf("decoded and not encodable: %v", err)
		}
		again, err := command.Decode(once)
		if err != nil {
			t.Fatalf("encoded and not decodable: %v", err)
		}
		twice, err := command.Encode(again.Command)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("two encodings of one command (%v):\n%x\n%x", err, once, twice)
		}
		if len(once) > 2*len(data)+64 {
			t.Fatalf("%d bytes became %d", len(data), len(once))
		}
	})
}
