package storage_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// imported is a row of another casino's database, as a player of the name would have left it.
func imported(row int64, name string, coins, stakes games.Coins) command.ImportedAccount {
	return command.ImportedAccount{
		Row: row, Username: strings.ToUpper(name), UsernameKey: name, Email: strings.ToUpper(name) + "@example.org", EmailKey: name + "@example.org",
		PasswordHash: "hash of " + name, Coins: coins, Stakes: stakes, Mark: storagetest.Keys.ImportedName(name),
	}
}

// importing imports rows.
func importing(c *storagetest.Casino, source string, rows ...command.ImportedAccount) command.Command {
	return c.Complete(command.Command{Body: command.ImportAccounts{Source: source, Actor: "root", Accounts: rows}})
}

func TestImportAccounts_OpensAccountsWithTheirBalances(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	locked := imported(-9, "cat", 0, 0)
	locked.Locked, locked.PasswordHash, locked.Email, locked.EmailKey = true, "", "", ""
	cmd := importing(c, "older", imported(7, "ben", 500, 30), locked)
	r := c.One(cmd)
	want := command.AccountsImported{First: 1001, Accounts: 2, Coins: 500, Stakes: 30}
	if got := *r.Value.(*command.AccountsImported); got != want || r.Event != 4 {
		t.Errorf("%+v, event %d", got, r.Event)
	}
	cmd.Retry = true
	if again := c.One(cmd); !again.Replayed || again.Event != r.Event || *again.Value.(*command.AccountsImported) != want {
		t.Errorf("proposed again: %+v", again)
	}
	c.Checkpoint()
	c.Reopen()
	ben, _, err := c.Store.Account(1001)
	if err != nil || ben.Username != "BEN" || ben.Email != "BEN@example.org" || ben.Coins != 530 || ben.Role != command.RolePlayer || ben.Locked {
		t.Errorf("%+v, %v", ben, err)
	}
	cat, _, err := c.Store.Account(1002)
	if err != nil || cat.Coins != 0 || !cat.Locked || cat.Email != "" {
		t.Errorf("%+v, %v", cat, err)
	}
	if cred, ok, err := c.Store.Credentials("ben@example.org"); err != nil || !ok || cred.Account != 1001 || cred.PasswordHash != "hash of ben" {
		t.Errorf("%+v, %t, %v", cred, ok, err)
	}
	transfers, _, err := c.Store.Transfers(t.Context(), 1001, command.Page{Limit: 5})
	if err != nil || len(transfers) != 2 || transfers[0].Kind != command.TransferReturned || transfers[0].Amount != 30 || transfers[0].BalanceAfter != 530 ||
		transfers[1].Kind != command.TransferImport || transfers[1].Amount != 500 {
		t.Errorf("%+v, %v", transfers, err)
	}
	for _, kind := range []command.TransferKind{command.TransferImport, command.TransferReturned} {
		if list, _, err := c.Store.Transfers(t.Context(), 1001, command.Page{Limit: 5, Kind: kind}); err != nil || len(list) != 1 || list[0].Kind != kind {
			t.Errorf("%s: %+v, %v", kind, list, err)
		}
	}
	list, _, err := c.Store.History(t.Context(), command.HistoryQuery{Limit: 5, After: 1})
	if err != nil || len(list) != 3 || list[0].Kind != "accounts_imported" || list[1].Kind != "account_imported" || list[1].Account != 1002 || list[2].Coins != 530 {
		t.Errorf("%+v, %v", list, err)
	} else if a := list[0].Act; a == nil || a.Actor != "root" || a.After != "2 accounts from older, with 500 coins and 30 of stakes returned" {
		t.Errorf("%+v", a)
	}
	c.One(spin(1001, 5)) // it is an account as any other
}

