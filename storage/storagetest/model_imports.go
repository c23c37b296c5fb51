package storagetest

import (
	"fmt"
	"regexp"
	"strconv"

	"pgregory.net/rapid"

	"imperio/games"
	"imperio/storage/command"
)

// modelRow is a row of another casino's database.
type modelRow struct {
	source string
	row    int64
}

var sourceName = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

func (m *Model) importAccounts(of command.AccountID, b command.ImportAccounts, entropy []byte) outcome {
	if of != 0 || !sourceName.MatchString(b.Source) || len(b.Accounts) < 1 || len(b.Accounts) > 500 || len(entropy) != 64*len(b.Accounts) {
		return refused(refuse("invalid_command"))
	}
	for _, a := range b.Accounts {
		if a.UsernameKey == "" || (a.Email == "") != (a.EmailKey == "") {
			return refused(refuse("invalid_command"))
		}
	}
	for i, a := range b.Accounts {
		if _, done := m.imported[modelRow{b.Source, a.Row}]; done {
			return refused(refuse("already_imported"))
		}
		if code := m.collides(a, b.Accounts[:i]); code != "" {
			return refused(refuse(code))
		}
	}
	answer := command.AccountsImported{First: m.next, Accounts: len(b.Accounts)}
	for i, a := range b.Accounts {
		p := &player{
			id: m.next, name: a.Username, nameKey: a.UsernameKey, email: a.Email, mail: a.EmailKey, hash: a.PasswordHash, role: command.RolePlayer,
			created: m.now, coins: a.Coins + a.Stakes, locked: a.Locked, tokens: make(map[command.SessionID]command.TokenHash),
			seeds:   [][]byte{entropy[64*i : 64*i+32], entropy[64*i+32 : 64*i+64]},
			clients: []string{"default:" + strconv.FormatUint(uint64(m.next), 10)}, nonces: []uint64{0},
		}
		m.next++
		m.accounts[p.id] = p
		m.issued += p.coins
		answer.Coins += a.Coins
		answer.Stakes += a.Stakes
		m.imported[modelRow{b.Source, a.Row}] = command.Imported{
			Account: p.id, Event: m.events + uint64(i) + 1, At: m.now, Coins: a.Coins, Stakes: a.Stakes, Mark: a.Mark,
		}
	}
	o := did(same(&answer))
	o.others = uint64(len(b.Accounts))
	return o
}

// collides is why a row can't be imported beside the accounts that there are and the rows before it; "": it can.
func (m *Model) collides(a command.ImportedAccount, before []command.ImportedAccount) string {
	for _, o := range before {
		if o.Row == a.Row {
			return "already_imported"
		}
	}
	if m.nameTaken(a.UsernameKey) {
		return "username_taken"
	}
	for _, o := range before {
		if o.UsernameKey == a.UsernameKey {
			return "username_taken"
		}
	}
	if a.EmailKey != "" {
		for _, p := range m.accounts {
			if p.mail == a.EmailKey {
				return "email_taken"
			}
		}
		for _, o := range before {
			if o.EmailKey == a.EmailKey {
				return "email_taken"
			}
		}
	}
	for _, amount := range []games.Coins{a.Coins, a.Stakes} {
		if amount < 0 || amount > 1_000_000_000_000 {
			return "amount_out_of_range"
		}
	}
	return ""
}

// drawImport draws an import of a few rows, of names and addresses that other accounts may have.
func drawImport(t *rapid.T) command.ImportAccounts {
	b := command.ImportAccounts{Source: rapid.SampledFrom([]string{"older", "older", "other-1.db", "", "a b"}).Draw(t, "source"), Actor: "cashier"}
	for range rapid.IntRange(0, 3).Draw(t, "rows") {
		n := rapid.IntRange(0, 19).Draw(t, "name")
		a := command.ImportedAccount{
			Row: rapid.Int64Range(-3, 12).Draw(t, "row"), Username: fmt.Sprintf("Player %d", n), UsernameKey: fmt.Sprintf("player %d", n),
			PasswordHash: drawHash(t), Coins: drawCoins(t), Locked: rapid.IntRange(0, 3).Draw(t, "locked") == 0,
			Mark: Keys.ImportedName(fmt.Sprintf("player %d", n)),
		}
		if rapid.Bool().Draw(t, "with stakes") {
			a.Stakes = drawCoins(t)
		}
		if e := rapid.IntRange(0, 19).Draw(t, "e-mail"); e > 3 {
			a.Email, a.EmailKey = fmt.Sprintf("P%d@example.com", e), fmt.Sprintf("p%d@example.com", e)
		}
		b.Accounts = append(b.Accounts, a)
	}
	return b
}
