package mirror_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"imperio/storage/command"
	"imperio/storage/mirror"
	"imperio/storage/storagetest/postgrestest"
)

// One server for all tests, since it takes a second to make. Each has a database of its own.
func TestMirror(t *testing.T) {
	s := postgrestest.Start(t, postgrestest.WithoutSync(), postgrestest.WithTLS())
	for _, test := range []struct {
		name string
		run  func(*testing.T, *postgrestest.Server)
	}{
		{"HoldsEverythingThatHappened", holdsEverything},
		{"HoldsNoSecret", holdsNoSecret},
		{"ForgetsADeletedAccount", forgetsDeleted},
		{"ShowsReports", showsReports},
		{"ExplainsEveryColumn", explainsColumns},
		{"GoesOnWhereItWas", goesOn},
		{"WritesAllAccountsAfterALongGap", writesAllAccounts},
		{"IsRebuilt", isRebuilt},
		{"RefusesAnotherHistory", refusesOtherHistory},
		{"RefusesAnotherCasino", refusesOtherCasino},
		{"IsWrittenOnceByTwo", writtenOnceByTwo},
		{"FollowsOnlyWhereTheNodeLeads", followsOnlyTheLeader},
		{"UsesTLS", usesTLS},
		{"SaysWhatIsWrong", saysWhatIsWrong},
		{"SurvivesAKilledServer", survivesKill},
		{"IsNotHeldByAFrozenServer", survivesPause},
		{"GoesOnAfterAFullDisk", survivesFullDisk},
		{"MakesSmallerBatchesForASlowServer", makesSmallerBatches},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

func holdsEverything(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "everything")
	r.play(300)
	r.run()
	r.settled()
	r.compare()
	for range 20 {
		r.play(30)
		r.settled()
	}
	r.compare()
}

// dump is all that the tables hold, as text.
func (r *rig) dump() string {
	r.t.Helper()
	var all strings.Builder
	for _, table := range []string{"position", "accounts", "events", "transfers", "rounds", "imports", "rules"} {
		for _, row := range r.sql().rows("SELECT t::text FROM imperio." + table + " t") {
			fmt.Fprintln(&all, row[0])
		}
	}
	return all.String()
}

// sql connects to the mirror.
func (r *rig) sql() sql {
	r.t.Helper()
	conn, err := pgx.Connect(context.Background(), r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close(context.Background()) })
	return sql{r.t, conn}
}

func holdsNoSecret(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "secrets")
	id := r.player()
	// A round that waits: its cards, and above all the hole card, are nobody's but the dealer's.
	var open command.Round
	for open.ID == 0 {
		v, ok := r.Do(command.Command{Account: id, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 5}})[0].Value.(*command.RoundResult)
		if ok && !v.Round.Settled {
			open = v.Round
		}
	}
	for !open.Settled {
		action := "stand"
		if slices.Contains(open.Allowed, "decline_insurance") { // the dealer shows an ace
			action = "decline_insurance"
		}
		open = r.One(command.Command{Account: id, Body: command.TakeAction{Round: open.ID, Action: action}}).Value.(*command.RoundResult).Round
	}
	for open.Settled {
		open = r.One(command.Command{Account: id, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 5}}).Value.(*command.RoundResult).Round
	}
	r.run()
	r.settled()
	got := r.sql().rows("SELECT staked, payout, settled_at, actions, outcome FROM imperio.rounds WHERE id = $1", int64(open.ID))
	if d := cmp.Diff([][]any{{int64(open.Staked), nil, nil, nil, nil}}, got); d != "" {
		t.Fatalf("the open round: %s", d)
	}
	all := r.dump()
	seeds, _, err := r.Store.Fairness(id)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{
		"a password's hash": "hash of player", "a client's address": "192.0.2.77", "a client": "agent of player", "a promise of a seed": seeds.Commitment,
	} {
		if strings.Contains(all, secret) {
			t.Errorf("the mirror holds %s", what)
		}
	}
	if !strings.Contains(all, "player-1@example.org") {
		t.Fatal("the dump is not of the tables")
	}
}

func forgetsDeleted(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "deleted")
	id := r.player()
	r.run()
	r.settled()
	if !strings.Contains(r.dump(), "player-1") {
		t.Fatal("the account is not in the mirror")
	}
	r.One(command.Command{Account: id, Body: command.DeleteAccount{Actor: "cashier"}})
	r.settled()
	if strings.Contains(r.dump(), "player-1") {
		t.Fatal("the mirror still names a deleted player")
	}
	r.compare()
}