func TestImported_SaysWhatBecameOfARow(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.One(importing(c, "older", imported(math.MinInt64, "ann", 100, 20), imported(math.MaxInt64, "ben", 0, 0)))
	for _, other := range []struct {
		source string
		row    int64
	}{{"older", 7}, {"olde", math.MinInt64}, {"older2", math.MinInt64}, {"", 0}} {
		if v, err := c.Store.LookUpRow(command.RowLookup{Source: other.source, Row: other.row, UsernameKey: "cat", EmailKey: "ann"}); v != (command.RowFound{}) || err != nil {
			t.Errorf("%+v: %+v, %v", other, v, err)
		}
	}
	look := func(row int64) command.Imported {
		t.Helper()
		v, err := c.Store.LookUpRow(command.RowLookup{Source: "older", Row: row, UsernameKey: "ben", EmailKey: "ben@example.org"})
		if err != nil || v.Imported == nil || !v.NameTaken || !v.EmailTaken {
			t.Fatalf("%+v, %v", v, err)
		}
		return *v.Imported
	}
	want := command.Imported{Account: 1000, Event: 1, At: storagetest.Birth, Coins: 100, Stakes: 20, Mark: storagetest.Keys.ImportedName("ann"), Untouched: true}
	if got := look(math.MinInt64); got != want {
		t.Errorf("%+v", got)
	}
	c.One(signIn(1000, 1))
	if want.Untouched = false; look(math.MinInt64) != want {
		t.Errorf("after a sign-in: %+v", look(math.MinInt64))
	}
	c.One(command.Command{Account: 1000, Body: command.DeleteAccount{Actor: "cashier"}})
	if want.Mark = (command.Subject{}); look(math.MinInt64) != want {
		t.Errorf("after it was deleted: %+v", look(math.MinInt64))
	}
	// Who is deleted stays deleted.
	c.Refused("already_imported", importing(c, "older", imported(math.MinInt64, "ann", 100, 20)))
	if got := look(math.MaxInt64); got.Account != 1001 || !got.Untouched {
		t.Errorf("%+v", got)
	}
}

func TestImportAccounts_RefusesWhatItCantDoWhole(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.One(importing(c, "older", imported(1, "ann", 100, 0)))
	good := imported(3, "cat", 5, 0)
	with := func(fn func(a *command.ImportedAccount)) command.ImportedAccount {
		a := imported(2, "ben", 5, 0)
		fn(&a)
		return a
	}
	const most = command.MaxAmount
	for code, rows := range map[string][]command.ImportedAccount{
		"username_taken": {
			with(func(a *command.ImportedAccount) { a.UsernameKey = "ann" }), with(func(a *command.ImportedAccount) { a.UsernameKey = "cat" }),
		},
		"email_taken": {
			with(func(a *command.ImportedAccount) { a.EmailKey = "ann@example.org" }), with(func(a *command.ImportedAccount) { a.EmailKey = "cat@example.org" }),
		},
		"already_imported": {
			with(func(a *command.ImportedAccount) { a.Row = 1 }), with(func(a *command.ImportedAccount) { a.Row = 3 }),
		},
		"amount_out_of_range": {
			with(func(a *command.ImportedAccount) { a.Coins = -1 }), with(func(a *command.ImportedAccount) { a.Coins = most + 1 }),
			with(func(a *command.ImportedAccount) { a.Stakes = -1 }), with(func(a *command.ImportedAccount) { a.Stakes = most + 1 }),
		},
		"invalid_command": {
			with(func(a *command.ImportedAccount) { a.UsernameKey = "" }), with(func(a *command.ImportedAccount) { a.UsernameKey = strings.Repeat("a", 4097) }),
			with(func(a *command.ImportedAccount) { a.EmailKey = strings.Repeat("a", 4097) }),
			with(func(a *command.ImportedAccount) { a.EmailKey = "" }), with(func(a *command.ImportedAccount) { a.Email = "" }),
		},
	} {
		for i, bad := range rows {
			r := c.Refused(code, importing(c, "older", good, bad))
			if named := strings.Contains(r.Message, fmt.Sprintf("ow %d", bad.Row)); !named {
				t.Errorf("%s %d: %q does not name row %d", code, i, r.Message, bad.Row)
			}
		}
	}
	for _, source := range []string{"", strings.Repeat("a", 65), "a b", "a/b", "línea", "a\x00"} {
		c.Refused("invalid_command", importing(c, source, good))
	}
	c.Refused("invalid_command", importing(c, "older"))
	of := importing(c, "older", good)
	of.Account = 1000
	c.Refused("invalid_command", of)
	for _, seeds := range []int{0, 1, 3} {
		few := importing(c, "older", good)
		few.Entropy = c.Random(seeds * command.SeedSize)
		c.Refused("invalid_command", few)
	}
	foreign := importing(c, "older", good)
	foreign.Entropy, foreign.Seeds = nil, make([]command.SealedSeed, 2)
	c.Refused("invalid_command", foreign)
	if f := c.Store.Figures(); f.Accounts != 1 || f.Players != 100 {
		t.Errorf("something was imported: %+v", f)
	}
	c.One(importing(c, strings.Repeat("Z", 64), good, imported(1, "ben", most, most))) // row 1 of another database
}

