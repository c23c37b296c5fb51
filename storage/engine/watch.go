package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"imperio/storage/boltcheck"
)

// watch checks once a second, until the state is closed, that the file is still where it was opened and that no checkpoint
// hangs. Otherwise it ends the service: nobody would find what is written from then on.
func (d *DB) watch(ctx context.Context) {
	const interval = time.Second
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := InPlace(d.path, d.file); err != nil {
			d.Fail(err)
			return
		}
		// It counts ticks, not time: a process that was stopped gets one tick, however long it was stopped.
		if d.writing.Load() && time.Duration(d.stalled.Add(int64(interval))) >= d.opts.StallLimit {
			d.Fail(fmt.Errorf("write a checkpoint into %s: it takes more than %s. The disk does not answer, or the file is damaged: look at the disk, then start again. Nothing that was answered is lost: it is in the log", d.path, d.opts.StallLimit))
			return
		}
	}
}

// InPlace returns an error if a path no longer leads to an open file, and says why. If the system can't tell, it returns
// nil: the file may be there.
func InPlace(path string, file *os.File) error {
	const then = "Nobody would find what is written from now on. Put the file back if it was moved, or restore the casino from a backup"
	opened, err := file.Stat()
	if err != nil {
		return nil
	}
	switch found, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s was removed or moved while it was in use. %s", path, then)
	case err == nil && !os.SameFile(opened, found):
		return fmt.Errorf("%s was replaced by another file while it was in use. %s", path, then)
	}
	return nil
}

// prove checks the structure of a file that was too large to be checked completely at opening: each page is used once, and
// the free list names only the others. Checkpoints overwrite free pages, so none is written before that. Meanwhile changes
// stay in memory and in the owner's log.
func (d *DB) prove(ctx context.Context) {
	began := time.Now()
	size := d.Size()
	_, err := boltcheck.Check(&restingReader{ctx: ctx, db: d, began: began}, size, boltcheck.Visitor{})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		d.Fail(pageDamage(d.path, err))
	default:
		d.log.Info("the structure of the state file is sound", "file", d.path, "bytes", size, "took", time.Since(began).Round(time.Millisecond))
		close(d.proven)
	}
}

// restingReader reads the file with rests, so that it does not slow others down. It does not rest while changes wait to be
// written.
type restingReader struct {
	ctx   context.Context
	db    *DB
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
			case <-r.ctx.Done():
			}
		}
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		r.bytes, r.began = 0, time.Now()
	}
	return r.db.file.ReadAt(b, at)
}

var _ io.ReaderAt = (*restingReader)(nil)
