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

// watch looks after the file once a second until the state is closed: that it is still where it was opened, and that
// checkpoints come to an end. It ends the service otherwise, since nobody would find what is written from then on.
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
		// Ticks are counted, not the time between them: a process that stood still gets one, however long it did.
		if d.writing.Load() && time.Duration(d.stalled.Add(int64(interval))) >= d.opts.StallLimit {
			d.Fail(fmt.Errorf("write a checkpoint into %s: it takes more than %s. The disk does not answer, or the file is damaged: look at the disk, then start again. Nothing that was answered is lost, it is in the log", d.path, d.opts.StallLimit))
			return
		}
	}
}

// InPlace reports whether a path still leads to an open file; if not, it says what has become of it. An error of the
// system that says neither is nil: the file may be there.
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

// prove holds the structure of a file that was too large to be checked as a whole when it was opened: that each page is
// used once, and that the list of free pages names no other. A checkpoint writes over free pages; so none is written
// before. Changes are held in memory meanwhile, and in the owner's log.
func (d *DB) prove(ctx context.Context) {
	began := time.Now()
	size := d.Size()
	_, err := boltcheck.Check(&restingReader{ctx: ctx, db: d, began: began}, size, boltcheck.Visitor{})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		d.Fail(pageDamage(d.path, err))
	default:
		d.log.Info("the structure of the state's file is sound", "file", d.path, "bytes", size, "took", time.Since(began).Round(time.Millisecond))
		close(d.proven)
	}
}

// restingReader reads the file, and rests in between so that others are not slowed down, unless changes wait to be
// written.
type restingReader struct {
	ctx   context.Context
	db    *DB
	bytes int       // since it rested
	began time.Time // when it rested
}

const (
	proveChunk = 1 << 20 // bytes read between two rests
	proveRest  = 3       // how many times as long as a chunk took it rests
)

func (r *restingReader) ReadAt(b []byte, at int64) (int, error) {
	if r.bytes += len(b); r.bytes >= proveChunk {
		if f := r.db.CheckpointFigures(); f.HeldSize < r.db.opts.CheckpointBytes && !r.db.closing.Load() {
			select {
			case <-time.After(proveRest * time.Since(r.began)):
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
