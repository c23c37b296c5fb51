package engine

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// Reader reads the state as of one moment: the newest layer first, then the file. It is valid during the call that it is
// passed to, or until its Snapshot is closed. It is not safe for concurrent use.
type Reader struct {
	schema       *Schema
	path         string
	head         head
	live, frozen *layer // nil: no changes beside the file. frozen is set only while a checkpoint is being written.
	tx           *bbolt.Tx
	buckets      []*bbolt.Bucket // of tx, by table; opened on first use
}

// Applied is the index and term of the newest change.
func (r *Reader) Applied() (index, term uint64) { return r.head.index, r.head.term }

// Record is the owner's record, as of the newest change.
func (r *Reader) Record() []byte { return r.head.record }

// Get returns the value under a key, or nil. The value is valid as long as the reader is.
func (r *Reader) Get(table int, key []byte) ([]byte, error) {
	for _, l := range [2]*layer{r.live, r.frozen} {
		if l == nil {
			continue
		}
		if v, ok := l.changes[table][string(key)]; ok {
			return v, nil
		}
	}
	bk, err := r.bucket(table)
	if err != nil {
		return nil, err
	}
	sealed := bk.Get(key)
	if sealed == nil {
		return nil, nil
	}
	return r.open(table, key, sealed)
}

func (r *Reader) bucket(table int) (*bbolt.Bucket, error) {
	if r.buckets == nil {
		r.buckets = make([]*bbolt.Bucket, len(r.schema.Tables))
	}
	if r.buckets[table] == nil {
		name := r.schema.Tables[table].Name
		bk := r.tx.Bucket([]byte(name))
		if bk == nil {
			return nil, r.Damage("the table "+name+" is missing", nil)
		}
		r.buckets[table] = bk
	}
	return r.buckets[table], nil
}

func (r *Reader) open(table int, key, sealed []byte) ([]byte, error) {
	name := r.schema.Tables[table].Name
	v, ok := Unseal(name, key, sealed)
	if !ok {
		return nil, r.Damage(fmt.Sprintf("the record %x of the table %s fails its checksum", key, name), nil)
	}
	return v, nil
}

// Damage makes the error for a file that does not hold what was written into it. cause may be nil.
func (r *Reader) Damage(what string, cause error) error {
	return &DamageError{File: r.path, What: what, Err: cause}
}

// Each visits a table's records in key order, starting at from. If fn returns an error, Each stops and returns it. Keys and
// values are valid as long as the reader is.
func (r *Reader) Each(table int, from []byte, fn func(key, value []byte) error) error {
	bk, err := r.bucket(table)
	if err != nil {
		return err
	}
	changed := r.changedKeys(table, from)
	cur := bk.Cursor()
	key, sealed := cur.Seek(from)
	for key != nil || len(changed) > 0 {
		if len(changed) > 0 && (key == nil || changed[0] <= string(key)) {
			if key != nil && changed[0] == string(key) {
				key, sealed = cur.Next() // the change replaces it
			}
			k := []byte(changed[0])
			changed = changed[1:]
			v, err := r.Get(table, k)
			if err == nil && v != nil {
				err = fn(k, v)
			}
			if err != nil {
				return err
			}
			continue
		}
		v, err := r.open(table, key, sealed)
		if err == nil {
			err = fn(key, v)
		}
		if err != nil {
			return err
		}
		key, sealed = cur.Next()
	}
	return nil
}

// changedKeys are the keys of a table that the layers change, starting at from, sorted.
func (r *Reader) changedKeys(table int, from []byte) (keys []string) {
	for _, l := range [2]*layer{r.live, r.frozen} {
		if l != nil {
			keys = append(keys, l.keys(table)...)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	start, _ := slices.BinarySearch(keys, string(from))
	return keys[start:]
}

// Writer is a Reader that can change the state.
type Writer struct{ Reader }

// Put stores a value under a key. The caller must not modify the value afterwards.
func (w *Writer) Put(table int, key, value []byte) {
	if value == nil {
		value = []byte{} // nil would be a deletion
	}
	w.live.put(table, key, value)
	w.head.note(changePut, w.schema.Tables[table].Name, key, value)
}

// Delete removes the value under a key, if there is one.
func (w *Writer) Delete(table int, key []byte) {
	w.live.put(table, key, nil)
	w.head.note(changeDelete, w.schema.Tables[table].Name, key, nil)
}

// Digest is the digest of all changes since the state was created, and of the owner's record, which belongs to them.
func (w *Writer) Digest(record []byte) uint64 { return w.head.digestWith(record) }

// SetApplied sets the index and term that the changes so far belong to, and the owner's record after them.
func (w *Writer) SetApplied(index, term uint64, record []byte) {
	w.head.index, w.head.term, w.head.record = index, term, record
}
