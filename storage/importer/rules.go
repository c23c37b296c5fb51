package importer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"imperio/games"
	"imperio/storage/command"
)

// Rules are the rules of an import in words, for the help and the documents. The functions below are the same rules.
const Rules = `Every row of users becomes an account. What does not fit is changed by these rules, and reported:

- A name stays if the casino allows it. Else, characters that it does not allow become hyphens. If that is not allowed either, or taken, the row's id is added: ana-7. The last resort is player-7. Of equal names, the row with the lowest id keeps it.
- An address stays if mail can be delivered to it and nobody else has it. Else the account has none.
- Coins that are negative, missing or no number become 0. Fractions are rounded down.
- A password hash of Werkzeug stays, and becomes bcrypt at the first sign-in. With another one, or none, the account is locked: unlock it, and make a link with which its owner sets a password.
- The stakes of open games go to their players: twice the stake after a split. A game with a dealer's value was paid already.`

// longestName is the length of a name that is made by the rules, in characters; every casino allows it.
const longestName = 32

// wanted is a name by the rules: how it is shown, and its key.
type wanted struct{ shown, key string }

// nameRules gives the names of a row in the order in which the rules want them.
type nameRules struct {
	names *Names
	id    int64
	named string
	why   string // code of why the row's own name is not allowed; empty: it is
	own   wanted // the row's own name, if it is allowed
	step  int
}

func (n *Names) rulesFor(id int64, named value) nameRules {
	r := nameRules{names: n, id: id, named: named.string()}
	var err error
	if r.own.shown, r.own.key, err = n.Username(r.named); err != nil {
		r.why = "name_not_allowed"
	} else if n.Reserved(r.own.shown, r.own.key) != nil {
		r.why = "name_reserved"
	}
	return r
}

// next returns the next name that the casino allows. It never ends: the last resort has a number that grows.
func (r *nameRules) next() wanted {
	for {
		step := r.step
		r.step++
		candidate := ""
		switch {
		case step == 0:
			if r.why == "" {
				return r.own
			}
			continue
		case step == 1:
			if r.why == "" || r.why == "name_reserved" {
				continue
			}
			candidate = hyphenated(r.named, longestName)
		case step == 2:
			if r.why == "name_reserved" { // such as admin-7
				continue
			}
			suffix := fmt.Sprintf("-%d", r.id)
			if candidate = hyphenated(r.named, longestName-len(suffix)); candidate == "" {
				continue
			}
			candidate += suffix
		case step == 3:
			candidate = fmt.Sprintf("player-%d", r.id)
		default:
			candidate = fmt.Sprintf("player-%d-%d", r.id, step-2)
		}
		shown, key, err := r.names.Username(candidate)
		if err == nil && r.names.Reserved(shown, key) == nil {
			return wanted{shown, key}
		}
	}
}

// allows reports whether a name is one that the rules may give to the row.
func (r nameRules) allows(name string) bool {
	const some = 100 // numbers of the last resort
	for r.step = 0; r.step < some; {
		if r.next().shown == name {
			return true
		}
	}
	return false
}

// hyphenated replaces the characters of a name that no name may have, and cuts it. It begins with a letter or a digit, and ends with
// no hyphen.
func hyphenated(name string, longest int) string {
	replaced := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '-'
		case unicode.IsLetter(r), unicode.Is(unicode.Nd, r), unicode.IsMark(r), r == '_', r == '.':
			return r
		}
		return '-'
	}, name)
	replaced = strings.TrimLeftFunc(replaced, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Nd, r) })
	if runes := []rune(replaced); len(runes) > longest {
		replaced = string(runes[:longest])
	}
	return strings.TrimRight(replaced, "-")
}

// emailRule gives the address of a row as it is kept, and its key; both are empty if the account has none.
func (n *Names) emailRule(v value) (kept, key string, why []Note) {
	address := strings.TrimSpace(v.string())
	if address == "" || isPlaceholder(address) {
		return "", "", []Note{note("email_missing", "there is no address")}
	}
	kept, key, err := n.Email(address)
	if err != nil {
		return "", "", []Note{note("email_invalid", "the address %s can't be delivered to", v.shown())}
	}
	return kept, key, nil
}

// isPlaceholder reports whether an address stands for none: the older casino wants one for each row, and nothing is ever delivered to
// the domain "invalid" (RFC 6761).
func isPlaceholder(address string) bool {
	_, domain, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(address, ".")), "@")
	return domain == "invalid" || strings.HasSuffix(domain, ".invalid")
}

// coinsRule gives the coins of a row.
func coinsRule(v value) (games.Coins, []Note) {
	coins, odd := v.amount()
	if odd == exact {
		return coins, nil
	}
	return coins, []Note{note("coins_"+odd, "the balance is %s; imported with %d", v.shown(), coins)}
}

// passwordRule gives the password hash of a row. Without one, the account is locked.
func (n *Names) passwordRule(password, older value) (hash string, locked bool, why []Note) {
	v := password
	if v.string() == "" {
		v = older
	}
	given := v.string()
	if given == "" {
		return "", true, []Note{note("password_missing", "there is no password")}
	}
	if own, locked, ok := n.Own(given); ok {
		switch {
		case own == "":
			return "", true, []Note{note("password_missing", "there is no password")}
		case locked:
			why = []Note{note("locked_there", "it was locked in the casino that exported it")}
		}
		return own, locked, why
	}
	switch n.Hash(given) {
	case HashGood:
		return given, false, nil
	case HashTooCostly:
		why = append(why, note("password_too_costly", "to check the password's hash takes too much work"))
	case HashPlain:
		why = append(why, note("password_plain", "the password was kept as plain text: tell its owner not to use it any more"))
	default:
		why = append(why, note("password_unknown", "the password's hash is of an unknown kind, or damaged"))
	}
	return "", true, why
}

// gameRule gives the stake of a game that is to be returned. finished games are not worth a word.
func gameRule(g *gameRow) (stake games.Coins, why []Note, finished bool) {
	over, clear := g.over.truth()
	if !clear {
		return 0, []Note{note("game_unclear", "game_over is %s", g.over.shown())}, false
	}
	if over {
		return 0, nil, true
	}
	if !g.dealer.isNull() {
		return 0, []Note{note("game_paid_already", "the dealer's value is %s: the game was paid before its row was closed", g.dealer.shown())}, false
	}
	split, clear := g.split.truth()
	doubled, doubleClear := g.double.truth()
	if !clear {
		return 0, []Note{note("game_unclear", "split is %s", g.split.shown())}, false
	}
	stake, odd := g.wager.amount()
	switch odd {
	case exact:
	case fractional:
		why = append(why, note("wager_fractional", "the stake is %s; returned with %d a hand", g.wager.shown(), stake))
	default:
		return 0, []Note{note("wager_"+odd, "the stake is %s", g.wager.shown())}, false
	}
	if split {
		stake *= 2
		if doubled || !doubleClear {
			why = append(why, note("game_split_and_doubled", "split, and double_down is %s: %d coins are returned for two hands", g.double.shown(), stake))
		}
	}
	if stake > command.MaxAmount {
		return 0, []Note{note("wager_too_many", "the stake is %s a hand", g.wager.shown())}, false
	}
	return stake, why, false
}
