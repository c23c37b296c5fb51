package backup

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// chooseCasino finds the inventory of one casino in those of a target.
func chooseCasino(t Target, all []Inventory, casino string) (*Inventory, error) {
	names := make([]string, len(all))
	for i := range all {
		if names[i] = all[i].Casino; casino == names[i] || casino == "" && len(all) == 1 {
			return &all[i], nil
		}
	}
	switch {
	case len(all) == 0:
		return nil, notRestorable("%s holds no backup. Name the right target with --from", t)
	case casino == "":
		return nil, notRestorable("%s holds backups of several casinos: %s. Name one with --casino", t, strings.Join(names, ", "))
	}
	return nil, notRestorable("%s holds no backup of the casino %s, but of: %s", t, casino, strings.Join(names, ", "))
}

// choose finds the archive and the segments for a moment. It reads nothing: names say everything.
func choose(inventory *Inventory, r Request) (*Plan, error) {
	usable := inventory.without(r.Skip)
	if r.Archive != "" {
		if err := r.takeArchive(usable); err != nil {
			return nil, err
		}
	}
	l, notes, err := chooseLineage(usable, r)
	if err != nil {
		return nil, err
	}
	p := &Plan{Request: r, Casino: inventory.Casino, Lineage: l.Lineage, Notes: notes}
	for i := range inventory.Lineages {
		each := &inventory.Lineages[i]
		if each.Lineage == l.Lineage {
			p.whole = each
		}
		p.Begun = newer(p.Begun, each.Began())
	}
	if err := p.chooseArchive(l); err != nil {
		return nil, err
	}
	if err := p.chooseSegments(l); err != nil {
		return nil, err
	}
	p.lookAhead(l)
	if newest := usable.newestLineage(); newest != "" && newest != l.Lineage {
		p.Notes = append(p.Notes, fmt.Sprintf("There is a newer lineage, %s. Nothing of it will be in the restored casino", newest))
	}
	return p, nil
}

// newestLineage is the name of the newest lineage that has an archive; "" if none has.
func (v *Inventory) newestLineage() string {
	for _, l := range slices.Backward(v.Lineages) {
		if len(l.Archives) > 0 {
			return l.Lineage
		}
	}
	return ""
}

// takeArchive takes casino and lineage from the archive that the request names.
func (r *Request) takeArchive(v *Inventory) error {
	for i := range v.Lineages {
		for _, a := range v.Lineages[i].Archives {
			if a.Object.Name != r.Archive {
				continue
			}
			if r.Lineage != "" && r.Lineage != a.Lineage {
				return notRestorable("%s is of the lineage %s, not %s", r.Archive, a.Lineage, r.Lineage)
			}
			r.Lineage = a.Lineage
			return nil
		}
	}
	return notRestorable("there is no archive %s of the casino %s. 'imperio backup list' names them", r.Archive, v.Casino)
}

// without is the inventory without objects that are damaged, or too short to be backups.
func (v *Inventory) without(skip map[string]bool) *Inventory {
	left := &Inventory{Casino: v.Casino, Lineages: slices.Clone(v.Lineages)}
	unusable := func(o Object) bool { return skip[o.Name] || !wholeEnough(o) }
	for i := range left.Lineages {
		l := &left.Lineages[i]
		l.Archives = slices.DeleteFunc(slices.Clone(l.Archives), func(a ArchiveInfo) bool { return unusable(a.Object) })
		l.Segments = slices.DeleteFunc(slices.Clone(l.Segments), func(s SegmentInfo) bool { return unusable(s.Object) })
	}
	return left
}

// chooseArchive finds the newest archive at or before the moment.
func (p *Plan) chooseArchive(l *LineageInventory) error {
	r := p.Request
	for _, a := range slices.Backward(l.Archives) {
		before := r.latest() || r.Index != 0 && a.Index <= r.Index || !r.At.IsZero() && !a.Time.After(r.At)
		if r.Archive == "" && before || r.Archive == a.Object.Name {
			if !before {
				return notRestorable("the archive %s is of %s, after what is asked for", r.Archive, stamp(a.Time))
			}
			p.Archive, p.Bytes = a, a.Object.Size
			return nil
		}
	}
	if len(l.Archives) == 0 {
		return notRestorable("the lineage %s has no archive. Name another lineage with --lineage, if its state will do", l.Lineage)
	}
	first := l.Archives[0]
	return notRestorable("%s is before the first archive of the lineage %s. The earliest that can be restored there is entry %d, of %s: --index %d --lineage %s. --lineage also takes another one, which 'imperio backup list' names",
		r.Moment, l.Lineage, first.Index, stamp(first.Time), first.Index, l.Lineage)
}

