package importer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// silence is how long PostgreSQL may send nothing. The first row of a large table comes when the table is sorted.
const silence = 5 * time.Minute

// postgresServer is a database of PostgreSQL, in one transaction.
type postgresServer struct {
	conn  *pgconn.PgConn
	types map[string]map[string]string // of columns, by table
}

func parsePostgres(address string) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(address) // its errors hide the password
	if err != nil {
		return nil, fmt.Errorf("this is no PostgreSQL URL: %w", err)
	}
	return config, nil
}

// openPostgres connects as the URL says, and begins a transaction that sees the database as it is now and can't write.
func openPostgres(ctx context.Context, address string) (database, error) {
	config, err := parsePostgres(address)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 15 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "imperio import"
	}
	config.RuntimeParams["client_encoding"] = "UTF8"
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the older casino's database: %w", err)
	}
	p := &postgresServer{conn: conn}
	// The casino may take its time while a statement of ours is open.
	_, err = conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0;
		SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '30s'`).ReadAll()
	if err != nil {
		return nil, errors.Join(p.explain(err), p.close())
	}
	return p, nil
}

func (p *postgresServer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.conn.Close(ctx) // it ends the transaction, in which nothing was written
	return nil
}

func (p *postgresServer) explain(err error) error {
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch failed.Code {
		case "42501":
			return fmt.Errorf("read the older casino's database: the user of the URL may not read it: %w", err)
		case "55P03":
			return fmt.Errorf("read the older casino's database: another session keeps a table locked: %w", err)
		}
	}
	return fmt.Errorf("read the older casino's database: %w", err)
}

func (p *postgresServer) columns(ctx context.Context) (map[string][]string, error) {
	found := make(map[string][]string)
	p.types = make(map[string]map[string]string)
	err := p.query(ctx, `SELECT c.relname, a.attname, t.typname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid JOIN pg_type AS t ON t.oid = a.atttypid
		WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid) AND c.relnamespace <> 'pg_catalog'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY c.relname, a.attnum`, func(v [][]byte) error {
		table, column := string(v[0]), string(v[1])
		if p.types[table] == nil {
			p.types[table] = make(map[string]string)
		}
		found[table] = append(found[table], column)
		p.types[table][column] = string(v[2])
		return nil
	})
	return found, err
}

func (p *postgresServer) count(ctx context.Context, table string) (n int64, err error) {
	err = p.query(ctx, "SELECT count(*) FROM "+quoted(table), func(v [][]byte) (err error) {
		n, err = strconv.ParseInt(string(v[0]), 10, 64)
		return err
	})
	return n, err
}

func (p *postgresServer) read(ctx context.Context, table string, columns []string, fn func([]value) error) error {
	var query strings.Builder
	query.WriteString("SELECT ")
	types := make([]string, len(columns))
	for i, column := range columns {
		if i > 0 {
			query.WriteString(", ")
		}
		if column == "" {
			query.WriteString("NULL")
			continue
		}
		name := quoted(column)
		switch types[i] = p.types[table][column]; types[i] {
		case "bool", "int2", "int4", "int8", "float4", "float8", "numeric":
			query.WriteString(name)
		default:
			fmt.Fprintf(&query, "CASE WHEN octet_length(%s::text) > %d THEN left(%s::text, %d) ELSE %s::text END", name, longestRead, name, readOfLong, name)
		}
	}
	fmt.Fprintf(&query, " FROM %s ORDER BY %s", quoted(table), quoted(columns[0]))
	values := make([]value, len(columns))
	return p.query(ctx, query.String(), func(fields [][]byte) error {
		for i, field := range fields {
			values[i] = postgresValue(types[i], field)
		}
		return fn(values)
	})
}

// query passes the rows to fn as they come, with all fields as text. It ends with an error when the server is silent for long.
func (p *postgresServer) query(ctx context.Context, statement string, fn func([][]byte) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silent := time.AfterFunc(silence, func() { stop(fmt.Errorf("the server has sent nothing for %s", silence)) })
	defer silent.Stop()
	rows := p.conn.ExecParams(ctx, statement, nil, nil, nil, nil)
	for rows.NextRow() {
		silent.Stop()
		if err := fn(rows.Values()); err != nil {
			stop(err)
			_, _ = rows.Close()
			return err
		}
		silent.Reset(silence)
	}
	if _, err := rows.Close(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if errors.Is(err, context.Canceled) {
			return err
		}
		return p.explain(err)
	}
	return nil
}

// postgresValue reads a field in PostgreSQL's text form.
func postgresValue(typ string, field []byte) value {
	if field == nil {
		return value{}
	}
	s := string(field)
	switch typ {
	case "bool":
		return boolValue(s == "t")
	case "int2", "int4", "int8":
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return value{kind: integer, number: n}
		}
	case "float4", "float8":
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return value{kind: real, real: f}
		}
	case "bytea":
		if bytes, err := hex.DecodeString(strings.TrimPrefix(s, `\x`)); err == nil {
			return value{kind: blob, text: string(bytes)}
		}
	}
	return value{kind: text, text: s}
}
