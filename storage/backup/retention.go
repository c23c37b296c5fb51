package backup

import (
	"cmp"
	"slices"
	"time"
)

// Keep says for how long backups are kept.
type Keep struct {
	// Days back, every moment can be restored, and all archives are kept.
	Days int
	// Weeks back beside the present one, the newest archive of each ISO week is kept, for each lineage. 0: none.
	Weeks int
	// Months back likewise.
	Months int
}

// Expired returns the archives that may be removed, oldest first. It keeps
//   - for each lineage that was live in the last keep.Days days: its base, which is the newest verified archive at or
//     before the beginning of these days (without a verified one, the newest), and everything newer than the base;
//   - the newest of each week and month that keep names, rather a verified one;
//   - always the newest verified archive of the newest lineage that has one.
//
// Weeks and months are those of now's time zone. A lineage is live until a newer one begins.
func Expired(archives []ArchiveInfo, keep Keep, now time.Time) (remove []ArchiveInfo) {
	kept := newRetention(archives, keep, now).kept()
	for _, a := range archives {
		if !kept[a.Object.Name] {
			remove = append(remove, a)
		}
	}
	slices.SortFunc(remove, olderArchive)
	return remove
}

// ExpiredSegments returns the segments that may be removed, oldest first. kept are the archives that stay, after those of
// Expired are gone. A segment is needed if its lineage was live in the last keep.Days days, and it goes beyond the
// lineage's base. So whatever moment of these days could be restored, still can.
func ExpiredSegments(segments []SegmentInfo, kept []ArchiveInfo, keep Keep, now time.Time) (remove []SegmentInfo) {
	r := newRetention(kept, keep, now)
	for _, s := range segments {
		base, found := r.base(lineageKey(s.Lineage))
		if !r.live(lineageKey(s.Lineage)) || found && s.Last <= base.Index {
			remove = append(remove, s)
		}
	}
	slices.SortFunc(remove, func(a, b SegmentInfo) int {
		return cmp.Or(cmp.Compare(lineageKey(a.Lineage), lineageKey(b.Lineage)), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last),
			cmp.Compare(a.Object.Name, b.Object.Name))
	})
	return remove
}

// retention looks at archives from one moment.
type retention struct {
	archives []ArchiveInfo // oldest first
	begins   map[string]time.Time
	keep     Keep
	from     time.Time // every moment from here on can be restored
	now      time.Time
}

func newRetention(archives []ArchiveInfo, keep Keep, now time.Time) *retention {
	r := &retention{archives: slices.Clone(archives), begins: make(map[string]time.Time), keep: keep, from: now.AddDate(0, 0, -keep.Days), now: now}
	slices.SortFunc(r.archives, olderArchive)
	for _, a := range r.archives {
		key := lineageKey(a.Lineage)
		if _, known := r.begins[key]; !known {
			r.begins[key] = lineageBegin(key, a.Time)
		}
	}
	return r
}

// olderArchive orders archives by lineage, then by what they hold.
func olderArchive(a, b ArchiveInfo) int {
	return cmp.Or(cmp.Compare(lineageKey(a.Lineage), lineageKey(b.Lineage)), a.Time.Compare(b.Time), cmp.Compare(a.Index, b.Index),
		cmp.Compare(a.Object.Name, b.Object.Name))
}

// lineageKey orders lineages by age: the first has no time in its name.
func lineageKey(lineage string) string {
	if lineage == Origin {
		return ""
	}
	return lineage
}

// lineageBegin is when a lineage began: its name says so. If not, its first archive does, which is later.
func lineageBegin(key string, first time.Time) time.Time {
	if began := lineageBegan(key); !began.IsZero() {
		return began
	}
	return first
}

// live says whether a lineage was the casino's at any moment that can be restored.
func (r *retention) live(key string) bool {
	for newer, begin := range r.begins {
		if newer > key && !begin.After(r.from) {
			return false
		}
	}
	return true
}

// base returns the archive that the restore of a lineage's oldest restorable moment begins with.
func (r *retention) base(key string) (base ArchiveInfo, found bool) {
	for _, a := range r.archives {
		if lineageKey(a.Lineage) == key && !a.Time.After(r.from) && (a.Verified || !base.Verified) {
			base, found = a, true
		}
	}
	return base, found
}

// kept returns the names of the archives to keep.
func (r *retention) kept() map[string]bool {
	kept := make(map[string]bool)
	for key := range r.begins {
		if !r.live(key) {
			continue
		}
		base, found := r.base(key)
		for _, a := range r.archives {
			if lineageKey(a.Lineage) == key && (!found || olderArchive(a, base) >= 0) {
				kept[a.Object.Name] = true
			}
		}
	}
	// A period's archive is the newest verified one in it, or else the newest.
	type period struct {
		lineage string
		sort    byte // w or m
		number  int
	}
	best := make(map[period]ArchiveInfo)
	var newest ArchiveInfo
	for _, a := range r.archives {
		key := lineageKey(a.Lineage)
		for _, p := range []struct {
			period
			wanted bool
		}{
			{period{key, 'w', week(a.Time, r.now)}, r.keep.Weeks > 0 && week(r.now, r.now)-week(a.Time, r.now) <= r.keep.Weeks},
			{period{key, 'm', month(a.Time, r.now)}, r.keep.Months > 0 && month(r.now, r.now)-month(a.Time, r.now) <= r.keep.Months},
		} {
			if p.wanted && (a.Verified || !best[p.period].Verified) {
				best[p.period] = a
			}
		}
		if a.Verified {
			newest = a // by lineage first
		}
	}
	for _, a := range best {
		kept[a.Object.Name] = true
	}
	kept[newest.Object.Name] = true
	return kept
}

// week numbers ISO weeks, in now's time zone.
func week(t, now time.Time) int {
	year, month, day := t.In(now.Location()).Date()
	days := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
	return (days + 3) / 7 // 1970-01-01 was a Thursday; ISO weeks begin on Mondays
}

// month numbers months, in now's time zone.
func month(t, now time.Time) int {
	year, month, _ := t.In(now.Location()).Date()
	return year*12 + int(month)
}
