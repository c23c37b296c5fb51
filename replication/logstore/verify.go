package logstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"imperio/storage/engine"
)

// contents is what is in a log that is whole.
type contents struct {
	state  state
	rec    record
	seed   seed
	live   []*segment // in use, in order; never empty
	free   []*segment // to be used again, in this order
	number int        // of the last file name

	first, last    uint64
	heads          []Head   // of batches and the witness, in order
	applied        uint64   // the newest entry that they say was applied
	configurations []uint64 // entries that hold one

	next   uint64 // while reading: the next entry; 0: any
	readTo string // while reading: the segment that was read last
	torn   *Torn  // the write at the end that is not whole
	buffer []byte // while reading: the segment that was read last
	tail   []byte // the last write into the last segment, in buffer
	tailAt int    // where tail lies
}

// close lets go of all files.
func (c *contents) close() {
	for _, g := range slices.Concat(c.live, c.free) {
		g.file.Close()
	}
	if c.state.file != nil {
		c.state.file.Close()
	}
}

// missing says what to do about a missing log.
func missing(path string) error {
	return fmt.Errorf("%s: %w. The last bets may be in it, so no new one is made. If it was moved, put it back; "+
		"if it is lost, restore the latest backup. Nothing was changed", path, ErrMissing)
}

// load opens and locks the log of a directory, and proves that it is whole, of this format and of this node. It writes
// nothing. flag is how files are opened, lock how the log is locked.
func load(dir string, id Identity, flag, lock int) (_ *contents, err error) {
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, missing(dir)
	} else if err != nil {
		return nil, fmt.Errorf("look at the log: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory. Put the log back under this name, or restore the latest backup. Nothing was changed", dir)
	}
	c := &contents{}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.loadState(filepath.Join(dir, stateFile), flag, lock); err != nil {
		return nil, err
	}
	witness, err := c.readState(filepath.Join(dir, stateFile), id)
	if err != nil {
		return nil, err
	}
	if err := c.loadSegments(dir, flag); err != nil {
		return nil, err
	}
	for i, g := range c.live {
		if err := c.readSegment(g, i == 0, i == len(c.live)-1); err != nil {
			return nil, err
		}
	}
	return c, c.cross(dir, witness)
}

// loadState opens and locks the state file.
func (c *contents) loadState(path string, flag, lock int) error {
	f, err := os.OpenFile(path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(path)
	}
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	c.state.file = f
	if err := syscall.Flock(int(f.Fd()), lock|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w. Stop that process first, or give this one another data directory", filepath.Dir(path), ErrLocked)
	} else if err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	return nil
}

// readState reads the state file, and returns the block of the witness.
func (c *contents) readState(path string, id Identity) (witness []byte, err error) {
	c.rec, witness, err = c.state.read()
	if errors.Is(err, ErrNewer) {
		return nil, fmt.Errorf("%s: %w. Nothing was changed. Use the version that wrote it, or a later one", path, err)
	}
	if err != nil {
		return nil, &engine.DamageError{File: path, What: "the state record", Err: err}
	}
	got := Identity{c.rec.ClusterID, c.rec.NodeID}
	if got != id {
		return nil, fmt.Errorf("%s: %w: it is of node %q in cluster %q, this is node %q in cluster %q. "+
			"Files of different data directories were mixed: put the right one back", path, ErrForeign,
			got.NodeID, got.ClusterID, id.NodeID, id.ClusterID)
	}
	c.seed = newSeed(got, c.rec.Salt)
	return witness, nil
}

// loadSegments opens the segments and separates those in use from the others.
func (c *contents) loadSegments(dir string, flag int) error {
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		return err
	}
	var used, unused []*segment
	for _, path := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(path), "%d"+segmentSuffix, &n); err != nil {
			continue // not ours
		}
		g, h, err := openSegment(path, flag, c.seed)
		if err != nil {
			return err
		}
		c.free = append(c.free, g) // for close, until we know better
		c.number = max(c.number, n)
		if g.number == 0 {
			unused = append(unused, g)
			continue
		}
		if int(h.length) != g.size {
			return &engine.DamageError{File: path, What: fmt.Sprintf("it has %d bytes instead of %d", g.size, h.length)}
		}
		used = append(used, g)
	}
	slices.SortFunc(used, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	if len(used) == 0 {
		file := dir
		if len(names) == 1 {
			file = names[0]
		}
		return &engine.DamageError{File: file, What: "no segment is whole"}
	}
	// The segments in use follow one another without a gap up to the last one. The others were free when a later one was
	// reused. cross proves that none of them is needed.
	from := len(used) - 1
	for from > 0 && used[from-1].number == used[from].number-1 {
		from--
	}
	highest := used[len(used)-1].number
	for i, g := range used[1:] {
		if g.number == used[i].number {
			return &engine.DamageError{File: g.path, What: fmt.Sprintf("it has the number %d, which %s has, too", g.number, used[i].path)}
		}
	}
	for _, g := range unused {
		if c.buffer, err = g.read(c.buffer); err != nil {
			return err
		}
		// No batch is written before the segment's opening is durable.
		if hasBatch(c.buffer, c.seed, func(n uint64) bool { return n > highest }) {
			return &engine.DamageError{File: g.path, What: "its first block is not what was written"}
		}
	}
	c.free, c.live = slices.Concat(unused, used[:from]), used[from:]
	return nil
}

