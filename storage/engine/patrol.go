package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage/boltcheck"
)

// The patrol reads the whole file while it is in use. Nothing else would find damage in a record that is never read, and a
// large file is not read completely at opening. It reads chunk by chunk, each in its own transaction: an open transaction
// keeps bbolt from reusing pages, and the file would grow.
const (
	patrolChunk = 256 << 10            // bytes of leaves per chunk: about a millisecond's work
	patrolPause = 5 * time.Millisecond // the shortest rest between two chunks
)

// patrolRest is how long the patrol rests after a chunk to stay within its share.
func (d *DB) patrolRest(took time.Duration) time.Duration {
	if d.opts.PatrolShare >= 1 {
		return 0
	}
	return max(patrolPause, time.Duration(float64(took)*(1/d.opts.PatrolShare-1)))
}

// patrol reads the whole file whenever it is due, until the state is closed. Damage ends the state's service. It begins
// when the file's structure is proven, so that the two don't compete with a start.
func (d *DB) patrol(ctx context.Context, first time.Duration) {
	if err := d.waitProven(ctx); err != nil {
		return
	}
	due := time.NewTimer(first)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		}
		began := time.Now()
		records, err := d.readAll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errReplaced):
			due.Reset(0)
			continue
		case err != nil: // damage, or an error of the disk
			d.log.Error("the state is not whole", "error", err)
			d.Fail(fmt.Errorf("read all of %s: %w", d.path, err))
			return
		}
		d.log.Info("the whole state was read, and is not damaged", "file", d.path, "records", records, "took", time.Since(began).Round(time.Millisecond))
		due.Reset(d.opts.PatrolInterval)
	}
}

// readAll reads the present file. It returns errReplaced if another one takes its place.
func (d *DB) readAll(ctx context.Context) (records uint64, err error) {
	file := d.openedFile()
	rest := time.NewTimer(0)
	defer rest.Stop()
	for number := range d.schema.Tables {
		t := tablePatrol{db: d, file: file, number: number, Table: &d.schema.Tables[number]}
		for more := true; more; {
			select {
			case <-ctx.Done():
				return records, ctx.Err()
			case <-rest.C:
			}
			began := time.Now()
			if more, err = t.next(); err != nil {
				return records, err
			}
			rest.Reset(d.patrolRest(time.Since(began)))
		}
		records += t.records
	}
	return records, nil
}

// tablePatrol is the progress of the patrol in one table.
type tablePatrol struct {
	db     *DB
	file   *stateFile
	number int // in the schema
	*Table
	from    []byte // the next key
	expect  uint64 // the next key's number, in numbered tables
	last    uint64 // the last number when the patrol came to the table, so that it ends although rows are added; 0 before
	records uint64
	r       Reader // of the chunk's transaction
}

// next checks the next part of the table. more is false at its end.
func (t *tablePatrol) next() (more bool, err error) {
	err = Guard(t.db.path, func() (err error) {
		file, tx, err := t.db.begin()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, tx.Rollback()) }()
		if file != t.file {
			return errReplaced
		}
		more, err = t.chunk(tx)
		return err
	})
	return more, err
}

// chunk checks the pages and records of the next part of the table, in a transaction of its file.
func (t *tablePatrol) chunk(tx *bbolt.Tx) (more bool, err error) {
	t.r = Reader{schema: t.db.schema, path: t.db.path, tx: tx}
	if t.r.head, err = readHead(tx, t.db.path); err != nil {
		return false, err
	}
	if t.Numbers != nil && t.last == 0 {
		if t.expect, t.last, err = t.Numbers(t.r.head.record); err != nil {
			return false, err
		}
	}
	bk, err := t.r.bucket(t.number)
	if err != nil {
		return false, err
	}
	var bad error // a damaged record; damaged pages are reported by Walk
	visitor := boltcheck.Visitor{
		Bucket: func(found string, _ uint64) error {
			if found != metaTable && t.db.schema.number(found) < 0 {
				bad = t.r.Damage(fmt.Sprintf("it holds an unknown table %q", found), nil)
			}
			return bad
		},
		Item: func(table string, k, v []byte) error {
			if table == t.Name {
				t.records++
				bad = t.check(k, v)
			}
			return bad
		},
	}
	// A small table is inline in the page that lists the tables; the others have a tree of their own.
	pageSize := t.file.db.Info().PageSize
	tree := boltcheck.Tree{Root: uint64(tx.Cursor().Bucket().Root()), PageSize: pageSize, Pages: uint64(tx.Size()) / uint64(pageSize)}
	from := t.from
	t.from, err = tree.Walk(t.file.raw, nil, math.MaxInt, visitor)
	if root := uint64(bk.Root()); err == nil && root != 0 {
		tree.Bucket, tree.Root = t.Name, root
		t.from, err = tree.Walk(t.file.raw, from, patrolChunk, visitor)
	}
	switch {
	case bad != nil:
		return false, bad
	case err != nil:
		return false, pageDamage(t.db.path, err)
	}
	numbered := t.Numbers != nil
	if t.from == nil && numbered && t.expect <= t.last {
		return false, t.r.Damage(fmt.Sprintf("the table %s ends before the record %d; the last is %d", t.Name, t.expect, t.last), nil)
	}
	return t.from != nil && (!numbered || t.expect <= t.last), nil
}

// check checks a record, and that the records it refers to exist.
func (t *tablePatrol) check(key, sealed []byte) error {
	value, err := t.r.open(t.number, key, sealed)
	if err != nil {
		return err
	}
	if t.Numbers != nil {
		if len(key) != 8 || binary.BigEndian.Uint64(key) != t.expect {
			return t.r.Damage(fmt.Sprintf("the record %d of the table %s is missing: the next key is %x", t.expect, t.Name, key), nil)
		}
		t.expect++
	}
	if t.Check == nil {
		return nil
	}
	return t.Check(&t.r, key, value)
}
