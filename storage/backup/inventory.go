package backup

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Inventory is what a target holds of one casino, as the names of its objects say.
type Inventory struct {
	Casino   string
	Lineages []LineageInventory // the oldest first
}

// LineageInventory is what a target holds of one lineage.
type LineageInventory struct {
	Lineage  string        // as LineageName writes it
	Archives []ArchiveInfo // by index
	Segments []SegmentInfo // by first index; some may overlap
}

// Began is when the restore began the lineage; zero for the first one.
func (l *LineageInventory) Began() time.Time { return lineageBegan(l.Lineage) }

// lineageBegan reads the time in a lineage's name.
func lineageBegan(lineage string) time.Time {
	const layout = "20060102T150405Z"
	if len(lineage) < len(layout) {
		return time.Time{}
	}
	t, err := time.Parse(layout, lineage[:len(layout)])
	if err != nil {
		return time.Time{}
	}
	return t
}

// ReadInventories lists all that a target holds, by casino. Objects with other names are left alone: somebody else may keep
// something there.
func ReadInventories(ctx context.Context, t Target) ([]Inventory, error) {
	return readInventories(ctx, t, "")
}

// ReadInventory lists what a target holds of one casino. Without anything it is empty.
func ReadInventory(ctx context.Context, t Target, casino string) (Inventory, error) {
	all, err := readInventories(ctx, t, casinoPrefix(casino))
	if err != nil || len(all) == 0 {
		return Inventory{Casino: casino}, err
	}
	return all[0], nil
}

func readInventories(ctx context.Context, t Target, prefix string) (all []Inventory, err error) {
	lineage := func(casino, name string) *LineageInventory {
		i := slices.IndexFunc(all, func(v Inventory) bool { return v.Casino == casino })
		if i < 0 {
			i, all = len(all), append(all, Inventory{Casino: casino})
		}
		of := &all[i]
		j := slices.IndexFunc(of.Lineages, func(l LineageInventory) bool { return l.Lineage == name })
		if j < 0 {
			j, of.Lineages = len(of.Lineages), append(of.Lineages, LineageInventory{Lineage: name})
		}
		return &of.Lineages[j]
	}
	err = t.List(ctx, prefix, func(o Object) error {
		if a, ok := parseArchive(o); ok {
			l := lineage(a.Casino, a.Lineage)
			l.Archives = append(l.Archives, a)
		} else if s, ok := parseSegment(o); ok {
			l := lineage(s.Casino, s.Lineage)
			l.Segments = append(l.Segments, s)
		}
		return nil
	})
	for i := range all {
		slices.SortFunc(all[i].Lineages, func(a, b LineageInventory) int {
			return cmp.Or(a.Began().Compare(b.Began()), cmp.Compare(a.Lineage, b.Lineage))
		})
		for j := range all[i].Lineages {
			l := &all[i].Lineages[j]
			slices.SortFunc(l.Archives, func(a, b ArchiveInfo) int { return cmp.Compare(a.Index, b.Index) })
			slices.SortFunc(l.Segments, func(a, b SegmentInfo) int {
				return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
			})
		}
	}
	return all, err
}
