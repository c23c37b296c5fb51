package storage_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"imperio/storage"
	"imperio/storage/engine"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// A row whose record is lost could be imported again, and its coins with it. A patrol tells before that happens.
func TestPatrol_FindsARowThatIsNotKeptAsItWasImported(t *testing.T) {
	key := storagetest.ImportKey("older", 2)
	put := func(b *bbolt.Bucket, key []byte, r machine.ImportRecord) error {
		data, err := storagetest.Encode(r)
		if err != nil {
			return err
		}
		return b.Put(key, engine.Seal("imports", key, data))
	}
	for what, damage := range map[string]func(b *bbolt.Bucket) error{
		"event 2, which imported row 2 of older, is not found in the table imports": func(b *bbolt.Bucket) error { return b.Delete(key) },
		"event 1 does not import row 3 of older as account 1000": func(b *bbolt.Bucket) error {
			return put(b, storagetest.ImportKey("older", 3), machine.ImportRecord{Account: 1000, Event: 1})
		},
		"event 9 does not import row 4 of older as account 1000": func(b *bbolt.Bucket) error {
			return put(b, storagetest.ImportKey("older", 4), machine.ImportRecord{Account: 1000, Event: 9})
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := storagetest.NewIn(t, memoryDir(t), 1, byHand)
			c.One(importing(c, "older", imported(1, "ann", 100, 20), imported(2, "ben", 50, 0)))
			c.Checkpoint()
			dir := c.Dir()
			c.Abandon()
			db, err := bbolt.Open(filepath.Join(dir, storage.StateFile), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error { return damage(tx.Bucket([]byte("imports"))) })
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			s, err := storage.Open(dir, storagetest.Keys, always)
			if err != nil {
				t.Fatal(err)
			}
			if err := damagedBy(t, s); !strings.Contains(err.Error(), what) {
				t.Errorf("%v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
