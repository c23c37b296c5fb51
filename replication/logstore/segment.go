package logstore

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// segment is one file of entries.
type segment struct {
	file   *os.File
	path   string
	size   int
	number uint64 // sequence number; 0 if the segment was never used, or its opening is not whole
	begins uint64 // the entry for which it was opened; 0: the log was empty then
	end    int    // where the next batch begins

	first  uint64  // the entry of places[0]
	places []place // of its valid entries, in order
}

// place is where an entry lies in its file.
type place struct{ at, size uint32 }

// last is the segment's last entry; 0 if it has none.
func (g *segment) last() uint64 {
	if len(g.places) == 0 {
		return 0
	}
	return g.first + uint64(len(g.places)) - 1
}

// lookup returns where an entry is, and false if it is not in the segment.
func (g *segment) lookup(index uint64) (place, bool) {
	if len(g.places) == 0 || index < g.first || index > g.last() {
		return place{}, false
	}
	return g.places[index-g.first], true
}

// cutFrom drops the entries from index on from the segment.
func (g *segment) cutFrom(index uint64) {
	if index <= g.first {
		g.places = nil
	} else if index <= g.last() {
		g.places = g.places[:index-g.first]
	}
}

// add notes the entries of a batch, which must be whole, at the end of the segment.
func (g *segment) add(h header, content []byte) (configurations []uint64) {
	at := g.end + headerSize
	for i := range uint64(h.count) {
		n, _ := entryLength(content)
		if len(g.places) == 0 {
			g.first = h.index + i
		}
		g.places = append(g.places, place{uint32(at), uint32(n)})
		if entryType(content) == raft.LogConfiguration {
			configurations = append(configurations, h.index+i)
		}
		content, at = content[n:], at+n
	}
	g.end += blocks(headerSize + int(h.length))
	return configurations
}

// wholeBatch decodes the batch that b begins with, and returns false if it isn't whole or not of segment number.
func wholeBatch(b []byte, number uint64, s seed) (h header, content []byte, ok bool) {
	h, ok = parseHeader(b, entries, s)
	if !ok || h.segment != number || h.count == 0 || uint64(h.length) > uint64(len(b)-headerSize) {
		return h, nil, false
	}
	content = b[headerSize : headerSize+int(h.length)]
	if crc32.Update(uint32(s), castagnoli, content) != h.content {
		return h, nil, false
	}
	rest := content
	for range h.count {
		n, ok := entryLength(rest)
		if !ok {
			return h, nil, false
		}
		rest = rest[n:]
	}
	return h, content, len(rest) == 0
}

// hasBatch tells whether a block of content begins a batch of a segment for which accept is true.
func hasBatch(content []byte, s seed, accept func(segment uint64) bool) bool {
	for at := 0; at+headerSize <= len(content); at += blockSize {
		if h, ok := parseHeader(content[at:], entries, s); ok && accept(h.segment) {
			return true
		}
	}
	return false
}

// openSegment opens a file and reads its opening.
func openSegment(path string, flag int, s seed) (*segment, header, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, header{}, fmt.Errorf("open a segment of the log: %w", err)
	}
	b, info, err := readBlock(f)
	if err != nil {
		f.Close()
		return nil, header{}, fmt.Errorf("read a segment of the log: %w", err)
	}
	g := &segment{file: f, path: path, size: int(min(info.Size(), maxSegment)), end: blockSize}
	h, ok := parseHeader(b, opening, s)
	if !ok {
		return g, header{}, nil
	}
	g.number, g.begins = h.segment, h.index
	return g, h, nil
}

// maxSegment bounds what is read of a file.
const maxSegment = 1 << 30

// read reads the whole segment into b, or into new memory if b is too small.
func (g *segment) read(b []byte) ([]byte, error) {
	if cap(b) < g.size {
		b = make([]byte, g.size)
	}
	b = b[:g.size]
	if n, err := g.file.ReadAt(b, 0); n < g.size {
		return nil, fmt.Errorf("read %s: %w", g.path, err)
	}
	return b, nil
}

const segmentSuffix = ".segment"

// segmentPath is where the n-th segment of a log is.
func segmentPath(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("%06d%s", n, segmentSuffix))
}
