package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Source is an older casino's database, in one consistent view. It is not safe for concurrent use. Close it.
type Source struct {
	database database
	tables   tables
	cluster  string
}

// database reads one kind of database. Each is one transaction that can't write.
type database interface {
	// columns lists the tables and their columns, in order.
	columns(ctx context.Context) (map[string][]string, error)
	// count counts the rows of a table.
	count(ctx context.Context, table string) (int64, error)
	// read passes the columns of each row of a table to fn, in the order of the first column. A missing column, named "", is NULL. fn
	// keeps no values.
	read(ctx context.Context, table string, columns []string, fn func([]value) error) error
	close() error
}

var errAddress = errors.New("the database must be sqlite:FILE, or a URL such as postgres://USER@HOST/DATABASE")

// CheckAddress refuses what Open can't understand. Its errors hold no password.
func CheckAddress(from string) error {
	if file, ok := sqlitePath(from); ok && file != "" {
		return nil
	}
	if !isPostgres(from) {
		return errAddress
	}
	_, err := parsePostgres(from)
	return err
}

// sqlitePath is the file of sqlite:FILE, or of sqlite://FILE.
func sqlitePath(from string) (string, bool) {
	path, ok := strings.CutPrefix(from, "sqlite:")
	return strings.TrimPrefix(path, "//"), ok
}

func isPostgres(from string) bool {
	return strings.HasPrefix(from, "postgres://") || strings.HasPrefix(from, "postgresql://")
}

// Open opens a database: sqlite:FILE, or a PostgreSQL URL (postgres:// or postgresql://). Errors hold no password.
func Open(ctx context.Context, from string) (*Source, error) {
	var d database
	var err error
	if file, ok := sqlitePath(from); ok && file != "" {
		d, err = openSQLite(ctx, file)
	} else if isPostgres(from) {
		d, err = openPostgres(ctx, from)
	} else {
		err = errAddress
	}
	if err != nil {
		return nil, err
	}
	s := &Source{database: d}
	if err := s.look(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return s, nil
}

// Close ends the view and the connection.
func (s *Source) Close() error { return s.database.close() }

// Ignored names the columns that an import does not read, such as users.created_at.
func (s *Source) Ignored() []string { return s.tables.ignored }

// Cluster is the id of the casino whose 'imperio export' wrote this database; empty for any other database.
func (s *Source) Cluster() string { return s.cluster }

// look finds the tables and their columns.
func (s *Source) look(ctx context.Context) error {
	found, err := s.database.columns(ctx)
	if err != nil {
		return err
	}
	if s.tables, err = recognize(found); err != nil {
		return err
	}
	if !slices.Contains(found[exportTable], exportCasino) {
		return nil
	}
	return s.database.read(ctx, exportTable, []string{exportCasino}, func(v []value) error {
		s.cluster = v[0].string()
		return nil
	})
}

// user is a row of users.
type user struct{ id, name, email, password, older, coins value }

// users passes each user to fn, in the order of their ids. short leaves passwords and coins out.
func (s *Source) users(ctx context.Context, short bool, fn func(user) error) error {
	columns := slices.Clone(s.tables.users)
	if short {
		columns[3], columns[4], columns[5] = "", "", ""
	}
	return s.database.read(ctx, usersTable, columns, func(v []value) error {
		return fn(user{v[0], v[1], v[2], v[3], v[4], v[5]})
	})
}

// gameRow is a row of blackjack_game_state, without its pickles.
type gameRow struct{ id, user, wager, over, double, split, dealer value }

// games passes each game to fn.
func (s *Source) games(ctx context.Context, fn func(gameRow) error) error {
	return s.database.read(ctx, gamesTable, s.tables.games, func(v []value) error {
		return fn(gameRow{v[0], v[1], v[2], v[3], v[4], v[5], v[6]})
	})
}

// The tables of an older casino, and the one that 'imperio export' adds.
const (
	usersTable   = "users"
	gamesTable   = "blackjack_game_state"
	exportTable  = "imperio_export"
	exportCasino = "casino"
)

var (
	userColumns = []string{"id", "username", "email", "password", "password_hash", "coins"}
	gameColumns = []string{"id", "user_id", "current_wager", "game_over", "double_down", "split", "dealer_value"}
	// known are the other columns of the older casino, which an import needs not.
	known = []string{"deck", "dealer_hand", "player_hand", "player_second_hand", "player_coins", "message", "player_stood", "current_hand"}
)

// tables says which columns to read; those that a database lacks are "".
type tables struct {
	users, games []string
	noGames      error // why games can't be read; nil: they can
	ignored      []string
}

// recognize compares a database's tables with those of an older casino.
func recognize(found map[string][]string) (t tables, err error) {
	has, ok := found[usersTable]
	if !ok {
		return t, fmt.Errorf("this is not the database of an ImperioCasino: it has no table users. It has %s", list("table", tableNames(found)))
	}
	if !slices.Contains(has, "password") && !slices.Contains(has, "password_hash") {
		return t, lacks(usersTable, "password", has)
	}
	for _, column := range userColumns {
		switch {
		case slices.Contains(has, column):
			t.users = append(t.users, column)
		case strings.HasPrefix(column, "password"):
			t.users = append(t.users, "")
		default:
			return t, lacks(usersTable, column, has)
		}
	}
	t.ignore(usersTable, has, userColumns)
	if has, ok = found[gamesTable]; !ok {
		t.noGames = fmt.Errorf("it has no table %s, so nobody knows the stakes of open games. It has %s", gamesTable, list("table", tableNames(found)))
		return t, nil
	}
	for _, column := range gameColumns {
		if !slices.Contains(has, column) {
			t.noGames = lacks(gamesTable, column, has)
			return t, nil
		}
	}
	t.games = gameColumns
	t.ignore(gamesTable, has, slices.Concat(gameColumns, known))
	return t, nil
}

func (t *tables) ignore(table string, has, expected []string) {
	for _, column := range has {
		if !slices.Contains(expected, column) {
			t.ignored = append(t.ignored, table+"."+column)
		}
	}
}

func lacks(table, column string, has []string) error {
	return fmt.Errorf("this is not the database of an ImperioCasino: its table %s has no column %s. It has %s", table, column, list("column", has))
}

func tableNames(found map[string][]string) (names []string) {
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// mostListed bounds the names in a message.
const mostListed = 20

// list is "the columns a, b and c" in words.
func list(what string, names []string) string {
	if len(names) == 0 {
		return "no " + what + " at all"
	}
	more := ""
	if len(names) > mostListed {
		more = fmt.Sprintf(" and %d more", len(names)-mostListed)
		names = names[:mostListed]
	}
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = value{kind: text, text: name}.shown()
	}
	return fmt.Sprintf("the %ss %s%s", what, strings.Join(shown, ", "), more)
}
