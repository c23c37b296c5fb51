package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/storage"
	"imperio/storage/backup"
	"imperio/storage/seal"
)

// backupPatience is how long these tests wait for anything.
const backupPatience = 2 * time.Minute

// backedUp opens a casino with backups in a directory, which need not exist.
func backedUp(t *testing.T, to string, change ...func(*config.Config)) *realHouse {
	t.Helper()
	return openRealHouse(t, append(change, func(c *config.Config) {
		c.Backups.To = []config.BackupURL{config.BackupURL("file://" + to)}
		c.Backups.Interval = time.Second
	})...)
}

// backups calls the operators' API for backups.
func (h *realHouse) backups() *control.Client {
	return control.Local(newControl(h.app.casino, h.app.passwords, h.app.log, house{h.app}, backupsOf(h.app.backups.Load()), h.app.importRoom(), h.app.URL, "tester"))
}

// backupStatus waits until backups stand as they should.
func (h *realHouse) backupStatus(what string, holds func(control.BackupStatus) bool) control.BackupStatus {
	h.t.Helper()
	client := h.backups()
	for end := time.Now().Add(backupPatience); ; time.Sleep(10 * time.Millisecond) {
		s, err := control.GetBackupStatus.Call(h.t.Context(), client, control.None{})
		if err != nil {
			h.t.Fatal(err)
		}
		if holds(s) {
			return s
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s did not come: %+v", what, s)
		}
	}
}

// shipped waits until everything that was answered is in the target.
func (h *realHouse) shipped() control.BackupStatus {
	h.t.Helper()
	index, _ := h.app.dir.store.Applied()
	return h.backupStatus(fmt.Sprint("entry ", index), func(s control.BackupStatus) bool {
		return s.Targets[0].Index >= index && s.Targets[0].State == "shipping"
	})
}

const spin = `{"stake":1}`

