package engine

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// Migration takes a file from one format version to the next. It runs in the transaction that also writes the new version,
// so a crash leaves either the old file or the new one. Migrations are never removed: any later build can open any released
// file.
type Migration func(*bbolt.Tx) error

// Migrating is a file that is about to be brought up to a newer format.
type Migrating struct {
	Path     string
	From, To int    // format versions
	Applied  uint64 // index of the newest change in it
}

// beforeMigration calls a function of the owner.
func beforeMigration(db *bbolt.DB, path string, from, to int, call func(Migrating) error) error {
	if call == nil {
		return nil
	}
	return Guard(path, func() error {
		m := Migrating{Path: path, From: from, To: to}
		err := db.View(func(tx *bbolt.Tx) error {
			h, err := readHead(tx, path)
			m.Applied = h.index
			return err
		})
		if err != nil {
			return err
		}
		if err := call(m); err != nil {
			return fmt.Errorf("before %s is brought up to format version %d: %w. Nothing was changed", path, to, err)
		}
		return nil
	})
}

// migrate brings a file up to format version to.
func migrate(db *bbolt.DB, steps map[int]Migration, to int) error {
	return db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(metaTable))
		v, ok := Unseal(metaTable, formatKey, meta.Get(formatKey))
		if !ok || len(v) != 4 {
			return fmt.Errorf("its format version can't be read")
		}
		from := int(binary.BigEndian.Uint32(v))
		for ; from < to; from++ {
			step := steps[from]
			if step == nil {
				return fmt.Errorf("there is no step from format version %d to %d", from, from+1)
			}
			if err := step(tx); err != nil {
				return fmt.Errorf("step from format version %d to %d: %w", from, from+1, err)
			}
		}
		return putFormat(meta, to)
	})
}
