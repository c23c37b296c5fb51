package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"imperio/appliance/request"
	"imperio/games"
	"imperio/storage/command"
)

// olderHash is werkzeug's hash of "password", with few iterations.
const olderHash = "pbkdf2:sha256:1$salt$" + "f16dd2e3d9a46b0a7ee0ff3e5f5cd8c2ea2ae6e0a8d9a83c3b0cd9c6ad9b5d1f"

func TestImportAccounts_MovesPlayersInAndSaysWhatBecameOfThem(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	ctx := t.Context()
	h.casino.Player("cherry", 50)
	batch := ImportBatch{Source: "imperiocasino", Accounts: []ImportAccount{
		{Row: 7, Named: "Ann Lee", Username: "Ann-Lee", Email: "Ann@Example.org", PasswordHash: olderHash, Coins: 500, Stakes: 20},
		{Row: -1, Named: "línea", Username: "línea", Locked: true},
	}}
	done, err := ImportAccounts.Call(ctx, c, batch)
	if err != nil || done != (ImportsDone{First: 1001, Accounts: 2, Coins: 500, Stakes: 20}) {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := h.proposed[0].Body.(command.ImportAccounts); got.Accounts[0].PasswordHash == olderHash || got.Actor != "tester" && !strings.Contains(got.Actor, "root") {
		t.Errorf("the command has the hash in clear, or the actor %q", got.Actor)
	}
	look := func(q ImportQuery) ImportFound {
		t.Helper()
		found, err := FindImported.Call(ctx, c, ImportLookup{"imperiocasino", []ImportQuery{{Row: 99, UsernameKey: "nobody", EmailKey: "nobody@example.org"}, q}})
		if err != nil || len(found.Rows) != 2 || found.Rows[0] != (ImportFound{}) {
			t.Fatalf("%+v, %v", found, err)
		}
		return found.Rows[1]
	}
	ann := ImportQuery{Row: 7, Named: "ann lee", UsernameKey: "ann-lee", EmailKey: "ann@example.org", Password: new(olderHash)}
	want := ImportFound{
		Account: 1001, SameName: true, Username: "Ann-Lee", Email: "Ann@Example.org", Coins: 500, Stakes: 20, Balance: 520,
		Untouched: true, Password: "same", NameTaken: true, EmailTaken: true,
	}
	if got := look(ann); got != want {
		t.Errorf("%+v", got)
	}
	if got := look(ImportQuery{Row: -1, Named: "LÍNEA", Password: new("")}); got != (ImportFound{Account: 1002, SameName: true, Locked: true, Username: "línea", Untouched: true, Password: "none"}) {
		t.Errorf("%+v", got)
	}
	if got := look(ImportQuery{Row: 7, Named: "somebody else"}); got.SameName || got.Account != 1001 || got.Password != "" {
		t.Errorf("%+v", got)
	}
	// Taken by players of this casino, or not at all.
	if got := look(ImportQuery{Row: 8, UsernameKey: "cherry"}); got != (ImportFound{NameTaken: true}) {
		t.Errorf("%+v", got)
	}
	if other, err := FindImported.Call(ctx, c, ImportLookup{"other", []ImportQuery{{Row: 7}}}); err != nil || other.Rows[0] != (ImportFound{}) {
		t.Errorf("%+v, %v", other, err)
	}
	for _, change := range []func() error{
		func() error { _, err := GrantCoins.Call(ctx, c, Grant{"Ann-Lee", -20, "test"}); return err },
		func() error {
			_, err := SetPassword.Call(ctx, c, Password{"Ann-Lee", "a new long password", "test"})
			return err
		},
		func() error { _, err := SetLock.Call(ctx, c, Lock{"Ann-Lee", true, "test"}); return err },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	want.Balance, want.Untouched, want.Password, want.Locked = 500, false, "changed", true
	if got := look(ann); got != want {
		t.Errorf("%+v", got)
	}
	if _, err := DeleteAccount.Call(ctx, c, Deletion{"Ann-Lee", "asked for it"}); err != nil {
		t.Fatal(err)
	}
	want = ImportFound{Account: 1001, SameName: true, Deleted: true, Locked: true, Coins: 500, Stakes: 20, Password: "none"}
	if got := look(ann); got != want {
		t.Errorf("%+v", got)
	}
}

func TestImportAccounts_RefusesABatchThatIsNotRight(t *testing.T) {
	h := newHouse(t)
	c := Local(h.control)
	ctx := t.Context()
	h.casino.Player("cherry", 50)
	good := ImportAccount{Row: 1, Named: "ann", Username: "ann", Coins: 5}
	with := func(fn func(a *ImportAccount)) ImportAccount {
		a := ImportAccount{Row: 2, Named: "ben", Username: "ben", Coins: 5}
		fn(&a)
		return a
	}
	for _, bad := range []struct {
		code string
		row  ImportAccount
	}{
		{"invalid_username", with(func(a *ImportAccount) { a.Username = "a b c" })},
		{"invalid_username", with(func(a *ImportAccount) { a.Username = "" })},
		{"invalid_email", with(func(a *ImportAccount) { a.Email = "nobody" })},
		{"amount_out_of_range", with(func(a *ImportAccount) { a.Coins = -1 })},
		{"amount_out_of_range", with(func(a *ImportAccount) { a.Coins = command.MaxAmount + 1 })},
		{"amount_out_of_range", with(func(a *ImportAccount) { a.Stakes = -1 })},
		{"amount_out_of_range", with(func(a *ImportAccount) { a.Stakes = command.MaxAmount + 1 })},
		{"bad_request", with(func(a *ImportAccount) { a.PasswordHash = "my secret cat" })},
		{"bad_request", with(func(a *ImportAccount) { a.PasswordHash = "scrypt:1073741824:8:1$salt$00" })},
		{"username_taken", with(func(a *ImportAccount) { a.Username = "CHERRY" })},
		{"username_taken", with(func(a *ImportAccount) { a.Username = "ANN" })},
		{"already_imported", with(func(a *ImportAccount) { a.Row = 1 })},
	} {
		_, err := ImportAccounts.Call(ctx, c, ImportBatch{"older", []ImportAccount{good, bad.row}})
		if refusedWith(err) != bad.code || !strings.Contains(err.Error(), fmt.Sprintf("Row %d of older", bad.row.Row)) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad.code, err)
		}
	}
	for _, source := range []string{"", "a b"} {
		if _, err := ImportAccounts.Call(ctx, c, ImportBatch{source, []ImportAccount{good}}); refusedWith(err) != "bad_request" {
			t.Errorf("from %q: %v", source, err)
		}
	}
	if _, err := ImportAccounts.Call(ctx, c, ImportBatch{Source: "older"}); refusedWith(err) != "bad_request" {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := FindImported.Call(ctx, c, ImportLookup{"older", make([]ImportQuery, 1001)}); refusedWith(err) != "bad_request" {
		t.Errorf("1001 rows: %v", err)
	}
	if f := h.Figures(); f.Accounts != 1 {
		t.Errorf("%d accounts", f.Accounts)
	}
}

// A batch of the most accounts, with the longest names, addresses and hashes, fits into a request and into an entry of the log.
func TestImportAccounts_TheLargestBatchFits(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	batch := ImportBatch{Source: strings.Repeat("s", 64)}
	lookup := ImportLookup{Source: batch.Source}
	for i := range 1000 {
		name := fmt.Sprintf("%s%04d", strings.Repeat("\U00020000", 28), i) // four bytes each
		hash := fmt.Sprintf("pbkdf2:sha512:2000000$%s$%s", strings.Repeat("s", 360), strings.Repeat("0f", 64))
		email := fmt.Sprintf("%s%04d@%s.%s.%s.org", strings.Repeat("a", 60), i, strings.Repeat("b", 61), strings.Repeat("c", 61), strings.Repeat("d", 57))
		lookup.Rows = append(lookup.Rows, ImportQuery{Row: -1 << 62, Named: strings.Repeat("\u0001", 64), UsernameKey: name, EmailKey: email, Password: &hash})
		if i < command.MostImported {
			batch.Accounts = append(batch.Accounts, ImportAccount{Row: -1<<62 + int64(i), Named: strings.Repeat("\u0001", 64), Username: name, Email: email, PasswordHash: hash,
				Coins: command.MaxAmount, Stakes: command.MaxAmount, Locked: true})
		}
	}
	done, err := ImportAccounts.Call(t.Context(), c, batch)
	if err != nil || done.Accounts != command.MostImported || done.Coins != games.Coins(command.MostImported)*command.MaxAmount {
		t.Fatalf("%+v, %v", done, err)
	}
	if found, err := FindImported.Call(t.Context(), c, lookup); err != nil || len(found.Rows) != 1000 || !found.Rows[command.MostImported-1].NameTaken || found.Rows[command.MostImported].NameTaken {
		t.Errorf("%d rows, %v", len(found.Rows), err)
	}
	sealed := h.proposed[0]
	sealed.Entropy, sealed.Seeds = nil, make([]command.SealedSeed, 2*command.MostImported)
	data, err := command.Encode(sealed)
	if err != nil || len(data) > 1<<20 {
		t.Errorf("the command takes %d bytes, %v", len(data), err)
	}
	t.Logf("the command takes %d bytes", len(data))
}

// Only requests about imports may be large.
func TestOperations_OtherRequestsStaySmall(t *testing.T) {
	h := newHouse(t)
	_, err := GrantCoins.Call(t.Context(), h.socket(), Grant{"cherry", 5, strings.Repeat("a", request.MaxBody)})
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != "body_too_large" {
		t.Errorf("%v", err)
	}
}

// An import rests while anybody else uses the casino, which it sees by events that are not its own.
func TestImportAccounts_SeesWhetherOthersAct(t *testing.T) {
	c := &Control{}
	for i, step := range []struct {
		last   uint64
		n      int
		others bool
	}{
		{1000, 100, false}, // nothing is known before the first batch
		{1101, 100, false}, // a hundred accounts, and the event that sums them up
		{1153, 50, true},   // somebody bet
		{1204, 50, false},
	} {
		if got := c.othersActed(step.last, step.n); got != step.others {
			t.Errorf("step %d: %t", i, got)
		}
	}
}