func showsReports(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "reports")
	r.play(400)
	r.run()
	r.settled()
	f := r.Store.Figures()
	db := r.sql()
	for _, row := range db.rows("SELECT game, rounds, staked, paid, return, standard_error, theoretical_return FROM imperio.returns_against_theory") {
		g := f.Houses[row[0].(string)]
		if row[1] != int64(g.Rounds) || row[2] != int64(g.Staked) || row[3] != int64(g.Paid) || row[4] != float64(g.Paid)/float64(g.Staked) {
			t.Errorf("%v, want %+v", row, g)
		}
		if row[5].(float64) <= 0 || row[6].(float64) < 0.9 {
			t.Errorf("%v: no theory", row)
		}
	}
	for _, id := range r.all {
		statistics, err := r.Store.Statistics(id)
		if err != nil {
			t.Fatal(err)
		}
		var rounds, net int64
		for _, g := range statistics {
			rounds, net = rounds+int64(g.Rounds), net+int64(g.Paid-g.Staked)
		}
		got := db.rows("SELECT rounds, net FROM imperio.player_net WHERE account = $1", int64(id))
		if d := cmp.Diff([][]any{{rounds, net}}, got); d != "" {
			t.Errorf("player %d: %s", id, d)
		}
	}
	days := db.rows("SELECT day::text, players FROM imperio.daily_by_game WHERE game = 'slots'")
	if len(days) != 1 || days[0][0] != "2026-11-23" || days[0][1].(int64) < 1 {
		t.Errorf("days: %v", days)
	}
}

func goesOn(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "goeson")
	for range 8 {
		r.play(60)
		r.Checkpoint()
		r.run()
		for range r.random.IntN(4) { // somewhere in the middle
			seen := r.status().Batches
			r.wait("further", func(s mirror.Status) bool { return s.Batches > seen || s.Event == s.Head })
		}
		r.stop()
	}
	r.run()
	r.settled()
	r.compare()
}

func writesAllAccounts(t *testing.T, s *postgrestest.Server) {
	mirror.SetRereadMost(t, 10)
	r := newRig(t, s, "allaccounts")
	r.run()
	r.play(60)
	r.settled()
	r.stop()
	r.One(command.Command{Body: command.RecordAct{Actor: "house", Act: "looked"}}) // it touches no account
	// As if the process had ended before it wrote the accounts of the last events.
	s.Exec(t, "allaccounts", "UPDATE imperio.position SET accounts_event = 1", "DELETE FROM imperio.accounts WHERE id > 1001", "UPDATE imperio.accounts SET coins = -1")
	r.run()
	r.settled()
	r.compare()
}

func isRebuilt(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "rebuilt")
	r.play(100)
	r.run()
	r.settled()
	s.Exec(t, "rebuilt", "UPDATE imperio.rounds SET payout = 7", "DELETE FROM imperio.accounts", "CREATE VIEW mine AS SELECT * FROM imperio.rounds")
	batches := r.status().Batches
	r.mirror.Rebuild()
	r.wait("written again", func(s mirror.Status) bool { return s.Batches > batches && s.Event == s.Head && s.Accounts == s.Head })
	r.compare()
}

func refusesOtherHistory(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "other")
	r.play(50)
	r.run()
	r.settled()
	r.stop()
	// As after a restore: what the mirror holds did not happen here.
	s.Exec(t, "other", `UPDATE imperio.position SET hash = '\x00'`)
	r.play(20)
	r.Checkpoint()
	before := r.dump()
	r.run()
	st := r.wait("refused", func(s mirror.Status) bool { return s.State == mirror.OtherCasino })
	if !strings.Contains(st.Error, "imperio mirror rebuild") {
		t.Errorf("the error does not say what to do: %s", st.Error)
	}
	if d := cmp.Diff(before, r.dump()); d != "" {
		t.Fatalf("something was written: %s", d)
	}
	r.mirror.Rebuild()
	r.settled()
	r.compare()
}

func refusesOtherCasino(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "strangers")
	r.play(5)
	r.run()
	r.settled()
	r.stop()
	r.run(func(o *mirror.Options) { o.Casino = "another" })
	r.wait("refused", func(s mirror.Status) bool { return s.State == mirror.OtherCasino })
}

func writtenOnceByTwo(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "two")
	r.play(200)
	r.Checkpoint()
	r.run()
	r.run() // another process
	for range 10 {
		r.play(40)
		r.settled()
	}
	r.compare()
}

func followsOnlyTheLeader(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "standby")
	r.source.follows.Store(true)
	r.play(50)
	r.Checkpoint()
	r.run()
	if st := r.wait("standby", func(s mirror.Status) bool { return s.State == mirror.Standby }); st.Lag != 0 || st.Event != 0 {
		t.Errorf("%+v", st)
	}
	r.source.follows.Store(false)
	r.settled()
	r.source.follows.Store(true)
	r.wait("standby again", func(s mirror.Status) bool { return s.State == mirror.Standby })
	r.compare()
}
