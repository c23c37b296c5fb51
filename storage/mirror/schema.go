package mirror

import (
	"context"
	_ "embed" // the schema
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"imperio/games"
)

// schemaVersions are the steps that make the tables, from nothing to the newest version. A released step never changes.
var schemaVersions = []string{schema1}

//go:embed schema1.sql
var schema1 string

// lockNumber is that of the advisory lock under which the schema changes: "imperio" in ASCII.
const lockNumber = 0x696d706572696f

// migrate makes the tables, or brings them up to this program's version. It returns an error if a newer program has made them.
func (m *Mirror) migrate(ctx context.Context, conn *pgx.Conn) error {
	return m.within(ctx, conn, func() error {
		// The encoding is that of the database, and the settings above don't change it.
		var encoding string
		if err := conn.QueryRow(ctx, "SELECT current_setting('server_encoding')", pgx.QueryExecModeExec).Scan(&encoding); err != nil {
			return err
		}
		if encoding != "UTF8" {
			return &wordsError{fmt.Sprintf("the database has the encoding %s, which has no place for all names: make one with ENCODING 'UTF8' TEMPLATE template0, and name that", encoding), nil}
		}
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", pgx.QueryExecModeExec, int64(lockNumber)); err != nil {
			return err
		}
		version, err := m.version(ctx, conn)
		if err != nil || version == len(schemaVersions) {
			return err
		}
		if version > len(schemaVersions) {
			return &wordsError{fmt.Sprintf("a newer Imperio has made the tables in schema %q: they have version %d, and this program knows %d. Use the newer program, or name another schema with --mirror-schema", m.o.Schema, version, len(schemaVersions)), nil}
		}
		if version == 0 {
			if err := m.makeSchema(ctx, conn); err != nil {
				return err
			}
		}
		for _, step := range schemaVersions[version:] {
			if _, err := conn.PgConn().Exec(ctx, step).ReadAll(); err != nil {
				return err
			}
		}
		if version == 0 {
			_, err = conn.Exec(ctx, "INSERT INTO position (schema_version, casino, event, hash, accounts_event, written_at) VALUES ($1, $2, 0, '', 0, now())",
				pgx.QueryExecModeExec, int64(len(schemaVersions)), m.o.Casino)
		} else {
			_, err = conn.Exec(ctx, "UPDATE position SET schema_version = $1", pgx.QueryExecModeExec, int64(len(schemaVersions)))
		}
		if err == nil {
			m.o.Log.Info("the mirror's tables were made", "schema", m.o.Schema, "version", len(schemaVersions))
		}
		return err
	})
}

// makeSchema makes the schema, unless it is there: an administrator may have made it, for a user who may not.
func (m *Mirror) makeSchema(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	err := conn.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", pgx.QueryExecModeExec, pgx.Identifier{m.o.Schema}.Sanitize()).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{m.o.Schema}.Sanitize(), pgx.QueryExecModeExec)
	return err
}

// version is that of the tables; 0: there are none.
func (m *Mirror) version(ctx context.Context, conn *pgx.Conn) (version int, err error) {
	var there bool
	table := pgx.Identifier{m.o.Schema, "position"}.Sanitize()
	err = conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", pgx.QueryExecModeExec, table).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	err = conn.QueryRow(ctx, "SELECT schema_version FROM "+table, pgx.QueryExecModeExec).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		err = &wordsError{"the table position has lost its row, so nobody knows what the tables hold. " + dropAdvice(m.o.Schema), nil}
	}
	return version, err
}

// position reads how far the mirror is.
func (m *Mirror) position(ctx context.Context, conn *pgx.Conn) (at position, err error) {
	var casino string
	var hash []byte
	var event, accounts int64
	var happened *time.Time
	err = conn.QueryRow(ctx, "SELECT casino, event, hash, event_time, accounts_event FROM "+pgx.Identifier{m.o.Schema, "position"}.Sanitize(), pgx.QueryExecModeExec).
		Scan(&casino, &event, &hash, &happened, &accounts)
	switch {
	case err != nil:
		return at, err
	case casino != m.o.Casino:
		return at, errOtherHistory
	}
	at.event, at.accounts = uint64(event), uint64(accounts)
	copy(at.hash[:], hash)
	if happened != nil {
		at.time = happened.UTC()
	}
	return at, nil
}

func dropAdvice(schema string) string {
	return fmt.Sprintf("Delete the tables with DROP SCHEMA %s CASCADE, which also deletes your own views of them: Imperio makes them again, with all that happened", pgx.Identifier{schema}.Sanitize())
}

// clear empties the tables, for a rebuild. It takes a mirror over from another casino.
func (m *Mirror) clear(ctx context.Context, conn *pgx.Conn) error {
	return m.within(ctx, conn, func() error {
		if _, err := conn.Exec(ctx, "TRUNCATE accounts, events, transfers, rounds, imports, rules", pgx.QueryExecModeExec); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "UPDATE position SET casino = $1, lineage = NULL, event = 0, hash = '', event_time = NULL, accounts_event = 0, written_at = now()",
			pgx.QueryExecModeExec, m.o.Casino)
		return err
	})
}

// writeRules writes what the rules return.
func (m *Mirror) writeRules(ctx context.Context, conn *pgx.Conn, c *games.Catalogue) error {
	return m.within(ctx, conn, func() error {
		for _, g := range c.Games() {
			for _, v := range g.Versions {
				_, err := conn.Exec(ctx, `INSERT INTO rules (rules, game, title, theoretical_return) VALUES ($1, $2, $3, $4)
					ON CONFLICT (rules) DO UPDATE SET title = excluded.title, theoretical_return = excluded.theoretical_return`,
					pgx.QueryExecModeExec, v.Rules(), g.Name, g.Title, v.SheetFor(games.Words{}).Figures.ReturnDecimal)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}
