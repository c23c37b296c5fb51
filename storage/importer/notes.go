package importer

import "fmt"

// Note says what is special about a row.
type Note struct {
	Code string `json:"code"` // stable, see Codes
	Text string `json:"text"` // for people; never holds a password or a hash
}

// Code explains a code of a note.
type Code struct {
	Code    string
	Meaning string
	// Attention means that the row was changed or left out, so that somebody should look at it.
	Attention bool
}

// Codes are the codes of all notes, in the order of the documents.
var Codes = []Code{
	{"name_not_allowed", "The casino does not allow the name. The account has another one.", true},
	{"name_reserved", "The name is kept for the house, or looks like one that is. The account has another one.", true},
	{"name_used_twice", "A row with a lower id has the same name, or one that differs only in case and the like.", true},
	{"name_taken", "Another account of the casino has the name.", true},
	{"name_respelled", "The casino writes the name a little differently. Both spellings sign in.", false},
	{"name_looks_alike", "The name looks like that of another row. Both are kept.", false},
	{"email_missing", "The row has no e-mail address, so the account has none.", false},
	{"email_invalid", "The address can't be delivered to. The account has none.", true},
	{"email_used_twice", "A row with a lower id has the same address, perhaps in another case. The account has none.", true},
	{"email_taken", "Another account of the casino has the address. The account has none.", true},
	{"coins_missing", "The balance is NULL. The account has 0 coins.", true},
	{"coins_not_a_number", "The balance is no number. The account has 0 coins.", true},
	{"coins_negative", "The balance is below 0. The account has 0 coins.", true},
	{"coins_fractional", "The balance is not whole. It is rounded down.", true},
	{"coins_too_many", "The balance is above the most that one transfer moves. The account has that most.", true},
	{"password_missing", "The row has no password. The account is locked until somebody unlocks it and sets one.", true},
	{"password_plain", "The password was kept as plain text. The account is locked until somebody unlocks it and sets one.", true},
	{"password_unknown", "The password's hash is of an unknown kind, or damaged. The account is locked until somebody unlocks it and sets one.", true},
	{"password_too_costly", "To check the password's hash takes too much work. The account is locked until somebody unlocks it and sets one.", true},
	{"locked_there", "The account was locked in the casino that exported this database. It is locked here.", false},
	{"id_unusable", "The row's id is no whole number. The row is not imported.", true},
	{"id_twice", "A row before has the same id. The row is not imported.", true},
	{"other_row", "Under this source and id, a row with another name was imported before. The row is not imported.", true},
	{"changed_there", "The row was imported before, and holds something else now. The account stays as it is.", true},
	{"deleted_since", "The account was deleted since the import. It is not opened again.", false},
	{"wager_missing", "The stake of an open game is NULL. Nothing is returned.", true},
	{"wager_not_a_number", "The stake of an open game is no number. Nothing is returned.", true},
	{"wager_negative", "The stake of an open game is below 0. Nothing is returned.", true},
	{"wager_fractional", "The stake of an open game is not whole. It is rounded down, and returned.", true},
	{"wager_too_many", "The stakes of the player's open games are more than one transfer moves. This one is not returned.", true},
	{"game_unclear", "Whether the game is over or split can't be told. Nothing is returned.", true},
	{"game_split_and_doubled", "The game was split and doubled. The stake is taken for that of each hand.", true},
	{"game_paid_already", "The game was paid before its row was closed. Nothing is returned.", false},
	{"game_without_user", "The game's player is not in the table of users. Nothing is returned.", true},
	{"game_of_failed_user", "The game's player was not imported. Nothing is returned.", true},
	{"not_imported", "Of a comparison: the row has no account.", true},
	{"coins_differ", "Of a comparison: the account was imported with other coins.", true},
	{"stakes_differ", "Of a comparison: the account was imported with other stakes of open games.", true},
	{"name_differs", "Of a comparison: the account has a name that no rule makes of the row's.", true},
	{"balance_differs", "Of a comparison: the account has other coins than were imported, and nothing has happened in it.", true},
	{"email_differs", "Of a comparison: the account has another address, and nothing has happened in it.", true},
	{"lock_differs", "Of a comparison: the account is locked or not, other than by the rules.", true},
	{"password_differs", "Of a comparison: the account has another password, and nothing has happened in it.", true},
}

var attention = func() map[string]bool {
	m := make(map[string]bool)
	for _, c := range Codes {
		m[c.Code] = c.Attention
	}
	return m
}()

func note(code, format string, args ...any) Note {
	if _, known := attention[code]; !known {
		panic("importer: the note " + code + " is not documented")
	}
	return Note{code, fmt.Sprintf(format, args...)}
}
