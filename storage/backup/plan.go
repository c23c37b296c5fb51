package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Begun is when the newest lineage of the casino began; zero if there is only the first.
	Begun time.Time
	// After are segments with entries after the moment; the first one may have entries before it, too.
	After []SegmentInfo
	// Notes are sentences for the operator: what is not as it should be.
	Notes []string

	whole   *LineageInventory // with what is damaged
	tellers []Object          // whose manifests may have positions, the newest first
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

// PlanOf is the plan to restore what an archive holds, and nothing after it. The archive may lie anywhere.
func PlanOf(o Object, m *Manifest) *Plan {
	return &Plan{
		Request: Request{Moment: Moment{Index: m.Index}, Casino: m.Casino, Lineage: m.Lineage, Archive: o.Name},
		Casino:  m.Casino, Lineage: m.Lineage, Manifest: *m, Bytes: o.Size,
		Archive: ArchiveInfo{Object: o, Casino: m.Casino, Lineage: m.Lineage, Time: m.Time, Index: m.Index},
		Newest:  m.Index, NewestTime: m.Time, tellers: []Object{o},
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

// Rates for estimates, in bytes a second. A slow network or a slow disk is not known here. The replay was measured on two
// cores that had other work, too: 200,000 bets, of 39 stored bytes each, at 66,000 a second.
const (
	fetchRate  = 100 << 20 // of backups as they are stored: a network of 1 Gbit/s
	stateRate  = 200 << 20 // of the state, as it is written: an ordinary SSD
	replayRate = 2_500_000 // of segments as they are stored
)

// Estimate is how long the restore takes, without the audit and the renewal of accounts.
func (p *Plan) Estimate() time.Duration {
	seconds := float64(p.Bytes)/fetchRate + float64(p.StateSize())/stateRate + float64(p.SegmentBytes())/replayRate
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}

// NewestArchive finds the newest archive of a casino's newest lineage that has one. casino may be empty if the target holds
// only one.
func NewestArchive(ctx context.Context, t Target, casino string) (ArchiveInfo, error) {
	all, err := ReadInventories(ctx, t)
	if err != nil {
		return ArchiveInfo{}, fmt.Errorf("list %s: %w", t, err)
	}
	v, err := chooseCasino(t, all, casino)
	if err != nil {
		return ArchiveInfo{}, err
	}
	for _, l := range slices.Backward(v.without(nil).Lineages) {
		if n := len(l.Archives); n > 0 {
			return l.Archives[n-1], nil
		}
	}
	return ArchiveInfo{}, notRestorable("%s holds no archive of the casino %s", t, v.Casino)
}

// OnlyCasino is the casino whose backups a target holds. If there are several, casino must name one of them.
func OnlyCasino(t Target, all []Inventory, casino string) (string, error) {
	v, err := chooseCasino(t, all, casino)
	if err != nil {
		return "", err
	}
	return v.Casino, nil
}
