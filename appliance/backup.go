package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"filippo.io/age"

	"imperio/appliance/config"
	"imperio/appliance/ops"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/backup"
)

// backupShare is the share of a processor that archives and drills take, so that they cost bets little.
const backupShare = 0.2

// openBackups makes the service that makes backups, if the configuration names targets. Until then the log keeps all.
func (a *App) openBackups(ctx context.Context) error {
	if len(a.config.Backups.To) == 0 {
		a.log.Warn("no backups are configured: if this disk is lost, so is the casino. Name a target with --backup-to")
		return nil
	}
	service, err := newBackups(ctx, &a.config, a.dir, backupOptions{
		version: a.version, log: a.log, games: a.games, space: a.space, report: a.reportBackup, scheduled: true,
	})
	if err != nil {
		return err
	}
	a.backups.Store(service)
	a.cleanups.add("backups", service.Close)
	return nil
}

// finishPatience bounds how long a stopping casino ships its newest entries.
const finishPatience = 3 * time.Second

// finishBackups ships what was answered since the last segment, so that a machine that is given up loses nothing.
func (a *App) finishBackups() {
	if s := a.backups.Load(); s != nil {
		ctx, cancel := context.WithTimeout(context.Background(), finishPatience)
		defer cancel()
		s.Finish(ctx, backupSource{a.casino})
	}
}

// heldUpTo is replication's Hold: see there. Before the targets are known, all is held.
func (a *App) heldUpTo() uint64 {
	if s := a.backups.Load(); s != nil {
		return s.Hold()
	}
	if len(a.config.Backups.To) == 0 {
		return math.MaxUint64
	}
	return 0
}

// holdAll keeps the log for targets that are not looked at, if there are any.
func holdAll(c *config.Config) func() uint64 {
	if len(c.Backups.To) == 0 {
		return nil
	}
	return func() uint64 { return 0 }
}

// backupOptions are what the service needs beside the configuration and the casino.
type backupOptions struct {
	version   string
	log       *slog.Logger
	games     *games.Catalogue // nil: all released games
	space     func() (free, total uint64, err error)
	report    func(backup.Report)
	scheduled bool // by the configuration's schedules; else only what is asked for
	hurry     bool // at full speed, and only what is asked for: nobody plays
}

func newBackups(ctx context.Context, c *config.Config, d *dataDir, o backupOptions) (*backup.Service, error) {
	sealing, err := sealingOf(&c.Backups, d)
	if err != nil {
		return nil, err
	}
	key, err := keyFrom(c.Data).bytes(d.path)
	if err != nil {
		return nil, err
	}
	so := backup.ServiceOptions{
		Writing: backup.Writing{Casino: d.identity.ClusterID, Program: o.version, Sealing: sealing, Key: key[:], Share: backupShare},
		Keys:    []age.Identity{backup.NewHouse(d.keys.Backups())},
		Dir:     d.path, Interval: c.Backups.Interval, Log: o.log, Report: o.report,
		Room:  room{o.space, uint64(c.Data.DiskReserve)}.check,
		Audit: drillAudit{d, o.games}.run,
	}
	if c.Backups.Retention {
		so.Keep = &backup.Keep{Days: c.Backups.Keep, Weeks: c.Backups.KeepWeekly, Months: c.Backups.KeepMonthly}
	}
	if o.hurry {
		so.Writing.Share, so.OnDemand = 1, true
	}
	if o.scheduled {
		if so.Archives, err = backup.ParseSchedule(string(c.Backups.Schedule)); err == nil {
			so.Drills, err = backup.ParseSchedule(string(c.Backups.Drill))
		}
		if err != nil {
			return nil, err
		}
	}
	if so.Targets, err = openTargets(ctx, &c.Backups, o.log); err != nil {
		return nil, err
	}
	return backup.NewService(so), nil
}

