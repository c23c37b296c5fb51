package mirror

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"imperio/games"
)

// within runs fn in a transaction with the mirror's settings. They hold for the transaction alone, so a pooler between us
// and PostgreSQL, which may give us another connection each time, does no harm.
func (m *Mirror) within(ctx context.Context, conn *pgx.Conn, fn func() error) error {
	// The answer need not wait for the disk of PostgreSQL: the position is in the transaction, too. So after a crash there, the
	// mirror goes on from what is left.
	patience := m.o.Patience.Milliseconds()
	begin := fmt.Sprintf("BEGIN; SET LOCAL search_path TO %s, pg_catalog; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; "+
		"SET LOCAL idle_in_transaction_session_timeout = %d; SET LOCAL synchronous_commit = off; SET LOCAL client_encoding = 'UTF8'",
		pgx.Identifier{m.o.Schema}.Sanitize(), patience, patience, 2*patience)
	if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return err
	}
	if err := fn(); err != nil {
		if conn.PgConn().TxStatus() != 'I' && !conn.IsClosed() {
			_, _ = conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll() // if that fails, so does the connection
		}
		return err
	}
	results, err := conn.PgConn().Exec(ctx, "COMMIT").ReadAll()
	if err == nil && results[0].CommandTag.String() != "COMMIT" {
		err = fmt.Errorf("the transaction was rolled back") // a failed one answers so
	}
	return err
}

// write writes a batch in one transaction.
func (m *Mirror) write(ctx context.Context, conn *pgx.Conn, b *batch) error {
	return m.within(ctx, conn, func() error {
		// The position comes first: whoever else writes this mirror waits here, and then finds it moved.
		tag, err := conn.Exec(ctx, `UPDATE position SET event = $1, hash = $2, event_time = $3, accounts_event = $4, lineage = nullif($5, ''), written_at = now()
			WHERE event = $6 AND hash = $7 AND casino = $8`, pgx.QueryExecModeExec,
			int64(b.to.event), hashOf(b.to), someTime(b.to.time), int64(b.to.accounts), clean(b.lineage), int64(b.from.event), hashOf(b.from), m.o.Casino)
		if err != nil {
			return err
		}
		if tag.RowsAffected() != 1 {
			return errMoved
		}
		for _, c := range []struct {
			table, columns string
			rows           *copyRows
		}{
			{"events", eventColumns, &b.eventRows}, {"transfers", transferColumns, &b.transferRows}, {"rounds", roundColumns, &b.roundRows},
			{"imports", importColumns, &b.importRows},
		} {
			if c.rows.rows == 0 {
				continue
			}
			_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(c.rows.finish()), "COPY "+c.table+" ("+c.columns+") FROM STDIN (FORMAT binary)")
			if err != nil {
				return err
			}
		}
		if err := m.moveRounds(ctx, conn, b); err != nil {
			return err
		}
		return m.writeAccounts(ctx, conn, b)
	})
}

// hashOf is a position's hash as it is stored; empty before the first event.
func hashOf(p position) []byte {
	if p.event == 0 {
		return []byte{}
	}
	return p.hash[:]
}

func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// moveRounds changes rounds that were opened before the batch. Since the position is exact, they are there.
func (m *Mirror) moveRounds(ctx context.Context, conn *pgx.Conn, b *batch) error {
	if len(b.moved) == 0 {
		return nil
	}
	t := newTables(m.games)
	id, staked, payout := column{oid: pgtype.Int8OID}, column{oid: pgtype.Int8OID}, column{oid: pgtype.Int8OID}
	settled, actions, outcome := column{oid: pgtype.TimestamptzOID}, column{oid: pgtype.JSONBOID}, column{oid: pgtype.JSONBOID}
	for _, r := range b.moved {
		_, taken, came, err := t.parts(r)
		if err != nil {
			return err
		}
		id.int(int64(r.record.ID))
		staked.int(int64(r.record.Staked))
		if r.record.Settled {
			payout.int(int64(r.record.Payout))
		} else {
			payout.null()
		}
		settled.time(r.settled)
		actions.json(taken)
		outcome.json(came)
	}
	changed, err := execColumns(ctx, conn, `UPDATE rounds SET staked = u.staked, payout = u.payout, settled_at = u.settled_at, actions = u.actions, outcome = u.outcome
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::jsonb[], $6::jsonb[]) AS u (id, staked, payout, settled_at, actions, outcome)
		WHERE rounds.id = u.id`, len(b.moved), &id, &staked, &payout, &settled, &actions, &outcome)
	if missing := int64(len(b.moved)) - changed; err == nil && missing != 0 {
		err = &wordsError{fmt.Sprintf("the table rounds lacks %d rounds that were written before: somebody has deleted rows. Run 'imperio mirror rebuild'", missing), nil}
	}
	return err
}

// accountsAtOnce is how many accounts one statement writes.
const accountsAtOnce = 2_000

func (m *Mirror) writeAccounts(ctx context.Context, conn *pgx.Conn, b *batch) error {
	for some := range slices.Chunk(b.accounts, accountsAtOnce) {
		id, name, email, role := column{oid: pgtype.Int8OID}, column{oid: pgtype.TextOID}, column{oid: pgtype.TextOID}, column{oid: pgtype.TextOID}
		created, excluded, deleted := column{oid: pgtype.TimestamptzOID}, column{oid: pgtype.TimestamptzOID}, column{oid: pgtype.TimestamptzOID}
		locked, coins, held, open := column{oid: pgtype.BoolOID}, column{oid: pgtype.Int8OID}, column{oid: pgtype.Int8OID}, column{oid: pgtype.Int8OID}
		for i := range some {
			a := &some[i]
			id.int(int64(a.ID))
			name.text(a.Username)
			email.text(a.Email)
			role.text(string(a.Role))
			created.time(millis(a.CreatedAt))
			locked.bool(a.Locked)
			excluded.time(millis(a.ExcludedUntil))
			deleted.time(millis(a.DeletedAt))
			coins.int(int64(a.Coins))
			held.int(int64(a.HeldCoins))
			open.some(int64(a.OpenRound))
		}
		_, err := execColumns(ctx, conn, `INSERT INTO accounts (id, username, email, role, created_at, locked, excluded_until, deleted_at, coins, held_coins, open_round)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[], $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::bigint[], $11::bigint[])
			ON CONFLICT (id) DO UPDATE SET username = excluded.username, email = excluded.email, role = excluded.role, created_at = excluded.created_at, locked = excluded.locked,
				excluded_until = excluded.excluded_until, deleted_at = excluded.deleted_at, coins = excluded.coins, held_coins = excluded.held_coins, open_round = excluded.open_round`,
			len(some), &id, &name, &email, &role, &created, &locked, &excluded, &deleted, &coins, &held, &open)
		if err != nil {
			return err
		}
	}
	return nil
}

// millis is a time as the casino stores it; 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// catalogue is what the casino plays. It is read once, from the first snapshot.
func (m *Mirror) catalogue(source Source) (*games.Catalogue, error) {
	if m.games != nil {
		return m.games, nil
	}
	snap, err := source.LastSnapshot()
	if err != nil {
		return nil, err
	}
	m.games = snap.Games()
	return m.games, snap.Close()
}
