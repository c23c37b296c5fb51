package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"imperio/storage"
)

// DrillDir is the name of the directory in the data directory that drills restore into. It exists only during a drill.
const DrillDir = "drill.tmp"

// DrillResult is the outcome of a drill.
type DrillResult struct {
	At       time.Time     `json:"at"` // when it ended
	Target   string        `json:"target"`
	Archive  string        `json:"archive"` // its name; empty: none was found
	Index    uint64        `json:"index"`
	Segments int           `json:"segments"` // read after the archive
	Entries  uint64        `json:"entries"`  // in them
	Took     time.Duration `json:"-"`
	OK       bool          `json:"ok"`
	Found    string        `json:"found"` // for people
	// NotMade means that the archive could not be fetched, so nothing is known about it.
	NotMade bool `json:"-"`
}

// driller restores an archive for practice: on a schedule, and when somebody asks.
type driller struct {
	service *Service
	source  Source
}

func (d *driller) run(ctx context.Context) {
	d.clear()
	for {
		if at, ok := d.due(); ok {
			d.drill(ctx, at)
		}
		if !pause(ctx, min(lookEvery, 2*d.service.o.Interval), d.service.drillWake) {
			return
		}
	}
}

func (d *driller) dir() string { return filepath.Join(d.service.o.Dir, DrillDir) }

// clear removes what a drill has left.
func (d *driller) clear() {
	if err := os.RemoveAll(d.dir()); err != nil {
		d.service.o.Log.Warn("what a drill has left could not be removed", "directory", d.dir(), "error", err)
	}
}

