package storage

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"imperio/storage/command"
)

// layer holds changes that are not in state.db yet, by bucket and key. A nil value is a deletion. Values are never
// changed once they are in.
type layer struct {
	changes [bucketCount]map[string][]byte
	bytes   int // a measure of what is held, for back-pressure
}

func newLayer() *layer {
	l := &layer{}
	for b := range l.changes {
		l.changes[b] = make(map[string][]byte)
	}
	return l
}

func (l *layer) put(b bucket, key, value []byte) {
	l.changes[b][string(key)] = value
	l.bytes += len(key) + len(value) + 64 // map and slice headers
}

// keys are the changed keys of a bucket, sorted.
func (l *layer) keys(b bucket) []string {
	keys := make([]string, 0, len(l.changes[b]))
	for k := range l.changes[b] {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// reader reads the state: newest layer first, then state.db as of tx.
type reader struct {
	live, frozen *layer // frozen is nil unless a checkpoint is being written
	tx           *bbolt.Tx
	buckets      [bucketCount]*bbolt.Bucket
	file         string
	head         *MachineRecord // what there is by number: accounts and events
}

func (r *reader) bucket(b bucket) *bbolt.Bucket {
	if r.buckets[b] == nil {
		r.buckets[b] = r.tx.Bucket([]byte(bucketNames[b]))
	}
	return r.buckets[b]
}

// get returns the value under key, or nil. It is valid as long as the reader.
func (r *reader) get(b bucket, key []byte) ([]byte, error) {
	if v, ok := r.live.changes[b][string(key)]; ok {
		return v, nil
	}
	if r.frozen != nil {
		if v, ok := r.frozen.changes[b][string(key)]; ok {
			return v, nil
		}
	}
	bk := r.bucket(b)
	if bk == nil {
		return nil, &DamageError{File: r.file, What: "the table " + bucketNames[b] + " is missing"}
	}
	sealed := bk.Get(key)
	if sealed == nil {
		return nil, nil
	}
	return r.open(b, key, sealed)
}

func (r *reader) open(b bucket, key, sealed []byte) ([]byte, error) {
	v, ok := unseal(b, key, sealed)
	if !ok {
		return nil, &DamageError{File: r.file, What: fmt.Sprintf("the record %x of the table %s fails its checksum", key, bucketNames[b])}
	}
	return v, nil
}

// each visits a bucket's records in the order of their keys, from the key from on, until fn returns an error;
// errStop ends it without one. Keys and values are valid as long as the reader.
func (r *reader) each(b bucket, from []byte, fn func(key, value []byte) error) error {
	bk := r.bucket(b)
	if bk == nil {
		return &DamageError{File: r.file, What: "the table " + bucketNames[b] + " is missing"}
	}
	var changed []string
	if r.frozen != nil {
		changed = r.frozen.keys(b)
	}
	changed = append(changed, r.live.keys(b)...)
	slices.Sort(changed)
	changed = slices.Compact(changed)
	start, _ := slices.BinarySearch(changed, string(from))
	changed = changed[start:]

	cur := bk.Cursor()
	key, sealed := cur.Seek(from)
	for key != nil || len(changed) > 0 {
		var err error
		if len(changed) > 0 && (key == nil || changed[0] <= string(key)) {
			if key != nil && changed[0] == string(key) {
				key, sealed = cur.Next()
			}
			k := []byte(changed[0])
			changed = changed[1:]
			var v []byte
			if v, err = r.get(b, k); err == nil && v != nil {
				err = fn(k, v)
			}
		} else {
			var v []byte
			if v, err = r.open(b, key, sealed); err == nil {
				err = fn(key, v)
			}
			if err == nil {
				key, sealed = cur.Next()
			}
		}
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errStop ends an each early.
var errStop = errors.New("stop")

// load reads and decodes the record under key.
func load[T any](r *reader, b bucket, key []byte) (v T, ok bool, err error) {
	data, err := r.get(b, key)
	if err != nil || data == nil {
		return v, false, err
	}
	if err := decMode.Unmarshal(data, &v); err != nil {
		return v, false, &DamageError{File: r.file, What: fmt.Sprintf("the record %x of the table %s can't be read", key, bucketNames[b]), Err: err}
	}
	return v, true, nil
}

// loadOf reads a record that every account has. ok is false where there is no such account.
func loadOf[T any](r *reader, b bucket, id command.AccountID) (v T, ok bool, err error) {
	v, ok, err = load[T](r, b, accountKey(id))
	if err == nil && !ok && id >= command.FirstAccountID && id < r.head.NextAccount {
		err = r.missing("account %d has no record in the table %s", id, bucketNames[b])
	}
	return v, ok, err
}

// event reads an event of the history. ok is false where the history has not come so far.
func (r *reader) event(seq uint64) (e Event, ok bool, err error) {
	e, ok, err = load[Event](r, bHistory, eventKey(seq))
	if err == nil && !ok && seq >= 1 && seq <= r.head.Events {
		err = r.missing("event %d of the history is missing", seq)
	}
	return e, ok, err
}

// missing is the error of a record that is not there though another one leads to it.
func (r *reader) missing(format string, args ...any) error {
	return &DamageError{File: r.file, What: fmt.Sprintf(format, args...)}
}
