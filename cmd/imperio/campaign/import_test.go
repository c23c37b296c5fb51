package campaign

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"imperio/appliance/bench"
	"imperio/storage/storagetest/postgrestest"
)

// sampleUsers is the number of users in the sample of an older casino, which the campaign multiplies.
const sampleUsers = 20

const (
	copiedUsers = "SELECT id + 20 * i, username || i, i || email, password, coins FROM users CROSS JOIN %s WHERE id <= 20"
	copiedGames = `SELECT id + 20 * i, user_id + 20 * i, deck, dealer_hand, player_hand, player_second_hand, player_coins, current_wager, game_over, message, player_stood,
		double_down, split, current_hand, dealer_value FROM blackjack_game_state CROSS JOIN %s WHERE id <= 20`
)

// measureImport moves players of an older casino into new casinos, from SQLite and from PostgreSQL, and then into a casino where others
// play meanwhile.
func (m *campaign) measureImport(ctx context.Context) error {
	m.printf("\n## Moving in\n\n%d users, which are the sample's multiplied, with %d open games. Each import is one run of `imperio import`, into a new casino that runs.\n\n", m.movers, m.movers*3/sampleUsers)
	older := filepath.Join(m.directory, "older.db")
	defer os.Remove(older)
	if err := m.olderSQLite(ctx, older); err != nil {
		return fmt.Errorf("make an older casino: %w", err)
	}
	m.printf("| from | imported in | rows a second | processor time of the casino | compared in | `imperio audit` |\n|---|---:|---:|---:|---:|---|\n")
	if err := m.moveIn(ctx, "SQLite", "sqlite:"+older); err != nil {
		return err
	}
	address, err := m.olderPostgres(ctx, older)
	if err != nil {
		return err
	}
	if address == "" {
		m.printf("\nPostgreSQL is not installed, so nothing is measured with it.\n")
	} else if err := m.moveIn(ctx, "PostgreSQL", address); err != nil {
		return err
	}
	return m.measurePlayDuringImport(ctx, "sqlite:"+older)
}

// olderSQLite makes the database of an older casino with many users.
func (m *campaign) olderSQLite(ctx context.Context, path string) error {
	sample, err := os.ReadFile("../../../storage/importer/testdata/imperiocasino.db")
	if err == nil {
		err = os.WriteFile(path, sample, 0o600)
	}
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	numbers := fmt.Sprintf("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n)", m.movers/sampleUsers-1)
	_, err = db.ExecContext(ctx, "INSERT INTO users "+fmt.Sprintf(copiedUsers, numbers)+"; INSERT INTO blackjack_game_state "+fmt.Sprintf(copiedGames, numbers))
	return err
}

