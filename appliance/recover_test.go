package appliance

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imperio/appliance/config"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
)

func TestRecover_MakesALoneCasinoOfAMember(t *testing.T) {
	dir := privateDir(t)
	makeMember(t, dir)
	before := contentOf(t, filepath.Join(dir, replication.LogDir))
	var told RecoverReport
	refused := errors.New("the operator says no")
	o := RecoverOptions{Data: config.Data{Dir: dir}, Confirm: func(r *RecoverReport) error { told = *r; return refused }}
	whole := contentOf(t, dir)
	if _, err := Recover(t.Context(), o); !errors.Is(err, refused) {
		t.Fatalf("an operator who says no: %v", err)
	}
	if contentOf(t, dir) != whole {
		t.Error("something has changed before the operator agreed")
	}
	if len(told.Old) != 2 || len(told.New) != 1 || len(told.Lost) != 1 || told.Lost[0].ID != "node-elsewhere" || told.Uncertain != 0 || told.Events == 0 || told.LastIndex == 0 || told.LastTime.IsZero() {
		t.Errorf("%+v", told)
	}

	o.Confirm, o.SudoUser = nil, "joe"
	report, err := Recover(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if kept := contentOf(t, filepath.Join(dir, report.Aside, replication.LogDir)); strings.ReplaceAll(kept, report.Aside+"/", "") != before {
		t.Error("the copy is not the log as it was")
	}
	c := patientConfig()
	c.Data.Dir = dir
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	for range 2 { // it is recorded once
		app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.close(); err != nil {
			t.Fatal(err)
		}
	}
	if acts := actsOf(t, dir, "cluster_recovered"); len(acts) != 1 || !strings.Contains(acts[0].Before, "node-elsewhere") || strings.Contains(acts[0].After, "node-elsewhere") {
		t.Errorf("the history has %+v", acts)
	}
	if _, err := Recover(t.Context(), o); err == nil || !strings.Contains(err.Error(), "nothing to recover") {
		t.Errorf("again: %v", err)
	}
}

func TestRecover_RefusesWhatIsAMistake(t *testing.T) {
	dir := privateDir(t)
	makeMember(t, dir)
	id, err := storage.ReadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	self := id.NodeID
	before := contentOf(t, dir)
	for says, peers := range map[string][]ClusterPeer{
		"is no member of this cluster": {{ID: self, Address: "10.0.0.1:7400"}, {ID: "node-unknown", Address: "10.0.0.2:7400"}},
		"is not among the peers":       {{ID: "node-elsewhere", Address: "10.0.0.2:7400"}},
	} {
		if _, err := Recover(t.Context(), RecoverOptions{Data: config.Data{Dir: dir}, Peers: peers}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", peers, err)
		}
	}
	if contentOf(t, dir) != before {
		t.Error("a refused recovery has changed something")
	}

	locked, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(t.Context(), RecoverOptions{Data: config.Data{Dir: dir}}); !errors.Is(err, errInUse) && !strings.Contains(err.Error(), "has its directory open") {
		t.Errorf("a directory in use: %v", err)
	}
	if err := locked.Close(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := Recover(t.Context(), RecoverOptions{Data: config.Data{Dir: dir}}); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Errorf("a running casino: %v", err)
	}
}

// Without its key, a casino can't apply what is in its log.
func TestRecover_NeedsTheKey(t *testing.T) {
	dir := privateDir(t)
	makeMember(t, dir)
	if err := os.Remove(filepath.Join(dir, KeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(t.Context(), RecoverOptions{Data: config.Data{Dir: dir}}); err == nil || !strings.Contains(err.Error(), "key is missing") {
		t.Error(err)
	}
}

// actsOf returns the acts of one kind in the history of a stopped casino.
func actsOf(t *testing.T, dir, act string) (acts []*command.Act) {
	t.Helper()
	d, err := openDir(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := d.store.History(t.Context(), command.HistoryQuery{Acts: true, Limit: 100})
	if err := errors.Join(err, d.close(context.Background())); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Act != nil && e.Act.Act == act {
			acts = append(acts, e.Act)
		}
	}
	return acts
}
