package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/network"
	"imperio/storage/command"
)

// house is a state with values and locks, and a node, for one member.
type house struct {
	values  map[string][]byte
	acts    []string
	level   uint32
	members []replication.Member
	leads   bool
	now     time.Time
}

func (h *house) Value(name string) (command.Stored, bool, error) {
	v, ok := h.values[name]
	return command.Stored{Value: v}, ok, nil
}

func (h *house) ValueNames(prefix string) (names []string, err error) {
	for name := range h.values {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}

func (h *house) Level() uint32 { return h.level }

func (h *house) propose(_ context.Context, b command.Body) (r command.Result, err error) {
	switch b := b.(type) {
	case command.AcquireLock:
		r.Value = &command.LockHeld{Fence: 1}
	case command.PutValue:
		h.values[b.Name] = b.Value
	case command.DeleteValue:
		if _, found := h.values[b.Name]; !found {
			return r, &command.Refusal{Code: "not_found"}
		}
		delete(h.values, b.Name)
	case command.RecordAct:
		h.acts = append(h.acts, fmt.Sprint(b.Act, " ", b.Before, b.After))
	case command.RaiseLevel:
		h.level = b.Level
	}
	return r, nil
}

func (h *house) Members() []replication.Member { return h.members }
func (h *house) Leads() bool                   { return h.leads }
func (h *house) Now() time.Time                { return h.now }
func (h *house) Barrier(context.Context) error { return nil }
func (h *house) change(id string, do func(*replication.Member)) error {
	for i := range h.members {
		if h.members[i].ID == id {
			do(&h.members[i])
			return nil
		}
	}
	return errors.New("no such member")
}
func (h *house) Promote(_ context.Context, id string) error {
	return h.change(id, func(m *replication.Member) { m.Voter = true })
}
func (h *house) Demote(_ context.Context, id string, _ bool) error {
	return h.change(id, func(m *replication.Member) { m.Voter = false })
}
func (h *house) RemoveMember(_ context.Context, id string, _ bool) error {
	for i, m := range h.members {
		if m.ID == id {
			h.members = append(h.members[:i:i], h.members[i+1:]...)
		}
	}
	return nil
}
func (h *house) Transfer(context.Context, string) error { return nil }

// plain keeps keys without sealing them.
type plain struct{}

func (plain) SealAuthority(key []byte) []byte             { return key }
func (plain) OpenAuthority(sealed []byte) ([]byte, error) { return sealed, nil }
func (plain) ID() command.KeyID                           { return command.KeyID{1} }

// first is the first member of a cluster, which leads.
type first struct {
	*Cluster
	*house
	dir    string
	failed error
}

func newFirst(t *testing.T, change ...func(*Options)) *first {
	t.Helper()
	f := &first{dir: t.TempDir(), house: &house{values: make(map[string][]byte), level: 1, leads: true, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}}
	f.members = []replication.Member{{ID: "node-1", Address: "one:1", Voter: true, Self: true, Leader: true, Report: replication.Report{Level: 1, Ready: true}}}
	file := &File{ClusterID: "casino-1", NodeID: "node-1", Address: "one:1"}
	if err := errors.Join(file.Prepare(f.house, plain{}, true, time.Now()), file.Write(f.dir)); err != nil {
		t.Fatal(err)
	}
	credentials, err := file.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		State: f.house, Keys: plain{}, Dir: f.dir, File: file, Credentials: credentials, Program: "1.2.3", Newest: 1,
		CasinoKey: func() (string, error) { return "secret", nil }, Fail: func(err error) { f.failed = err }, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	f.Cluster = New(o)
	f.Attach(f.house, f.propose)
	f.look(t.Context())
	return f
}

// request is that of a new node with a key of its own.
func request(t *testing.T, id string) network.JoinRequest {
	t.Helper()
	key, err := network.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := network.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	return network.JoinRequest{NodeID: id, Address: id + ":1", CSR: string(csr), Program: "1.2.3", Level: 1}
}

func TestCluster_TheFirstMemberMakesTheAuthority(t *testing.T) {
	f := newFirst(t)
	authority, err := AuthorityIn(f.house, plain{})
	if err != nil || authority.ClusterID() != "casino-1" {
		t.Fatalf("%v", err)
	}
	f.look(t.Context())
	file, err := ReadFile(f.dir)
	if err != nil || file.AuthorityKey != nil {
		t.Errorf("the authority's key stays in the file: %v", err)
	}
	if len(f.acts) != 1 || !strings.HasPrefix(f.acts[0], "cluster_formed") {
		t.Errorf("acts: %v", f.acts)
	}
}

func TestAdmission_ATokenAdmitsOneNode(t *testing.T) {
	f := newFirst(t)
	token, expires, err := f.NewToken(t.Context(), "ana", time.Hour)
	if err != nil || !expires.Equal(f.now.Add(time.Hour)) {
		t.Fatal(err)
	}
	r := request(t, "node-2")
	for range 2 { // the answer may be lost
		answer, err := f.HandleJoin(t.Context(), token.ID(), r)
		if err != nil || answer.CasinoKey != "secret" || answer.ClusterID != "casino-1" || len(answer.Contacts) != 1 {
			t.Fatalf("%+v %v", answer, err)
		}
	}
	refused := func(name string, r network.JoinRequest, id, want string) {
		t.Helper()
		_, err := f.HandleJoin(t.Context(), id, r)
		var told *network.JoinRefused
		if !errors.As(err, &told) || !strings.Contains(told.Message, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("another node", request(t, "node-3"), token.ID(), "used already, by node-2")
	refused("the same id with another key", request(t, "node-2"), token.ID(), "used already")
	refused("no token of this cluster", request(t, "node-3"), "unknown", "has not made this token")
	other, _, err := f.NewToken(t.Context(), "ana", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	refused("a taken id", request(t, "node-2"), other.ID(), "another node has the id")
	older := request(t, "node-3")
	older.Level = 0
	refused("an older program", older, other.ID(), "needs feature level 1")
	stranger := request(t, "node-3")
	stranger.KeyID = []byte{9}
	refused("another key", stranger, other.ID(), "another casino's encryption key")
	f.now = f.now.Add(time.Hour)
	refused("a late node", request(t, "node-3"), other.ID(), "has expired")
	for _, valid := range []time.Duration{0, time.Second, 31 * 24 * time.Hour} {
		if _, _, err := f.NewToken(t.Context(), "ana", valid); err == nil {
			t.Errorf("a token for %s is made", valid)
		}
	}
}

// A lone node that is given an address answers before raft has committed that address.
func TestAdmission_NamesTheMembersOwnAddressEvenWhereTheOthersHaveAnOlderOne(t *testing.T) {
	f := newFirst(t)
	f.members[0].Address = "node-1"
	token, _, err := f.NewToken(t.Context(), "ana", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.HandleJoin(t.Context(), token.ID(), request(t, "node-2"))
	if err != nil || !slices.Equal(answer.Contacts, []string{"one:1"}) {
		t.Errorf("contacts %q: %v", answer.Contacts, err)
	}
}

// admitted is a first member and a second one that raft has added.
func admitted(t *testing.T, change ...func(*Options)) *first {
	t.Helper()
	f := newFirst(t, change...)
	token, _, err := f.NewToken(t.Context(), "ana", time.Hour)
	if err == nil {
		_, err = f.HandleJoin(t.Context(), token.ID(), request(t, "node-2"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Admit("node-2"); err != nil {
		t.Errorf("an admitted node is refused: %v", err)
	}
	f.members = append(f.members, replication.Member{ID: "node-2", Address: "node-2:1", Report: replication.Report{Level: 1, Ready: true}})
	f.look(t.Context())
	return f
}

func TestAdmit_OnlyWhoWasAdmittedAndIsNotGone(t *testing.T) {
	f := admitted(t)
	if err := f.Admit("node-9"); !errors.Is(err, replication.ErrRemoved) {
		t.Errorf("a stranger: %v", err)
	}
	if err := f.Remove(t.Context(), "ana", "node-2", "broken", false); err != nil {
		t.Fatal(err)
	}
	if err := f.Admit("node-2"); !errors.Is(err, replication.ErrRemoved) || !f.Removed("node-2") {
		t.Errorf("a removed node: %v", err)
	}
	if err := f.Remove(t.Context(), "ana", "node-2", "again", false); err == nil {
		t.Error("it is removed twice")
	}
}

// A recovered cluster has lost members that may hold another history.
func TestAdmit_WhoWasLostInARecoveryStaysOut(t *testing.T) {
	f := admitted(t)
	f.members = f.members[:1]
	if err := f.Admit("node-2"); !errors.Is(err, replication.ErrRemoved) {
		t.Errorf("before the leader has looked: %v", err)
	}
	f.look(t.Context())
	if !f.Removed("node-2") {
		t.Errorf("it is not removed: %v", f.acts)
	}
}

func TestPromotion_NeedsAMomentAndRespectsOperators(t *testing.T) {
	f := admitted(t)
	second := func() bool { return f.members[1].Voter }
	f.look(t.Context())
	if second() {
		t.Fatal("it votes at once")
	}
	f.well["node-2"] = time.Now().Add(-promoteAfter)
	f.look(t.Context())
	if !second() {
		t.Fatal("it does not vote after a while")
	}
	if err := f.Cluster.Demote(t.Context(), "ana", "node-2", false); err != nil {
		t.Fatal(err)
	}
	f.look(t.Context())
	f.well["node-2"] = time.Now().Add(-promoteAfter)
	f.look(t.Context())
	if second() {
		t.Error("a demoted member is promoted by itself")
	}
	if err := f.Cluster.Promote(t.Context(), "ana", "node-2"); err != nil || !second() {
		t.Errorf("an operator can't promote it: %v", err)
	}
}

func TestReaping_IsOffByDefaultAndLeavesEnoughVoters(t *testing.T) {
	silent := func(f *first) {
		f.members[1].Err = errors.New("no answer")
		f.look(t.Context())
		if f.silent["node-2"] = time.Now().Add(-time.Hour); f.o.ReapAfter == 0 {
			delete(f.silent, "node-2")
		}
		f.look(t.Context())
	}
	never := admitted(t)
	silent(never)
	few := admitted(t, func(o *Options) { o.ReapAfter, o.MinVoters = time.Minute, 3 })
	few.members[1].Voter = true
	silent(few)
	enough := admitted(t, func(o *Options) { o.ReapAfter, o.MinVoters = time.Minute, 1 })
	silent(enough)
	if len(never.members) != 2 || len(few.members) != 2 || len(enough.members) != 1 {
		t.Errorf("%d, %d and %d members are left", len(never.members), len(few.members), len(enough.members))
	}
}

func TestLevel_RisesOnceAllMembersKnowIt(t *testing.T) {
	f := admitted(t, func(o *Options) { o.Newest = 3 })
	f.members[0].Report.Level, f.members[1].Report.Level = 3, 1
	f.look(t.Context())
	if f.level != 1 {
		t.Errorf("it is %d while a member knows 1", f.level)
	}
	f.members[1].Report.Level, f.members[1].Err = 2, errors.New("no answer")
	f.look(t.Context())
	if f.level != 1 {
		t.Errorf("it is %d while a member is silent", f.level)
	}
	f.members[1].Err = nil
	f.look(t.Context())
	if f.level != 2 {
		t.Errorf("it is %d, and all know 2", f.level)
	}
}

func TestCertificate_IsRenewedAtHalfOfItsLife(t *testing.T) {
	at := time.Now()
	f := newFirst(t, func(o *Options) { o.Wall = func() time.Time { return at } })
	before := f.o.Credentials.Expires()
	at = at.Add(14 * 24 * time.Hour)
	f.look(t.Context())
	if !f.o.Credentials.Expires().Equal(before) {
		t.Error("it is renewed too early")
	}
	at = at.Add(2 * 24 * time.Hour)
	f.look(t.Context())
	if got := f.o.Credentials.Expires(); got.Sub(before) < 15*24*time.Hour {
		t.Errorf("it expires at %s, and did at %s before", got, before)
	}
	file, err := ReadFile(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := file.Credentials()
	if err != nil || !kept.Expires().Equal(f.o.Credentials.Expires()) {
		t.Errorf("the file keeps the old one: %v", err)
	}
}

func TestFile_IsMadeAgainFromTheState(t *testing.T) {
	f := newFirst(t)
	lost := &File{ClusterID: "casino-1", NodeID: "node-1", Address: "one:1"}
	if err := lost.Prepare(f.house, plain{}, true, time.Now()); err != nil {
		t.Fatal(err)
	}
	c, err := lost.Credentials()
	if err != nil || c.Fingerprint() != f.o.Credentials.Fingerprint() || lost.AuthorityKey != nil {
		t.Errorf("it has another authority: %v", err)
	}
	foreign := *f.o.File
	foreign.NodeID = "node-7"
	if err := foreign.Prepare(f.house, plain{}, true, time.Now()); err == nil {
		t.Error("another node's certificate is taken")
	}
	unborn := &File{ClusterID: "casino-1", NodeID: "node-5"}
	if err := unborn.Prepare(&house{}, plain{}, false, time.Now()); err == nil || !strings.Contains(err.Error(), "join again") {
		t.Errorf("a node without state and certificate: %v", err)
	}
}

// A first start that broke off may have made an authority that the state does not know.
func TestFile_AnotherAuthorityThanTheStatesEndsTheNode(t *testing.T) {
	f := newFirst(t)
	other, err := network.NewAuthority("casino-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := other.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if f.values[authorityName], err = json.Marshal(authorityRecord{string(certificate), key}); err != nil {
		t.Fatal(err)
	}
	f.look(t.Context())
	if f.failed == nil {
		t.Fatal("it goes on")
	}
	file, err := ReadFile(f.dir)
	if err != nil || file.Authority != string(certificate) {
		t.Errorf("the next start has the old one: %v", err)
	}
}

func TestRemoval_EndsTheNodeThatIsToldOfIt(t *testing.T) {
	f := admitted(t)
	f.members[1].Err = fmt.Errorf("call: %w", network.ErrRemoved)
	f.look(t.Context())
	if !errors.Is(f.failed, replication.ErrRemoved) {
		t.Errorf("it goes on: %v", f.failed)
	}
}

func TestReadFile_SaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("%v", err)
	}
}
