package appliance

import (
	"errors"
	"strings"
	"testing"

	"imperio/appliance/control"
	"imperio/replication"
	"imperio/storage/command"
)

// A cluster of three loses two members for good. The third is recovered, has every bet, and takes new members. A lost member
// that comes back is sent away.
func TestCluster_GoesOnFromOneSurvivor(t *testing.T) {
	all := threeMembers(t)
	survivor := all[2]
	ana := all[0].player("ana").at(survivor)
	ana.spins("before")
	coins := ana.coins()
	for _, m := range all {
		m.lose()
	}
	report, err := Recover(t.Context(), RecoverOptions{Data: survivor.config.Data, SudoUser: "joe"})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Lost) != 2 || len(report.New) != 1 {
		t.Errorf("%+v", report)
	}
	survivor.open()
	ana = ana.at(survivor)
	if got := ana.coins(); got != coins {
		t.Errorf("the survivor has %v coins of %v", got, coins)
	}
	if got := ana.spins("before"); got != coins {
		t.Errorf("a bet from before the loss is played again: %v coins of %v", got, coins)
	}
	survivor.sees("itself alone", func(s control.ClusterStatus) bool { return s.Voters == 1 && len(s.Members) == 1 })

	next := newMember(t)
	next.joins(survivor)
	next.open()
	survivor.sees("a second voter", func(s control.ClusterStatus) bool { return s.Voters == 2 })
	if got := ana.at(next).coins(); got != coins {
		t.Errorf("the new member has %v coins of %v", got, coins)
	}

	lost := all[0]
	err = lost.tryOpen()
	if err == nil {
		err = <-lost.ended
		lost.stop = func() {}
	}
	if !errors.Is(err, replication.ErrRemoved) {
		t.Errorf("a lost member that comes back ends with: %v", err)
	}
	next.stop()
	survivor.stop()
	if acts := actsOfCluster(t, survivor); !strings.Contains(acts, "cluster_recovered") || strings.Count(acts, "member_removed") != 2 {
		t.Errorf("the history has the acts %s", acts)
	}
}

// actsOfCluster returns the kinds of acts in the history of a stopped member.
func actsOfCluster(t *testing.T, m *memberHouse) string {
	t.Helper()
	d, err := readStopped(t.Context(), m.config.Data.Dir, keyFrom(m.config.Data), m.app.games, noServer{})
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	events, _, err := d.store.History(t.Context(), command.HistoryQuery{Acts: true, Limit: 100})
	if err := errors.Join(err, d.close()); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		acts = append(acts, e.Act.Act)
	}
	return strings.Join(acts, " ")
}