// openTargets opens what the configuration names.
func openTargets(ctx context.Context, c *config.Backups, log *slog.Logger) (targets []backup.Target, err error) {
	for _, u := range c.To {
		t, err := backup.Open(ctx, string(u), targetOptions(c, log))
		if err != nil {
			for _, t := range targets {
				err = errors.Join(err, t.Close())
			}
			return nil, fmt.Errorf("backup-to: %w", err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// sealingOf says how backups are compressed and encrypted.
func sealingOf(c *config.Backups, d *dataDir) (s backup.Sealing, err error) {
	s = backup.Sealing{Compression: backup.Compression(c.Compression), House: backup.NewHouse(d.keys.Backups())}
	for _, r := range c.Recipients {
		parsed, err := age.ParseRecipients(strings.NewReader(string(r)))
		if err != nil {
			return s, fmt.Errorf("backup-recipients: %w", err)
		}
		s.Recipients = append(s.Recipients, parsed...)
	}
	return s, nil
}

// room watches the data directory's disk.
type room struct {
	space   func() (free, total uint64, err error)
	reserve uint64
}

func (r room) check(bytes int64) error {
	free, _, err := r.space()
	if need := r.reserve + uint64(bytes); err == nil && free < need {
		return fmt.Errorf("the disk of the data directory has %d MiB free, and %d MiB are needed with the reserve (--disk-reserve). Free some space there", free>>20, need>>20)
	}
	return nil
}

// drillAudit proves what a drill has restored.
type drillAudit struct {
	dir   *dataDir
	games *games.Catalogue
}

func (a drillAudit) run(ctx context.Context, dir string, m *backup.Manifest, rest func() error) (err error) {
	c := a.games
	if c == nil {
		c = catalogue.Released()
	}
	s, err := storage.OpenWith(dir, c, a.dir.keys, 0, storage.Options{ReadOnly: true, Owner: a.dir.identity.ClusterID})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	index, _, record, err := s.Position()
	if err != nil {
		return err
	}
	if index != m.Index {
		return fmt.Errorf("the state ends with entry %d, and its manifest says %d", index, m.Index)
	}
	if why := backup.PositionOf(&record, storage.FormatVersion).Differs(m.Position); why != "" {
		return fmt.Errorf("the state is not what its manifest says: %s", why)
	}
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(snapshot.Close(), err) }()
	_, err = audit.Run(ctx, snapshot, audit.Options{Workers: 1, Rest: rest})
	return err
}

// backupSource is the casino as the service of backups sees it.
type backupSource struct{ casino }

// Leads implements backup.Source.
func (s backupSource) Leads() bool { return s.node.Leads() }

// Entries implements backup.Source.
func (s backupSource) Entries(ctx context.Context, from, to uint64, visit func(storage.Entry) error) error {
	err := s.node.Entries(ctx, from, to, visit)
	if errors.Is(err, replication.ErrCut) {
		err = fmt.Errorf("%w: %w", backup.ErrCut, err)
	}
	return err
}

// backupFigures is how backups stand, for checks and metrics.
func (a *App) backupFigures() ops.Backups {
	s := a.backups.Load().Status()
	b := ops.Backups{
		Interval: a.config.Backups.Interval, Held: a.dir.node.Status().HeldBytes,
		DrillFailed: s.DrillFailed, Drilled: s.LastGoodDrill, DrillDue: s.DrillDue,
	}
	if d := s.LastDrill; !d.At.IsZero() { // anybody may read it in /health, so it names no place
		b.DrillFound = strings.NewReplacer(d.Target+"/", "", d.Target, "the target", a.config.Data.Dir, "the data directory").Replace(d.Found)
	}
	for _, t := range s.Targets {
		b.Targets = append(b.Targets, ops.BackupTarget{
			Name: t.Name, Fails: t.Error != "", Standby: t.State == backup.Standby, Gap: t.Gap, Differs: t.Differs != "", Lag: t.Lag,
			Made: t.NewestMade, Due: t.ArchiveDue, Bytes: t.NewestBytes,
			ShippedBytes: t.ShippedBytes, ShippedSegments: t.ShippedSegments, Errors: t.Errors,
		})
	}
	return b
}

// backupChecks are the checks of backups, if any are configured.
func (a *App) backupChecks() []ops.Check {
	if len(a.config.Backups.To) == 0 {
		return nil
	}
	return []ops.Check{
		ops.BackupAgeCheck(a.backupFigures, time.Now), ops.BackupShippingCheck(a.backupFigures), ops.BackupDrillCheck(a.backupFigures, time.Now),
	}
}

// reportBackup counts what became of backups, and tells the operator.
func (a *App) reportBackup(r backup.Report) {
	m := ops.Message{Subject: r.Target, Text: r.Text, Details: map[string]string{"target": r.Target}}
	switch r.Kind {
	case backup.ArchiveMade:
		m.Topic, m.Status, m.Title = ops.TopicBackupMade, ops.StatusOK, "a backup was made"
		a.metrics.BackupDone(nil)
	case backup.ArchiveFailed:
		m.Topic, m.Status, m.Title = ops.TopicBackupFailed, ops.StatusAlarm, "a backup failed"
		a.metrics.BackupDone(errors.New(r.Text))
	case backup.TargetFailing:
		m.Topic, m.Status, m.Title = ops.TopicBackupFailed, ops.StatusAlarm, "a target of backups does not work"
	case backup.TargetWorks:
		m.Topic, m.Status, m.Title = ops.TopicBackupMade, ops.StatusOK, "a target of backups works again"
	case backup.GapBegun:
		m.Topic, m.Status, m.Title = ops.TopicBackupGap, ops.StatusAlarm, "backups have a gap in time"
	case backup.GapClosed:
		m.Topic, m.Status, m.Title = ops.TopicBackupMade, ops.StatusOK, "the gap in backups is closed"
	case backup.HistoryDiffers:
		m.Topic, m.Status, m.Title = ops.TopicBackupFailed, ops.StatusAlarm, "this data directory is an older copy of the casino"
	case backup.DrillPassed:
		m.Topic, m.Status, m.Title = ops.TopicDrillSucceeded, ops.StatusOK, "a backup was restored for practice"
	case backup.DrillFailed:
		m.Topic, m.Status, m.Title = ops.TopicDrillFailed, ops.StatusAlarm, "restoring a backup for practice failed"
	}
	a.notifier.Notify(m)
}
