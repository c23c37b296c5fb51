package mirror

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"imperio/games"
	"imperio/storage/machine"
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

func unixTime(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	return new(time.UnixMilli(ms).UTC())
}

func someText(s string) *string {
	if s == "" {
		return nil
	}
	return new(clean(s))
}

func someJSON(v []byte) *string {
	if len(v) == 0 {
		return nil
	}
	return new(string(v))
}

// moveRounds changes rounds that were opened before the batch. Since the position is exact, they are there.
func (m *Mirror) moveRounds(ctx context.Context, conn *pgx.Conn, b *batch) error {
	if len(b.moved) == 0 {
		return nil
	}
	t := newTables(m.games)
	var id, staked []int64
	var payout []*int64
	var settled []*time.Time
	var actions, outcome []*string
	for round, r := range b.moved {
		_, a, o, err := t.parts(r)
		if err != nil {
			return err
		}
		id, staked = append(id, int64(round)), append(staked, int64(r.record.Staked))
		payout = append(payout, payoutOf(r.record))
		settled, actions, outcome = append(settled, unixTime(r.settled)), append(actions, someJSON(a)), append(outcome, someJSON(o))
	}
	tag, err := conn.Exec(ctx, `UPDATE rounds SET staked = u.staked, payout = u.payout, settled_at = u.settled_at, actions = u.actions::jsonb, outcome = u.outcome::jsonb
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[]) AS u (id, staked, payout, settled_at, actions, outcome)
		WHERE rounds.id = u.id`, pgx.QueryExecModeExec, id, staked, payout, settled, actions, outcome)
	if err == nil && tag.RowsAffected() != int64(len(id)) {
		err = &wordsError{fmt.Sprintf("the table rounds lacks %d rounds that were written before: somebody has deleted rows. Run 'imperio mirror rebuild'", int64(len(id))-tag.RowsAffected()), nil}
	}
	return err
}

func payoutOf(r *machine.RoundRecord) *int64 {
	if !r.Settled {
		return nil
	}
	return new(int64(r.Payout))
}

// accountsAtOnce is how many accounts one statement writes.
const accountsAtOnce = 2_000

func (m *Mirror) writeAccounts(ctx context.Context, conn *pgx.Conn, b *batch) error {
	for rest := b.accounts; len(rest) > 0; {
		some := rest[:min(len(rest), accountsAtOnce)]
		rest = rest[len(some):]
		var id, coins, held []int64
		var name, email []*string
		var role []string
		var locked []bool
		var created []time.Time
		var excluded, deleted []*time.Time
		var open []*int64
		for i := range some {
			a := &some[i]
			id, coins, held = append(id, int64(a.ID)), append(coins, int64(a.Coins)), append(held, int64(a.HeldCoins))
			name, email, role = append(name, someText(a.Username)), append(email, someText(a.Email)), append(role, string(a.Role))
			locked, created = append(locked, a.Locked), append(created, a.CreatedAt)
			excluded, deleted = append(excluded, someTime(a.ExcludedUntil)), append(deleted, someTime(a.DeletedAt))
			round := new(int64(a.OpenRound))
			if *round == 0 {
				round = nil
			}
			open = append(open, round)
		}
		_, err := conn.Exec(ctx, `INSERT INTO accounts (id, username, email, role, created_at, locked, excluded_until, deleted_at, coins, held_coins, open_round)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[], $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::bigint[], $11::bigint[])
			ON CONFLICT (id) DO UPDATE SET username = excluded.username, email = excluded.email, role = excluded.role, created_at = excluded.created_at, locked = excluded.locked,
				excluded_until = excluded.excluded_until, deleted_at = excluded.deleted_at, coins = excluded.coins, held_coins = excluded.held_coins, open_round = excluded.open_round`,
			pgx.QueryExecModeExec, id, name, email, role, created, locked, excluded, deleted, coins, held, open)
		if err != nil {
			return err
		}
	}
	return nil
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
