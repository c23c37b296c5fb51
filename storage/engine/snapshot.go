package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
)

// Snapshot is the state at one moment, for long reads: updates go on meanwhile, and the file may even be replaced. It must be
// closed. It is not safe for
// concurrent use.
type Snapshot struct {
	r    Reader
	db   *DB
	file *stateFile
}

// Snapshot writes a checkpoint and returns a snapshot of it. In read-only mode it returns a snapshot of the newest state,
// which must not be updated while the snapshot is open.
func (d *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	if !d.opts.ReadOnly {
		if _, err := d.Checkpoint(ctx); err != nil {
			return nil, err
		}
	}
	return d.LastSnapshot()
}

// LastSnapshot returns a snapshot of the newest checkpoint so far, without waiting for the disk.
func (d *DB) LastSnapshot() (*Snapshot, error) {
	s := &Snapshot{r: Reader{schema: d.schema, path: d.path}, db: d}
	err := s.guard(func() (err error) {
		if s.file, s.r.tx, err = d.begin(); err != nil {
			return err
		}
		if d.opts.ReadOnly {
			s.r.live, s.r.head = d.live, d.head
			return nil
		}
		s.r.head, err = readHead(s.r.tx, d.path)
		return err
	})
	if err != nil {
		if s.r.tx != nil {
			err = errors.Join(err, s.r.tx.Rollback())
		}
		return nil, err
	}
	return s, nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() error { return s.r.tx.Rollback() }

// View runs fn over the snapshot. fn may take long.
func (s *Snapshot) View(fn func(*Reader) error) error {
	return s.guard(func() error { return fn(&s.r) })
}

// guard runs fn. Damage ends the state's service, unless another file has replaced the snapshot's.
func (s *Snapshot) guard(fn func() error) error {
	err := Guard(s.r.path, fn)
	if s.file != nil && s.file.isReplaced() {
		return err
	}
	return s.db.distrust(err)
}

// Size is the size of the state in bytes, as WriteTo writes it.
func (s *Snapshot) Size() int64 { return s.r.tx.Size() }

// WriteTo writes the whole file as of the snapshot. While it runs, the file grows by what checkpoints write: pages that
// the snapshot needs are not used again.
func (s *Snapshot) WriteTo(w io.Writer) (n int64, err error) {
	err = s.guard(func() (err error) { n, err = s.r.tx.WriteTo(w); return err })
	return n, err
}

// Count counts the records of a table.
func (s *Snapshot) Count(table int) (n uint64, err error) {
	err = s.View(func(r *Reader) error {
		return r.Each(table, nil, func(_, _ []byte) error { n++; return nil })
	})
	return n, err
}

// Verify reads every record, which checks its checksum. It calls each after each record, and ends early with its error.
func (s *Snapshot) Verify(each func() error) (records uint64, err error) {
	if err := s.View(func(r *Reader) error {
		return r.tx.Bucket([]byte(metaTable)).ForEach(func(k, _ []byte) error {
			records++
			_, err := metaValue(r.tx, r.path, k)
			return err
		})
	}); err != nil {
		return records, err
	}
	for t := range s.r.schema.Tables {
		if err := s.View(func(r *Reader) error {
			return r.Each(t, nil, func(_, _ []byte) error { records++; return each() })
		}); err != nil {
			return records, err
		}
	}
	return records, nil
}

// Hash is the SHA-256 of the whole state: the applied index and term, the owner's record, and all tables in the order of the
// schema and of their keys. Equal updates give equal hashes. Records that have outlived their use are left out, since the
// moment at which they are dropped differs.
func (s *Snapshot) Hash() (sum [32]byte, err error) {
	h := sha256.New()
	number := make([]byte, 8)
	part := func(p []byte) {
		h.Write(binary.BigEndian.AppendUint64(number[:0], uint64(len(p))))
		h.Write(p)
	}
	part(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.r.head.index), s.r.head.term))
	part(s.r.head.record)
	for t, table := range s.r.schema.Tables {
		part([]byte(table.Name))
		var from []byte
		if table.Oldest != nil {
			if from, err = table.Oldest(s.r.head.record); err != nil {
				return sum, err
			}
		}
		if err := s.View(func(r *Reader) error {
			return r.Each(t, from, func(k, v []byte) error {
				part(k)
				part(v)
				return nil
			})
		}); err != nil {
			return sum, err
		}
	}
	return [32]byte(h.Sum(nil)), nil
}
