package backup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"imperio/storage"
	"imperio/storage/machine"
)

// shipper ships the log's entries to one target.
type shipper struct {
	service  *Service
	site     *site
	source   Source
	failures int // in a row
	cleaned  bool
}

// segmentShare is the least share of a processor that segments are written with. They must not wait long.
const segmentShare = 0.5

// quietEntries is how many entries without any command may wait for one with a command.
const quietEntries = 1024

func (x *shipper) run(ctx context.Context) {
	wait := time.Duration(0)
	for pause(ctx, wait, x.site.wake) {
		err := x.round(ctx)
		if ctx.Err() != nil {
			return
		}
		wait = x.service.o.Interval
		if err != nil {
			wait = x.service.backOff(x.failures)
			x.failures++
		} else {
			x.failures = 0
		}
		x.note(err)
	}
}

// backOff is how long to wait after a number of failures in a row: with jitter, so that nodes don't all come back at once.
func (s *Service) backOff(failures int) time.Duration {
	wait := s.o.RetryMost
	if failures < 20 {
		wait = min(wait, s.o.RetryFrom<<failures)
	}
	return wait/2 + rand.N(wait/2+1)
}

// note remembers how an attempt went, and tells of it when that changes.
func (x *shipper) note(err error) {
	o, s := &x.service.o, x.site
	s.mu.Lock()
	failed, began, told := s.err != nil, s.since, s.told
	s.err = err
	switch {
	case err == nil:
		s.since, s.told = time.Time{}, false
	case !failed:
		s.since = o.Now()
	default:
		s.told = told || time.Since(s.caughtUp) > tellAfter
	}
	telling := s.told && !told
	s.mu.Unlock()
	name := s.target.String()
	switch {
	case err != nil:
		s.errors.Add(1)
		if failed {
			o.Log.Debug("the target still fails", "target", name, "error", err)
		} else {
			o.Log.Warn("backups can't be shipped to a target; it is tried again", "target", name, "error", err)
		}
		if telling {
			o.Report(Report{TargetFailing, name, fmt.Sprintf("Nothing can be shipped to %s: %v. It is tried again and again. Bets go on.", name, err)})
		}
	case failed:
		o.Log.Info("backups are shipped to the target again", "target", name, "failed_since", began)
		if told {
			o.Report(Report{TargetWorks, name, fmt.Sprintf("Backups are shipped to %s again.", name)})
		}
	}
}

// tellAfter is how far a target may be behind before the operator hears of it.
const tellAfter = time.Minute

// round ships what is new.
func (x *shipper) round(ctx context.Context) error {
	if !x.source.Leads() {
		x.site.forget() // another node ships now
		return nil
	}
	_, _, head, err := x.source.Position()
	if err != nil {
		return err
	}
	at := x.site.place()
	if at.differs != "" {
		return nil
	}
	if !at.known || at.lineage != LineageName(head.Lineage) {
		if err := x.contact(ctx); err != nil {
			return err
		}
		at = x.site.place()
	}
	if at.differs == "" && at.needs {
		nudge(x.service.wake) // the target answers, so the archive can be made
		return nil
	}
	return x.ship(ctx)
}

// contact reads where the target's entries end, and compares histories. The first time, it also removes what an earlier
// process has left unfinished: this one is the only one that writes here.
func (x *shipper) contact(ctx context.Context) error {
	o := &x.service.o
	f, err := attempt(ctx, x.site, o.Patience, func(ctx context.Context, t Target, _ func()) (*finding, error) {
		return x.service.look(ctx, t, x.source)
	})
	if err != nil {
		return err
	}
	x.site.found(f)
	if f.differs != "" {
		x.service.differs(x.site, f)
		return nil
	}
	if !x.cleaned {
		_, err := attempt(ctx, x.site, o.Patience, func(ctx context.Context, t Target, _ func()) (struct{}, error) {
			if err := t.Clean(ctx, segmentsPrefix(o.Writing.Casino, f.lineage), o.Now()); err != nil {
				return struct{}{}, fmt.Errorf("remove what was left unfinished: %w", err)
			}
			return struct{}{}, x.service.tellNewer(ctx, t, f.lineage)
		})
		if err != nil {
			return err
		}
		x.cleaned = true
	}
	x.site.reached(f)
	return nil
}

