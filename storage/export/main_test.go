package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// house is a casino with accounts of every kind: 1000 is usual, with rounds of all games, 1001 is locked, 1002 is deleted, 1003 has
// excluded itself for ever, 1004 is an operator with an address that looks like a formula, and 1005 has limits of its own.
func house(t *testing.T) (c *storagetest.Casino, open command.RoundID) {
	t.Helper()
	c = storagetest.New(t, 1, storage.Options{CheckpointInterval: time.Hour})
	account := func(name, address string, role command.Role, coins games.Coins) command.AccountID {
		r := c.One(command.Command{Body: command.OpenAccount{
			Username: name, UsernameKey: strings.ToLower(name), Email: address, EmailKey: strings.ToLower(address),
			PasswordHash: storagetest.Keys.SealPassword("hash of " + name), Role: role, WelcomeCoins: coins,
		}})
		return r.Value.(*command.AccountOpened).Account.ID
	}
	ana := account("Ana", "Ana@example.com", command.RolePlayer, 1_000_000)
	locked := account("王小明", "", command.RolePlayer, 7)
	deleted := account("carl", "carl@example.com", command.RolePlayer, 70)
	excluded := account("dora", strings.Repeat("d", 60)+"@"+strings.Repeat("d", 59)+".com", command.RolePlayer, 0)
	account("eve", `=cmd|'/c"calc",@example.com`, command.RoleOperator, 1<<31)
	limited := account("finn", "finn@example.com", command.RolePlayer, 5)
	act := func(id command.AccountID, b command.Body) command.Result {
		return c.One(command.Command{Account: id, Body: b})
	}
	act(ana, command.PlaceWager{Rules: "slots/1", Stake: 10})
	act(ana, command.PlaceWager{Rules: "roulette/1", Stake: 7, Bets: []games.Bet{{Type: "straight", Numbers: []int{7}, Amount: 5}, {Type: "red", Amount: 2}}})
	act(locked, command.SetLock{Locked: true, Actor: "root", Reason: "=1+1"})
	act(deleted, command.DeleteAccount{Actor: "root", Reason: "asked for it"})
	act(excluded, command.Exclude{ForEver: true})
	act(limited, command.SetLimits{Limits: command.LimitSet{StakePerDay: 100}})
	for range 1000 {
		r := act(ana, command.PlaceWager{Rules: "blackjack/1", Stake: 100}).Value.(*command.RoundResult)
		if r.Round.Settled {
			continue
		}
		if open != 0 {
			return c, r.Round.ID // the second one stays open
		}
		if !slices.Contains(r.Round.Allowed, "stand") { // it settles
			c.One(command.Command{Body: command.SettleAbandoned{Round: r.Round.ID}})
			continue
		}
		act(ana, command.TakeAction{Round: r.Round.ID, Action: "stand"})
		open = r.Round.ID
	}
	t.Fatal("no round of blackjack stays open")
	return nil, 0
}

// snapshot is the casino at this moment.
func snapshot(t *testing.T, c *storagetest.Casino) *storage.Snapshot {
	t.Helper()
	s, err := c.Store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// row is a row by the names of its columns.
type row map[string]string

// csvOf exports a table as CSV, and reads it again.
func csvOf(t *testing.T, table *Table, s *storage.Snapshot) (rows []row) {
	t.Helper()
	var text bytes.Buffer
	n, err := table.Write(t.Context(), s, NewCSV(&text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(text.String(), "\n") != strings.Count(text.String(), "\r\n") {
		t.Errorf("%s: a line does not end as RFC 4180 says", table.Name)
	}
	all, err := csv.NewReader(&text).ReadAll() // it also wants as many cells in each line
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range all[1:] {
		r := make(row)
		for i, name := range all[0] {
			r[name] = cells[i]
		}
		rows = append(rows, r)
	}
	if uint64(len(rows)) != n || len(all[0]) != len(table.Columns) {
		t.Errorf("%s: %d rows, and %d are told; %d columns", table.Name, len(rows), n, len(all[0]))
	}
	return rows
}

// expect compares cells of a row.
func (r row) expect(t *testing.T, want row) {
	t.Helper()
	for name, value := range want {
		if got, ok := r[name]; !ok || got != value {
			t.Errorf("%s is %q, want %q, in %v", name, got, value, r)
		}
	}
}

func TestTables_JSONLinesSayTheSameAsCSV(t *testing.T) {
	c, _ := house(t)
	s := snapshot(t, c)
	for _, table := range Tables {
		rows := csvOf(t, table, s)
		var text bytes.Buffer
		if n, err := table.Write(t.Context(), s, NewJSONLines(&text), nil); err != nil || int(n) != len(rows) {
			t.Fatalf("%s: %d, %v", table.Name, n, err)
		}
		for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
			var cells map[string]json.RawMessage
			if err := json.Unmarshal([]byte(line), &cells); err != nil || len(cells) != len(table.Columns) {
				t.Fatalf("%s: %v: %s", table.Name, err, line)
			}
			for name, cell := range cells {
				var text string
				if json.Unmarshal(cell, &text) != nil { // no text
					text = strings.TrimPrefix(string(cell), "null")
				}
				if got := rows[i][name]; got != text && got != "'"+text {
					t.Errorf("%s: %s is %q as CSV and %s as JSON", table.Name, name, got, cell)
				}
			}
		}
	}
}

func TestTables_NothingSecretIsInThem(t *testing.T) {
	c, open := house(t)
	s := snapshot(t, c)
	for _, table := range Tables {
		var text bytes.Buffer
		if _, err := table.Write(t.Context(), s, NewJSONLines(&text), nil); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"hash", "sealed", "seed"} {
			if strings.Contains(strings.ToLower(text.String()), secret) {
				t.Errorf("%s: %q is in\n%s", table.Name, secret, text.String())
			}
		}
	}
	list := csvOf(t, rounds, s)
	list[len(list)-1].expect(t, row{"id": idText(uint64(open)), "state": "open", "draws": "", "settled_at": "", "stake": "100", "staked": "100", "payout": "0"})
}

func TestTables_EndEarlyWithTheirContext(t *testing.T) {
	c, _ := house(t)
	file := filepath.Join(t.TempDir(), "x")
	if _, err := CreateNew(file); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := contextThatEnds()
	defer cancel()
	for _, table := range Tables {
		if _, err := table.Write(ctx, snapshot(t, c), NewCSV(new(bytes.Buffer)), nil); err == nil {
			t.Errorf("%s goes on", table.Name)
		}
	}
	if _, err := Older(ctx, snapshot(t, c), file, OlderOptions{Now: time.Now()}); err == nil {
		t.Error("the older database goes on")
	}
}
