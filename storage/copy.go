package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"imperio/storage/engine"
	"imperio/storage/machine"
)

// Copy describes a file with a copy of the state.
type Copy struct {
	Checkpoint
	Bytes  int64
	SHA256 [32]byte // of the whole file
}

// CopyTo writes the newest checkpoint into a new file that only its owner can read, and syncs it. It takes its time, so that
// players hardly notice. Meanwhile state.db grows by what checkpoints write. If it returns an error, there is no file. It
// ends early with ctx.
func (s *Store) CopyTo(ctx context.Context, path string) (c Copy, err error) {
	snapshot, err := s.LastSnapshot()
	if err != nil {
		return Copy{}, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	return snapshot.CopyTo(ctx, path)
}

// CopyTo is Store.CopyTo for the snapshot's state.
func (s *Snapshot) CopyTo(ctx context.Context, path string) (c Copy, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Copy{}, fmt.Errorf("copy the state: %w", err)
	}
	c.Checkpoint = s.checkpoint()
	sum := sha256.New()
	c.Bytes, err = s.WriteTo(io.MultiWriter(sum, &calmWriter{ctx: ctx, file: f, began: time.Now()}))
	sum.Sum(c.SHA256[:0])
	if err = errors.Join(err, ctx.Err()); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = engine.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return Copy{}, errors.Join(fmt.Errorf("copy the state to %s: %w", path, err), os.Remove(path))
	}
	return c, nil
}

// calmWriter writes a large file in the background: players come first. After each calmChunk it syncs, so that the disk never
// has much to write at once when a bet needs a sync, and rests four times as long as the chunk took.
type calmWriter struct {
	ctx     context.Context
	file    *os.File
	began   time.Time // the chunk
	written int       // of the chunk
}

const calmChunk = 4 << 20

// Write implements io.Writer. It ends early with ctx.
func (w *calmWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var m int
		m, err = w.file.Write(p[:min(len(p), calmChunk-w.written)])
		n, p, w.written = n+m, p[m:], w.written+m
		if err == nil && w.written == calmChunk {
			err = errors.Join(w.file.Sync(), w.rest())
		}
	}
	return n, err
}

func (w *calmWriter) rest() error {
	pause := time.NewTimer(4 * time.Since(w.began))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	w.written, w.began = 0, time.Now()
	return nil
}

// Replace goes on with the state in another file, which CopyTo has written. It verifies the file, then renames it to
// state.db. The file must be on the same file system, and nobody else may use it: it may be brought up to a newer format.
//
// The file must be sound in every page and record. It must belong to the same cluster, have a known feature level, be sealed
// with the same key, and hold the checkpoint that is wanted; At is not compared. Otherwise nothing is changed. An error after
// the rename ends the store's service, and Err returns it. After a crash at any point, state.db is either the old file or the
// new one.
//
// Reads see the old state until the rename, and the new one afterwards. Open snapshots keep the old state until they are
// closed. What was applied since the last checkpoint goes with the old state. Followers of the feed learn that they have
// missed events. It belongs to the goroutine that calls Apply, and Close must wait for it.
func (s *Store) Replace(ctx context.Context, path string, want Checkpoint) error {
	var next *machine.Machine
	return s.db.Replace(ctx, path, func(r *engine.Reader) (err error) {
		if next, err = s.machineFor(r, path); err != nil {
			return err
		}
		index, term := r.Applied()
		head := next.Head()
		if index != want.Index || term != want.Term || head.Events != want.Events || head.Head != want.Head {
			return fmt.Errorf("%s holds entry %d of term %d and event %d (%x), not entry %d of term %d and event %d (%x). Get the copy again",
				path, index, term, head.Events, head.Head, want.Index, want.Term, want.Events, want.Head)
		}
		return next.Load(r)
	}, func() {
		s.digests.clear()
		s.boards.changes.forget()
		events := s.machine.Swap(next).Head().Events
		s.feed.lose(max(1, next.Head().Events-min(events, next.Head().Events)))
	})
}
