package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Replace puts another complete file in the place of the state's, by one rename, and goes on with the state in it. The file
// must be on the same file system, and nobody else may use it. Every page and every record of it is checked first, and check
// sees its state; Replace returns its error. swapped is called when the new state takes the place of the old one, while
// neither Update nor View runs.
//
// Before that, others read the old state, and after it the new one. What was updated since the last checkpoint is dropped
// with the old state. Open snapshots keep the old file until they are closed. If Replace returns an error, nothing was
// changed, unless the directory could not be synced: then the service ends. After a crash at any point, the path leads to
// either the old file or the new one.
//
// Like Update, it has one caller at a time. Nobody may call Update or Close meanwhile.
func (d *DB) Replace(ctx context.Context, path string, check func(*Reader) error, swapped func()) error {
	if d.opts.ReadOnly {
		return fmt.Errorf("replace %s: it is open for reading only", d.path)
	}
	file, h, err := d.openNext(ctx, path, check)
	if err != nil {
		return fmt.Errorf("replace %s by %s: %w", d.path, path, err)
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	old, err := d.swap(path, file, h, swapped)
	if err != nil {
		return errors.Join(fmt.Errorf("replace %s by %s: %w", d.path, path, err), file.close())
	}
	d.running.Go(func() {
		if err := old.close(); err != nil { // waits for its readers
			d.log.Warn("the replaced state file could not be closed; nothing needs it any more", "file", d.path, "error", err)
		}
	})
	if err := SyncDir(filepath.Dir(d.path)); err != nil {
		return d.Fail(fmt.Errorf("replace %s: sync its directory: %w. Check the disk, then start again", d.path, err))
	}
	return nil
}

// openNext checks and opens the file that is to replace the present one.
func (d *DB) openNext(ctx context.Context, path string, check func(*Reader) error) (*stateFile, head, error) {
	given, err := os.Stat(path)
	if err != nil {
		return nil, head{}, err
	}
	if present, err := d.openedFile().raw.Stat(); err != nil || os.SameFile(given, present) {
		return nil, head{}, errors.Join(errors.New("it is the same file"), err)
	}
	opts := d.opts
	opts.BeforeMigration = nil // that is about the casino's own file
	file, err := openState(ctx, path, d.schema, &opts, given.Size())
	if err != nil {
		return nil, head{}, err
	}
	h, err := file.load(path, d.schema, check)
	if err == nil {
		err = file.db.Sync()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && !file.isProven() {
		err = errors.New("it grew meanwhile")
	}
	if err != nil {
		return nil, head{}, errors.Join(err, file.close())
	}
	return file, h, nil
}

// swap takes the place of the present file, which it returns. The caller holds turn.
func (d *DB) swap(path string, file *stateFile, h head, swapped func()) (old *stateFile, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return nil, d.failed
	}
	if err := os.Rename(path, d.path); err != nil {
		return nil, err
	}
	old = d.file
	d.file, d.live, d.frozen, d.head = file, newLayer(len(d.schema.Tables)), nil, h
	d.durableMu.Lock()
	d.durable = h.checkpoint()
	d.durableMu.Unlock()
	close(old.replaced)
	swapped()
	return old, nil
}
