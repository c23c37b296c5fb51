package storage

import (
	"context"
	"fmt"
	"time"

	"encoding/binary"

	"go.etcd.io/bbolt"
)

// Checkpoint is a state that is durable in state.db.
type Checkpoint struct {
	Index, Term uint64
	At          time.Time // time of the newest command in it
}

// CheckpointFigures tell how checkpoints go, for metrics.
type CheckpointFigures struct {
	Count    uint64
	Last     time.Duration // how long the last one took
	Longest  time.Duration
	Records  uint64 // written by all of them
	Lag      uint64 // entries applied since the last one
	HeldSize int    // bytes of changed state in memory
}

type checkpointFigures struct {
	count, records uint64
	last, longest  time.Duration
}

var machineKey = []byte("machine")

// Checkpoint returns when everything that was applied before the call is durable in state.db.
func (s *Store) Checkpoint(ctx context.Context) (Checkpoint, error) {
	if s.opts.ReadOnly {
		return Checkpoint{}, fmt.Errorf("checkpoint: %s is open for reading only", s.path)
	}
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()

	s.mu.Lock()
	if s.failed != nil {
		s.mu.Unlock()
		return Checkpoint{}, s.failed
	}
	head := s.head
	if done := s.Durable(); done.Index == head.Index {
		s.mu.Unlock()
		return done, nil
	}
	frozen := s.live
	s.frozen, s.live = frozen, newLayer()
	s.mu.Unlock()

	began := time.Now()
	records := 0
	err := guard(s.path, func() error {
		return s.db.Update(func(tx *bbolt.Tx) (err error) {
			records, err = write(tx, frozen, &head)
			return err
		})
	})
	took := time.Since(began)
	if err != nil {
		return Checkpoint{}, s.fail(fmt.Errorf("write checkpoint %d into %s: %w. Check the disk and its free space, then start again: nothing that was answered is lost, it is in the log", head.Index, s.path, err))
	}

	s.mu.Lock()
	s.frozen = nil
	s.mu.Unlock()
	c := Checkpoint{Index: head.Index, Term: head.Term, At: at(head.Time)}
	s.durableMu.Lock()
	s.durable = c
	f := &s.checkpoint
	f.count++
	f.records += uint64(records)
	f.last, f.longest = took, max(f.longest, took)
	s.durableMu.Unlock()
	select {
	case s.caught <- struct{}{}:
	default:
	}
	return c, nil
}

// write puts a layer and the machine's record into a transaction, and drops what is of no use any more.
func write(tx *bbolt.Tx, l *layer, head *MachineRecord) (records int, err error) {
	for b := bucket(0); b < bucketCount; b++ {
		if len(l.changes[b]) == 0 {
			continue
		}
		bk := tx.Bucket([]byte(bucketNames[b]))
		if bk == nil {
			return records, fmt.Errorf("the table %s is missing", bucketNames[b])
		}
		if b.appended() {
			bk.FillPercent = 0.95
		}
		for _, k := range l.keys(b) {
			key, value := []byte(k), l.changes[b][k]
			if value == nil {
				err = bk.Delete(key)
			} else {
				err = bk.Put(key, seal(b, key, value))
			}
			if err != nil {
				return records, fmt.Errorf("table %s: %w", bucketNames[b], err)
			}
			records++
		}
	}
	if err := dropGenerations(tx, bThrottle, generation(head.Time, throttlePeriod)); err != nil {
		return records, fmt.Errorf("table %s: %w", bucketNames[bThrottle], err)
	}
	data, err := encode(head)
	if err != nil {
		return records, err
	}
	return records + 1, tx.Bucket([]byte(bucketNames[bMeta])).Put(machineKey, seal(bMeta, machineKey, data))
}

// maxDrops bounds how many records a checkpoint drops, so that none takes long; the next goes on.
const maxDrops = 20_000

// dropGenerations deletes records of generations before the last one.
func dropGenerations(tx *bbolt.Tx, b bucket, current uint32) error {
	c := tx.Bucket([]byte(bucketNames[b])).Cursor()
	k, _ := c.First()
	for n := 0; n < maxDrops && k != nil && len(k) >= 4 && binary.BigEndian.Uint32(k)+1 < current; n++ {
		if err := c.Delete(); err != nil {
			return err
		}
		k, _ = c.First()
	}
	return nil
}

// Durable is the last checkpoint.
func (s *Store) Durable() Checkpoint {
	s.durableMu.Lock()
	defer s.durableMu.Unlock()
	return s.durable
}

// CheckpointFigures tells how checkpoints go.
func (s *Store) CheckpointFigures() CheckpointFigures {
	s.mu.RLock()
	index, held := s.head.Index, s.live.bytes
	if s.frozen != nil {
		held += s.frozen.bytes
	}
	s.mu.RUnlock()
	s.durableMu.Lock()
	defer s.durableMu.Unlock()
	return CheckpointFigures{
		Count: s.checkpoint.count, Last: s.checkpoint.last, Longest: s.checkpoint.longest,
		Records: s.checkpoint.records, Lag: index - min(index, s.durable.Index), HeldSize: held,
	}
}

// checkpointer writes checkpoints when they are due, until the store is closed.
func (s *Store) checkpointer(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(s.opts.CheckpointInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.wake:
		}
		if _, err := s.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("checkpoint not written", "error", err)
			return // the store has failed; Apply says so to its caller
		}
		if err := s.releasePages(); err != nil {
			s.log.Warn("mapped memory not given back", "error", err)
		}
	}
}

func (s *Store) wakeCheckpointer() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// waitForCheckpointer holds Apply back while too much changed state waits to be written.
func (s *Store) waitForCheckpointer() {
	for {
		s.mu.RLock()
		over := s.live.bytes > 4*s.opts.CheckpointBytes && s.failed == nil && !s.opts.ReadOnly
		s.mu.RUnlock()
		if !over {
			return
		}
		s.wakeCheckpointer()
		select {
		case <-s.caught:
		case <-s.done:
			return
		}
	}
}
