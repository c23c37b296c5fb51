package ops

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Backups is how backups stand.
type Backups struct {
	Targets     []BackupTarget
	Interval    time.Duration // how often new entries are shipped
	Held        int64         // bytes that the log takes up
	DrillFailed bool          // the last drill failed
	DrillFound  string        // what the last drill of this process found, without places; "": there was none
	Drilled     time.Time     // when a backup was last restored and audited, and was right; zero: never
	DrillDue    time.Time     // when there should have been a good drill at the latest; zero: never
}

// BackupTarget is how one target stands.
type BackupTarget struct {
	Name    string // a label: one of those that are configured
	Fails   bool   // it can't be written or read
	Standby bool   // another node leads, and ships
	Gap     bool   // entries are missing until the next archive
	Differs bool   // it holds another continuation of the casino
	Lag     time.Duration
	Made    time.Time // when the newest archive was made; zero: there is none
	Due     time.Time // when the next one is due; zero: none is scheduled
	Bytes   int64     // of the newest archive
	// Since the start:
	ShippedBytes, ShippedSegments, Errors uint64
}

// made is when the newest archive was made, in the target where that is longest ago. ok is false if a target has none.
func (b *Backups) made() (at time.Time, bytes int64, ok bool) {
	for _, t := range b.Targets {
		if t.Made.IsZero() {
			return at, 0, false
		}
		if at.IsZero() || t.Made.Before(at) {
			at, bytes = t.Made, t.Bytes
		}
	}
	return at, bytes, !at.IsZero()
}

// archiveGrace is how long a scheduled archive may take.
const archiveGrace = 2 * time.Hour

// BackupAgeCheck checks that each target has the archive that the schedule last asked for.
func BackupAgeCheck(look func() Backups, now func() time.Time) Check {
	return Check{"backup_age", func(context.Context) (Result, bool) {
		b, at := look(), now()
		for i, t := range b.Targets {
			switch late := at.Sub(t.Due); {
			case t.Standby || t.Due.IsZero() || late <= archiveGrace:
			case t.Made.IsZero():
				return degraded("target %d of %d has no backup yet. Run 'imperio backup status'", i+1, len(b.Targets)), true
			default:
				return degraded("the newest backup in target %d of %d is %s old, and the next one is %s late", i+1, len(b.Targets),
					at.Sub(t.Made).Round(time.Minute), late.Round(time.Minute)), true
			}
		}
		if made, _, ok := b.made(); ok {
			return healthy("the latest backup is %s old", at.Sub(made).Round(time.Minute)), true
		}
		return Result{}, false
	}}
}

// shippingGrace is how far a target may be behind, besides the interval.
const shippingGrace = time.Minute

// BackupShippingCheck checks that new entries reach each target soon.
func BackupShippingCheck(look func() Backups) Check {
	return Check{"backup_shipping", func(context.Context) (Result, bool) {
		b := look()
		worst := time.Duration(0)
		for i, t := range b.Targets {
			n := len(b.Targets)
			switch {
			case t.Differs:
				return degraded("target %d of %d holds another continuation of this casino: this data directory is an older copy. Stop the casino, and run 'imperio backup restore'", i+1, n), true
			case t.Gap:
				return degraded("target %d of %d has a gap: the log was cut before all was shipped. The next backup closes it", i+1, n), true
			case t.Lag > b.Interval+shippingGrace && t.Fails:
				return degraded("target %d of %d fails, and is %s behind. The log says why", i+1, n, t.Lag.Round(time.Second)), true
			case t.Lag > b.Interval+shippingGrace:
				return degraded("target %d of %d is %s behind", i+1, n, t.Lag.Round(time.Second)), true
			}
			worst = max(worst, t.Lag)
		}
		return healthy("at most %s behind", worst.Round(time.Second)), true
	}}
}

// BackupDrillCheck checks that backups are restored for practice, and found right.
func BackupDrillCheck(look func() Backups, now func() time.Time) Check {
	return Check{"backup_drill", func(context.Context) (Result, bool) {
		b, at := look(), now()
		switch {
		case b.DrillFailed && b.DrillFound != "":
			return degraded("the last drill failed: %s", b.DrillFound), true
		case b.DrillFailed:
			return degraded("the last drill failed. Run 'imperio backup drill'"), true
		case !b.DrillDue.IsZero() && at.After(b.DrillDue) && b.Drilled.IsZero():
			return degraded("no backup was ever restored for practice"), true
		case !b.DrillDue.IsZero() && at.After(b.DrillDue):
			return degraded("the last good drill is %d days ago", int(at.Sub(b.Drilled).Hours()/24)), true
		case b.Drilled.IsZero():
			return Result{}, false
		}
		return healthy("%s", strings.TrimSpace(fmt.Sprintf("the last good drill is %d days ago. %s", int(at.Sub(b.Drilled).Hours()/24), b.DrillFound))), true
	}}
}
