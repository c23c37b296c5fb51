package machine

import (
	"errors"
	"fmt"

	"imperio/games"
	"imperio/storage/command"
)

// View reads the tables of a state as of one moment. It is for one goroutine.
type View interface {
	// Get returns the value under a key, or nil. The value must not be modified, and is valid as long as the view is.
	Get(table int, key []byte) ([]byte, error)
	// Each visits a table's values in key order, starting at from. If fn returns an error, Each stops and returns it.
	Each(table int, from []byte, fn func(key, value []byte) error) error
	// Damage makes the error for a state that does not hold what was written into it. cause may be nil.
	Damage(what string, cause error) error
}

// State is a view that can be changed. Its own changes are visible at once.
type State interface {
	View
	// Put stores a value under a key. Neither side may modify the value afterwards.
	Put(table int, key, value []byte)
	// Delete removes the value under a key, if there is one.
	Delete(table int, key []byte)
}

// House is what the meaning of records depends on beside the state.
type House struct {
	Games *games.Catalogue // all games that were ever played
	// OpenSeed opens a sealed server seed with the casino's key. It is a pure function; ok is false for a seed that is not
	// sealed with that key, or damaged. It is nil where the key is not known: then nothing can be applied, and open rounds
	// can't be read.
	OpenSeed func(command.SealedSeed) (seed command.Seed, ok bool)
}

// ErrNoKey says that the casino's key is needed, and not known.
var ErrNoKey = errors.New("the casino's key is needed for this")

// Reader reads the records of a state as of one moment. It is for one goroutine.
type Reader struct {
	view  View
	head  *Record // the machine's record, which says how many accounts and events there are
	house House
}

// NewReader makes a reader of a view. head is the machine's record in it.
func NewReader(view View, head *Record, house House) *Reader { return &Reader{view, head, house} }

// Head is the machine's record.
func (r *Reader) Head() *Record { return r.head }

// load reads and decodes the record under key.
func load[T any](r *Reader, table int, key []byte) (v T, ok bool, err error) {
	data, err := r.view.Get(table, key)
	if err != nil || data == nil {
		return v, false, err
	}
	if err := decMode.Unmarshal(data, &v); err != nil {
		return v, false, unreadable(r.view, table, key, err)
	}
	return v, true, nil
}

// loadOf reads a record that every account has. ok is false if there is no such account.
func loadOf[T any](r *Reader, table int, id command.AccountID) (v T, ok bool, err error) {
	v, ok, err = load[T](r, table, accountKey(id))
	if err == nil && !ok && id >= command.FirstAccountID && id < r.head.NextAccount {
		err = r.Damage("account %d has no record in the table %s", id, tableNames[table])
	}
	return v, ok, err
}

// each visits a table's records, decoded, in key order.
func each[T any](r *Reader, table int, from []byte, fn func(key, stored []byte, v *T) error) error {
	return r.view.Each(table, from, func(k, data []byte) error {
		var v T
		if err := decMode.Unmarshal(data, &v); err != nil {
			return unreadable(r.view, table, k, err)
		}
		return fn(k, data, &v)
	})
}

func unreadable(v View, table int, key []byte, err error) error {
	return v.Damage(fmt.Sprintf("the record %x of the table %s can't be read", key, tableNames[table]), err)
}

// Damage returns the error of a state that contradicts itself, e.g. if a record is missing that another one leads to.
func (r *Reader) Damage(format string, args ...any) error {
	return r.view.Damage(fmt.Sprintf(format, args...), nil)
}