// due is the target whose turn it is, if a drill is to be made now: the one whose last drill is longest ago.
func (d *driller) due() (turn *site, ok bool) {
	v, now := d.service, d.service.o.Now()
	var last, lastOfTurn, oldest time.Time
	for _, at := range v.sites {
		at.mu.Lock()
		if at.known && at.differs == "" && at.newest.Index > 0 {
			if at.lastDrill.After(last) {
				last = at.lastDrill
			}
			if turn == nil || at.lastDrill.Before(lastOfTurn) {
				turn, lastOfTurn = at, at.lastDrill
			}
			if oldest.IsZero() || at.oldest.Before(oldest) {
				oldest = at.oldest
			}
		}
		at.mu.Unlock()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if last.IsZero() {
		last = oldest // no drill yet: the schedule counts from the first archive
	}
	if last.IsZero() {
		last = v.began // and that is of a casino in which nothing has happened
	}
	v.drillFrom = v.o.Drills.Anchor(later(v.drillFrom, last), now)
	v.nextDrill = v.o.Drills.Next(now)
	scheduled := d.source.Leads() && turn != nil && v.o.Drills.Due(v.drillFrom, now) &&
		(now.After(v.drillRetry) || v.drillRetry.After(now.Add(2*drillAgain)))
	if turn == nil && v.drillAsked {
		turn = v.sites[0]
	}
	return turn, turn != nil && (v.drillAsked || scheduled)
}

// drillAgain is how long after a drill that could not be made the next one is tried.
const drillAgain = time.Hour

// drill restores the newest archive of a target, and tells what that found.
func (d *driller) drill(ctx context.Context, at *site) {
	v, began, name := d.service, time.Now(), at.target.String()
	v.mu.Lock()
	v.drillAsked = false
	v.drilling = &Work{What: "drill", Target: name, Began: v.o.Now()}
	v.mu.Unlock()
	r, err := d.practise(ctx, at)
	d.clear()
	r.At, r.Target, r.Took, r.OK = v.o.Now().UTC().Truncate(time.Millisecond), name, time.Since(began).Round(time.Millisecond), err == nil
	switch {
	case err == nil:
		r.Found = fmt.Sprintf("It was restored and is right; %d segments with %d entries follow it.", r.Segments, r.Entries)
	default:
		r.Found = err.Error()
		r.NotMade = !errors.As(err, new(*findingError)) && !errors.As(err, new(*DamageError))
	}
	if ctx.Err() == nil { // else the process ends, and that says nothing about the archive
		d.record(ctx, at, &r)
		d.tell(&r)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drilling = nil
	switch {
	case ctx.Err() != nil:
		return
	case r.NotMade:
		v.drillRetry = r.At.Add(drillAgain)
	default:
		v.drillFrom = r.At
	}
	v.lastDrill = r
}

// tell tells the operator what a drill has found.
func (d *driller) tell(r *DrillResult) {
	v := d.service
	log := v.o.Log.With("target", r.Target, "archive", r.Archive, "took", r.Took)
	if r.OK {
		log.Info("a backup was restored for practice and is right", "segments", r.Segments)
		v.o.Report(Report{DrillPassed, r.Target, fmt.Sprintf("A backup was restored for practice and is right: %s in %s.", r.Archive, r.Target)})
		return
	}
	log.Error("restoring a backup for practice failed", "found", r.Found)
	v.o.Report(Report{DrillFailed, r.Target, fmt.Sprintf("Restoring a backup from %s for practice failed: %s.", r.Target, r.Found)})
}

// findingError is about an archive that was restored and is not right.
type findingError struct{ error }

func (e *findingError) Unwrap() error { return e.error }

// practise restores the newest archive, proves it, and reads the segments after it.
func (d *driller) practise(ctx context.Context, at *site) (r DrillResult, err error) {
	v, dir := d.service, d.dir()
	d.clear()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return r, fmt.Errorf("make the directory for the drill: %w", err)
	}
	m, err := d.fetch(ctx, at, dir, &r)
	if err != nil {
		return r, err
	}
	if v.o.Audit != nil {
		if err := v.o.Audit(ctx, dir, m, newPace(ctx, v.share()).rest); err != nil {
			return r, &findingError{fmt.Errorf("audit %s: %w", r.Archive, err)}
		}
	}
	d.clear() // segments may take long
	err = d.readSegments(ctx, at, m, &r)
	return r, err
}

// fetched is an archive that was extracted.
type fetched struct {
	info     ArchiveInfo
	manifest Manifest
}

// fetch extracts the newest archive into dir, slowly: the disk is the casino's.
func (d *driller) fetch(ctx context.Context, at *site, dir string, r *DrillResult) (*Manifest, error) {
	v := d.service
	f, err := attempt(ctx, at, v.o.Patience, func(ctx context.Context, t Target, progress func()) (f fetched, err error) {
		found, err := v.look(ctx, t, d.source)
		if err != nil {
			return f, err
		}
		if found.newest.Index == 0 {
			return f, errors.New("there is no archive yet. Make one: imperio backup create")
		}
		f.info, f.manifest = found.newest, found.manifest
		state, _, ok := f.manifest.part(PartState)
		if !ok {
			return f, damaged(nameOf(t, f.info.Object), "it has no state")
		}
		if err := v.o.Room(state.Size); err != nil {
			return f, err
		}
		p, synced := newPace(ctx, v.share()), int64(0)
		var failed error
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		_, err = ExtractArchive(ctx, t, f.info.Object, &f.manifest, v.o.Keys, dir, func(done, total int64) {
			progress()
			v.progress(&v.drilling, done, total)
			if done-synced >= syncEvery && failed == nil {
				synced = done
				failed = errors.Join(syncFile(filepath.Join(dir, storage.StateFile)), v.o.Room(0))
			}
			if err := errors.Join(failed, p.rest()); err != nil {
				cancel(err)
			}
		})
		if failed != nil {
			err = failed
		}
		return f, err
	})
	r.Archive, r.Index = f.info.Object.Name, f.info.Index
	return &f.manifest, err
}

// share is the share of a processor for work in the background.
func (s *Service) share() float64 {
	if s.o.Writing.Share == 0 {
		return 1
	}
	return s.o.Writing.Share
}

// syncFile makes a file that is being written durable so far. Much at once would hold up the casino's log.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// readSegments reads all segments after an archive, and checks that none is missing.
func (d *driller) readSegments(ctx context.Context, at *site, m *Manifest, r *DrillResult) error {
	v := d.service
	type read struct {
		segments int
		entries  uint64
	}
	n, err := attempt(ctx, at, v.o.Patience, func(ctx context.Context, t Target, progress func()) (n read, err error) {
		segments, err := listSegments(ctx, t, v.o.Writing.Casino, m.Lineage, m.Index)
		if err != nil {
			return n, err
		}
		p, last := newPace(ctx, v.share()), m.Index
		for _, g := range segments {
			if g.Last <= last {
				continue
			}
			if g.First > last+1 {
				return n, &findingError{fmt.Errorf("entries %d to %d are in no segment", last+1, g.First-1)}
			}
			_, entries, err := ReadSegment(ctx, t, g.Object, v.o.Keys)
			if err != nil {
				return n, err
			}
			n.segments++
			n.entries += g.Last - last
			last = entries[len(entries)-1].Index
			progress()
			if err := p.rest(); err != nil {
				return n, err
			}
		}
		return n, nil
	})
	r.Segments, r.Entries = n.segments, n.entries
	return err
}
