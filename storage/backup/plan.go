package backup

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Moment is what to restore to: a time, an entry of the log, or, as the zero value, the latest state.
type Moment struct {
	At    time.Time // of the casino. Entries at exactly that time are included
	Index uint64    // the last entry to apply
}

func (m Moment) latest() bool { return m.At.IsZero() && m.Index == 0 }

func (m Moment) String() string {
	switch {
	case m.latest():
		return "the latest state"
	case m.Index != 0:
		return fmt.Sprintf("the state after entry %d", m.Index)
	}
	return "the state at " + stamp(m.At)
}

// Request says what to restore. The zero value is the latest state of the only casino in a target.
type Request struct {
	Moment
	Casino  string // "": the only one
	Lineage string // as LineageName writes it; "": the one that was live at the moment
	Archive string // the name of the archive to begin with; "": the newest one before the moment
	// Skip are names of objects that turned out to be damaged. They are taken for missing.
	Skip map[string]bool
}

// Plan is how a moment is restored: an archive, and segments after it, in order and without a gap.
type Plan struct {
	Request  Request
	Casino   string
	Lineage  string
	Archive  ArchiveInfo
	Manifest Manifest // of the archive
	Segments []SegmentInfo
	Bytes    int64 // to fetch

	// Newest is where backups of this lineage end. What lies between the moment and it is taken back.
	Newest     uint64
	NewestTime time.Time
	// After are segments with entries after the moment; the first one may have entries before it, too.
	After []SegmentInfo
	// Notes are sentences for the operator: what is not as it should be.
	Notes []string

	newest Object // whose manifest has the position at Newest
}

// ErrNotRestorable says that backups don't hold what was asked for. The error says what they do hold.
var ErrNotRestorable = errors.New("it can't be restored")

func notRestorable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotRestorable, fmt.Sprintf(format, args...))
}

// MakePlan reads the inventory of a target, and finds out how to restore what is asked. An archive without a readable
// manifest is passed over for the next older one, and noted, unless the request names it.
func MakePlan(ctx context.Context, t Target, r Request) (*Plan, error) {
	all, err := ReadInventories(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t, err)
	}
	inventory, err := chooseCasino(t, all, r.Casino)
	if err != nil {
		return nil, err
	}
	var notes []string
	for {
		p, err := choose(inventory, r)
		if err != nil {
			return nil, errors.Join(append([]error{err}, asErrors(notes)...)...)
		}
		m, err := ReadManifest(ctx, t, p.Archive.Object)
		if err == nil {
			err = p.Archive.check(nameOf(t, p.Archive.Object), &m)
		}
		if errors.As(err, new(*DamageError)) && r.Archive == "" {
			notes = append(notes, err.Error())
			r = r.without(p.Archive.Object.Name)
			continue
		}
		if err != nil {
			return nil, err
		}
		p.Manifest, p.Notes = m, append(notes, p.Notes...)
		return p, nil
	}
}

func asErrors(notes []string) (errs []error) {
	for _, n := range notes {
		errs = append(errs, errors.New(n))
	}
	return errs
}

// without is the request with one more object that is damaged.
func (r Request) without(name string) Request {
	skip := map[string]bool{name: true}
	for n := range r.Skip {
		skip[n] = true
	}
	r.Skip = skip
	return r
}

// check refuses an archive whose manifest is not that of its name: somebody has moved it.
func (a *ArchiveInfo) check(what string, m *Manifest) error {
	if m.Kind != KindArchive || m.Casino != a.Casino || m.Lineage != a.Lineage || m.Index != a.Index {
		return damaged(what, "its manifest is that of the %s of casino %s, lineage %s, up to entry %d. It was moved or renamed", m.Kind, m.Casino, m.Lineage, m.Index)
	}
	return nil
}

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
	if err := p.chooseArchive(l); err != nil {
		return nil, err
	}
	if err := p.chooseSegments(l); err != nil {
		return nil, err
	}
	p.lookAhead(l)
	return p, nil
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

// chooseLineage finds the lineage that a moment is of.
func chooseLineage(v *Inventory, r Request) (l *LineageInventory, notes []string, err error) {
	var have, names []*LineageInventory
	for i := range v.Lineages {
		each := &v.Lineages[i]
		if r.Lineage == each.Lineage {
			return each, nil, nil
		}
		names = append(names, each)
		if _, ok := each.holds(r.Moment); ok {
			have = append(have, each)
		}
	}
	switch {
	case len(names) == 0:
		return nil, nil, notRestorable("there is no whole backup of the casino %s", v.Casino)
	case r.Lineage != "":
		return nil, nil, notRestorable("the casino %s has no lineage %s. It has: %s", v.Casino, r.Lineage, lineageNames(names))
	case r.Index != 0:
		// An index says nothing of lineages. The newest one that can be restored to it is meant.
		if len(have) == 0 {
			return names[len(names)-1], nil, nil
		}
		if len(have) > 1 {
			notes = append(notes, fmt.Sprintf("Entry %d is in several lineages: %s. The newest is taken; --lineage takes another", r.Index, lineageNames(have)))
		}
		return have[len(have)-1], notes, nil
	case r.At.IsZero():
		return names[len(names)-1], nil, nil
	}
	l = names[0]
	for _, each := range names {
		if !each.Began().After(r.At) {
			l = each
		}
	}
	return l, nil, nil
}

func lineageNames(list []*LineageInventory) string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.Lineage
	}
	return strings.Join(names, ", ")
}

