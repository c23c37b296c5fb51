package backup

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// FindExpired lists what a target need not keep any more of a casino. Archives count only if they are whole.
func FindExpired(ctx context.Context, t Target, casino string, keep Keep, now time.Time) (remove []Object, err error) {
	archives, err := listArchives(ctx, t, casinoPrefix(casino))
	if err != nil {
		return nil, err
	}
	for i := range archives {
		_, err := ReadManifest(ctx, t, archives[i].Object)
		if err != nil && !errors.As(err, new(*DamageError)) {
			return nil, err
		}
		archives[i].Verified = err == nil
	}
	var kept []ArchiveInfo
	gone := make(map[string]bool)
	for _, a := range Expired(archives, keep, now) {
		remove, gone[a.Object.Name] = append(remove, a.Object), true
	}
	for _, a := range archives {
		if !gone[a.Object.Name] {
			kept = append(kept, a)
		}
	}
	segments, err := expiredSegments(ctx, t, casino, kept, keep, now)
	return append(remove, segments...), err
}

// prune deletes what need not be kept any more, and what others have left unfinished for a day. The backup is good whatever
// becomes of that.
func (a *archiver) prune(ctx context.Context, at *site, f *finding) {
	v, name := a.service, at.target.String()
	deleted, err := attempt(ctx, at, v.o.Patience, func(ctx context.Context, t Target, _ func()) (n int, err error) {
		if err := t.Clean(ctx, casinoPrefix(v.o.Writing.Casino), v.o.Now().Add(-24*time.Hour)); err != nil {
			return 0, err
		}
		if v.o.Keep == nil {
			return 0, nil
		}
		remove, err := FindExpired(ctx, t, v.o.Writing.Casino, *v.o.Keep, v.o.Now())
		if err != nil {
			return 0, err
		}
		for _, o := range remove {
			if err := t.Delete(ctx, o.Name); err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, fs.ErrPermission):
		at.mu.Lock()
		told := at.undeletable
		at.undeletable = true
		at.mu.Unlock()
		if !told {
			v.o.Log.Warn("the target refuses to delete old backups. If its own rules do that, set --backup-retention off", "target", name, "error", err)
		}
	case err != nil:
		v.o.Log.Warn("old backups could not be deleted; it is tried again after the next backup", "target", name, "error", err)
	case deleted > 0:
		v.o.Log.Info("old backups were deleted", "target", name, "objects", deleted)
	}
}
