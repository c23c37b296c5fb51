package storage

import (
	"context"
	"slices"
	"sort"
	"strings"

	"imperio/storage/command"
	"imperio/storage/machine"
)

// History lists events of the history, newest first. A page reads at most chainMost events, so it may end early. next is the
// cursor of the next page; 0: there is none.
func (s *Store) History(ctx context.Context, q command.HistoryQuery) (list []command.Event, next uint64, err error) {
	f := historyFilter{q, strings.ToLower(q.Actor)}
	if q.Account != 0 {
		return s.accountHistory(ctx, f)
	}
	if next = q.Cursor; next == 0 {
		if next, err = s.newestBefore(q); err != nil {
			return nil, 0, err
		}
	}
	for seen := 0; next != 0 && seen < chainMost; {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		err := s.view(func(r *machine.Reader) error {
			for range chainStep {
				if next == 0 {
					return nil
				}
				e, ok, err := r.Event(next)
				if err != nil {
					return err
				} else if !ok {
					return machine.ErrNoCursor
				}
				if !f.reaches(&e) {
					next = 0
					return nil
				}
				if f.matches(&e) {
					if len(list) == q.Limit {
						seen = chainMost
						return nil
					}
					list = append(list, e.Tell())
				}
				next--
				seen++
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return list, next, nil
}

// accountHistory reads the account's chain.
func (s *Store) accountHistory(ctx context.Context, f historyFilter) (list []command.Event, next uint64, err error) {
	over := false
	next, err = s.walk(ctx, f.Account, nil, f.Cursor, func(_ *machine.Reader, e *machine.Event) (bool, error) {
		if !f.reaches(e) {
			over = true
			return false, nil
		}
		if f.matches(e) {
			if len(list) == f.Limit {
				return false, nil
			}
			list = append(list, e.Tell())
		}
		return true, nil
	})
	if over {
		next = 0
	}
	return list, next, err
}

// newestBefore is the newest event that a query can match; 0: there is none. Time never goes back in the history.
func (s *Store) newestBefore(q command.HistoryQuery) (event uint64, err error) {
	event, _ = s.Head()
	if q.Before != 0 {
		event = min(event, q.Before-1)
	}
	if q.Until.IsZero() {
		return event, nil
	}
	later := sort.Search(int(event), func(i int) bool {
		var e machine.Event
		if err == nil {
			e, _, err = find(s, func(r *machine.Reader) (machine.Event, bool, error) { return r.Event(uint64(i) + 1) })
		}
		return e.Time >= q.Until.UnixMilli()
	})
	return uint64(later), err
}

// historyFilter is a query with what is prepared for it.
type historyFilter struct {
	command.HistoryQuery
	actor string // in lower case
}

// reaches reports whether the event, or an older one, can match.
func (f *historyFilter) reaches(e *machine.Event) bool {
	return e.Seq > f.After && (f.Since.IsZero() || e.Time >= f.Since.UnixMilli())
}

func (f *historyFilter) matches(e *machine.Event) bool {
	switch {
	case f.Before != 0 && e.Seq >= f.Before, !f.Until.IsZero() && e.Time >= f.Until.UnixMilli():
		return false
	case f.Kinds != nil && !slices.Contains(f.Kinds, e.Kind.String()):
		return false
	case f.Acts && e.Act == nil:
		return false
	case f.actor != "":
		return e.Act != nil && strings.Contains(strings.ToLower(e.Act.Actor), f.actor)
	}
	return true
}
