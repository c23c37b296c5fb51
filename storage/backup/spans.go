package backup

import (
	"fmt"
	"time"
)

// Span is an unbroken stretch of a lineage. The casino can be restored to its state after any entry in it, and at any moment.
type Span struct {
	First uint64    `json:"first_index"` // entries of the log
	Last  uint64    `json:"last_index"`
	From  time.Time `json:"from"` // the casino's time after both
	To    time.Time `json:"to"`
}

// Hole is a stretch of a lineage that can't be restored: entries of the log are missing, and no archive follows at once.
type Hole struct {
	First uint64    `json:"first_index"` // the states after these entries can't be restored
	Last  uint64    `json:"last_index"`
	From  time.Time `json:"from"` // nor those after From and before To
	To    time.Time `json:"to"`
	Why   string    `json:"why"` // a sentence without its full stop
}

// wholeEnough leaves out objects that are too short for any backup, such as empty ones.
func wholeEnough(o Object) bool { return o.Size >= int64(len(opening)+footerSize) }

// Spans lists what of a lineage can be restored, as the names of its objects say, and the holes after each span. A newer
// archive ends a gap.
func (l *LineageInventory) Spans() (spans []Span, holes []Hole) {
	segments := l.Segments
	for _, a := range l.Archives {
		if !wholeEnough(a.Object) {
			continue
		}
		if n := len(spans); n == 0 || a.Index > spans[n-1].Last+1 {
			spans = append(spans, Span{First: a.Index, Last: a.Index, From: a.Time, To: a.Time})
		} else if s := &spans[n-1]; a.Index > s.Last {
			s.Last, s.To = a.Index, a.Time
		}
		s := &spans[len(spans)-1]
		for len(segments) > 0 && segments[0].First <= s.Last+1 {
			if next := segments[0]; next.Last > s.Last && wholeEnough(next.Object) {
				s.Last, s.To = next.Last, next.To
			}
			segments = segments[1:]
		}
	}
	for i := range spans {
		if g, ok := l.holeAfter(spans, i); ok {
			holes = append(holes, g)
		}
	}
	return spans, holes
}

// holeAfter is the gap after a span; false if nothing comes after it.
func (l *LineageInventory) holeAfter(spans []Span, i int) (g Hole, ok bool) {
	s := spans[i]
	g = Hole{First: s.Last + 1, From: s.To}
	var missing uint64 // the last entry that is missing right after the span
	for _, next := range l.Segments {
		if next.First > s.Last+1 && wholeEnough(next.Object) {
			if missing == 0 {
				missing = next.First - 1
			}
			g.Last, g.To = max(g.Last, next.Last), newer(g.To, next.To)
		}
	}
	if i+1 < len(spans) {
		next := spans[i+1]
		g.Last, g.To = next.First-1, next.From
		if missing == 0 || missing >= next.First-1 {
			g.Why = fmt.Sprintf("entries %d to %d are in no segment: the log was cut before they were shipped, or the segment is gone", g.First, g.Last)
			return g, true
		}
	}
	if missing == 0 {
		return g, false
	}
	g.Why = fmt.Sprintf("the segment with entries %d to %d is missing", g.First, missing)
	return g, true
}

func newer(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