// chooseSegments finds the segments from the archive to the moment, and refuses a gap between the two.
func (p *Plan) chooseSegments(l *LineageInventory) error {
	r := p.Request
	end, at, rest := p.Archive.Index, p.Archive.Time, l.Segments
	for {
		if r.Index != 0 && end >= r.Index || !r.At.IsZero() && at.After(r.At) {
			return nil
		}
		var next SegmentInfo
		for len(rest) > 0 && rest[0].First <= end+1 { // of several that go on from here, the one that leads furthest
			if rest[0].Last > end && rest[0].Last > next.Last {
				next = rest[0]
			}
			rest = rest[1:]
		}
		if next.Last == 0 {
			return p.atTheEnd(l, end, at)
		}
		p.Segments = append(p.Segments, next)
		p.Bytes += next.Object.Size
		end, at = next.Last, next.To
	}
}

// atTheEnd decides what it means that the segments end before the moment: with this entry, of this time. l is without what is
// damaged. But what is damaged tells by its name that there is more.
func (p *Plan) atTheEnd(l *LineageInventory, end uint64, at time.Time) error {
	r := p.Request
	next := firstAfter(l.Archives, end)
	resumes := p.whole.end() + 1 // where entries are there again
	if next != nil {
		resumes = next.Index
	}
	for _, s := range l.Segments {
		if s.First > end+1 {
			resumes = min(resumes, s.First)
		}
	}
	instead := fmt.Sprintf("the state after entry %d, of %s (--index %[1]d --lineage %[3]s)", end, stamp(at), l.Lineage)
	if next != nil {
		instead += fmt.Sprintf(", or any from entry %d on, of %s (--index %[1]d --lineage %[3]s)", next.Index, stamp(next.Time), l.Lineage)
	}
	switch {
	case p.whole.end() <= end && r.Index == 0: // the end of all backups
		if !r.At.IsZero() && at.Before(r.At) {
			p.Notes = append(p.Notes, fmt.Sprintf("The backups end at %s. What happened between then and %s, if anything did, is not in them", stamp(at), stamp(r.At)))
		}
		return nil
	case p.whole.end() <= end:
		return notRestorable("%s is after the end of the backups. What can be restored is %s", r.Moment, instead)
	case !r.At.IsZero() && (!at.Before(r.At) || next != nil && next.Index == end+1 && next.Time.After(r.At)):
		return nil // nothing is missing up to the moment
	}
	return notRestorable("entries %d to %d, which it needs, are in no usable segment of the lineage %s. What can be restored is %s",
		end+1, max(resumes-1, end+1), l.Lineage, instead)
}

// firstAfter is the first archive after an entry; nil if there is none.
func firstAfter(archives []ArchiveInfo, index uint64) *ArchiveInfo {
	for i := range archives {
		if archives[i].Index > index {
			return &archives[i]
		}
	}
	return nil
}

// End is the newest entry of a lineage that the names tell of; 0 if there is none.
func (v *Inventory) End(lineage string) uint64 {
	for i := range v.Lineages {
		if l := &v.Lineages[i]; l.Lineage == lineage {
			return l.end()
		}
	}
	return 0
}

// end is the newest entry that a name tells of.
func (l *LineageInventory) end() (newest uint64) {
	for _, a := range l.Archives {
		newest = max(newest, a.Index)
	}
	for _, s := range l.Segments {
		newest = max(newest, s.Last)
	}
	return newest
}

// lookAhead finds what the lineage has after the moment.
func (p *Plan) lookAhead(l *LineageInventory) {
	type teller struct {
		index  uint64
		object Object
	}
	var tellers []teller
	for _, a := range l.Archives {
		tellers = append(tellers, teller{a.Index, a.Object})
		if a.Index >= p.Newest {
			p.Newest, p.NewestTime = a.Index, a.Time
		}
	}
	from := uint64(math.MaxUint64) // the first entry that may be after the moment
	switch {
	case p.Request.Index != 0:
		from = p.Request.Index + 1
	case !p.Request.At.IsZero():
		from = p.Archive.Index + 1
	}
	seen := uint64(0)
	for _, s := range l.Segments {
		tellers = append(tellers, teller{s.Last, s.Object})
		if s.Last > p.Newest {
			p.Newest, p.NewestTime = s.Last, s.To
		}
		if s.Last >= from && s.Last > seen && (p.Request.At.IsZero() || s.To.After(p.Request.At)) {
			p.After = append(p.After, s)
			seen = s.Last
		}
	}
	slices.SortStableFunc(tellers, func(a, b teller) int { return cmp.Compare(b.index, a.index) })
	for _, t := range tellers {
		p.tellers = append(p.tellers, t.object)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
