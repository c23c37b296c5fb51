package mirror_test

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"imperio/games/catalogue"
	"imperio/storage/command"
	"imperio/storage/machine"
)

// compare compares every row of the mirror with the casino, which must be at rest.
func (r *rig) compare() {
	r.t.Helper()
	conn, err := pgx.Connect(context.Background(), r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	db := sql{r.t, conn}

	head, hash := r.Store.Head()
	got := db.rows("SELECT event, encode(hash, 'hex'), accounts_event, casino FROM imperio.position")
	want := [][]any{{int64(head), hex.EncodeToString(hash[:]), int64(head), "cluster"}}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Fatalf("position: %s", d)
	}
	r.compareHistory(db)
	r.compareAccounts(db)
	r.compareFigures(db)
}

// sql reads rows of the mirror.
type sql struct {
	t    *testing.T
	conn *pgx.Conn
}

func (db sql) rows(query string, arguments ...any) (list [][]any) {
	db.t.Helper()
	rows, err := db.conn.Query(context.Background(), query, arguments...)
	if err != nil {
		db.t.Fatal(err)
	}
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			db.t.Fatal(err)
		}
		for i := range v {
			if at, ok := v[i].(time.Time); ok {
				v[i] = at.UTC()
			}
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		db.t.Fatalf("%v, in: %s", err, query)
	}
	return list
}

// compareHistory compares events, transfers and imports with the stored events, and each round with what the store says of it.
func (r *rig) compareHistory(db sql) {
	r.t.Helper()
	var events, transfers, rounds, imports [][]any
	snap, err := r.Store.Snapshot(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	defer snap.Close()
	c := catalogue.Released()
	err = snap.Events(1, func(e *machine.StoredEvent) error {
		var actor, reason any
		if e.Act != nil {
			actor = e.Act.Actor
			if e.Act.Reason != "" {
				reason = e.Act.Reason
			}
		}
		if reason == "a \x00 and a \xff can't be stored as text" {
			reason = "a \uFFFD and a \uFFFD can't be stored as text"
		}
		events = append(events, []any{int64(e.Seq), ms(e.Time), e.Kind.String(), some(e.Account), actor, reason, hex.EncodeToString(e.Hash[:])})
		for i, m := range e.Transfers {
			row := []any{int64(e.Seq), int64(i), m.Kind.String(), m.From.Name(c), m.To.Name(c), int64(m.Amount), nil, nil, nil}
			if v, ok := e.TransferOf(i, e.Account); ok {
				row[6], row[7], row[8] = int64(e.Account), int64(v.Amount), int64(v.BalanceAfter)
			}
			transfers = append(transfers, row)
		}
		if e.From != nil {
			imports = append(imports, []any{int64(e.Account), int64(e.Seq), e.From.Source, e.From.Row})
		}
		if e.Round != nil && uint64(e.Round.ID) == e.Seq {
			rounds = append(rounds, r.roundRow(e))
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, table := range []struct {
		name, query string
		want        [][]any
	}{
		{"events", "SELECT seq, time, kind, account, actor, reason, encode(hash, 'hex') FROM imperio.events ORDER BY seq", events},
		{"transfers", "SELECT event, ordinal, kind, from_account, to_account, amount, account, change, balance_after FROM imperio.transfers ORDER BY event, ordinal", transfers},
		{"imports", `SELECT account, event, source, "row" FROM imperio.imports ORDER BY account`, imports},
		{"rounds", "SELECT id, account, rules, stake, staked, payout, opened_at, settled_at, nonce, pair, bets, actions, outcome FROM imperio.rounds ORDER BY id", rounds},
	} {
		if d := cmp.Diff(table.want, db.rows(table.query)); d != "" {
			r.t.Fatalf("%s: %s", table.name, d)
		}
	}
}

// roundRow is what the mirror must have of a round.
func (r *rig) roundRow(opened *machine.StoredEvent) []any {
	v, ok, err := r.Store.Round(context.Background(), opened.Account, opened.Round.ID)
	if err != nil || !ok {
		r.t.Fatalf("round %d: %v, %v", opened.Round.ID, ok, err)
	}
	row := []any{int64(v.ID), int64(v.Account), v.Rules, int64(v.Wager.Stake), int64(v.Staked), nil, v.OpenedAt, nil, int64(v.Nonce), int64(v.Pair), nil, nil, nil}
	if len(v.Wager.Bets) > 0 {
		row[10] = r.parsed(v.Wager.Bets)
	}
	if len(v.Wager.Actions) > 0 {
		row[11] = r.parsed(v.Wager.Actions)
	}
	if v.Settled {
		version, _ := catalogue.Released().Version(v.Rules)
		outcome, err := version.Describe(v.Draws, v.Wager)
		if err != nil {
			r.t.Fatal(err)
		}
		row[5], row[7], row[12] = int64(v.Payout), v.SettledAt, r.parsed(outcome)
	}
	return row
}

// parsed is v as it comes out of JSON.
func (r *rig) parsed(v any) (out any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// compareAccounts compares accounts with the store, and their coins with the sum of their transfers.
func (r *rig) compareAccounts(db sql) {
	r.t.Helper()
	list, _, err := r.Store.Accounts(0, 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	var want [][]any
	for _, a := range list {
		want = append(want, []any{
			int64(a.ID), text(a.Username), text(a.Email), string(a.Role), a.CreatedAt, a.Locked, at(a.ExcludedUntil), at(a.DeletedAt),
			int64(a.Coins), int64(a.HeldCoins), some(a.OpenRound), int64(a.Coins),
		})
	}
	got := db.rows(`SELECT id, username, email, role, created_at, locked, excluded_until, deleted_at, coins, held_coins, open_round,
		coalesce((SELECT sum(change) FROM imperio.transfers t WHERE t.account = a.id), 0)::bigint FROM imperio.accounts a ORDER BY id`)
	if d := cmp.Diff(want, got); d != "" {
		r.t.Fatalf("accounts: %s", d)
	}
}

// compareFigures compares sums: of games, and of the books.
func (r *rig) compareFigures(db sql) {
	r.t.Helper()
	f := r.Store.Figures()
	for name, g := range f.Houses {
		want := [][]any{{int64(g.Rounds), int64(g.Staked), int64(g.Paid), int64(g.Balance)}}
		got := db.rows(`SELECT coalesce(sum(rounds), 0)::bigint, coalesce(sum(staked), 0)::bigint, coalesce(sum(paid), 0)::bigint,
			(SELECT coalesce(sum(CASE WHEN to_account = 'house:' || $1 THEN amount ELSE -amount END), 0)::bigint
				FROM imperio.transfers WHERE 'house:' || $1 IN (from_account, to_account))
			FROM imperio.daily_by_game WHERE game = $1`, name)
		if d := cmp.Diff(want, got); d != "" {
			r.t.Fatalf("%s: %s", name, d)
		}
	}
	want := [][]any{{int64(f.Players), int64(f.Escrow)}}
	got := db.rows("SELECT sum(coins)::bigint, sum(held_coins)::bigint FROM imperio.accounts")
	if d := cmp.Diff(want, got); d != "" {
		r.t.Fatalf("players' coins and escrow: %s", d)
	}
}

func ms(at int64) time.Time { return time.UnixMilli(at).UTC() }

func at(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func some[T command.AccountID | command.RoundID](v T) any {
	if v == 0 {
		return nil
	}
	return int64(v)
}
