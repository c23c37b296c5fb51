package backup

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"imperio/storage"
)

// Writing says how backups are made, whatever they hold.
type Writing struct {
	Casino  string // the cluster's id
	Program string // the version of this program
	Sealing Sealing
	// Key is the casino's key, 32 bytes. It becomes a part of archives that are encrypted, and of no others. nil: it is not
	// known, or belongs elsewhere.
	Key []byte
	// Share is the share of one processor that the work may take; 0 or 1: all of it.
	Share float64
	// Progress is called from time to time with how much of the state was written or read back, in bytes. May be nil.
	Progress func(done, total int64)
}

// WriteArchive writes the state of a snapshot into a target, reads it back, and gives it its name only if it is what was
// written. Bets go on meanwhile: the snapshot is a read transaction, and nothing is copied on this machine's disk.
func WriteArchive(ctx context.Context, t Target, s *storage.Snapshot, w Writing) (a ArchiveInfo, m Manifest, err error) {
	head := s.Machine()
	index, term := s.Applied()
	lineage := LineageName(head.Lineage)
	m = Manifest{
		Kind: KindArchive, Casino: w.Casino, Lineage: lineage, Program: w.Program, TakenAt: time.Now().UTC().Truncate(time.Millisecond),
		Index: index, Term: term, Position: PositionOf(&head, storage.FormatVersion), KeyID: hex.EncodeToString(head.Key[:]),
		KeyIncluded: len(w.Key) > 0 && w.Sealing.encrypts(),
	}
	name := archiveName(w.Casino, lineage, m.Time, index)
	size := s.Size()
	c, err := w.create(ctx, t, name, func(done int64) { w.tell(done, size) })
	if err != nil {
		return a, m, err
	}
	defer c.abort()
	if m.KeyIncluded {
		if err := c.part(PartKey, func(to io.Writer) error { _, err := to.Write(w.Key); return err }); err != nil {
			return a, m, err
		}
	}
	err = c.part(PartState, func(to io.Writer) error {
		n, err := s.WriteTo(to)
		if err == nil && n != size {
			err = fmt.Errorf("the state has %d bytes and %d were written", size, n)
		}
		return err
	})
	if err != nil {
		return a, m, err
	}
	if m, err = c.commit(ctx, m); err != nil {
		return a, m, err
	}
	return ArchiveInfo{Object: Object{Name: name, Size: c.size.size, Modified: m.TakenAt}, Casino: w.Casino, Lineage: lineage, Time: m.Time, Index: index}, m, nil
}

func (w *Writing) tell(done, total int64) {
	if w.Progress != nil {
		w.Progress(min(done, total), total)
	}
}

// creation is a backup on its way into a target.
type creation struct {
	writer
	what   string
	upload Upload
	buffer *bufio.Writer
	size   *meter
	pace   *pace
	tell   func(done int64)
	keys   []age.Identity
}

// create begins a backup. tell is called with how many plain bytes have passed.
func (w *Writing) create(ctx context.Context, t Target, name string, tell func(done int64)) (*creation, error) {
	u, err := t.Create(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("begin %s/%s: %w", t, name, err)
	}
	share := w.Share
	if share == 0 {
		share = 1
	}
	c := &creation{what: t.String() + "/" + name, upload: u, pace: newPace(ctx, share), tell: tell}
	if w.Sealing.encrypts() {
		c.keys = []age.Identity{w.Sealing.House}
	}
	c.buffer = bufio.NewWriterSize(c.pace.sink(u), paceChunk)
	c.size = newMeter(c.buffer)
	c.writer = writer{to: c.size, sealing: &w.Sealing}
	return c, nil
}

// part writes a part at the pace.
func (c *creation) part(name string, fill func(io.Writer) error) error {
	done := int64(0)
	err := c.writer.part(name, func(to io.Writer) error {
		return fill(c.pace.above(writerFunc(func(b []byte) (int, error) {
			n, err := to.Write(b)
			done += int64(n)
			c.tell(done)
			return n, err
		})))
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", c.what, err)
	}
	return nil
}

// commit finishes the backup, and reads it back.
func (c *creation) commit(ctx context.Context, m Manifest) (Manifest, error) {
	m, err := c.finish(m)
	if err == nil {
		err = c.buffer.Flush()
	}
	if err != nil {
		return m, fmt.Errorf("write %s: %w", c.what, err)
	}
	if err := c.upload.Commit(ctx, func(r io.Reader) error { return verifyAll(c.what, c.pace.source(r), &m, c.keys) }); err != nil {
		return m, fmt.Errorf("finish %s: %w", c.what, err)
	}
	return m, nil
}

// abort removes a backup that was not committed.
func (c *creation) abort() { c.upload.Abort() }

// ExtractArchive writes the state of an archive into a directory, as state.db, and returns the casino's key if the archive
// holds it; else nil. The file is checked against the manifest, and durable. It must not exist.
func ExtractArchive(ctx context.Context, t Target, o Object, m *Manifest, keys []age.Identity, dir string, progress func(done, total int64)) (key []byte, err error) {
	if m.KeyIncluded {
		r, err := openPart(ctx, t, o, m, PartKey, keys)
		if err != nil {
			return nil, err
		}
		key, err = io.ReadAll(io.LimitReader(r, 1024))
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
	}
	r, err := openPart(ctx, t, o, m, PartState, keys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	path := filepath.Join(dir, storage.StateFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("restore the state: %w", err)
	}
	p, _, _ := m.part(PartState)
	done := int64(0)
	_, err = io.CopyBuffer(writerFunc(func(b []byte) (int, error) {
		n, err := f.Write(b)
		if done += int64(n); progress != nil {
			progress(done, p.Size)
		}
		return n, errors.Join(err, ctx.Err())
	}), r, make([]byte, paceChunk))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("restore the state into %s: %w", path, err)
	}
	return key, syncDir(dir)
}
