package engine

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Checkpoint is a state that is durable in the file.
type Checkpoint struct {
	Index, Term uint64 // of the newest change in it
	Record      []byte // the owner's record, as of then
}

// CheckpointFigures are metrics of checkpoints.
type CheckpointFigures struct {
	Count    uint64
	Last     time.Duration // how long the last one took
	Longest  time.Duration
	Records  uint64 // written by all of them
	Lag      uint64 // the newest index less the last checkpoint's
	HeldSize int    // bytes of changed state in memory
	// Writing is how long the current checkpoint has taken so far, in whole seconds; 0 if none is being written.
	Writing time.Duration
}

type checkpointFigures struct {
	count, records uint64
	last, longest  time.Duration
}

// Checkpoint returns when everything that was updated before the call is durable in the file. It returns the context's
// error if the context ends before the checkpoint begins; once begun, a checkpoint is not interrupted.
func (d *DB) Checkpoint(ctx context.Context) (Checkpoint, error) {
	if d.opts.ReadOnly {
		return Checkpoint{}, fmt.Errorf("checkpoint: %s is open for reading only", d.path)
	}
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	if err := d.waitProven(ctx); err != nil {
		return Checkpoint{}, err
	}
	d.turn.Lock()
	defer d.turn.Unlock()

	d.mu.Lock()
	if d.failed != nil {
		d.mu.Unlock()
		return Checkpoint{}, d.failed
	}
	newest := d.head
	if done := d.Durable(); done.Index == newest.index {
		d.mu.Unlock()
		return done, nil
	}
	file, frozen := d.file, d.live
	d.frozen, d.live = frozen, newLayer(len(d.schema.Tables))
	d.mu.Unlock()

	d.stalled.Store(0)
	d.writing.Store(true)
	defer d.writing.Store(false)
	began := time.Now()
	records := 0
	err := Guard(d.path, func() error {
		return file.db.Update(func(tx *bbolt.Tx) (err error) {
			records, err = d.write(tx, frozen, newest)
			return err
		})
	})
	took := time.Since(began)
	if err != nil {
		return Checkpoint{}, d.Fail(fmt.Errorf("write checkpoint %d into %s: %w. Check the disk and its free space, then start again. Nothing that was answered is lost: it is in the log", newest.index, d.path, err))
	}

	d.mu.Lock()
	d.frozen = nil
	d.mu.Unlock()
	c := newest.checkpoint()
	d.durableMu.Lock()
	d.durable = c
	f := &d.checkpoint
	f.count++
	f.records += uint64(records)
	f.last, f.longest = took, max(f.longest, took)
	d.durableMu.Unlock()
	select {
	case d.caught <- struct{}{}:
	default:
	}
	return c, nil
}

// write puts a layer and the head into a transaction, and drops records that have outlived their use.
func (d *DB) write(tx *bbolt.Tx, l *layer, newest head) (records int, err error) {
	for t := range d.schema.Tables {
		table := &d.schema.Tables[t]
		bk := tx.Bucket([]byte(table.Name))
		if bk == nil {
			return records, fmt.Errorf("the table %s is missing", table.Name)
		}
		if table.Appended {
			bk.FillPercent = 0.95
		}
		for _, k := range l.keys(t) {
			key, value := []byte(k), l.changes[t][k]
			if value == nil {
				err = bk.Delete(key)
			} else {
				err = bk.Put(key, Seal(table.Name, key, value))
			}
			if err != nil {
				return records, fmt.Errorf("table %s: %w", table.Name, err)
			}
			records++
		}
		if err := table.drop(bk, newest.record); err != nil {
			return records, fmt.Errorf("table %s: %w", table.Name, err)
		}
	}
	return records + 1, putHead(tx.Bucket([]byte(metaTable)), newest)
}

// maxDrops bounds how many records one checkpoint drops, so that none takes long. The next one continues.
const maxDrops = 20_000

// drop deletes records that have outlived their use.
func (t *Table) drop(bk *bbolt.Bucket, record []byte) error {
	if t.Oldest == nil {
		return nil
	}
	oldest, err := t.Oldest(record)
	if err != nil {
		return err
	}
	c := bk.Cursor()
	k, _ := c.First()
	for n := 0; n < maxDrops && k != nil && bytes.Compare(k, oldest) < 0; n++ {
		if err := c.Delete(); err != nil {
			return err
		}
		k, _ = c.First()
	}
	return nil
}

// Durable is the last checkpoint.
func (d *DB) Durable() Checkpoint {
	d.durableMu.Lock()
	defer d.durableMu.Unlock()
	return d.durable
}

// CheckpointFigures returns the metrics of checkpoints.
func (d *DB) CheckpointFigures() CheckpointFigures {
	d.mu.RLock()
	index, held := d.head.index, d.live.bytes
	if d.frozen != nil {
		held += d.frozen.bytes
	}
	d.mu.RUnlock()
	d.durableMu.Lock()
	defer d.durableMu.Unlock()
	var writing time.Duration
	if d.writing.Load() {
		writing = time.Duration(d.stalled.Load())
	}
	return CheckpointFigures{
		Writing: writing,
		Count:   d.checkpoint.count, Last: d.checkpoint.last, Longest: d.checkpoint.longest,
		Records: d.checkpoint.records, Lag: index - min(index, d.durable.Index), HeldSize: held,
	}
}

// checkpointer writes checkpoints when they are due, until the state is closed.
func (d *DB) checkpointer(ctx context.Context) {
	defer close(d.done)
	tick := time.NewTicker(d.opts.CheckpointInterval)
	defer tick.Stop()
	release := d.releasePages
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-d.wake:
		}
		if _, err := d.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("checkpoint not written", "error", err)
			return // the service has ended; Update returns the error
		}
		if release == nil {
			continue
		}
		if err := release(); err != nil {
			d.log.Warn("mapped memory is no longer given back to the system", "error", err)
			release = nil
		}
	}
}

func (d *DB) wakeCheckpointer() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Calm waits until no more changed state waits to be written than starts a checkpoint. Work that can wait, and changes much, calls
// it before each of its updates. So it never fills the memory to where Update waits, and with it everybody else. The error is that
// of ctx.
func (d *DB) Calm(ctx context.Context) error {
	look := time.NewTicker(calmLook)
	defer look.Stop()
	for {
		d.mu.RLock()
		calm := d.live.bytes <= d.opts.CheckpointBytes || d.failed != nil || d.opts.ReadOnly
		d.mu.RUnlock()
		if calm {
			return ctx.Err()
		}
		d.wakeCheckpointer()
		select {
		case <-look.C:
		case <-d.done:
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// calmLook is the time between two looks of Calm.
const calmLook = 2 * time.Millisecond

// waitForCheckpointer blocks Update while too much changed state waits to be written.
func (d *DB) waitForCheckpointer() {
	for {
		d.mu.RLock()
		over := d.live.bytes > 4*d.opts.CheckpointBytes && d.failed == nil && !d.opts.ReadOnly
		d.mu.RUnlock()
		if !over {
			return
		}
		d.wakeCheckpointer()
		select {
		case <-d.caught:
		case <-d.done:
			return
		}
	}
}
