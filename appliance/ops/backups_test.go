package ops

import (
	"testing"
	"time"
)

// Whoever looks at the health learns what the last drill found, not only that there was one.
func TestBackupDrillCheck_SaysWhatWasFound(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		backups Backups
		want    Result
	}{
		{Backups{DrillFailed: true, DrillFound: "the archive is damaged."}, Result{Degraded, "the last drill failed: the archive is damaged."}},
		{Backups{DrillFailed: true}, Result{Degraded, "the last drill failed. Run 'imperio backup drill'"}},
		{Backups{Drilled: now.Add(-50 * time.Hour), DrillFound: "It is right."}, Result{Healthy, "the last good drill is 2 days ago. It is right."}},
		{Backups{Drilled: now}, Result{Healthy, "the last good drill is 0 days ago."}},
	} {
		check := BackupDrillCheck(func() Backups { return c.backups }, func() time.Time { return now })
		if got, ok := check.Run(t.Context()); !ok || got != c.want {
			t.Errorf("%+v gives %+v, %t", c.backups, got, ok)
		}
	}
}
