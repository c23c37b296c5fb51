package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// Create makes an empty state for an owner, with the owner's first record. It never touches an existing file. The file gets
// its name once it is complete and durable, so an interrupted start never leaves an unreadable file under that name.
func Create(path string, schema *Schema, owner string, record []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create %s: the file exists already", path)
	}
	unfinished := path + ".new" // may be left by an interrupted start; worthless
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("create %s: %w", path, err)
	}
	db, err := bbolt.Open(unfinished, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, t := range schema.Tables {
			if _, err := tx.CreateBucket([]byte(t.Name)); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucket([]byte(metaTable))
		if err != nil {
			return err
		}
		if err := putFormat(meta, schema.Format); err != nil {
			return err
		}
		if err := meta.Put(ownerKey, Seal(metaTable, ownerKey, []byte(owner))); err != nil {
			return err
		}
		return putHead(meta, head{record: record})
	})
	if err = errors.Join(err, db.Close()); err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

func putHead(meta *bbolt.Bucket, h head) error {
	applied := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, h.index), h.term)
	if err := meta.Put(appliedKey, Seal(metaTable, appliedKey, applied)); err != nil {
		return err
	}
	if err := meta.Put(digestKey, Seal(metaTable, digestKey, binary.BigEndian.AppendUint64(nil, h.digest))); err != nil {
		return err
	}
	return meta.Put(recordKey, Seal(metaTable, recordKey, h.record))
}

func putFormat(meta *bbolt.Bucket, version int) error {
	return meta.Put(formatKey, Seal(metaTable, formatKey, binary.BigEndian.AppendUint32(nil, uint32(version))))
}
