package endtoend

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// olderPlayer is a player of the sample database, with the password.
type olderPlayer struct{ name, email, coins, password string }

func olderPlayers(t *testing.T) (list []olderPlayer) {
	t.Helper()
	data, err := os.ReadFile("../../../storage/importer/testdata/imperiocasino.passwords.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line[0] == '#' {
			continue
		}
		c := strings.Split(strings.TrimSpace(line), "\t")
		p := olderPlayer{name: c[1], email: c[2], coins: c[3]}
		if err := json.Unmarshal([]byte(c[4]), &p.password); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) != 20 {
		t.Fatalf("%d players", len(list))
	}
	return list
}

// signIn signs a player in with a password over HTTP, and returns the status.
func (p *process) signIn(t *testing.T, login, password string) int {
	t.Helper()
	in, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	status, _, err := (&player{casino: p}).call(t.Context(), "POST", "/api/v1/sessions", string(in), "")
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// does runs a verb on the process's data directory, which must end with an exit code. It returns the output, or what went wrong.
func (p *process) does(t *testing.T, code int, args ...string) string {
	t.Helper()
	c := exec.Command(p.path, append(args, "--data-dir", p.dir)...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		t.Fatalf("%v: %v instead of exit code %d: %s%s", args, err, code, out.String(), errs.String())
	}
	if code != 0 {
		return errs.String()
	}
	return out.String()
}

// accountsOf reads the accounts by 'imperio export', by name: address, coins, and whether it is locked.
func (p *process) accountsOf(t *testing.T) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "accounts.csv")
	p.does(t, 0, "export", "csv", "accounts", "--to", file)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(row []string, column string) string { return row[slices.Index(rows[0], column)] }
	accounts := make(map[string]string)
	for _, r := range rows[1:] {
		accounts[at(r, "username")] = fmt.Sprintf("%s, %s and %s coins, locked %s", at(r, "email"), at(r, "coins"), at(r, "held_coins"), at(r, "locked"))
	}
	return accounts
}

// What was imported and exported again, by a running casino or a stopped one, is the same in the next casino: names, addresses, coins,
// locks, and passwords that sign in, whether the player had signed in before or not.
func TestExport_RoundTripLosesNothing(t *testing.T) {
	players := olderPlayers(t)
	first, second, third := newProcess(t), newProcess(t), newProcess(t)
	first.start(t)
	first.does(t, 0, "import", "imperiocasino", "--from", "sqlite:../../../storage/importer/testdata/imperiocasino.db", "--verify", "--without-games")
	for _, p := range players[2:5] { // the others keep the hashes of the older system
		if status := first.signIn(t, p.name, p.password); status != 200 && status != 201 {
			t.Errorf("%s can't sign in: %d", p.name, status)
		}
	}
	first.does(t, 0, "account", "lock", players[2].name, "--reason", "to see that it stays locked")
	first.does(t, 0, "account", "lock", players[12].name, "--reason", "to see that it stays locked")
	first.does(t, 0, "account", "create", "somebody", "--link", "--coins", "5")
	running := filepath.Join(t.TempDir(), "running.db")
	summary := first.does(t, 0, "export", "imperiocasino", "--to", "sqlite:"+running)
	for _, part := range []string{"21 accounts with ", "accounts need a new password there", "accounts are locked", "have no e-mail address"} {
		if !strings.Contains(summary, part) {
			t.Errorf("%q is missing in %s", part, summary)
		}
	}
	if out := first.does(t, 1, "export", "imperiocasino", "--to", "sqlite:"+running); !strings.Contains(out, "exists already") {
		t.Errorf("a second export: %s", out)
	}
	if out := first.does(t, 1, "import", "imperiocasino", "--from", "sqlite:"+running); !strings.Contains(out, "export") {
		t.Errorf("its own export: %s", out)
	}
	want := first.accountsOf(t)
	if left, err := filepath.Glob(filepath.Join(first.dir, "export", "*")); err != nil || len(left) > 0 {
		t.Errorf("copies of the state are left: %v, %v", left, err)
	}
	for _, p := range players {
		if !strings.HasPrefix(want[p.name], p.email+", "+p.coins+" and 0 coins") {
			t.Errorf("%s has %s", p.name, want[p.name])
		}
	}
	first.stop(t)

	// The second casino is made by the import, and never serves before the third takes all over from it.
	second.start(t)
	second.stop(t)
	second.does(t, 3, "import", "imperiocasino", "--from", "sqlite:"+running) // locked accounts need attention
	stopped := filepath.Join(t.TempDir(), "stopped.db")
	second.does(t, 0, "export", "imperiocasino", "--to", "sqlite:"+stopped)
	third.start(t)
	third.does(t, 3, "import", "imperiocasino", "--from", "sqlite:"+stopped, "--verify")
	for _, casino := range []*process{second, third} {
		got := casino.accountsOf(t)
		for name, account := range want {
			if name == "somebody" { // had no password yet
				account = strings.Replace(account, "locked false", "locked true", 1)
			}
			if got[name] != account {
				t.Errorf("%s has %s instead of %s", name, got[name], account)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d accounts instead of %d", len(got), len(want))
		}
	}
	for _, i := range []int{2, 3, 4, 5, 6, 7, 12, 15} { // among them all passwords that are hard to carry over
		p := players[i]
		if i == 2 || i == 12 {
			third.does(t, 0, "account", "unlock", p.name, "--reason", "to see that the password is the same")
		}
		if status := third.signIn(t, p.name, p.password); status != 200 && status != 201 {
			t.Errorf("%s can't sign in: %d", p.name, status)
		}
		if i == 3 && third.signIn(t, p.email, p.password+"x") != 401 {
			t.Errorf("%s can sign in with another password", p.name)
		}
	}
	third.stop(t)
	for _, casino := range []*process{first, second, third} {
		casino.audit(t)
	}
}

// Bets go on while a casino is exported. What is exported is of one moment: the transfers add up to what is noted with each, and the
// settled rounds to what the accounts say.
func TestExport_OfARunningCasinoIsOfOneMoment(t *testing.T) {
	casino := newProcess(t)
	casino.start(t)
	ctx, stop := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	for i := range 3 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: casino, random: rand.New(rand.NewPCG(13, uint64(i))), rest: time.Millisecond}
		p.signUp(t)
		playing.Go(func() { p.playOn(ctx) })
	}
	defer playing.Wait()
	defer stop()
	for range 3 {
		sums := make(map[string]int64)
		n := 0
		for line := range strings.Lines(casino.does(t, 0, "export", "jsonl", "transfers")) {
			var transfer struct {
				From, To  string
				Amount    int64
				FromAfter int64 `json:"from_after"`
				ToAfter   int64 `json:"to_after"`
			}
			if err := json.Unmarshal([]byte(line), &transfer); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			sums[transfer.From] -= transfer.Amount
			sums[transfer.To] += transfer.Amount
			if n++; sums[transfer.From] != transfer.FromAfter || sums[transfer.To] != transfer.ToAfter {
				t.Fatalf("the sums are %d and %d after %s", sums[transfer.From], sums[transfer.To], line)
			}
		}
		if n < 3 || sums["player:1000"] == 0 {
			t.Errorf("%d transfers, %v", n, sums)
		}
	}
	if out := casino.does(t, 2, "export", "imperiocasino", "--to", "app.db"); !strings.Contains(out, "sqlite:app.db") {
		t.Errorf("%s", out)
	}
}
