package importer

import (
	"fmt"
	"strings"
	"testing"

	"imperio/storage/storagetest/postgrestest"
)

// The older casino's tables in PostgreSQL, with the types that its migrations give them.
const postgresSchema = `CREATE TABLE users (id SERIAL PRIMARY KEY, username VARCHAR(64) NOT NULL UNIQUE, email VARCHAR(120) NOT NULL UNIQUE, password VARCHAR(200), coins INTEGER NOT NULL);
	CREATE TABLE blackjack_game_state (id SERIAL PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), deck BYTEA NOT NULL, dealer_hand BYTEA NOT NULL, player_hand BYTEA NOT NULL,
	player_second_hand BYTEA, player_coins INTEGER NOT NULL, current_wager INTEGER NOT NULL, game_over BOOLEAN, message VARCHAR(255), player_stood BOOLEAN, double_down BOOLEAN, split BOOLEAN,
	current_hand VARCHAR(10), dealer_value INTEGER);
	CREATE INDEX ix_users_email ON users (email);`

// postgresCrowd fills the tables as crowd does for SQLite.
func postgresCrowd(users int) string {
	return fmt.Sprintf(`INSERT INTO users SELECT i, 'user' || i, 'user' || i || '@example.com', '%s', i FROM generate_series(1, %d) AS i;
		INSERT INTO blackjack_game_state (user_id, deck, dealer_hand, player_hand, player_coins, current_wager, game_over, double_down, split)
		SELECT id, '\x80'::bytea, '\x80'::bytea, '\x80'::bytea, 0, 2, CASE WHEN id %% 2 = 0 THEN false END, false, false FROM users;`, good, users)
}

