package engine

import (
	"context"
	"errors"
	"io"
	"time"

	"imperio/storage/boltcheck"
)

// prove checks the structure of a file that was too large to be checked completely at opening: each page is used once, and
// the free list names only the others. Checkpoints overwrite free pages, so none is written before that. Meanwhile changes
// stay in memory and in the owner's log.
func (d *DB) prove(ctx context.Context, f *stateFile) {
	began := time.Now()
	size := d.Size()
	_, err := boltcheck.Check(&restingReader{ctx: ctx, db: d, file: f, began: began}, size, boltcheck.Visitor{})
	switch {
	case ctx.Err() != nil || f.isReplaced():
	case err != nil:
		d.Fail(pageDamage(d.path, err))
	default:
		d.log.Info("the structure of the state file is sound", "file", d.path, "bytes", size, "took", time.Since(began).Round(time.Millisecond))
		close(f.proven)
	}
}

// errReplaced ends work on a file that another one has replaced.
var errReplaced = errors.New("another file has replaced this one")

// waitProven waits until the present file's structure is proven.
func (d *DB) waitProven(ctx context.Context) error {
	for {
		f := d.openedFile()
		select {
		case <-f.proven:
			return nil
		case <-f.replaced:
		case <-d.broken:
			return d.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// restingReader reads the file with rests, so that it does not slow others down. It does not rest while changes wait to be
// written.
type restingReader struct {
	ctx   context.Context
	db    *DB
	file  *stateFile
	bytes int       // read since the last rest
	began time.Time // when the last rest ended
}

// proveChunk is how many bytes it reads between two rests. A rest takes as long as the reading.
const proveChunk = 8 << 20

func (r *restingReader) ReadAt(b []byte, at int64) (int, error) {
	if r.bytes += len(b); r.bytes >= proveChunk {
		if f := r.db.CheckpointFigures(); f.HeldSize < r.db.opts.CheckpointBytes && !r.db.closing.Load() {
			select {
			case <-time.After(time.Since(r.began)):
			case <-r.file.replaced:
			case <-r.ctx.Done():
			}
		}
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.file.isReplaced() {
			return 0, errReplaced
		}
		r.bytes, r.began = 0, time.Now()
	}
	return r.file.raw.ReadAt(b, at)
}

var _ io.ReaderAt = (*restingReader)(nil)
