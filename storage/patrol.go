package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage/boltcheck"
	"imperio/storage/command"
)

// A patrol reads all of state.db while the casino runs, since damage in a record that nobody reads is found by nobody,
// and a large file is not read as a whole when it is opened. It goes chunk by chunk, each in a transaction of its own:
// bbolt can't use pages again as long as a transaction that might read them is open, and the file would grow.
const (
	patrolChunk = 256 << 10 // bytes of leaves that are read at once: about a millisecond's work
	patrolRest  = 50        // how many times as long as a chunk took it rests: 2 % of a processor and of the disk
	patrolPause = 5 * time.Millisecond
)

// patrol reads all of the file when it is due, again and again until the store is closed. Damage ends the store.
func (s *Store) patrol(ctx context.Context, file *os.File, first time.Duration) {
	defer close(s.patrolled)
	defer file.Close()
	due := time.NewTimer(first)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		}
		began := time.Now()
		records, err := s.readAll(ctx, file)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // of the disk, if it is not damage
			s.log.Error("the state is not whole", "error", err)
			s.fail(fmt.Errorf("read all of %s: %w", s.path, err))
			return
		}
		s.log.Info("all of the state was read, and is whole", "file", s.path, "records", records, "took", time.Since(began).Round(time.Millisecond))
		due.Reset(s.opts.PatrolEvery)
	}
}

func (s *Store) readAll(ctx context.Context, file *os.File) (records uint64, err error) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for b := bucket(0); b < bucketCount; b++ {
		t := tablePatrol{table: b, expect: firstNumber(b)}
		for more := true; more; {
			select {
			case <-ctx.Done():
				return records, ctx.Err()
			case <-rest.C:
			}
			began := time.Now()
			err := guard(s.path, func() error {
				return s.db.View(func(tx *bbolt.Tx) (err error) {
					more, err = t.chunk(tx, file, s.db.Info().PageSize)
					return err
				})
			})
			if err != nil {
				return records, err
			}
			rest.Reset(max(patrolPause, patrolRest*time.Since(began)))
		}
		records += t.records
	}
	return records, nil
}

// firstNumber is the first key of the tables that are numbered without a gap, and 0 for the others.
func firstNumber(b bucket) uint64 {
	switch b {
	case bAccounts, bWallets, bSeeds:
		return uint64(command.FirstAccountID)
	case bHistory:
		return 1
	}
	return 0
}

// tablePatrol is how far the patrol of a table has come.
type tablePatrol struct {
	table   bucket
	from    []byte // the next key
	expect  uint64 // its number, in tables that are numbered
	last    uint64 // the last one when the patrol came here: it does not run after what is written meanwhile
	records uint64
	r       reader // of the chunk's transaction
}

// chunk checks the pages and records of the next part of the table. more is false at its end.
func (t *tablePatrol) chunk(tx *bbolt.Tx, file *os.File, pageSize int) (more bool, err error) {
	t.r = reader{live: newLayer(), tx: tx, file: file.Name(), head: new(MachineRecord)}
	head, ok, err := load[MachineRecord](&t.r, bMeta, machineKey)
	if err == nil && !ok {
		err = t.r.missing("the machine's record is missing")
	}
	if err != nil {
		return false, err
	}
	t.r.head = &head
	if t.last == 0 {
		t.last = head.Events
		if t.table != bHistory {
			t.last = uint64(head.NextAccount) - 1
		}
	}
	name := bucketNames[t.table]
	bk := t.r.bucket(t.table)
	if bk == nil {
		return false, t.r.missing("the table %s is missing", name)
	}
	var bad error // about a record; pages are told by their own errors
	visitor := boltcheck.Visitor{
		Bucket: func(found string, _ uint64) error {
			if !slices.Contains(bucketNames[:], found) {
				bad = &DamageError{File: t.r.file, What: fmt.Sprintf("it holds an unknown table %q", found)}
			}
			return bad
		},
		Item: func(bucket string, k, v []byte) error {
			if bucket == name {
				t.records++
				bad = t.check(k, v)
			}
			return bad
		},
	}
	// A small table stands within the page of the tables; the others have a tree of their own.
	tree := boltcheck.Tree{Root: uint64(tx.Cursor().Bucket().Root()), PageSize: pageSize, Pages: uint64(tx.Size()) / uint64(pageSize)}
	from := t.from
	t.from, err = tree.Walk(file, nil, math.MaxInt, visitor)
	if root := uint64(bk.Root()); err == nil && root != 0 {
		tree.Bucket, tree.Root = name, root
		t.from, err = tree.Walk(file, from, patrolChunk, visitor)
	}
	switch {
	case bad != nil:
		return false, bad
	case err != nil:
		return false, pageDamage(t.r.file, err)
	}
	numbered := t.expect != 0
	if t.from == nil && numbered && t.expect <= t.last {
		return false, t.r.missing("the table %s ends before the record %d; the last is %d", name, t.expect, t.last)
	}
	return t.from != nil && (!numbered || t.expect <= t.last), nil
}

// check checks a record, and that those are there which it leads to.
func (t *tablePatrol) check(k, v []byte) error {
	if _, err := t.r.open(t.table, k, v); err != nil {
		return err
	}
	if t.expect == 0 {
		return nil
	}
	if len(k) != 8 || binary.BigEndian.Uint64(k) != t.expect {
		return t.r.missing("the record %d of the table %s is missing: after the one before it comes %x", t.expect, bucketNames[t.table], k)
	}
	t.expect++
	if t.table == bAccounts {
		return t.checkNames(k)
	}
	return nil
}

// checkNames holds that an account is found by its name and its address: else another could be opened under them.
func (t *tablePatrol) checkNames(key []byte) error {
	a, _, err := load[AccountRecord](&t.r, bAccounts, key)
	if err != nil {
		return err
	}
	for b, name := range map[bucket]string{bUsernames: a.UsernameKey, bEmails: a.EmailKey} {
		if name == "" {
			continue
		}
		if id, err := t.r.get(b, []byte(name)); err != nil {
			return err
		} else if !slices.Equal(id, key) {
			return t.r.missing("account %d is not found in the table %s", binary.BigEndian.Uint64(key), bucketNames[b])
		}
	}
	return nil
}
