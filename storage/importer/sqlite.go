package importer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFile is a database in a file, in one transaction.
type sqliteFile struct {
	path  string
	db    *sql.DB
	conn  *sql.Conn
	quiet *quietFile // nil: SQLite's own locks keep the view
}

// openSQLite opens a file to read it, with the write-ahead log beside it. Another program may be writing: it waits meanwhile, or
// writes into its log. The file itself is not trusted: it can't call functions, and has no say in what is read.
func openSQLite(ctx context.Context, path string) (database, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, fmt.Errorf("open the older casino's database: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("open the older casino's database: %s is a directory: name the file in it, such as %s", path, filepath.Join(path, "app.db"))
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the older casino's database: %w", err)
	}
	quiet, err := findQuiet(absolute)
	if err != nil {
		return nil, fmt.Errorf("open the older casino's database: %w", err)
	}
	options := "mode=ro&_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)&_pragma=query_only(1)&_pragma=temp_store(1)"
	if quiet != nil {
		options += "&immutable=1"
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: absolute, RawQuery: options}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open the older casino's database: %w", err)
	}
	f := &sqliteFile{path: path, db: db, quiet: quiet}
	if f.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(f.explain(err), db.Close())
	}
	// The view begins with the first reading, and stays until the end.
	for _, statement := range []string{"BEGIN DEFERRED", "SELECT count(*) FROM sqlite_master"} {
		if _, err := f.conn.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(f.explain(err), f.close())
		}
	}
	return f, nil
}

func (f *sqliteFile) close() error { return errors.Join(f.conn.Close(), f.db.Close()) }

// explain says in words what SQLite's code means.
func (f *sqliteFile) explain(err error) error {
	failed, ok := errors.AsType[*sqlitelib.Error](err)
	if !ok {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	advice := ""
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB:
		advice = "it is not a SQLite database, or it is encrypted"
	case sqlite3.SQLITE_CORRUPT:
		advice = "the database is damaged. Repair a copy of it with 'sqlite3 FILE .recover', and import that"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		advice = "another program keeps the database locked. Stop the older casino, or import a copy"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		advice = "it can't be opened to read it alone: its last writer was killed, or its directory is not writable and has a write-ahead log. Copy the file, with those of the same name that end with -wal and -journal, to another directory, and import the copy"
	case sqlite3.SQLITE_IOERR:
		advice = "the disk failed, or the file was changed from outside"
	default:
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	return fmt.Errorf("read %s: %s (%w)", f.path, advice, err)
}

func (f *sqliteFile) columns(ctx context.Context) (map[string][]string, error) {
	rows, err := f.conn.QueryContext(ctx, "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid")
	if err != nil {
		return nil, f.explain(err)
	}
	defer rows.Close()
	found := make(map[string][]string)
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return nil, f.explain(err)
		}
		// SQLite's names have no case.
		table = strings.ToLower(table)
		found[table] = append(found[table], strings.ToLower(column))
	}
	if err := rows.Err(); err != nil {
		return nil, f.explain(err)
	}
	return found, nil
}

func (f *sqliteFile) count(ctx context.Context, table string) (n int64, err error) {
	if err := f.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted(table)).Scan(&n); err != nil {
		return 0, f.explain(err)
	}
	return n, nil
}

// Of a longer value, only the beginning is read. Nothing that a casino takes is as long.
const (
	longestRead = 4096 // bytes
	readOfLong  = 1000 // characters
)

func (f *sqliteFile) read(ctx context.Context, table string, columns []string, fn func([]value) error) error {
	var query strings.Builder
	query.WriteString("SELECT ")
	for i, column := range columns {
		if i > 0 {
			query.WriteString(", ")
		}
		if column == "" {
			query.WriteString("NULL")
			continue
		}
		// An expression has no declared type, so the driver gives each value as it is stored.
		name := quoted(column)
		fmt.Fprintf(&query, "CASE WHEN octet_length(%s) > %d THEN substr(%s, 1, %d) ELSE %s END", name, longestRead, name, readOfLong, name)
	}
	fmt.Fprintf(&query, " FROM %s ORDER BY %s", quoted(table), quoted(columns[0]))
	rows, err := f.conn.QueryContext(ctx, query.String())
	if err != nil {
		return f.explain(err)
	}
	defer rows.Close()
	fields, targets, values := make([]any, len(columns)), make([]any, len(columns)), make([]value, len(columns))
	for i := range fields {
		targets[i] = &fields[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return f.explain(err)
		}
		for i, field := range fields {
			values[i] = sqliteValue(field)
		}
		if err := fn(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return f.explain(err)
	}
	return f.quiet.check()
}

func sqliteValue(field any) value {
	switch v := field.(type) {
	case nil:
		return value{}
	case int64:
		return value{kind: integer, number: v}
	case float64:
		return value{kind: real, real: v}
	case bool:
		return boolValue(v)
	case string:
		return value{kind: text, text: v}
	case []byte:
		return value{kind: blob, text: string(v)}
	}
	return value{kind: text, text: fmt.Sprint(field)}
}

func boolValue(yes bool) value {
	if yes {
		return value{kind: boolean, number: 1}
	}
	return value{kind: boolean}
}

// quoted is a name in SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
