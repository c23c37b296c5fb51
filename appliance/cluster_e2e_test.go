package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/replication"
)

// clusterPatience bounds every wait for a cluster.
const clusterPatience = 90 * time.Second

// eventually waits until something holds. The test's error tells what was seen last.
func eventually(t *testing.T, what string, look func() (seen any, holds bool)) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	patience := time.After(clusterPatience)
	for {
		seen, holds := look()
		if holds {
			return
		}
		select {
		case <-again.C:
		case <-patience:
			t.Fatalf("%s did not come: %+v", what, seen)
		}
	}
}

// memberHouse is a member of a cluster in this process.
type memberHouse struct {
	realHouse
	id      string
	ended   chan error     // gets what Run returned
	options func(*Options) // changes how it is opened; nil: nothing does
}

// newMember makes a member that is still to be opened. Its books are audited at the end.
func newMember(t *testing.T, change ...func(*config.Config)) *memberHouse {
	t.Helper()
	m := &memberHouse{realHouse: realHouse{t: t, config: patientConfig(), stop: func() {}}}
	c := &m.config
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	c.Limits.On = false
	c.Accounts.BcryptCost, c.Accounts.WelcomeCoins = 4, 100_000
	c.Cluster.Address = freeAddress(t)
	for _, f := range change {
		f(c)
	}
	t.Cleanup(func() {
		m.stop()
		if m.id == "" {
			return // it was never opened
		}
		if proved, err := Audit(context.Background(), m.config.Data, nil); err != nil || len(proved.Proved) == 0 {
			t.Errorf("the books are wrong: %v", err)
		}
	})
	return m
}

// open starts the member. It returns once it serves.
func (m *memberHouse) open() {
	m.t.Helper()
	if err := m.tryOpen(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *memberHouse) tryOpen() (err error) {
	o := Options{Config: m.config, Version: "test", Logs: io.Discard, Hold: time.Hour}
	if m.options != nil {
		m.options(&o)
	}
	m.app, err = New(m.t.Context(), o)
	if err != nil {
		return err
	}
	m.id, m.ended = m.app.dir.identity.NodeID, make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { m.ended <- m.app.Run(ctx) }()
	m.stop = func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-m.ended; err != nil {
			m.t.Errorf("%s ended with: %v", m.id, err)
		}
		m.stop = func() {}
	}
	for _, s := range m.app.servers {
		if s.name == "http" {
			m.url = "http://" + s.on.Addr().String()
		}
	}
	return nil
}

// lose cuts the member off from the others, and ends it. It hands nothing over.
func (m *memberHouse) lose() {
	m.t.Helper()
	m.app.dir.port.Close()
	m.stop()
}

// ask does an operator's operation by the member's control socket.
func ask[In, Out any](m *memberHouse, op control.Operation[In, Out], in In) (Out, error) {
	m.t.Helper()
	client, err := control.Dial(m.t.Context(), filepath.Join(m.config.Data.Dir, SocketFile))
	if err != nil {
		m.t.Fatal(err)
	}
	defer client.Close()
	return op.Call(m.t.Context(), client, in)
}

