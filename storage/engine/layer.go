package engine

import "slices"

// layer holds changes that are not in the file yet, by table and key. A nil value is a deletion. Values are never modified.
type layer struct {
	changes []map[string][]byte
	bytes   int // roughly how much memory the changes take, for back-pressure
}

func newLayer(tables int) *layer {
	l := &layer{changes: make([]map[string][]byte, tables)}
	for t := range l.changes {
		l.changes[t] = make(map[string][]byte)
	}
	return l
}

func (l *layer) put(table int, key, value []byte) {
	l.changes[table][string(key)] = value
	l.bytes += len(key) + len(value) + 64 // map and slice headers
}

// keys are the changed keys of a table, sorted.
func (l *layer) keys(table int) []string {
	keys := make([]string, 0, len(l.changes[table]))
	for k := range l.changes[table] {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// head is what the engine keeps beside the tables: the applied index and term, the owner's record at that point, and the
// digest of all changes up to it.
type head struct {
	index, term uint64
	record      []byte
	digest      uint64
}

// checkpoint is the head as a checkpoint.
func (h head) checkpoint() Checkpoint {
	return Checkpoint{Index: h.index, Term: h.term, Record: h.record}
}
