package backup

import (
	"fmt"
	"strings"
)

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