// does is ask for what must be done.
func does[In, Out any](m *memberHouse, op control.Operation[In, Out], in In) Out {
	m.t.Helper()
	out, err := ask(m, op, in)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// answers asks again and again until the answer is as wanted. While leadership moves, there may be none.
func answers[Out any](m *memberHouse, op control.Operation[control.None, Out], what string, wanted func(Out) bool) (out Out) {
	m.t.Helper()
	eventually(m.t, what, func() (any, bool) {
		var err error
		out, err = ask(m, op, control.None{})
		return fmt.Sprintf("%+v, %v", out, err), err == nil && wanted(out)
	})
	return out
}

// joins lets the member join the cluster of another one.
func (m *memberHouse) joins(other *memberHouse) {
	m.t.Helper()
	token := does(other, control.CreateJoinToken, control.TokenRequest{ValidSeconds: 3600})
	m.config.Cluster.Join, m.config.Cluster.JoinToken = "https://"+other.config.Cluster.Address, config.Secret(token.Token)
}

// sees waits until the member's view of the cluster is as wanted.
func (m *memberHouse) sees(what string, wanted func(s control.ClusterStatus) bool) (s control.ClusterStatus) {
	m.t.Helper()
	eventually(m.t, what+", as "+m.id+" sees it,", func() (any, bool) {
		s = does(m, control.GetClusterStatus, control.ClusterQuery{})
		return s, wanted(s)
	})
	return s
}

// member is what a status says of a member.
func member(s control.ClusterStatus, id string) control.MemberStatus {
	for _, m := range s.Members {
		if m.ID == id {
			return m
		}
	}
	return control.MemberStatus{}
}

// at is the same player on another member.
func (c *realClient) at(m *memberHouse) *realClient {
	return &realClient{h: &m.realHouse, token: c.token}
}

// spins plays a round, again and again with one key until the member answers.
func (c *realClient) spins(key string) (coins float64) {
	c.h.t.Helper()
	eventually(c.h.t, "an answer to "+key, func() (any, bool) {
		status, body := c.send("POST", "/api/v1/games/slots/spins", `{"stake":10}`, "Idempotency-Key", key)
		switch status {
		case 200, 201:
			return nil, true
		case 503:
			return string(body), false
		}
		c.h.t.Fatalf("%s: %d %s", key, status, body)
		return nil, false
	})
	return c.coins()
}

func (c *realClient) coins() float64 {
	c.h.t.Helper()
	return c.object(200, "GET", "/api/v1/me", "")["coins"].(float64)
}

// threeMembers opens a cluster of three voters.
func threeMembers(t *testing.T, change ...func(*config.Config)) []*memberHouse {
	t.Helper()
	all := []*memberHouse{newMember(t, change...), newMember(t, change...), newMember(t, change...)}
	form(all)
	return all
}

// form opens members as a cluster, and waits until all of them vote.
func form(all []*memberHouse) {
	all[0].t.Helper()
	all[0].open()
	for _, m := range all[1:] {
		m.joins(all[0])
		m.open()
	}
	for _, m := range all {
		m.sees("all voters", func(s control.ClusterStatus) bool { return s.Voters == len(all) && s.Leader != "" })
	}
}

// without is all members but one.
func without(all []*memberHouse, one *memberHouse) (others []*memberHouse) {
	for _, m := range all {
		if m != one {
			others = append(others, m)
		}
	}
	return others
}

// leaderOf is the member that leads, as one of them sees it.
func leaderOf(seer *memberHouse, all []*memberHouse) (leader *memberHouse) {
	seer.sees("a leader", func(s control.ClusterStatus) bool {
		for _, m := range all {
			if m.id == s.Leader {
				leader = m
			}
		}
		return leader != nil
	})
	return leader
}

func TestCluster_FormsAndServesPlayersOnEachMember(t *testing.T) {
	t.Parallel()
	all := threeMembers(t)
	ana := all[1].player("ana") // on a follower
	for i, m := range all {
		coins := ana.at(m).spins(fmt.Sprint("spin-", i))
		for _, other := range all {
			if got := ana.at(other).coins(); got != coins {
				t.Errorf("%v coins on %s, and %v on %s", got, other.id, coins, m.id)
			}
		}
	}
	// A repeated key is answered from the first round, whichever member is asked.
	before := ana.coins()
	if after := ana.at(all[2]).spins("spin-0"); after != before {
		t.Errorf("a repeated spin changed the coins from %v to %v", before, after)
	}
	s := all[2].sees("all members ready", func(s control.ClusterStatus) bool {
		ready := 0
		for _, m := range s.Members {
			if m.Ready && m.Version == "test" {
				ready++
			}
		}
		return ready == 3
	})
	if len(s.Members) != 3 || s.NodeID != all[2].id || !member(s, all[2].id).Self {
		t.Errorf("status: %+v", s)
	}
}

func TestCluster_GoesOnWithoutItsLeader(t *testing.T) {
	t.Parallel()
	all := threeMembers(t)
	first := leaderOf(all[0], all)
	ana := first.player("ana")
	ana.spins("before")
	others := without(all, first)
	first.lose()
	coins := ana.at(others[0]).spins("without it")
	if got := ana.at(others[1]).coins(); got != coins {
		t.Errorf("%v coins instead of %v", got, coins)
	}
	first.open()
	if got := ana.at(first).coins(); got != coins {
		t.Errorf("the member that was away has %v coins instead of %v", got, coins)
	}

	// Whoever leads hands over when it stops, and when it is told to.
	leader := leaderOf(first, all)
	for _, m := range all {
		if m != leader {
			does(leader, control.TransferLeadership, control.MemberChange{ID: m.id})
			if now := leaderOf(m, all); now != m {
				t.Errorf("%s leads instead of %s", now.id, m.id)
			}
			break
		}
	}
}

func TestCluster_OperatorsChangeItsMembers(t *testing.T) {
	t.Parallel()
	all := threeMembers(t)
	leader := leaderOf(all[0], all)
	others := without(all, leader)
	stays, goes := others[0], others[1]

	does(stays, control.DemoteMember, control.MemberChange{ID: goes.id})
	stays.sees("a member without a vote", func(s control.ClusterStatus) bool {
		return s.Voters == 2 && member(s, goes.id).Role == control.RoleNonVoter
	})
	does(stays, control.PromoteMember, control.MemberChange{ID: goes.id})
	stays.sees("its vote again", func(s control.ClusterStatus) bool { return s.Voters == 3 })

	// A member may come back at another address.
	goes.stop()
	goes.config.Cluster.Address = freeAddress(t)
	goes.open()
	stays.sees("the new address", func(s control.ClusterStatus) bool {
		m := member(s, goes.id)
		return m.Address == goes.config.Cluster.Address && m.Reached
	})

	if _, err := ask(stays, control.RemoveMember, control.MemberRemoval{ID: "node-nobody", Reason: "a test"}); err == nil || !strings.Contains(err.Error(), "there is no member") {
		t.Errorf("removing nobody: %v", err)
	}
	does(stays, control.RemoveMember, control.MemberRemoval{ID: goes.id, Reason: "a test"})
	select {
	case err := <-goes.ended:
		if !errors.Is(err, replication.ErrRemoved) {
			t.Errorf("the removed member ends with: %v", err)
		}
		goes.stop = func() {}
	case <-time.After(clusterPatience):
		t.Fatal("the removed member goes on")
	}
	if err := goes.tryOpen(); !errors.Is(err, replication.ErrRemoved) {
		t.Errorf("the removed member starts again: %v", err)
	}
	acts := make(map[string]string)
	for _, e := range does(stays, control.ListEvents, control.EventQuery{Limit: 1000}).Events {
		acts[e.Act] += e.Reason
	}
	for _, want := range []string{"cluster_formed", "join_token_made", "member_admitted", "member_promoted", "member_demoted", "member_moved", "member_removed"} {
		if _, found := acts[want]; !found {
			t.Errorf("the history has no %s: %v", want, acts)
		}
	}
	if acts["member_removed"] != "a test" {
		t.Errorf("the reason is %q", acts["member_removed"])
	}
}

func TestCluster_TokensAdmitOneNode(t *testing.T) {
	t.Parallel()
	first := newMember(t)
	first.open()
	second, third := newMember(t), newMember(t)
	second.joins(first)
	third.config.Cluster = second.config.Cluster
	third.config.Cluster.Address = freeAddress(t)
	second.open()
	refused := func(m *memberHouse, want string) {
		t.Helper()
		if err := m.tryOpen(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it is told %v, not %q", err, want)
		}
	}
	refused(third, "the token was used already, by "+second.id)
	third.config.Cluster.JoinToken = ""
	refused(third, "joining a cluster needs a token")
	third.config.Cluster.JoinToken = config.Secret("imperio-join-mistyped")
	refused(third, "mistyped")
	if _, err := ask(first, control.CreateJoinToken, control.TokenRequest{ValidSeconds: 1}); err == nil {
		t.Error("a token of one second is made")
	}
	third.joins(second) // any member admits
	third.config.Data.EncryptionKey = config.Secret(strings.Repeat("0f", 32))
	refused(third, "another casino's encryption key")
	third.config.Data.EncryptionKey = ""
	third.open()
	first.sees("three voters", func(s control.ClusterStatus) bool { return s.Voters == 3 })
}

// A member that starts without a majority serves no players, but tells operators what it waits for.
func TestCluster_AMemberThatWaitsAnswersOperators(t *testing.T) {
	t.Parallel()
	all := threeMembers(t)
	for _, m := range all {
		m.stop()
	}
	waits := all[0]
	opened := make(chan error, 1)
	go func() { opened <- waits.tryOpen() }()
	socket := filepath.Join(waits.config.Data.Dir, SocketFile)
	eventually(t, "the control socket", func() (any, bool) {
		client, err := control.Dial(t.Context(), socket)
		if err == nil {
			client.Close()
		}
		return err, err == nil
	})
	if s := waits.sees("nobody", func(s control.ClusterStatus) bool { return s.Leader == "" }); len(s.Members) != 3 {
		t.Errorf("it knows %d members", len(s.Members))
	}
	if _, err := ask(waits, control.GetStatus, control.None{}); err == nil || !strings.Contains(err.Error(), "waits for its cluster") {
		t.Errorf("another operation: %v", err)
	}
	all[1].open()
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	waits.sees("a leader", func(s control.ClusterStatus) bool { return s.Leader != "" && member(s, waits.id).Ready })
}

// What runs once in a cluster can be asked for on any member.
func TestCluster_BackupsAreTheLeaders(t *testing.T) {
	t.Parallel()
	target := config.BackupURL("file://" + t.TempDir())
	all := threeMembers(t, func(c *config.Config) { c.Backups.To = []config.BackupURL{target} })
	for _, m := range without(all, leaderOf(all[0], all)) {
		run := does(m, control.StartBackup, control.None{}).Run
		s := answers(m, control.GetBackupStatus, "the backup", func(s control.BackupStatus) bool {
			return s.Run.Number == run && !s.Run.Finished.IsZero()
		})
		if r := s.Run.Results; len(r) != 1 || r[0].Error != "" {
			t.Errorf("the backup: %+v", r)
		}
	}
}
