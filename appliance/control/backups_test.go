package control

import (
	"errors"
	"testing"
)

// fakeBackups is a Backups with answers that a test sets.
type fakeBackups struct {
	status        BackupStatus
	err           error
	begun, drills int
}

func (f *fakeBackups) Start() (uint64, error) { f.begun++; return uint64(f.begun), f.err }
func (f *fakeBackups) Drill() error           { f.drills++; return f.err }
func (f *fakeBackups) Status() BackupStatus   { return f.status }

func TestControl_Backups(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	var refusal *Refusal
	if _, err := StartBackup.Call(t.Context(), c, None{}); !errors.As(err, &refusal) || refusal.Code != "backups_off" {
		t.Errorf("without backups: %v", err)
	}
	f := &fakeBackups{status: BackupStatus{Targets: []BackupTarget{{Name: "file:///backup", State: "shipping"}}}}
	h.control.o.Backups = f
	if run, err := StartBackup.Call(t.Context(), c, None{}); err != nil || run.Run != 1 {
		t.Errorf("%+v, %v", run, err)
	}
	if _, err := StartDrill.Call(t.Context(), c, None{}); err != nil || f.drills != 1 {
		t.Errorf("%d drills, %v", f.drills, err)
	}
	if s, err := GetBackupStatus.Call(t.Context(), c, None{}); err != nil || len(s.Targets) != 1 || s.Targets[0] != f.status.Targets[0] || s.LastDrill != nil {
		t.Errorf("%+v, %v", s, err)
	}
	f.err = ErrBackupRunning
	if _, err := StartBackup.Call(t.Context(), c, None{}); !errors.As(err, &refusal) || refusal.Code != "backup_running" {
		t.Errorf("while one is made: %v", err)
	}
	if _, err := StartDrill.Call(t.Context(), c, None{}); !errors.As(err, &refusal) || refusal.Code != "backup_running" {
		t.Errorf("while one is made: %v", err)
	}
}
