package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/storage/storagetest/postgrestest"
)

// The casino is killed again and again while it writes to the mirror, and the mirror is frozen for a while. In the end the tables have each round that was answered,
// once, and each player's coins.
func TestMirror_LosesAndDoublesNothingWhenTheCasinoIsKilled(t *testing.T) {
	casino := newProcess(t, "--mirror-schema", "reports")
	server := postgrestest.Start(t, postgrestest.WithoutSync())
	server.CreateDatabase(t, "mirror")
	casino.flags = append(casino.flags, "--mirror", strings.Replace(server.URL("mirror"), ":"+postgrestest.Password, "", 1))
	casino.environ = []string{"IMPERIO_MIRROR_PASSWORD=" + postgrestest.Password}
	casino.start(t)
	var players []*player
	for i := range 4 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: casino, random: rand.New(rand.NewPCG(7, uint64(i))), rest: 5 * time.Millisecond}
		p.signUp(t)
		players = append(players, p)
	}
	casino.mirrored(t)
	// Each row takes a while, so that a kill hits a transaction.
	server.Exec(t, "mirror", `CREATE FUNCTION reports.tarry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END'`,
		"CREATE TRIGGER tarry BEFORE INSERT ON reports.events FOR EACH ROW EXECUTE FUNCTION reports.tarry()")
	conn := server.Connect(t, "mirror")
	within := 0
	for range 4 {
		ctx, stop := context.WithCancel(t.Context())
		var playing sync.WaitGroup
		for _, p := range players {
			playing.Go(func() { p.playUntilLost(ctx) })
		}
		var before, busy int64
		row := func(query string, into *int64) {
			if err := conn.QueryRow(t.Context(), query).Scan(into); err != nil {
				t.Fatal(err)
			}
		}
		row("SELECT event FROM reports.position", &before)
		casino.await(t, "a transaction of the mirror", func() bool {
			var now int64
			row("SELECT event FROM reports.position", &now)
			row("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'imperio mirror' AND query LIKE 'COPY%' AND state = 'active'", &busy)
			return now > before+20 && busy > 0
		})
		if busy > 0 {
			within++
		}
		casino.kill(t)
		stop()
		playing.Wait()
		casino.start(t)
		for _, p := range players {
			p.settleUp(t)
		}
	}
	server.Exec(t, "mirror", "DROP TRIGGER tarry ON reports.events")
	if within == 0 {
		t.Error("no kill hit a transaction: the test shows nothing")
	}
	casino.mirrored(t)
	casino.compareMirror(t, server, players)

	// Frozen, it does not hold up a bet.
	server.Pause(t)
	for _, p := range players {
		for range 10 {
			if p.pending = p.next(); !p.try(t.Context()) {
				t.Fatalf("%s: a bet was not answered while the mirror was frozen", p.name)
			}
		}
	}
	server.Resume(t)
	casino.mirrored(t)
	casino.compareMirror(t, server, players)

	server.Exec(t, "mirror", "DELETE FROM reports.rounds")
	if out, err := casino.run("mirror", "rebuild", "--yes", "--data-dir", casino.dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	casino.await(t, "the rebuild", func() bool {
		var rounds int64
		return conn.QueryRow(t.Context(), "SELECT count(*) FROM reports.rounds").Scan(&rounds) == nil && rounds > 0
	})
	casino.mirrored(t)
	casino.compareMirror(t, server, players)
	casino.stop(t)
	casino.audit(t)
	if strings.Contains(casino.log.String(), postgrestest.Password) {
		t.Error("the password is in the log")
	}
}

// mirrored waits until all that has happened is in the mirror.
func (p *process) mirrored(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, _ := p.run("mirror", "status", "--json", "--data-dir", p.dir)
		var s struct {
			State       string
			Event, Head uint64
			Accounts    uint64 `json:"accounts_event"`
		}
		if json.Unmarshal([]byte(out), &s) == nil && s.State == "following" && s.Event > 0 && s.Event == s.Head && s.Accounts == s.Head {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mirror does not catch up: %s", out)
		}
	}
}

// compareMirror compares the mirror with the players' own records of what they were answered.
func (p *process) compareMirror(t *testing.T, server *postgrestest.Server, players []*player) {
	t.Helper()
	conn := server.Connect(t, "mirror")
	for _, player := range players {
		rows, err := conn.Query(t.Context(), `SELECT r.id::text, r.staked, coalesce(r.payout, 0), r.settled_at IS NOT NULL FROM reports.rounds r JOIN reports.accounts a ON a.id = r.account WHERE a.username = $1`, player.name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			var id string
			var staked, payout int64
			var settled bool
			if err := rows.Scan(&id, &staked, &payout, &settled); err != nil {
				t.Fatal(err)
			}
			n++
			if a := player.rounds[id].Round; a.Staked != staked || a.Payout != payout || a.Settled != settled {
				t.Errorf("%s: round %s is %d, %d, %v in the mirror; the answer was %+v", player.name, id, staked, payout, settled, a)
			}
		}
		if rows.Err() != nil || n != len(player.rounds) || n == 0 {
			t.Errorf("%s: %d rounds in the mirror, %d answered (%v)", player.name, n, len(player.rounds), rows.Err())
		}
		var coins, sum int64
		if err := conn.QueryRow(t.Context(), `SELECT coins, (SELECT sum(change) FROM reports.transfers t WHERE t.account = a.id)::bigint FROM reports.accounts a WHERE username = $1`, player.name).Scan(&coins, &sum); err != nil {
			t.Fatal(err)
		}
		if coins != player.coins || sum != player.coins {
			t.Errorf("%s has %d coins in the mirror, %d by transfers, and %d by the last answer", player.name, coins, sum, player.coins)
		}
	}
	var gaps int64
	if err := conn.QueryRow(t.Context(), "SELECT max(seq) - count(*) FROM reports.events").Scan(&gaps); err != nil || gaps != 0 {
		t.Errorf("%d events are missing (%v)", gaps, err)
	}
}
