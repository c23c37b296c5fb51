package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage/boltcheck"
)

// inspect checks that the file exists, has a known format, and is whole. It changes nothing, and runs before bbolt sees the
// file, since bbolt trusts its pages. In a file of more than wholeBelow bytes it checks only the pages at the root, and whole is
// false: prove and the patrol check the rest later.
func inspect(ctx context.Context, path string, schema *Schema, wholeBelow int64) (version int, whole bool, err error) {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, fmt.Errorf("%s is missing, though this directory holds a casino. Put the file back, or restore the casino from a backup into an empty directory. Nothing was changed", path)
	case err != nil:
		return 0, false, fmt.Errorf("look at %s: %w", path, err)
	case !fi.Mode().IsRegular():
		return 0, false, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, false, fmt.Errorf("look at %s: %w", path, err)
	}
	defer f.Close()
	if err := lockForReading(f, path); err != nil {
		return 0, false, err
	}
	if fi, err = f.Stat(); err != nil { // its size, now that nobody writes to it
		return 0, false, fmt.Errorf("look at %s: %w", path, err)
	}
	if fi.Size() <= wholeBelow {
		version, err = verify(contextReader{ctx, f}, path, fi.Size(), schema)
		return version, true, err
	}
	errSeen := errors.New("seen enough")
	_, err = boltcheck.Check(f, fi.Size(), boltcheck.Visitor{Bucket: func(string, uint64) error { return errSeen }})
	if err != nil && !errors.Is(err, errSeen) {
		return 0, false, pageDamage(path, err)
	}
	if err := f.Close(); err != nil {
		return 0, false, fmt.Errorf("look at %s: %w", path, err)
	}
	db, err := openFile(path, true)
	if err != nil {
		return 0, false, err
	}
	err = Guard(path, func() error {
		return db.View(func(tx *bbolt.Tx) (err error) {
			meta := tx.Bucket([]byte(metaTable))
			if meta == nil {
				return &DamageError{File: path, What: "its tables are missing"}
			}
			version, err = schema.formatOf(path, meta.Get(formatKey))
			return err
		})
	})
	return version, false, errors.Join(err, db.Close())
}

// contextReader ends a long check of a file with its context.
type contextReader struct {
	ctx context.Context
	io.ReaderAt
}

func (r contextReader) ReadAt(b []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReaderAt.ReadAt(b, at)
}

// checkAllBelow is the file size in bytes up to which every record is checked at opening. Reading that much takes a small
// part of a second.
const checkAllBelow = 64 << 20

// lockForReading takes the lock that bbolt takes, so that nobody writes to the file during the check.
func lockForReading(f *os.File, path string) error {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		if time.Now().After(deadline) {
			return inUse(path)
		}
	}
}

// lockPatience is how long an opening process waits for another one that is about to close the file.
const lockPatience = time.Second

func inUse(path string) error {
	return fmt.Errorf("%s is in use by another process. Stop the casino that runs on this directory, or choose another with --data-dir", path)
}

func pageDamage(path string, err error) error {
	if structure := (*boltcheck.Error)(nil); errors.As(err, &structure) {
		return &DamageError{File: path, What: "its pages are inconsistent", Err: err}
	}
	return fmt.Errorf("look at %s: %w", path, err)
}

// formatOf reads the format version of a file. It refuses one that this build neither reads nor migrates.
func (s *Schema) formatOf(path string, sealed []byte) (int, error) {
	v, ok := Unseal(metaTable, formatKey, sealed)
	if !ok || len(v) != 4 {
		return 0, &DamageError{File: path, What: "its format version can't be read"}
	}
	version := int(binary.BigEndian.Uint32(v))
	if version > s.Format {
		return 0, &NewerFormatError{path, version, s.Format}
	}
	return version, nil
}

// NewerFormatError says that a file in the data directory has a format version that this build does not know.
type NewerFormatError struct {
	File           string
	Version, Known int
}

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("%s has format version %d, and this imperio reads up to %d: it was written by a newer one. Run that version, or restore a backup made by this one. Nothing was changed", e.File, e.Version, e.Known)
}

// verify checks the pages of the file and the checksum of every record, and returns its format version.
func verify(f io.ReaderAt, path string, size int64, schema *Schema) (version int, err error) {
	var (
		there  = make(map[string]bool)
		format []byte
		bad    error
	)
	_, err = boltcheck.Check(f, size, boltcheck.Visitor{
		Bucket: func(name string, _ uint64) error {
			there[name] = true
			return nil
		},
		Item: func(name string, k, v []byte) error {
			if name == metaTable && string(k) == string(formatKey) {
				format = slices.Clone(v)
			}
			if _, ok := Unseal(name, k, v); !ok && bad == nil {
				bad = &DamageError{File: path, What: fmt.Sprintf("the record %x of the table %s fails its checksum", k, name)}
			}
			return nil
		},
	})
	if err != nil {
		return 0, pageDamage(path, err)
	}
	if !there[metaTable] {
		return 0, &DamageError{File: path, What: "its tables are missing"}
	}
	if version, err = schema.formatOf(path, format); err != nil {
		return 0, err
	}
	for _, t := range schema.Tables {
		if version == schema.Format && bad == nil && !there[t.Name] {
			bad = &DamageError{File: path, What: "the table " + t.Name + " is missing"}
		}
	}
	return version, bad
}