func TestBackups_EveryBetIsInTheTargetSoonAfterItsAnswer(t *testing.T) {
	to := t.TempDir()
	h := backedUp(t, to)
	ana := h.player("ana")
	for range 20 {
		ana.object(201, "POST", "/api/v1/games/slots/spins", spin)
	}
	event, hash := h.app.dir.store.Head()
	h.shipped()
	target, err := backup.OpenDirectory(to)
	if err != nil {
		t.Fatal(err)
	}
	casino := h.app.dir.identity.ClusterID
	v, err := backup.ReadInventory(t.Context(), target, casino)
	if err != nil || len(v.Lineages) != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	l, dir := v.Lineages[0], t.TempDir()
	m, err := backup.ReadManifest(t.Context(), target, l.Archives[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	if m.KeyIncluded || m.Encrypted {
		t.Errorf("the manifest says: encrypted %t, with the key %t", m.Encrypted, m.KeyIncluded)
	}
	if _, err := backup.ExtractArchive(t.Context(), target, l.Archives[0].Object, &m, nil, dir, nil); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(dir, h.app.dir.keys, storage.Options{Owner: casino})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, g := range l.Segments {
		_, entries, err := backup.ReadSegment(t.Context(), target, g.Object, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			commands, err := e.Commands()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Apply(commands); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, ok, err := store.EventHash(event); !ok || err != nil || got != hash {
		t.Errorf("event %d is not among what was restored: %t, %v", event, ok, err)
	}
}

func TestBackups_EncryptedOnesHoldTheKeyAndAreDrilled(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	h := backedUp(t, to, func(c *config.Config) {
		c.Backups.Recipients = []config.AgeRecipient{config.AgeRecipient(identity.Recipient().String())}
	})
	h.player("ana").object(201, "POST", "/api/v1/games/slots/spins", spin)
	h.shipped()
	if _, err := control.StartDrill.Call(t.Context(), h.backups(), control.None{}); err != nil {
		t.Fatal(err)
	}
	s := h.backupStatus("the drill", func(s control.BackupStatus) bool { return s.LastDrill != nil })
	if !s.LastDrill.OK {
		t.Errorf("%+v", s.LastDrill)
	}
	target, err := backup.OpenDirectory(to)
	if err != nil {
		t.Fatal(err)
	}
	v, err := backup.ReadInventory(t.Context(), target, h.app.dir.identity.ClusterID)
	if err != nil {
		t.Fatal(err)
	}
	o := v.Lineages[0].Archives[0].Object
	m, err := backup.ReadManifest(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	key, err := backup.ExtractArchive(t.Context(), target, o, &m, []age.Identity{identity}, t.TempDir(), nil)
	if err != nil || len(key) != seal.KeySize || seal.New([seal.KeySize]byte(key)).ID() != h.app.dir.keys.ID() {
		t.Errorf("the archive's key has %d bytes: %v", len(key), err)
	}
}

// While a target is down, the log is kept for it. Bets go on.
func TestBackups_TheLogWaitsForATargetThatIsDown(t *testing.T) {
	to := filepath.Join(t.TempDir(), "backups")
	if err := os.WriteFile(to, nil, 0o600); err != nil { // no directory can be made there
		t.Fatal(err)
	}
	h := backedUp(t, to)
	h.backupStatus("the failure", func(s control.BackupStatus) bool { return s.Targets[0].Error != "" || s.Targets[0].BackupError != "" })
	ana := h.player("ana")
	spins := func(n int) {
		for range n {
			ana.object(201, "POST", "/api/v1/games/slots/spins", spin)
		}
	}
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	spins(1)
	first := h.shipped().Targets[0]
	if err := os.Rename(to, to+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(backupPatience); h.app.dir.node.Status().SnapshotIndex < first.Index+200; {
		spins(100)
		if time.Now().After(end) {
			t.Fatal("the node takes no snapshot")
		}
	}
	if n := h.app.dir.node.Status(); n.FirstIndex > first.Index+1 {
		t.Errorf("the log begins with entry %d, and the target has all up to %d", n.FirstIndex, first.Index)
	}
	if err := errors.Join(os.Remove(to), os.Rename(to+".away", to)); err != nil {
		t.Fatal(err)
	}
	if s := h.shipped().Targets[0]; !s.GapSince.IsZero() || s.Backups != 1 {
		t.Errorf("the target has a gap: %+v", s)
	}
	for end := time.Now().Add(backupPatience); h.app.dir.node.Status().FirstIndex <= first.Index+1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log is still kept: %+v", h.app.dir.node.Status())
		}
	}
}

func TestBackups_ShowInHealthAndMetrics(t *testing.T) {
	h := backedUp(t, t.TempDir())
	h.player("ana")
	h.shipped()
	checks := h.app.health.Report().Checks
	for _, name := range []string{"backup_age", "backup_shipping"} {
		if checks[name].Status != ops.Healthy {
			t.Errorf("%s: %+v", name, checks[name])
		}
	}
	s, err := control.StartBackup.Call(t.Context(), h.backups(), control.None{})
	if err != nil || s.Run == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	h.backupStatus("the backup", func(v control.BackupStatus) bool {
		return v.Run.Number >= s.Run && !v.Run.Finished.IsZero() && v.Run.Results[0].Error == ""
	})
	if f := h.app.backupFigures(); len(f.Targets) != 1 || f.Held == 0 || f.Targets[0].Made.IsZero() {
		t.Errorf("%+v", f)
	}
}

func TestBackups_WithoutATarget_OperatorsAreToldWhatToDo(t *testing.T) {
	h := openRealHouse(t)
	_, err := control.StartBackup.Call(t.Context(), h.backups(), control.None{})
	refusal, ok := errors.AsType[*control.Refusal](err)
	if !ok || refusal.Code != "backups_off" || !bytes.Contains([]byte(refusal.Message), []byte("--backup-to")) {
		t.Errorf("got %v", err)
	}
	for name := range h.app.health.Report().Checks {
		if name == "backup_age" || name == "backup_shipping" || name == "backup_drill" {
			t.Errorf("there is a check %s", name)
		}
	}
}

func TestBackups_AfterARestart_ShippingGoesOn(t *testing.T) {
	h := backedUp(t, t.TempDir())
	ana := h.player("ana")
	h.shipped()
	h.restart(func(*config.Config) {})
	ana.object(201, "POST", "/api/v1/games/slots/spins", spin)
	if s := h.shipped().Targets[0]; s.Backups != 1 || s.Differs != "" {
		t.Errorf("after the restart: %+v", s)
	}
}
