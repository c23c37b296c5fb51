package backup

import (
	"context"
	"fmt"

	"imperio/storage"
)

// replay applies the entries of segments to a state.
type replay struct {
	store       *storage.Store
	plan        *Plan
	index, term uint64 // of the last entry that was applied
	position    Position
	lineage     string
	commands    uint64
	batch       []storage.Command
	ended       bool // at the moment
}

// replayBatch is how many commands are applied at once.
const replayBatch = 4096

// begin takes the state as it is.
func (y *replay) begin() error {
	index, term, record, err := y.store.Position()
	if err != nil {
		return fmt.Errorf("read the restored state: %w", err)
	}
	y.index, y.term, y.position, y.lineage = index, term, PositionOf(&record, storage.FormatVersion), record.Lineage
	return nil
}

// run applies the plan's segments up to its moment.
func (y *replay) run(ctx context.Context, t Target, o *Restoring) error {
	p := y.plan
	if len(p.Segments) == 0 {
		return nil
	}
	from := y.index
	total := int64(p.Segments[len(p.Segments)-1].Last - from)
	if i := p.Request.Index; i != 0 {
		total = int64(i - from)
	}
	return fetchSegments(ctx, t, p.Segments, o.Identities, func(f *coming) error {
		what := nameOf(t, f.info.Object)
		for i := range f.entries {
			if y.ended {
				break
			}
			if err := y.take(&f.entries[i], what); err != nil {
				return err
			}
			if len(y.batch) >= replayBatch {
				if err := y.apply(); err != nil {
					return err
				}
				o.progress(PhaseReplay, int64(y.index-from), total)
				if err := ctx.Err(); err != nil {
					return err
				}
			}
		}
		if err := y.apply(); err != nil {
			return err
		}
		if err := y.begin(); err != nil {
			return err
		}
		o.progress(PhaseReplay, int64(y.index-from), total)
		if y.index != f.info.Last {
			return nil // the moment is within the segment
		}
		if why := y.position.Differs(f.manifest.Position); why != "" {
			return damaged(what, "after its last entry %s. It belongs to another history", why)
		}
		return nil
	})
}

// take adds the commands of an entry to the batch, unless they are in the state already, or after the moment.
func (y *replay) take(e *storage.Entry, what string) error {
	if e.Index < y.index {
		return nil
	}
	if e.Index == y.index {
		if e.Term != y.term {
			return damaged(what, "its entry %d is of term %d, where the state before has term %d. It belongs to another history", e.Index, e.Term, y.term)
		}
		return nil
	}
	if e.Index != y.index+1 || e.Term < y.term {
		return damaged(what, "its entry %d of term %d can't follow entry %d of term %d", e.Index, e.Term, y.index, y.term)
	}
	commands, err := e.Commands()
	if err != nil {
		return damaged(what, "%v", err)
	}
	if y.plan.Request.after(e.Index, commands) {
		y.ended = true
		return nil
	}
	if len(e.Data) > 0 {
		y.commands += uint64(len(commands))
	}
	y.batch = append(y.batch, commands...)
	y.index, y.term = e.Index, e.Term
	return nil
}

// after reports whether an entry is after the moment.
func (m *Moment) after(index uint64, commands []storage.Command) bool {
	if m.Index != 0 {
		return index > m.Index
	}
	// Every command of an entry has its time. The log's own entries have none.
	return !m.At.IsZero() && len(commands) > 0 && commands[0].Time.After(m.At)
}

func (y *replay) apply() error {
	if len(y.batch) == 0 {
		return nil
	}
	if _, err := y.store.Apply(y.batch); err != nil {
		return fmt.Errorf("replay up to entry %d: %w", y.index, err)
	}
	clear(y.batch)
	y.batch = y.batch[:0]
	return nil
}