// There is a limit to the coins in a casino. An import that would pass it is refused as a whole.
func TestImportAccounts_KeepsWithinTheCoinsOfACasino(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	_, record := c.Identity()
	record.Books = ledger.Books{House: []ledger.Balance{{Account: ledger.Issue, Coins: 30 - games.MaxCoins}}, Players: games.MaxCoins - 30}
	data, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c.Alter(func(path string) { replaceRecord(t, path, data) })
	c.Refused("amount_out_of_range", importing(c, "older", imported(1, "ann", 10, 0), imported(2, "ben", 10, 11)))
	c.One(importing(c, "older", imported(1, "ann", 10, 0), imported(2, "ben", 10, 10)))
	c.Refused("amount_out_of_range", importing(c, "older", imported(3, "cat", 0, 1)))
	c.One(importing(c, "older", imported(3, "cat", 0, 0)))
	c.Abandon() // its books were forged
}

func TestImportAccounts_TakesSoManyAtOnce(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	rows := make([]command.ImportedAccount, command.MostImported+1)
	for i := range rows {
		rows[i] = imported(int64(i), fmt.Sprint("player ", i), 5, 0)
	}
	c.Refused("invalid_command", importing(c, "older", rows...))
	c.One(importing(c, "older", rows[1:]...))
	c.Crash()
	if f := c.Store.Figures(); f.Accounts != command.MostImported || f.Players != 5*command.MostImported {
		t.Errorf("%+v", f)
	}
}

func TestAudit_FindsAWrongImport(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.One(importing(c, "older", imported(1, "ann", 100, 20), imported(2, "ben", 50, 0)))
	c.One(importing(c, "older", imported(3, "cat", 0, 0)))
	if a := c.Audit(); a.Accounts != 3 || a.Transfers != 3 || a.Coins != 170 || a.Issued != 170 {
		t.Errorf("%+v", a)
	}
	c.Checkpoint()
	file, err := os.ReadFile(c.Store.Path())
	if err != nil {
		t.Fatal(err)
	}
	nth := func(n uint64) func(f *forger) *machine.Event {
		return func(f *forger) *machine.Event { return f.find(func(e *machine.Event) bool { return e.Seq == n }) }
	}
	ann, ben, counted := nth(1), nth(2), nth(3)
	key := func(row int64) []byte { return storagetest.ImportKey("older", row) }
	for _, forged := range []forgery{
		{"the import says more accounts", amend(counted, func(e *machine.Event) { e.Imported.Accounts++ }), "which is not what the event says"},
		{"the import says more coins", amend(counted, func(e *machine.Event) { e.Imported.Coins++ }), "which is not what the event says"},
		{"the import says fewer stakes", amend(counted, func(e *machine.Event) { e.Imported.Stakes-- }), "which is not what the event says"},
		{"the import says another account", amend(counted, func(e *machine.Event) { e.Imported.First++ }), "which is not what the event says"},
		{"the import says nothing", amend(counted, func(e *machine.Event) { e.Imported = nil }), "which is not what the event says"},
		{"something else ends the import", amend(counted, func(e *machine.Event) { e.Kind = machine.OperatorActed }), "a operator_acted comes within an import of accounts"},
		{"an account is of another import", amend(ben, func(e *machine.Event) { e.Command[0]++ }), "a account_imported comes within an import of accounts"},
		{"an account is from nowhere", amend(ann, func(e *machine.Event) { e.From = nil }), "an account is imported from nowhere"},
		{"an account is from another row", amend(ann, func(e *machine.Event) { e.From.Row = 9 }), "row 9 of older is imported as account 1000, but it is kept as account 0 by event 0"},
		{"an account is from another casino", amend(ann, func(e *machine.Event) { e.From.Source = "other" }), "row 1 of other is imported as account 1000"},
		{"a row is imported twice", amend(ben, func(e *machine.Event) { e.From.Row = 1 }), "row 1 of older is imported as account 1001, but it is kept as account 1000 by event 1"},
		{"a row is not kept", func(f *forger) uint64 { f.remove("imports", key(2)); return 2 }, "row 2 of older is imported as account 1001, but it is kept as account 0"},
		{"a row is kept as another account", func(f *forger) uint64 {
			change(f, "imports", key(2), func(r *machine.ImportRecord) { r.Account++ })
			return 2
		}, "but it is kept as account 1002 by event 2"},
		{"a row too many is kept", state(func(f *forger) { f.put("imports", key(4), machine.ImportRecord{Account: 1000, Event: 1}) }),
			"4 rows are kept as imported, the history imports 3"},
		{"coins come by an import as a grant", amend(ann, func(e *machine.Event) { e.Transfers[0].Kind = command.TransferGrant }), "a account_imported moves coins from issue to player:1000 as a grant"},
		{"an import is told as a sign-up", amend(ann, func(e *machine.Event) { e.Kind = machine.AccountOpened }), "a account_opened moves coins from issue to player:1000 as a import"},
	} {
		t.Run(forged.name, func(t *testing.T) {
			var event uint64
			s := forge(t, file, func(f *forger) { event = forged.do(f) })
			holdViolation(t, s, event, forged.says)
		})
	}
}