// differs stops backups into a target that holds another continuation of the casino.
func (s *Service) differs(at *site, f *finding) {
	name := at.target.String()
	at.mu.Lock()
	news := at.differs == ""
	at.known, at.lineage, at.differs = true, f.lineage, f.differs
	at.hold.Store(holdNothing)
	at.mu.Unlock()
	if !news {
		return
	}
	s.o.Log.Error("the data directory is an older copy of the casino: nothing is written to the target. Stop the casino, and run 'imperio backup restore'", "target", name, "lineage", f.lineage, "found", f.differs)
	s.o.Report(Report{HistoryDiffers, name, fmt.Sprintf(
		"This data directory is an older copy of the casino than %s holds (%s). Nothing is written there any more. Stop the casino, and run 'imperio backup restore': it takes up the newest backup, and begins a new lineage. Bets go on until then.", name, f.differs)})
}

// ship ships what was applied since the last segment.
func (x *shipper) ship(ctx context.Context) error {
	for {
		now := time.Now()
		index, _, head, err := x.source.Position()
		if err != nil {
			return err
		}
		at := x.site.place()
		switch {
		case at.needs || at.differs != "" || at.lineage != LineageName(head.Lineage):
			return nil
		case index <= at.index:
			x.site.caught(now)
			return nil
		}
		n, err := x.gather(ctx, at, index)
		if errors.Is(err, ErrCut) {
			x.cut(at.index)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		all := n.batch.Last == index
		if all && n.commands == 0 && n.batch.Entries < quietEntries {
			x.site.caught(now)
			return nil
		}
		segment, err := x.write(ctx, at, n, &head, all)
		if err != nil {
			return err
		}
		x.site.shipped(segment)
		if all {
			x.site.caught(now)
			return nil
		}
	}
}

// news are entries that a target doesn't have.
type news struct {
	batch    Batch
	commands int
	to       time.Time // the casino's time after the last entry
}

var errEnough = errors.New("the segment is full")

// gather reads the entries after a place, as many as a segment takes.
func (x *shipper) gather(ctx context.Context, at place, to uint64) (*news, error) {
	n := &news{to: at.at}
	err := x.source.Entries(ctx, at.index+1, to, func(e storage.Entry) error {
		if n.batch.Full() {
			return errEnough
		}
		commands, err := e.Commands()
		if err != nil {
			return err
		}
		if len(e.Data) > 0 {
			n.commands += len(commands)
			if t := commands[0].Time; t.After(n.to) {
				n.to = t
			}
		}
		return n.batch.Add(e)
	})
	if err == nil || errors.Is(err, errEnough) {
		if n.batch.First == at.index+1 {
			return n, nil
		}
		err = fmt.Errorf("the log begins with entry %d instead of %d: %w", n.batch.First, at.index+1, ErrCut)
	}
	return nil, err
}

// write writes a segment. If all is set, head is the record after its last entry.
func (x *shipper) write(ctx context.Context, at place, n *news, head *machine.Record, all bool) (SegmentInfo, error) {
	o := &x.service.o
	w := o.Writing
	w.Share, w.Progress = max(w.Share, segmentShare), nil
	return attempt(ctx, x.site, o.Patience, func(ctx context.Context, t Target, _ func()) (SegmentInfo, error) {
		if all {
			return WriteSegment(ctx, t, &n.batch, at.at, head, w)
		}
		return writePartialSegment(ctx, t, &n.batch, at.at, n.to, head, w)
	})
}

// cut notes that the log no longer has what the target needs. A new archive closes the gap.
func (x *shipper) cut(after uint64) {
	o, name := &x.service.o, x.site.target.String()
	if x.site.cut(o.Now()) {
		o.Log.Error("the target has a gap: the log was cut before all was shipped. A new archive closes it", "target", name, "after_index", after)
		o.Report(Report{GapBegun, name, fmt.Sprintf("%s has a gap in time: it was down for so long that the log was cut. A new backup closes it, and is made now.", name)})
	}
	nudge(x.service.wake)
}