// holds finds the span of a moment.
func (l *LineageInventory) holds(m Moment) (Span, bool) {
	spans, _ := l.Spans()
	for _, s := range spans {
		if m.Index != 0 && s.First <= m.Index && m.Index <= s.Last {
			return s, true
		}
	}
	return Span{}, false
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
	end, at, complete := p.Archive.Index, p.Archive.Time, false
	for rest := l.Segments; !complete; {
		if i := p.Request.Index; i != 0 && end >= i {
			complete = true
			break
		}
		var next SegmentInfo
		for len(rest) > 0 && rest[0].First <= end+1 { // of several that go on from here, the one that leads furthest
			if rest[0].Last > end && rest[0].Last > next.Last {
				next = rest[0]
			}
			rest = rest[1:]
		}
		if next.Last == 0 || !p.Request.At.IsZero() && next.From.After(p.Request.At) && next.First == end+1 {
			complete = next.Last != 0
			break
		}
		p.Segments = append(p.Segments, next)
		p.Bytes += next.Object.Size
		end, at = next.Last, next.To
		if !p.Request.At.IsZero() && at.After(p.Request.At) {
			complete = true
		}
	}
	if complete {
		return nil
	}
	return p.atTheEnd(l, end, at)
}

// atTheEnd decides what it means that the segments end before the moment: with this entry, of this time.
func (p *Plan) atTheEnd(l *LineageInventory, end uint64, at time.Time) error {
	r := p.Request
	var nextIndex uint64 // what the backups hold after the end
	var nextTime time.Time
	for _, a := range l.Archives {
		if a.Index > end && (nextIndex == 0 || a.Index < nextIndex) {
			nextIndex, nextTime = a.Index, a.Time
		}
	}
	missing := nextIndex
	for _, s := range l.Segments {
		if s.First > end+1 && (missing == 0 || s.First < missing) {
			missing = s.First
		}
	}
	instead := fmt.Sprintf("the state after entry %d, of %s (--index %d --lineage %s)", end, stamp(at), end, l.Lineage)
	if nextIndex != 0 {
		instead += fmt.Sprintf(", or any from entry %d on, of %s (--index %d --lineage %s)", nextIndex, stamp(nextTime), nextIndex, l.Lineage)
	}
	switch {
	case missing == 0 && r.Index == 0: // the end of all backups
		if !r.At.IsZero() && at.Before(r.At) {
			p.Notes = append(p.Notes, fmt.Sprintf("The backups end at %s. What happened between then and %s, if anything did, is not in them", stamp(at), stamp(r.At)))
		}
		return nil
	case missing == 0:
		return notRestorable("%s is after the end of the backups. What can be restored is %s", r.Moment, instead)
	case !r.At.IsZero() && (!at.Before(r.At) || missing == end+1 && missing == nextIndex && nextTime.After(r.At)):
		return nil // nothing is missing up to the moment
	}
	return notRestorable("entries %d to %d, which it needs, are in no segment of the lineage %s. What can be restored is %s",
		end+1, max(missing-1, end+1), l.Lineage, instead)
}

// lookAhead finds what the lineage has after the moment.
func (p *Plan) lookAhead(l *LineageInventory) {
	for _, a := range l.Archives {
		if a.Index >= p.Newest {
			p.Newest, p.NewestTime, p.newest = a.Index, a.Time, a.Object
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
		if s.Last > p.Newest {
			p.Newest, p.NewestTime, p.newest = s.Last, s.To, s.Object
		}
		if s.Last >= from && s.Last > seen && (p.Request.At.IsZero() || s.To.After(p.Request.At)) {
			p.After = append(p.After, s)
			seen = s.Last
		}
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// PlanOf is the plan to restore what an archive holds, and nothing after it. The archive may lie anywhere.
func PlanOf(o Object, m *Manifest) *Plan {
	return &Plan{
		Request: Request{Moment: Moment{Index: m.Index}, Casino: m.Casino, Lineage: m.Lineage, Archive: o.Name},
		Casino:  m.Casino, Lineage: m.Lineage, Manifest: *m, Bytes: o.Size,
		Archive: ArchiveInfo{Object: o, Casino: m.Casino, Lineage: m.Lineage, Time: m.Time, Index: m.Index},
		Newest:  m.Index, NewestTime: m.Time, newest: o,
	}
}

// StateSize is the size of the archive's state on the disk, in bytes.
func (p *Plan) StateSize() int64 {
	state, _, _ := p.Manifest.part(PartState)
	return state.Size
}

// SegmentBytes is how many bytes of segments are to be fetched.
func (p *Plan) SegmentBytes() int64 { return p.Bytes - p.Archive.Object.Size }

// Room is how many bytes of disk the restored casino needs, at most as far as that can be known: the state, what the replay
// adds to it, and a new log. A segment is compressed, and an event takes more room than its command.
func (p *Plan) Room() int64 { return p.StateSize() + p.StateSize()/4 + 8*p.SegmentBytes() + logRoom }

const logRoom = 64 << 20

// Rates for estimates, in bytes a second. A slow network or a slow disk is not known here.
const (
	fetchRate  = 100 << 20 // of backups as they are stored: a network of 1 Gbit/s
	stateRate  = 200 << 20 // of the state, as it is written: what a restore must reach on an ordinary SSD
	replayRate = 2 << 20   // of segments as they are stored: 50,000 commands a second of some 40 bytes
)

// Estimate is how long the restore takes, without the audit and the renewal of accounts.
func (p *Plan) Estimate() time.Duration {
	seconds := float64(p.Bytes)/fetchRate + float64(p.StateSize())/stateRate + float64(p.SegmentBytes())/replayRate
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}