// olderPostgres makes the same in PostgreSQL, and returns its URL; "" without the server's programs.
func (m *campaign) olderPostgres(ctx context.Context, sample string) (address string, err error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) == 0 || m.t == nil {
		return "", nil
	}
	address = postgrestest.Start(m.t, postgrestest.WithoutSync()).CreateDatabase(m.t, "older")
	db, err := sql.Open("sqlite", sample)
	if err != nil {
		return "", err
	}
	defer db.Close()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR(64) UNIQUE, email VARCHAR(120) UNIQUE, password VARCHAR(200), coins INTEGER);
		CREATE TABLE blackjack_game_state (id INTEGER PRIMARY KEY, user_id INTEGER, deck BYTEA, dealer_hand BYTEA, player_hand BYTEA, player_second_hand BYTEA, player_coins INTEGER,
		current_wager INTEGER, game_over INTEGER, message TEXT, player_stood INTEGER, double_down INTEGER, split INTEGER, current_hand TEXT, dealer_value INTEGER)`); err != nil {
		return "", err
	}
	for _, table := range []string{"users", "blackjack_game_state"} {
		if err := copyTable(ctx, db, conn, table); err != nil {
			return "", err
		}
	}
	numbers := fmt.Sprintf("generate_series(1, %d) AS n(i)", m.movers/sampleUsers-1)
	_, err = conn.Exec(ctx, "INSERT INTO users "+fmt.Sprintf(copiedUsers, numbers)+"; INSERT INTO blackjack_game_state "+fmt.Sprintf(copiedGames, numbers)+"; ANALYZE")
	return address, err
}

// copyTable copies the sample's rows.
func copyTable(ctx context.Context, from *sql.DB, to *pgx.Conn, table string) error {
	rows, err := from.QueryContext(ctx, "SELECT * FROM "+table+" WHERE id <= 20")
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var all [][]any
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for i, v := range values {
			if yes, is := v.(bool); is {
				values[i] = map[bool]int{true: 1}[yes]
			}
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = to.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(all))
	return err
}

// moveIn imports into a new casino, compares, and audits.
func (m *campaign) moveIn(ctx context.Context, name, from string) (err error) {
	directory := filepath.Join(m.directory, "moved-"+strings.ToLower(name))
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	own, err := m.program.StartCasino(ctx, directory)
	if err != nil {
		return err
	}
	before, err := processorTime(own.Process.Pid)
	began := time.Now()
	if err == nil {
		err = m.runImport(ctx, directory, from)
	}
	took := time.Since(began)
	after, timed := processorTime(own.Process.Pid)
	began = time.Now()
	if err = errors.Join(err, timed); err == nil {
		err = m.runImport(ctx, directory, from, "--dry-run", "--verify")
	}
	compared := time.Since(began)
	if err = errors.Join(err, own.Stop()); err != nil {
		return err
	}
	if err := m.program.Run(ctx, m.progress, "audit", "--data-dir", directory); err != nil {
		return err
	}
	m.printf("| %s | %.1f s | %.0f | %.1f s | %.1f s | the books are right |\n", name, took.Seconds(), float64(m.movers)/took.Seconds(), (after - before).Seconds(), compared.Seconds())
	m.goal(took < time.Minute, fmt.Sprintf("%d users move in from %s", m.movers, name), "below 60 s", "%.1f s", took.Seconds())
	return nil
}

// runImport runs the verb, and checks its figures.
func (m *campaign) runImport(ctx context.Context, directory, from string, flags ...string) error {
	var out bytes.Buffer
	if err := m.program.Run(ctx, &out, append([]string{"import", "imperiocasino", "--json", "--data-dir", directory, "--from", from}, flags...)...); err != nil {
		return err
	}
	var told struct {
		Import struct {
			Imported int `json:"imported"`
		} `json:"import"`
		Comparison struct {
			Equal int `json:"equal"`
		} `json:"comparison"`
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		return err
	}
	if got := told.Import.Imported + told.Comparison.Equal; got != m.movers {
		return fmt.Errorf("%d of %d users were imported or compared", got, m.movers)
	}
	return nil
}

// measurePlayDuringImport plays before, while and after others move in.
func (m *campaign) measurePlayDuringImport(ctx context.Context, from string) error {
	if err := m.make(ctx, &m.few); err != nil {
		return err
	}
	m.printf("\nWhat players notice, in a casino with %d accounts:\n\n| turn | others move in | a second | p50 ms | p99 ms | max ms |\n|---:|---|---:|---:|---:|---:|\n", m.few.accounts)
	return m.withCasino(ctx, &m.few, func(c *casino) error {
		var without, with, slowest []float64
		for part, moving := range []bool{false, true, false} {
			ended := make(chan error, 1)
			if moving {
				go func() { ended <- m.runImport(ctx, c.directory, from) }()
			} else {
				ended <- nil
			}
			for turn := range m.turns {
				options := m.play(c, m.few.playing(m.playing))
				options.Duration = max(m.turn, 500*time.Millisecond)
				r, err := bench.Run(ctx, options)
				if err != nil {
					return errors.Join(err, <-ended)
				}
				m.broken += len(r.Violations)
				m.printf("| %d | %s | %.0f | %.2f | %.2f | %.2f |\n", part*m.turns+turn+1, map[bool]string{true: "yes", false: "no"}[moving],
					r.Casino.RequestsPerSecond, r.Casino.Latency.P50, r.Casino.Latency.P99, r.Casino.Latency.Max)
				if moving {
					with, slowest = append(with, r.Casino.RequestsPerSecond), append(slowest, r.Casino.Latency.Max)
				} else {
					without = append(without, r.Casino.RequestsPerSecond)
				}
			}
			if err := <-ended; err != nil {
				return err
			}
		}
		m.printf("\nThroughput while others move in: **%.2f** of that without (medians). The slowest answer took %.0f ms.\n", median(with)/median(without), slices.Max(slowest))
		return nil
	})
}
