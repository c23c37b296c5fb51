package backup

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A busy casino's target holds half a million segments. So what runs beside bets visits them, and does not gather them.

// listArchives lists the archives whose names begin with prefix, by lineage and index.
func listArchives(ctx context.Context, t Target, prefix string) (list []ArchiveInfo, err error) {
	err = t.List(ctx, prefix, func(o Object) error {
		if a, ok := parseArchive(o); ok {
			list = append(list, a)
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b ArchiveInfo) int {
		return cmp.Or(lineageBegan(a.Lineage).Compare(lineageBegan(b.Lineage)), cmp.Compare(a.Lineage, b.Lineage), cmp.Compare(a.Index, b.Index))
	})
	return list, err
}

// listSegments lists the segments of a lineage that go beyond an entry, by first index.
func listSegments(ctx context.Context, t Target, casino, lineage string, beyond uint64) (list []SegmentInfo, err error) {
	err = t.List(ctx, segmentsPrefix(casino, lineage), func(o Object) error {
		if g, ok := parseSegment(o); ok && g.Last > beyond {
			list = append(list, g)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b SegmentInfo) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last)) })
	return list, err
}

// expiredSegments lists the segments of a casino that need not be kept. kept are the archives that stay.
func expiredSegments(ctx context.Context, t Target, casino string, kept []ArchiveInfo, keep Keep, now time.Time) (remove []Object, err error) {
	var some []SegmentInfo
	sift := func() {
		for _, g := range ExpiredSegments(some, kept, keep, now) {
			remove = append(remove, g.Object)
		}
		some = some[:0]
	}
	err = t.List(ctx, casinoPrefix(casino), func(o Object) error {
		if g, ok := parseSegment(o); ok {
			if some = append(some, g); len(some) == 1000 {
				sift()
			}
		}
		return nil
	})
	sift()
	return remove, err
}
