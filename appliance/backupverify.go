package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/ops"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/backup"
	"imperio/storage/machine"
)

// VerifyOptions say which backup to verify.
type VerifyOptions struct {
	Config       config.Config
	From         string // the target's URL; "": the first configured one that answers
	Name         string // of a backup, or the path of a file; "" or "latest": the newest archive
	Casino       string // with latest: which, if the target has several
	IdentityFile string
	KeyFile      string
	Log          *slog.Logger
	Progress     func(phase string, done, total int64) // may be nil

	games *games.Catalogue // nil: all released games
}

// Verified says what the verification of a backup has proven.
type Verified struct {
	Name     string          `json:"name"`
	Target   string          `json:"target"`
	Manifest backup.Manifest `json:"manifest"`
	Proved   []string        `json:"proved"`
	Seconds  float64         `json:"took_seconds"`
}

// Verify reads a backup completely. An archive is restored into a temporary directory, compared with its manifest, and
// audited. A broken invariant of the books is a *Violation, and a backup that is not what was written a *backup.DamageError.
func Verify(ctx context.Context, o VerifyOptions) (v *Verified, err error) {
	began := time.Now()
	o.games = cmp.Or(o.games, catalogue.Released())
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	keys, err := findBackupKeys(o.IdentityFile, o.KeyFile, o.Config.Data)
	if err != nil {
		return nil, err
	}
	t, object, err := o.find(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	m, err := backup.ReadManifest(ctx, t, object)
	if err != nil {
		return nil, err
	}
	v = &Verified{Name: object.Name, Target: t.String(), Manifest: m}
	if m.Kind == backup.KindSegment {
		_, entries, err := backup.ReadSegment(ctx, t, object, keys.forBackup())
		if err != nil {
			return nil, err
		}
		v.Proved = []string{fmt.Sprintf("entries   %d to %d, %d of them, with correct checksums", m.FirstIndex, m.Index, len(entries))}
	} else if v.Proved, err = o.restoreAndAudit(ctx, t, object, &m, &keys); err != nil {
		return nil, err
	}
	v.Seconds = time.Since(began).Seconds()
	return v, nil
}

// find finds the backup.
func (o *VerifyOptions) find(ctx context.Context) (backup.Target, backup.Object, error) {
	if o.Name != "" && o.Name != "latest" {
		return findBackup(ctx, o.Name, o.From, &o.Config.Backups, o.Log)
	}
	t, _, err := openBackups(ctx, o.From, &o.Config.Backups, o.Log)
	if err != nil {
		return nil, backup.Object{}, err
	}
	newest, err := backup.NewestArchive(ctx, t, o.Casino)
	if err != nil {
		return nil, backup.Object{}, errors.Join(err, t.Close())
	}
	return t, newest.Object, nil
}

// restoreAndAudit restores an archive into a temporary directory, and proves its books.
func (o *VerifyOptions) restoreAndAudit(ctx context.Context, t backup.Target, object backup.Object, m *backup.Manifest, keys *backupKeys) (proved []string, err error) {
	plan := backup.PlanOf(object, m)
	dir, err := os.MkdirTemp("", "imperio-verify-*")
	if err != nil {
		return nil, fmt.Errorf("make a directory to restore into: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if free, _, err := ops.SpaceOf(dir); err == nil && free < uint64(plan.StateSize()) {
		return nil, fmt.Errorf("%s has %s free, and the state takes %s. Free some space, or name another directory with the environment variable TMPDIR",
			os.TempDir(), bytesText(free), bytesText(uint64(plan.StateSize())))
	}
	d := &dataDir{path: dir}
	restored, err := backup.Restore(ctx, t, plan, dir, backup.Restoring{
		Identities: keys.forBackup(),
		Open: func(dir string, key []byte, so storage.Options) (*storage.Store, error) {
			keys.take(key)
			if k, found := keys.of(m); found {
				d.keys = k.keys
			} // else less is proven, and the audit says so
			so.ReadOnly, so.Logger = d.keys == nil, o.Log // an older format is brought up to date
			return storage.OpenWith(dir, o.games, d.keys, machine.UsualCacheBytes, so)
		},
		Progress: func(phase backup.Phase, done, total int64) { o.Progress(string(phase), done, total) },
	})
	if err != nil {
		return nil, err
	}
	proved, err = auditState(ctx, d, o.games, func(done, total uint64) { o.Progress("audit", int64(done), int64(total)) })
	if err != nil {
		return nil, fmt.Errorf("audit %s: %w", object.Name, err)
	}
	return append(proved, fmt.Sprintf("manifest  it says what was restored, up to entry %d", restored.Index)), nil
}

// InspectBackup reads the manifest of a backup, by its name in a target or by the path of a file. It needs no key.
func InspectBackup(ctx context.Context, name, from string, c *config.Config, log *slog.Logger) (m backup.Manifest, o backup.Object, target string, err error) {
	t, o, err := findBackup(ctx, name, from, &c.Backups, log)
	if err != nil {
		return m, o, "", err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	m, err = backup.ReadManifest(ctx, t, o)
	return m, o, t.String(), err
}
