package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"imperio/appliance/control"
	"imperio/games"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/backup"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// explain adds to an error what has become of the directory.
func (r *restoring) explain(err error) error {
	if errors.Is(err, errDecided) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w. The disk is full: free some space, or restore into another directory with --data-dir", err)
	}
	return fmt.Errorf("%w. Nothing was changed in %s", err, r.o.Config.Data.Dir)
}

// errDecided says that the restored casino counts already.
var errDecided = errors.New("the restore is decided")

// rebuild makes the restored casino beside the old one, and puts it in its place.
func (r *restoring) rebuild(ctx context.Context, plan *backup.Plan) (err error) {
	dir := r.o.Config.Data.Dir
	if r.locked == nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return dirError("make the data directory", err)
		}
		r.made = true
		if r.locked, err = lockDir(dir); err != nil {
			return err
		}
	}
	d := &dataDir{path: filepath.Join(dir, restoreNew)}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		return dirError("make room for the restored state", err)
	}
	defer func() {
		if err != nil && !errors.Is(err, errDecided) {
			err = errors.Join(err, os.RemoveAll(d.path))
			if r.made {
				os.Remove(dir) // if it is empty, as before
			}
		}
	}()
	restored, err := r.restoreInto(ctx, plan, d)
	if err != nil {
		return err
	}
	if err := r.beginEpoch(ctx, restored, d); err != nil {
		return err
	}
	s := swap{dir: dir, log: r.o.Log, step: r.o.step}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.decide(); err != nil {
		if s.pending() {
			return errors.Join(errDecided, err)
		}
		return err
	}
	if r.report.Aside, err = s.finish(); err != nil {
		return errors.Join(errDecided, err)
	}
	if r.report.Aside != "" {
		r.report.Aside = filepath.Join(dir, r.report.Aside)
	}
	return nil
}

// restoreInto restores the state into a directory, and finds the casino's key.
func (r *restoring) restoreInto(ctx context.Context, plan *backup.Plan, d *dataDir) (*backup.Restored, error) {
	restored, err := backup.Restore(ctx, r.target, plan, d.path, backup.Restoring{
		Identities: r.keys.forBackup(),
		Open: func(dir string, key []byte, so storage.Options) (*storage.Store, error) {
			r.keys.take(key)
			k, found := r.keys.of(&plan.Manifest)
			if !found {
				return nil, fmt.Errorf("%w: the key in the backup is not that of its state", storage.ErrWrongKey)
			}
			d.keys = k.keys
			so.StallLimit, so.Logger = r.o.stallLimit, r.o.Log
			return storage.OpenWith(dir, r.o.games, k.keys, machine.UsualCacheBytes, so)
		},
		Progress: func(phase backup.Phase, done, total int64) { r.o.Progress(string(phase), done, total) },
		Passed: func(damage *backup.DamageError) {
			r.report.Notes = append(r.report.Notes, damage.Error())
			r.o.Log.Warn("a backup is damaged; an older one is taken", "error", damage)
		},
	})
	if err != nil {
		return nil, err
	}
	plan = restored.Plan
	r.report.Archive, r.report.ArchiveTime, r.report.Segments = plan.Archive.Object.Name, plan.Archive.Time, len(plan.Segments)
	r.report.StateBytes, r.report.StateSeconds = plan.StateSize(), restored.StateTook.Seconds()
	r.report.Commands, r.report.ReplaySeconds = restored.Commands, restored.ReplayTook.Seconds()
	r.report.Time, r.report.Index, r.report.Position = restored.Position.Time, restored.Index, &restored.Position
	r.report.TakesBack.Since(&restored.Position, &r.report.newest, r.report.newestIndex)
	if k, _ := r.keys.of(&plan.Manifest); r.o.Config.Data.EncryptionKey == "" {
		if err := engine.WriteFile(filepath.Join(d.path, KeyFile), fmt.Appendf(nil, "%x\n", k.key)); err != nil {
			return nil, fmt.Errorf("write the casino's key: %w", err)
		}
	}
	return restored, nil
}

// beginEpoch begins the new lineage on the restored state, audits it, and marks it as complete.
func (r *restoring) beginEpoch(ctx context.Context, restored *backup.Restored, d *dataDir) (err error) {
	now := time.Now().UTC()
	actor := control.Self(r.o.SudoUser)
	e := epoch{
		dir: dataDirOptions{
			games: r.o.games, clock: r.o.clock, stallLimit: r.o.stallLimit, caches: machine.UsualCacheBytes,
			store: storage.Options{StallLimit: r.o.stallLimit, Logger: r.o.Log},
		},
		identity: storage.Identity{NodeID: randomName("node"), ClusterID: restored.Plan.Casino, Format: storage.FormatVersion, CreatedAt: now},
		version:  r.o.Version,
		begin: command.BeginLineage{
			Lineage: newLineage(r.begins(restored, now)), Actor: actor, Reason: r.o.Reason,
			Before: fmt.Sprintf("%s, entry %d of %s", restored.Plan.Lineage, r.report.newestIndex, restoredTime(r.report.newest.Time)),
			After:  fmt.Sprintf("%s, entry %d of %s", restored.Plan.Lineage, restored.Index, restoredTime(restored.Position.Time)),
		},
		progress: func(done, total int64) { r.o.Progress("accounts", done, total) },
	}
	renewed, err := e.run(ctx, d, r.o.Log)
	if err != nil {
		return err
	}
	r.report.NewLineage, r.report.Renewed = e.begin.Lineage, &renewed
	if !r.o.NoAudit {
		if r.report.Proved, err = auditState(ctx, d, r.o.games, func(done, total uint64) { r.o.Progress("audit", int64(done), int64(total)) }); err != nil {
			return fmt.Errorf("audit the restored casino: %w", err)
		}
	}
	e.identity.Ready = true
	return storage.WriteIdentity(d.path, e.identity)
}

// begins is when the new lineage begins, by its name. Lineages sort by that, so it is after all others and after what was
// backed up, even if this machine's clock is behind.
func (r *restoring) begins(restored *backup.Restored, now time.Time) time.Time {
	for _, known := range []time.Time{restored.Position.Time, r.report.newest.Time, restored.Plan.Begun.Add(time.Second)} {
		if known.After(now) {
			now = known
		}
	}
	return now
}

func restoredTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// auditState audits a state that no log goes on with.
func auditState(ctx context.Context, d *dataDir, c *games.Catalogue, progress func(done, total uint64)) (proved []string, err error) {
	s, err := storage.OpenWith(d.path, c, d.keys, 0, storage.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	report, err := audit.Run(ctx, snapshot, audit.Options{Progress: progress})
	return report.Lines(), err
}
