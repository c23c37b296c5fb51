package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
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
		if err := d.inPlace(); err != nil {
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

// inPlace is InPlace for the present file, which nobody replaces meanwhile.
func (d *DB) inPlace() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return InPlace(d.path, d.file.raw)
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
