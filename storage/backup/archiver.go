package backup

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// archiver makes archives, one after the other, and deletes old backups.
type archiver struct {
	service *Service
	source  Source
	cleaned map[*site]bool // what earlier processes have left is removed
}

// lookEvery is how often schedules are looked at. Clocks may step, so nothing waits longer for a moment to come.
const lookEvery = 10 * time.Second

func (a *archiver) run(ctx context.Context) {
	a.cleaned = make(map[*site]bool)
	for {
		if a.source.Leads() {
			a.round(ctx)
		}
		if !pause(ctx, min(lookEvery, 2*a.service.o.Interval), a.service.wake) {
			return
		}
	}
}

// round makes an archive in each target where one is due.
func (a *archiver) round(ctx context.Context) {
	v := a.service
	v.mu.Lock()
	due := a.due()
	if len(due) == 0 {
		v.mu.Unlock()
		return
	}
	v.archiving = &Work{What: "archive"}
	v.run = RunStatus{Number: v.run.Number + 1, Asked: v.asked, Started: v.o.Now()}
	v.asked = false
	v.mu.Unlock()
	for _, at := range due {
		if ctx.Err() != nil {
			break
		}
		result := a.make(ctx, at)
		if ctx.Err() != nil && result.Error != "" {
			break // the process ends: that is no failure
		}
		v.mu.Lock()
		v.run.Results = append(v.run.Results, result)
		v.mu.Unlock()
	}
	v.mu.Lock()
	v.archiving, v.run.Finished = nil, v.o.Now()
	v.mu.Unlock()
}

// due lists where an archive is to be made now. The service's mutex must be held.
func (a *archiver) due() (due []*site) {
	v, now := a.service, a.service.o.Now()
	v.nextArchive = v.o.Archives.Next(now)
	for _, at := range v.sites {
		at.mu.Lock()
		at.base = v.o.Archives.Anchor(at.base, now)
		scheduled := at.known && v.o.Archives.Due(at.base, now)
		wanted := !v.o.OnDemand && at.differs == "" && (at.known && at.needs || scheduled) && !now.Before(at.retryAt)
		if at.retryAt.After(now.Add(2 * v.o.RetryMost)) {
			at.retryAt = now // the clock went back
		}
		at.mu.Unlock()
		if wanted || v.asked {
			due = append(due, at)
		}
	}
	return due
}

// make makes an archive in a target, and tells how that went.
func (a *archiver) make(ctx context.Context, at *site) ArchiveResult {
	v, began, name := a.service, time.Now(), at.target.String()
	v.mu.Lock()
	v.archiving.Target, v.archiving.Began = name, v.o.Now()
	v.archiving.Done, v.archiving.Total = 0, 0
	v.mu.Unlock()
	result := ArchiveResult{Target: name}
	made, err := a.archive(ctx, at)
	result.Took = time.Since(began)
	if err != nil {
		result.Error = err.Error()
		if ctx.Err() == nil {
			a.failed(at, err)
		}
		return result
	}
	result.Name, result.Bytes, result.Index, result.Time, result.Unchanged = made.info.Object.Name, made.info.Object.Size, made.info.Index, made.info.Time, made.unchanged
	closed := at.archived(made.info, v.o.Now())
	nudge(at.wake)
	if made.unchanged {
		return result
	}
	v.o.Log.Info("a backup was made", "target", name, "archive", result.Name, "bytes", result.Bytes, "index", result.Index, "took", result.Took.Round(time.Millisecond))
	v.o.Report(Report{ArchiveMade, name, fmt.Sprintf("A backup was made: %s in %s, %d bytes, in %s.", result.Name, name, result.Bytes, result.Took.Round(time.Second))})
	if closed {
		v.o.Report(Report{GapClosed, name, fmt.Sprintf("The gap in %s is closed: the new backup holds all.", name)})
	}
	return result
}

func (a *archiver) failed(at *site, err error) {
	v, name := a.service, at.target.String()
	at.mu.Lock()
	at.archiveErr = err
	at.retryAt = v.o.Now().Add(v.backOff(at.failures))
	at.failures++
	first := at.failures == 1
	if at.needs {
		at.making = false
		at.hold.Store(holdNothing)
	}
	at.mu.Unlock()
	at.errors.Add(1)
	if !first {
		v.o.Log.Debug("a backup failed again", "target", name, "error", err)
		return
	}
	v.o.Log.Error("a backup failed; it is tried again", "target", name, "error", err)
	v.o.Report(Report{ArchiveFailed, name, fmt.Sprintf("A backup into %s failed: %v. It is tried again. Bets go on.", name, err)})
}

// made is an archive, and whether it was there already, since nothing has happened since.
type made struct {
	info      ArchiveInfo
	unchanged bool
}

func (a *archiver) archive(ctx context.Context, at *site) (made, error) {
	v := a.service
	if !a.source.Leads() {
		return made{}, errors.New("this node does not lead")
	}
	f, err := attempt(ctx, at, v.o.Patience, func(ctx context.Context, t Target, _ func()) (*finding, error) {
		f, err := v.look(ctx, t, a.source)
		if err == nil && f.differs == "" && !a.cleaned[at] {
			err = t.Clean(ctx, archivesPrefix(v.o.Writing.Casino, f.lineage), v.o.Now())
		}
		return f, err
	})
	if err != nil {
		return made{}, err
	}
	a.cleaned[at] = true
	at.found(f)
	if f.differs != "" {
		v.differs(at, f)
		return made{}, fmt.Errorf("the target holds another continuation of this casino: %s. Stop the casino, and run 'imperio backup restore'", f.differs)
	}
	index, _, _, err := a.source.Position()
	if err != nil {
		return made{}, err
	}
	if f.newest.Index == index {
		return made{f.newest, true}, nil
	}
	at.mu.Lock()
	if at.needs {
		at.hold.Store(index) // from here on, the log continues what the archive will hold
	}
	at.mu.Unlock()
	info, err := a.write(ctx, at)
	if err != nil {
		return made{}, err
	}
	a.prune(ctx, at, f)
	return made{info, false}, nil
}

// write writes the archive. It ends early when the disk gets short: while a snapshot is read, state.db grows.
func (a *archiver) write(ctx context.Context, at *site) (ArchiveInfo, error) {
	v := a.service
	return attempt(ctx, at, v.o.Patience, func(ctx context.Context, t Target, progress func()) (info ArchiveInfo, err error) {
		if err := v.o.Room(0); err != nil {
			return info, err
		}
		snapshot, err := a.source.Snapshot(ctx)
		if err != nil {
			return info, fmt.Errorf("read the state: %w", err)
		}
		defer func() { err = errors.Join(err, snapshot.Close()) }()
		head := snapshot.Machine()
		index, _ := snapshot.Applied()
		at.writing(LineageName(head.Lineage), index, head.At())
		nudge(at.wake)
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		w, looked := v.o.Writing, time.Now()
		w.Progress = func(done, total int64) {
			progress()
			v.progress(&v.archiving, done, total)
			if time.Since(looked) > time.Second {
				looked = time.Now()
				if err := v.o.Room(0); err != nil {
					cancel(err)
				}
			}
		}
		info, _, err = WriteArchive(ctx, t, snapshot, w)
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
			err = cause
		}
		return info, err
	})
}

// progress notes how far the work is.
func (s *Service) progress(work **Work, done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *work != nil { // else the work was left behind
		(*work).Done, (*work).Total = done, total
	}
}
