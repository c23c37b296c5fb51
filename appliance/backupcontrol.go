package appliance

import (
	"context"
	"errors"
	"path/filepath"

	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/storage/backup"
)

// backupControl is the service of backups, as operators see it.
type backupControl struct{ service *backup.Service }

// backupsOf is the service for operators; nil without one.
func backupsOf(s *backup.Service) control.Backups {
	if s == nil {
		return nil
	}
	return backupControl{s}
}

// Start implements control.Backups.
func (b backupControl) Start() (uint64, error) {
	run, err := b.service.StartArchives()
	return run, runningError(err)
}

// Drill implements control.Backups.
func (b backupControl) Drill() error { return runningError(b.service.StartDrill()) }

func runningError(err error) error {
	if errors.Is(err, backup.ErrRunning) {
		return control.ErrBackupRunning
	}
	return err
}

// Status implements control.Backups.
func (b backupControl) Status() control.BackupStatus {
	s := b.service.Status()
	out := control.BackupStatus{
		Targets: []control.BackupTarget{}, Running: []control.BackupWork{},
		Run:        control.BackupResults{Number: s.Run.Number, Started: s.Run.Started, Finished: s.Run.Finished, Results: []control.BackupResult{}},
		NextBackup: s.NextArchive, NextDrill: s.NextDrill, LastGoodDrill: s.LastGoodDrill,
	}
	for _, t := range s.Targets {
		out.Targets = append(out.Targets, control.BackupTarget{
			Name: t.Name, State: string(t.State), Lineage: t.Lineage, Index: t.Index, Time: t.Time, LagSeconds: t.Lag.Seconds(),
			Error: t.Error, FailsSince: t.Since, GapSince: t.GapSince, Differs: t.Differs,
			Backups: t.Archives, Oldest: t.Oldest, Newest: t.Newest, NewestTime: t.NewestTime, NewestIndex: t.NewestIndex, NewestBytes: t.NewestBytes,
			BackupError: t.ArchiveError, LastGoodDrill: t.LastGoodDrill,
			ShippedBytes: t.ShippedBytes, ShippedSegments: t.ShippedSegments, Errors: t.Errors,
		})
	}
	for _, w := range s.Running {
		out.Running = append(out.Running, control.BackupWork{What: w.What, Target: w.Target, Began: w.Began, Done: w.Done, Total: w.Total})
	}
	for _, r := range s.Run.Results {
		out.Run.Results = append(out.Run.Results, control.BackupResult{
			Target: r.Target, Error: r.Error, Name: r.Name, Bytes: r.Bytes, Index: r.Index, Time: r.Time, TookSeconds: r.Took.Seconds(), Unchanged: r.Unchanged,
		})
	}
	if d := s.LastDrill; !d.At.IsZero() {
		out.LastDrill = &control.BackupDrill{
			At: d.At, Target: d.Target, Backup: d.Archive, Index: d.Index, Segments: d.Segments, Entries: d.Entries, TookSeconds: d.Took.Seconds(), OK: d.OK, Found: d.Found,
		}
	}
	return out
}

// OpenBackups is OpenControl for the verbs that make backups. Without a server that runs, it makes them itself, as long as the
// client is open and at full speed. server says whether one runs.
func OpenBackups(ctx context.Context, dir, sudoUser string, o Options) (client *control.Client, server bool, close func() error, err error) {
	client, err = control.Dial(ctx, filepath.Join(dir, SocketFile))
	if err == nil {
		return client.ForSudo(sudoUser), true, func() error { client.Close(); return nil }, nil
	}
	if err := o.Config.Validate(); err != nil {
		return nil, false, nil, err
	}
	client, close, err = openControl(ctx, dir, sudoUser, o, err, func(d *dataDir) (*backup.Service, error) {
		if len(o.Config.Backups.To) == 0 {
			return nil, nil
		}
		return newBackups(ctx, &o.Config, d, backupOptions{
			version: o.Version, log: newLog(o.Config.Logs.Format, o.Config.Logs.Level, o.Logs), space: func() (uint64, uint64, error) { return ops.SpaceOf(dir) }, hurry: true,
		})
	})
	return client, false, close, err
}
