package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"imperio/storage"
)

// Restoring says how a state is restored.
type Restoring struct {
	// Open opens the state in a directory. key is the casino's key if the archive holds it, else nil. The error wraps
	// storage.ErrWrongKey if the key is not the casino's.
	Open func(dir string, key []byte, o storage.Options) (*storage.Store, error)
	// Identities open what is encrypted.
	Identities []age.Identity
	// Progress is called from time to time from one goroutine at a time. phase is what is being done; done and total are
	// bytes, or entries of the log. May be nil.
	Progress func(phase Phase, done, total int64)
	// Passed is told each damaged backup that another one took the place of. May be nil.
	Passed func(*DamageError)
}

// Phase is a part of the work of a restore.
type Phase string

// The phases.
const (
	PhaseState  Phase = "state"  // the archive's state is written, in bytes
	PhaseReplay Phase = "replay" // the segments are applied, in entries
	PhaseAfter  Phase = "after"  // what came after the moment is counted, in entries
)

func (o *Restoring) progress(p Phase, done, total int64) {
	if o.Progress != nil {
		o.Progress(p, done, total)
	}
}

// Restored is a state that was restored into a directory.
type Restored struct {
	Plan        *Plan
	Index, Term uint64 // of the last entry in it
	Position    Position
	Key         []byte // the casino's key, if the archive holds it
	Commands    uint64 // that were applied above the archive

	StateTook, ReplayTook time.Duration // to fetch and write the state, and to fetch and apply the segments
}

// replayCheckpointBytes is how much changed state a replay gathers before it is written: twice what a casino in service uses,
// since nobody waits for an answer. Up to four times as much may be in memory.
const replayCheckpointBytes = 64 << 20

// Restore carries out a plan: it writes the state into an empty directory. If a backup turns out to be damaged, it begins
// again without it, where others can take its place. After an error, or when ctx ends, the directory is empty again. The
// caller makes it durable that the directory is there.
func Restore(ctx context.Context, t Target, p *Plan, dir string, o Restoring) (*Restored, error) {
	for {
		r, err := p.restore(ctx, t, dir, &o)
		if err == nil {
			return r, nil
		}
		if clean := empty(dir); clean != nil {
			return nil, errors.Join(err, clean)
		}
		damage, isDamage := errors.AsType[*DamageError](err)
		object, known := p.objectOf(t, damage)
		if !isDamage || !known || object == p.Request.Archive || ctx.Err() != nil {
			return nil, err
		}
		again, none := MakePlan(ctx, t, p.Request.without(object))
		if none != nil {
			return nil, fmt.Errorf("%w. Without it: %w", err, none)
		}
		if o.Passed != nil {
			o.Passed(damage)
		}
		p = again
	}
}

// objectOf finds the object of a plan that is damaged.
func (p *Plan) objectOf(t Target, damage *DamageError) (name string, ok bool) {
	if damage == nil {
		return "", false
	}
	if damage.What == nameOf(t, p.Archive.Object) {
		return p.Archive.Object.Name, true
	}
	for _, s := range p.Segments {
		if damage.What == nameOf(t, s.Object) {
			return s.Object.Name, true
		}
	}
	return "", false
}

// empty removes what is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

func (p *Plan) restore(ctx context.Context, t Target, dir string, o *Restoring) (_ *Restored, err error) {
	r := &Restored{Plan: p}
	what := nameOf(t, p.Archive.Object)
	began := time.Now()
	r.Key, err = ExtractArchive(ctx, t, p.Archive.Object, &p.Manifest, o.Identities, dir, func(done, total int64) { o.progress(PhaseState, done, total) })
	if err != nil {
		return nil, err
	}
	r.StateTook = time.Since(began)
	store, err := o.Open(dir, r.Key, storage.Options{Owner: p.Casino, CheckpointBytes: replayCheckpointBytes, CheckpointInterval: time.Minute})
	if err != nil {
		if storage.IsDamage(err) { // its checksum is right: it was damaged before it was backed up
			err = damaged(what, "%v", err)
		}
		return nil, err
	}
	defer func() {
		if store != nil {
			err = errors.Join(err, store.Close())
		}
	}()
	y := replay{store: store, plan: p}
	if err := y.begin(); err != nil {
		return nil, err
	}
	if y.index != p.Archive.Index {
		return nil, damaged(what, "its state is that after entry %d, not %d", y.index, p.Archive.Index)
	}
	if why := y.position.Differs(p.Manifest.Position); why != "" || LineageName(y.lineage) != p.Lineage {
		return nil, damaged(what, "its state is not that of its manifest: %s", orLineage(why, y.lineage))
	}
	began = time.Now()
	if err := y.run(ctx, t, o); err != nil {
		return nil, err
	}
	if len(p.Segments) > 0 { // else nothing has changed, and the state may be open for reading only
		if _, err := store.Checkpoint(ctx); err != nil {
			return nil, fmt.Errorf("write the restored state: %w", err)
		}
	}
	r.ReplayTook = time.Since(began)
	closing := store
	store = nil
	if err := closing.Close(); err != nil {
		return nil, fmt.Errorf("close the restored state: %w", err)
	}
	r.Index, r.Term, r.Position, r.Commands = y.index, y.term, y.position, y.commands
	return r, nil
}

func orLineage(why, lineage string) string {
	if why != "" {
		return why
	}
	return "it is of the lineage " + LineageName(lineage)
}