// readSegment reads the next segment in use, and notes its entries.
func (c *contents) readSegment(g *segment, first, last bool) error {
	b, err := g.read(c.buffer)
	if err != nil {
		return err
	}
	c.buffer = b
	if !first && g.begins > c.next {
		return &engine.DamageError{File: c.readTo, Part: theEntry(c.next), What: fmt.Sprintf("the entry is not what was written, and entry %d was written after it", g.begins)}
	}
	// Entries that an earlier segment has from here on were removed again.
	for _, earlier := range c.live {
		earlier.cutFrom(g.begins)
	}
	c.configurations = slices.DeleteFunc(c.configurations, func(at uint64) bool { return at >= g.begins })
	c.next, c.readTo = g.begins, g.path
	c.tail, c.tailAt = b[:blockSize], 0
	for g.end < len(b) {
		h, content, ok := wholeBatch(b[g.end:], g.number, c.seed)
		if !ok {
			break
		}
		if c.next != 0 && h.index != c.next {
			return &engine.DamageError{File: g.path, Part: theEntry(h.index), What: fmt.Sprintf("it stands where entry %d belongs", c.next)}
		}
		c.tail, c.tailAt = b[g.end:g.end+blocks(headerSize+int(h.length))], g.end
		c.configurations = append(c.configurations, g.add(h, content)...)
		c.next = h.index + uint64(h.count)
		c.note(h.head)
	}
	if last {
		return c.readEnd(g, b[g.end:])
	}
	return nil
}

// readEnd looks at what lies behind the last whole batch of the last segment.
func (c *contents) readEnd(g *segment, rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	damaged := &engine.DamageError{File: g.path, Part: theEntry(c.next), What: "the entry is not what was written"}
	if hasBatch(rest[blockSize:], c.seed, func(n uint64) bool { return n == g.number }) {
		damaged.What += ", and entries were written after it"
		return damaged
	}
	h, ok := parseHeader(rest, entries, c.seed)
	if ok && h.segment == g.number {
		// A torn write, unless the witness knows better.
		c.torn = &Torn{File: g.path, First: h.index, Entries: uint64(h.count)}
		return nil
	}
	if n, ok := entryLength(rest[headerSize:]); ok && checkEntry(rest[headerSize:headerSize+n], c.next, c.seed) == nil {
		damaged.What = "what stands before the entry is not what was written"
		return damaged
	}
	return nil
}

func (c *contents) note(h Head) {
	c.applied = max(c.applied, h.Index)
	if n := len(c.heads); h.Event != 0 && (n == 0 || c.heads[n-1].Event != h.Event || c.heads[n-1].Hash != h.Hash) {
		c.heads = append(c.heads, h)
	}
}

// cross checks the files against each other.
func (c *contents) cross(dir string, block []byte) error {
	for _, g := range c.live {
		if len(g.places) > 0 {
			if c.first == 0 {
				c.first = g.first
			}
			c.last = g.last()
		}
	}
	snapshot := uint64(0)
	if c.rec.Snapshot != nil {
		snapshot = c.rec.Snapshot.Index
	}
	begin := c.next // an empty log begins with what comes next
	if c.first != 0 {
		begin = c.first
	}
	if begin > snapshot+1 {
		return &engine.DamageError{File: dir, What: fmt.Sprintf("its last snapshot is of entry %d, but it begins with entry %d", snapshot, begin)}
	}
	if w, ok := parseHeader(block, witness, c.seed); ok {
		number := c.live[len(c.live)-1].number
		if w.segment > number {
			return &engine.DamageError{File: dir, What: fmt.Sprintf("its last segment is number %d, but number %d was in use", number, w.segment)}
		}
		if w.index > c.last {
			return &engine.DamageError{File: dir, Part: theEntry(c.last + 1), What: fmt.Sprintf("it ends with entry %d, but all entries up to %d were durable", c.last, w.index)}
		}
		c.note(w.head)
	}
	return nil
}
