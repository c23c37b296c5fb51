package importer

import (
	"strings"

	"imperio/games"
)

// planned is a row of users, and what is to become of it.
type planned struct {
	id     int64
	row    string // the id in a report
	named  string // the name there, as valid UTF-8
	failed *Note  // why it can't be imported; nil: it can

	names       nameRules
	want        wanted
	clash       string // code of why its own name is taken; empty: it is not
	email       string // empty: none
	emailKey    string
	emailNotes  []Note
	hash        string
	locked      bool
	coins       games.Coins
	stakes      games.Coins
	otherNotes  []Note // of coins and the password
	games       []openGame
	found       Found
	account     uint64 // as which it is imported; 0: it is not
	wasImported bool   // before this run
}

// planRow applies the rules that need nothing but the row.
func (n *Names) planRow(u user, failed *Note) *planned {
	w := &planned{row: idText(u.id), named: strings.ToValidUTF8(u.name.string(), "\ufffd"), failed: failed}
	if failed != nil {
		return w
	}
	w.id = u.id.number
	w.names = n.rulesFor(w.id, u.name)
	w.email, w.emailKey, w.emailNotes = n.emailRule(u.email)
	var notes []Note
	w.coins, w.otherNotes = coinsRule(u.coins)
	w.hash, w.locked, notes = n.passwordRule(u.password, u.older)
	w.otherNotes = append(w.otherNotes, notes...)
	return w
}

// claim takes the next name by the rules that no other row has or keeps.
func (s *survey) claim(w *planned) {
	for {
		name := w.names.next()
		hash := s.hash(name.key)
		if owner, taken := s.names[hash]; taken && owner != w.id {
			if w.clash == "" {
				w.clash = "name_used_twice"
			}
			continue
		}
		s.names[hash], w.want = w.id, name
		return
	}
}

// unique takes away an address that a row with a lower id has.
func (s *survey) unique(w *planned) {
	if owner := s.emails[s.hash(w.emailKey)]; w.emailKey != "" && owner != w.id {
		w.dropEmail(note("email_used_twice", "row %d has the address %s as well", owner, w.email))
	}
}

func (w *planned) dropEmail(why Note) {
	w.email, w.emailKey, w.emailNotes = "", "", append(w.emailNotes, why)
}

// notes are all notes on the row, whose account has a name.
func (w *planned) notes(s *survey, username string) (notes []Note) {
	if w.failed != nil {
		return []Note{*w.failed}
	}
	code := w.names.why
	if code == "" {
		code = w.clash
	}
	switch {
	case username == "" || username == w.names.named:
	case code != "":
		notes = append(notes, note(code, "the name %s %s; the account is %s", quotedName(w.named), whyNot[code], username))
	case username == w.names.own.shown:
		notes = append(notes, note("name_respelled", "the account is %s", username))
	default:
		notes = append(notes, note("name_taken", "the name %s %s; the account is %s", quotedName(w.named), whyNot["name_taken"], username))
	}
	if other, any := s.alike[w.id]; any && w.want == w.names.own {
		notes = append(notes, note("name_looks_alike", "the name looks like that of row %d", other))
	}
	notes = append(notes, w.emailNotes...)
	return append(notes, w.otherNotes...)
}

var whyNot = map[string]string{
	"name_not_allowed": "is not allowed here",
	"name_reserved":    "is kept for the house",
	"name_used_twice":  "is that of a row with a lower id, too",
	"name_taken":       "is that of another account of the casino",
}

func quotedName(name string) string { return value{kind: text, text: name}.shown() }

// account is what to open for the row.
func (w *planned) asAccount() Account {
	return Account{Row: w.id, Named: w.named, Username: w.want.shown, Email: w.email, PasswordHash: w.hash, Coins: w.coins, Stakes: w.stakes, Locked: w.locked}
}

// query asks for the row, and for the names that it wants.
func (w *planned) query() Query {
	return Query{Row: w.id, Named: w.named, UsernameKey: w.want.key, EmailKey: w.emailKey}
}
