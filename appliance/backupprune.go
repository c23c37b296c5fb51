package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"imperio/appliance/config"
	"imperio/storage"
	"imperio/storage/backup"
)

// PruneOptions say where old backups are deleted.
type PruneOptions struct {
	Config config.Config
	From   string // the target's URL; "": all configured ones
	Casino string // "": the data directory's, or else the only one of the target
	DryRun bool
	Log    *slog.Logger
}

// Pruned says what was deleted in a target, or would be.
type Pruned struct {
	Target  string   `json:"target"`
	Casino  string   `json:"casino"`
	Objects []string `json:"objects"`
	Bytes   int64    `json:"bytes"`
	Deleted bool     `json:"deleted"`
}

// PruneBackups deletes what backup-keep and its relatives no longer keep.
func PruneBackups(ctx context.Context, o PruneOptions) (list []Pruned, err error) {
	from := []string{o.From}
	if o.From == "" {
		from = nil
		for _, u := range o.Config.Backups.To {
			from = append(from, string(u))
		}
	}
	if len(from) == 0 {
		return nil, errNoTarget
	}
	if id, err := storage.ReadIdentity(o.Config.Data.Dir); err == nil && o.Casino == "" {
		o.Casino = id.ClusterID
	}
	var errs []error
	for _, url := range from {
		p, err := o.prune(ctx, url)
		if err != nil {
			errs = append(errs, err)
		}
		list = append(list, p)
	}
	return list, errors.Join(errs...)
}

// prune deletes in one target.
func (o *PruneOptions) prune(ctx context.Context, url string) (p Pruned, err error) {
	p = Pruned{Target: url, Casino: o.Casino, Objects: []string{}}
	t, all, err := openBackups(ctx, url, &o.Config.Backups, o.Log)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	p.Target = t.String()
	if p.Casino, err = backup.OnlyCasino(t, all, o.Casino); err != nil {
		return p, err
	}
	b := &o.Config.Backups
	expired, err := backup.FindExpired(ctx, t, p.Casino, backup.Keep{Days: b.Keep, Weeks: b.KeepWeekly, Months: b.KeepMonthly}, time.Now())
	if err != nil {
		return p, fmt.Errorf("find old backups in %s: %w", t, err)
	}
	for _, object := range expired {
		if !o.DryRun {
			err := t.Delete(ctx, object.Name)
			if errors.Is(err, fs.ErrPermission) {
				return p, fmt.Errorf("%s refuses to delete old backups. If its own rules do that, set --backup-retention off: %w", t, err)
			}
			if err != nil {
				return p, fmt.Errorf("delete %s in %s: %w", object.Name, t, err)
			}
			p.Deleted = true
		}
		p.Objects = append(p.Objects, object.Name)
		p.Bytes += object.Size
	}
	return p, nil
}