// One server for all of these, since making one takes seconds.
func TestImport_FromPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs PostgreSQL")
	}
	server := postgrestest.Start(t, postgrestest.WithoutSync())
	database := func(name string, statements ...string) string {
		t.Helper()
		address := server.CreateDatabase(t, name)
		server.Exec(t, name, statements...)
		return address
	}
	t.Run("as the older casino has it", func(t *testing.T) {
		const users = 3*BatchSize + 1
		from, d := database("plain", postgresSchema, postgresCrowd(users), "INSERT INTO users VALUES (-7, 'minus', 'minus@example.com', NULL, -7)",
			"UPDATE blackjack_game_state SET game_over = true, dealer_value = 20 WHERE user_id = 1", "UPDATE blackjack_game_state SET split = true WHERE user_id = 2"), newDouble()
		got := doImport(t, from, d)
		if got.err != nil || got.summary.Imported != users+1 || int64(d.sum()) != crowdCoins(users) || got.summary.FinishedGames != 1 {
			t.Errorf("%v, %+v; the casino has %d coins", got.err, got.summary, d.sum())
		}
		if r := got.rows["users -7"]; codes(r) != "coins_negative password_missing" {
			t.Errorf("%+v", r)
		}
		if c := compare(t, from, d); c.Differs != 0 || c.Equal != users+1 {
			t.Errorf("%+v", c)
		}
		if again := doImport(t, from, d); again.err != nil || again.summary.Imported != 0 || again.summary.AlreadyImported != users+1 {
			t.Errorf("%v, %+v", again.err, again.summary)
		}
	})
	t.Run("with other types", func(t *testing.T) {
		from, d := database("odd", `CREATE TABLE users (id BIGINT, username TEXT, email BYTEA, password_hash TEXT, password TEXT, coins NUMERIC, since TIMESTAMP)`,
			`CREATE TABLE blackjack_game_state (id INT, user_id NUMERIC, current_wager DOUBLE PRECISION, game_over INT, double_down TEXT, split TEXT, dealer_value TEXT)`,
			`INSERT INTO users VALUES (1, 'ana', 'ana@example.com', '`+good+`', NULL, 12.9), (2, 'ben', NULL, NULL, '', 'NaN'), (3, repeat('ö', 5000), '\xff40', 'x', 'y', 123456789012345678901234567890), (3, 'twice', NULL, NULL, NULL, 1), (NULL, 'null', NULL, NULL, NULL, 1)`,
			`INSERT INTO blackjack_game_state VALUES (1, 1, 5, 0, 'f', 't', NULL)`), newDouble()
		got := doImport(t, from, d)
		if got.err != nil || got.summary.Imported != 3 || got.summary.Failed != 2 {
			t.Fatalf("%v, %+v", got.err, got.summary)
		}
		for row, want := range map[string]string{
			"users 1": "coins_fractional", "users 2": "email_missing coins_not_a_number password_missing", "users 3": "name_not_allowed email_invalid coins_too_many password_plain",
			"users 3 again": "id_twice", "users NULL": "id_unusable", gamesTable + " 1": "game_without_user", // its number is a NUMERIC
		} {
			if codes(got.rows[row]) != want {
				t.Errorf("%s: notes %q, want %q", row, codes(got.rows[row]), want)
			}
		}
		if a := d.of(t, 1); a.Coins != 12 || a.PasswordHash != good || a.Email != "ana@example.com" {
			t.Errorf("%+v", a)
		}
	})
	t.Run("with another encoding", func(t *testing.T) {
		address := server.CreateDatabase(t, "latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
		server.Exec(t, "latin", postgresSchema, "INSERT INTO users VALUES (1, U&'j\\00f6rg', 'j@example.com', NULL, 1)")
		d := newDouble()
		if got := doImport(t, address, d); got.err != nil || d.of(t, 1).Username != "jörg" {
			t.Errorf("%v, %+v", got.err, d.accounts)
		}
	})
	t.Run("one moment, which nothing is written to", func(t *testing.T) {
		from, d := database("moment", postgresSchema, postgresCrowd(4*BatchSize)), newDouble()
		d.before = func(int) error {
			server.Exec(t, "moment", "UPDATE users SET coins = coins + 1000", "DELETE FROM blackjack_game_state WHERE user_id = 900", "DELETE FROM users WHERE id = 900")
			return nil
		}
		if got := doImport(t, from, d); got.err != nil || int64(d.sum()) != crowdCoins(4*BatchSize) {
			t.Errorf("%v, %+v", got.err, got.summary)
		}
		source, err := Open(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		if _, err := source.database.(*postgresServer).conn.Exec(t.Context(), "UPDATE users SET coins = 0").ReadAll(); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("the source can be written to: %v", err)
		}
	})
	t.Run("a user who may not read, and a missing table", func(t *testing.T) {
		database("shut", postgresSchema, "CREATE ROLE guest LOGIN PASSWORD 'guest'")
		from := strings.Replace(server.URL("shut"), postgrestest.User+":"+postgrestest.Password, "guest:guest", 1)
		if got := doImport(t, from, newDouble()); got.err == nil || !strings.Contains(got.err.Error(), "may not read it") {
			t.Errorf("%v", got.err)
		}
		if _, err := Open(t.Context(), database("nothing")); err == nil || !strings.Contains(err.Error(), "no table users. It has no table at all") {
			t.Errorf("%v", err)
		}
		if _, err := Open(t.Context(), strings.Replace(server.URL("nothing"), postgrestest.Password, "hunter2", 1)); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "password authentication failed") {
			t.Errorf("%v", err)
		}
	})
	// The last one, since it kills the server.
	t.Run("which is killed half-way", func(t *testing.T) {
		// Far more than the buffers on the way hold.
		const users = 20 * BatchSize
		from, d := database("killed", strings.Replace(postgresSchema, "VARCHAR(200)", "TEXT", 1), strings.Replace(postgresCrowd(users), "'"+good+"'", "'"+good+"' || repeat('0', 3900)", 1)), newDouble()
		d.before = func(batch int) error {
			if batch == 2 {
				server.Kill(t)
			}
			return nil
		}
		got := doImport(t, from, d)
		if got.err == nil || got.summary.Imported < 2*BatchSize || got.summary.Imported == users || got.summary.Imported != int64(len(d.accounts)) {
			t.Fatalf("%v, %+v", got.err, got.summary)
		}
		d.before = nil
		server.Start(t)
		if got = doImport(t, from, d); got.err != nil || got.summary.Imported+got.summary.AlreadyImported != users || int64(d.sum()) != crowdCoins(users) {
			t.Errorf("%v, %+v", got.err, got.summary)
		}
	})
}
