package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// stateFile is an open file that holds the state. Replace puts another one in its place.
type stateFile struct {
	db       *bbolt.DB
	raw      *os.File      // the same file, for reading past bbolt
	proven   chan struct{} // closed when the file's structure is proven; nothing is written before that
	replaced chan struct{} // closed when another file has taken its place
}

// openState checks and opens a file, and brings it up to the schema's format. A file of up to wholeBelow bytes is checked
// completely; the structure of a larger one remains to be proven. The file is as it was if an error is returned.
func openState(ctx context.Context, path string, schema *Schema, opts *Options, wholeBelow int64) (*stateFile, error) {
	version, whole, err := inspect(ctx, path, schema, wholeBelow)
	if err != nil {
		return nil, err
	}
	if opts.ReadOnly && version < schema.Format {
		return nil, fmt.Errorf("%s has format version %d; start the casino once, so that it is brought up to version %d", path, version, schema.Format)
	}
	db, err := openFile(path, opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	if err := checkOwner(db, path, opts.Owner); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if version < schema.Format {
		if err := beforeMigration(db, path, version, schema.Format, opts.BeforeMigration); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		opts.Logger.Info("bringing the state up to a newer format", "file", path, "from", version, "to", schema.Format)
		if err := migrate(db, schema.Migrations, schema.Format); err != nil {
			return nil, errors.Join(fmt.Errorf("bring %s up to format version %d: %w. Nothing was changed", path, schema.Format, err), db.Close())
		}
	}
	raw, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	f := &stateFile{db: db, raw: raw, proven: make(chan struct{}), replaced: make(chan struct{})}
	if whole {
		close(f.proven)
	}
	return f, nil
}

// load reads the head, and lets the owner check the state.
func (f *stateFile) load(path string, schema *Schema, check func(*Reader) error) (h head, err error) {
	err = Guard(path, func() error {
		return f.db.View(func(tx *bbolt.Tx) (err error) {
			if h, err = readHead(tx, path); err != nil {
				return err
			}
			return check(&Reader{schema: schema, path: path, head: h, tx: tx})
		})
	})
	return h, err
}

// close closes the file once nobody reads it any more.
func (f *stateFile) close() error { return errors.Join(f.db.Close(), f.raw.Close()) }

func (f *stateFile) isProven() bool { return isClosed(f.proven) }

func (f *stateFile) isReplaced() bool { return isClosed(f.replaced) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// checkOwner refuses a file of another owner.
func checkOwner(db *bbolt.DB, path, want string) error {
	return Guard(path, func() error {
		return db.View(func(tx *bbolt.Tx) error {
			got, err := metaValue(tx, path, ownerKey)
			if err != nil || want == "" || string(got) == want {
				return err
			}
			return fmt.Errorf("%s belongs to %q, and this directory to %q. Files of different data directories were mixed: put the right one back. Nothing was changed",
				path, got, want)
		})
	})
}

// metaValue reads a value of the engine's own table.
func metaValue(tx *bbolt.Tx, path string, key []byte) ([]byte, error) {
	meta := tx.Bucket([]byte(metaTable))
	if meta == nil {
		return nil, &DamageError{File: path, What: "the table " + metaTable + " is missing"}
	}
	v, ok := Unseal(metaTable, key, meta.Get(key))
	if !ok {
		return nil, &DamageError{File: path, What: fmt.Sprintf("the record %x of the table %s fails its checksum", key, metaTable)}
	}
	return v, nil
}

// readHead reads what the last checkpoint wrote beside the tables.
func readHead(tx *bbolt.Tx, path string) (h head, err error) {
	applied, err := metaValue(tx, path, appliedKey)
	if err != nil {
		return h, err
	}
	if len(applied) != 16 {
		return h, &DamageError{File: path, What: fmt.Sprintf("the applied index and term take %d bytes instead of 16", len(applied))}
	}
	h.index, h.term = binary.BigEndian.Uint64(applied), binary.BigEndian.Uint64(applied[8:])
	digest, err := metaValue(tx, path, digestKey)
	if err != nil {
		return h, err
	}
	if len(digest) != 8 {
		return h, &DamageError{File: path, What: fmt.Sprintf("the digest of its changes takes %d bytes instead of 8", len(digest))}
	}
	h.digest = binary.BigEndian.Uint64(digest)
	record, err := metaValue(tx, path, recordKey)
	h.record = append([]byte{}, record...) // must outlive the transaction
	return h, err
}

// openFile opens the file for use: every commit is synced, with the free list, so that opening is quick even after a crash.
func openFile(path string, readOnly bool) (*bbolt.DB, error) {
	size := int64(0)
	if info, err := os.Stat(path); err == nil { // if not, bbolt says why
		size = info.Size()
	}
	db, err := openWith(path, readOnly, mappedFor(size))
	if errors.Is(err, syscall.ENOMEM) { // address space is limited: let the file be remapped as it grows
		db, err = openWith(path, readOnly, 0)
	}
	switch errno := syscall.Errno(0); {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, inUse(path)
	case errors.As(err, new(*fs.PathError)):
		return nil, fmt.Errorf("open %s: %w", path, err)
	case errors.As(err, &errno):
		return nil, fmt.Errorf("map %s into memory: %w. The file is not damaged: the system refuses this process. Look at its limits (ulimit -v, the container's memory, locked memory) and start again", path, err)
	case IsDamage(err):
		return nil, err
	case err != nil:
		return nil, &DamageError{File: path, What: "it can't be opened", Err: err}
	}
	return db, nil
}

func openWith(path string, readOnly bool, mapped int) (db *bbolt.DB, err error) {
	err = Guard(path, func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         lockPatience,
			FreelistType:    bbolt.FreelistMapType,
			PreLoadFreelist: true, // a damaged free list shows here, not at the first write
			InitialMmapSize: mapped,
			ReadOnly:        readOnly,
		})
		return err
	})
	return db, err
}

// mappedFor is how much address space is set aside for a file of some size, in bytes. A file that outgrows it is remapped, and
// that waits for all readers: a backup that reads a snapshot for an hour would stall every checkpoint. So there is room for
// four times the file. It is not memory. A 32-bit program has less of it.
func mappedFor(size int64) int {
	return int(min(max(leastMapped, 4*size), math.MaxInt/8))
}

const leastMapped = 16 << 30
