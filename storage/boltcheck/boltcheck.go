// Package boltcheck proves that a bbolt file is whole, without bbolt and without mapping the file into memory.
//
// bbolt trusts its pages: it follows offsets and page numbers from the disk through unsafe pointers, and rebuilds its
// free list in a goroutine of its own, where callers can't recover from a panic. So a truncated file or one flipped bit can
// kill the process with a signal instead of a message. Check reads every reachable page with plain reads and checks every
// bound, before bbolt sees the file. bbolt can open whatever passes.
//
// bbolt has checksums on its two meta pages only. So Check proves the structure. The visitor has to prove keys and values,
// with checksums of its own.
package boltcheck

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Visitor sees what a file holds, in key order within each bucket. Slices are only valid during the call. An error ends
// the check and is returned unchanged.
type Visitor struct {
	// Bucket is called before the items of a bucket. Buckets inside others are named "outer/inner".
	Bucket func(name string, sequence uint64) error
	// Item is called for each key that is not a bucket.
	Item func(bucket string, key, value []byte) error
}

// Summary is what Check learnt about the file.
type Summary struct {
	PageSize   int
	Pages      uint64 // pages below the high-water mark
	FreelistOK bool   // the file has a free list, and it agrees with the reachable pages
}

// Error is a fault in the structure of the file.
type Error struct {
	Page uint64
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("page %d: %s", e.Page, e.What) }

// The layout of bbolt files, version 2: see internal/common of go.etcd.io/bbolt.
const (
	magic       = 0xED0CDAED
	version     = 2
	pageHeader  = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64
	metaSummed  = 56 // the part of the meta that its checksum covers

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10

	noFreelist = ^uint64(0)
	maxDepth   = 64 // pages from root to leaf, and buckets in buckets; bbolt's trees are far shallower
	minPage    = 1 << 10
	maxPage    = 1 << 24
)

var order = binary.NativeEndian

type checker struct {
	r        io.ReaderAt
	visitor  Visitor
	pageSize int
	pages    uint64
	seen     []uint64 // one bit a page; nil: a page may be used twice
	buffers  [][]byte // one per depth
	part     *part    // nil: all of the file
}

// Check reads the file of the given size in bytes. It returns nil only if all of this holds: both meta pages are sound;
// every reachable page is inside the file, is of the right kind, is reached once, and holds its keys in order; a saved free
// list names exactly the unreachable pages. Damage is reported as *Error; read errors and errors of the visitor are
// returned unchanged.
func Check(r io.ReaderAt, size int64, v Visitor) (Summary, error) {
	m, err := newestMeta(r, size)
	if err != nil {
		return Summary{}, err
	}
	c := &checker{r: r, visitor: v, pageSize: int(m.pageSize), pages: m.pages, seen: make([]uint64, m.pages/64+1)}
	c.mark(0)
	c.mark(1)
	if err := c.bucket("", m.root, 0); err != nil {
		return Summary{}, err
	}
	s := Summary{PageSize: c.pageSize, Pages: c.pages}
	if m.freelist != noFreelist {
		if err := c.freelist(m.freelist); err != nil {
			return Summary{}, err
		}
		s.FreelistOK = true
	}
	return s, nil
}

// mark marks a page as used, and reports whether it was unmarked until now.
func (c *checker) mark(id uint64) bool {
	word, bit := id/64, uint64(1)<<(id%64)
	if c.seen[word]&bit != 0 {
		return false
	}
	c.seen[word] |= bit
	return true
}

// page reads a page with its overflow pages, and marks them all.
func (c *checker) page(id uint64, depth int) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, &Error{id, fmt.Sprintf("is outside the file's %d pages", c.pages)}
	}
	if depth >= maxDepth {
		return nil, &Error{id, "the tree is too deep"}
	}
	for len(c.buffers) <= depth {
		c.buffers = append(c.buffers, make([]byte, c.pageSize))
	}
	// All of the page at once: a system call costs more than copying it.
	buf := c.buffers[depth][:c.pageSize]
	if err := c.read(buf, id); err != nil {
		return nil, err
	}
	if got := order.Uint64(buf); got != id {
		return nil, &Error{id, fmt.Sprintf("calls itself page %d", got)}
	}
	overflow := uint64(order.Uint32(buf[12:]))
	if overflow >= c.pages-id {
		return nil, &Error{id, fmt.Sprintf("overflows into %d more pages, beyond the end of the file", overflow)}
	}
	for i := id; c.seen != nil && i <= id+overflow; i++ {
		if !c.mark(i) {
			return nil, &Error{i, "is used twice"}
		}
	}
	if overflow == 0 {
		return buf, nil
	}
	n := int(overflow+1) * c.pageSize
	if cap(c.buffers[depth]) < n {
		c.buffers[depth] = make([]byte, n)
	}
	buf = c.buffers[depth][:n]
	return buf, c.read(buf, id)
}

func (c *checker) read(b []byte, id uint64) error {
	_, err := c.r.ReadAt(b, int64(id)*int64(c.pageSize))
	if errors.Is(err, io.EOF) {
		return &Error{id, "the file ends inside this page: it is truncated"}
	}
	if err != nil {
		return fmt.Errorf("read page %d: %w", id, err)
	}
	return nil
}

func (c *checker) bucket(name string, root uint64, depth int) error {
	return c.tree(name, root, depth, bounds{})
}

// bounds are the keys that a subtree may hold: low ≤ key < high; nil is no bound.
type bounds struct{ low, high []byte }

func (c *checker) tree(bucket string, id uint64, depth int, b bounds) error {
	p, err := c.page(id, depth)
	if err != nil {
		return err
	}
	switch order.Uint16(p[8:]) {
	case flagLeaf:
		if c.part != nil {
			c.part.read += len(p)
		}
		if order.Uint16(p[10:]) == 0 && bucket != "" { // an emptied bucket becomes a value in its outer one
			return &Error{id, "is a leaf without elements"}
		}
		return c.leaf(bucket, id, p, depth, b)
	case flagBranch:
		return c.branch(bucket, id, p, depth, b)
	}
	return &Error{id, fmt.Sprintf("has flags %#x, which is neither a branch nor a leaf", order.Uint16(p[8:]))}
}

// element returns the i-th element of a page and the bytes from its key on, which must be at the offset start. bbolt writes
// keys and values one after another, right behind the last element. So the check also finds a damaged count that hides the
// last elements of a page.
func element(id uint64, p []byte, i, posAt, start int) (e, data []byte, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(p) {
		return nil, nil, &Error{id, "has more elements than fit"}
	}
	e = p[at : at+elementSize]
	pos := uint64(order.Uint32(e[posAt:]))
	if pos > uint64(len(p)-at) {
		return nil, nil, &Error{id, fmt.Sprintf("element %d lies outside the page", i)}
	}
	if at+int(pos) != start {
		return nil, nil, &Error{id, fmt.Sprintf("the key of element %d is at byte %d instead of %d", i, at+int(pos), start)}
	}
	return e, p[uint64(at)+pos:], nil
}

func (c *checker) branch(bucket string, id uint64, p []byte, depth int, b bounds) error {
	n := int(order.Uint16(p[10:]))
	if n == 0 {
		return &Error{id, "is a branch without children"}
	}
	start := pageHeader + n*elementSize
	keyOf := func(i int) (key []byte, child uint64, err error) { // must be called in order
		e, data, err := element(id, p, i, 0, start)
		if err != nil {
			return nil, 0, err
		}
		size := order.Uint32(e[4:])
		if uint64(size) > uint64(len(data)) {
			return nil, 0, &Error{id, fmt.Sprintf("the key of element %d reaches beyond the page", i)}
		}
		start += int(size)
		return data[:size], order.Uint64(e[8:]), nil
	}
	key, child, err := keyOf(0)
	for i := 0; err == nil; i++ {
		if err := b.allow(id, i, key); err != nil {
			return err
		}
		if i == n-1 {
			return c.child(bucket, child, depth, bounds{key, b.high})
		}
		var next []byte
		var nextChild uint64
		if next, nextChild, err = keyOf(i + 1); err != nil {
			break
		}
		if bytes.Compare(key, next) >= 0 {
			return &Error{id, fmt.Sprintf("keys are out of order at element %d", i+1)}
		}
		if err := c.child(bucket, child, depth, bounds{key, next}); err != nil {
			return err
		}
		key, child = next, nextChild
	}
	return err
}

// child checks a subtree of a branch, if it belongs to the part that the walk covers.
func (c *checker) child(bucket string, id uint64, depth int, b bounds) error {
	if p := c.part; p != nil {
		if p.next != nil || b.high != nil && bytes.Compare(b.high, p.from) <= 0 {
			return nil
		}
		if p.read >= p.limit {
			p.next = bytes.Clone(b.low)
			return nil
		}
	}
	return c.tree(bucket, id, depth+1, b)
}

func (b bounds) allow(id uint64, i int, key []byte) error {
	if (b.low != nil && bytes.Compare(key, b.low) < 0) || (b.high != nil && bytes.Compare(key, b.high) >= 0) {
		return &Error{id, fmt.Sprintf("the key of element %d belongs to another page", i)}
	}
	return nil
}

func (c *checker) leaf(bucket string, id uint64, p []byte, depth int, b bounds) error {
	n := int(order.Uint16(p[10:]))
	start := pageHeader + n*elementSize
	var last []byte
	for i := range n {
		e, data, err := element(id, p, i, 4, start)
		if err != nil {
			return err
		}
		ksize, vsize := uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		if ksize == 0 || ksize+vsize > uint64(len(data)) {
			return &Error{id, fmt.Sprintf("element %d reaches beyond the page", i)}
		}
		start += int(ksize + vsize)
		key, value := data[:ksize], data[ksize:ksize+vsize]
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return &Error{id, fmt.Sprintf("keys are out of order at element %d", i)}
		}
		last = key
		if err := b.allow(id, i, key); err != nil {
			return err
		}
		switch flags := order.Uint32(e[0:]); flags {
		case 0:
			if bucket == "" {
				return &Error{id, fmt.Sprintf("element %d is a value beside the buckets", i)}
			}
			if c.visitor.Item != nil && (c.part == nil || bytes.Compare(key, c.part.from) >= 0) {
				if err := c.visitor.Item(bucket, key, value); err != nil {
					return err
				}
			}
		case 1:
			if err := c.inner(bucket, id, string(key), value, depth); err != nil {
				return err
			}
		default:
			return &Error{id, fmt.Sprintf("element %d has flags %#x", i, flags)}
		}
	}
	return nil
}

// inner checks a bucket that is stored as a value in a leaf, either inline or with a tree of its own.
func (c *checker) inner(outer string, id uint64, name string, value []byte, depth int) error {
	if len(value) < bucketSize {
		return &Error{id, fmt.Sprintf("bucket %q has a header of %d bytes", name, len(value))}
	}
	if outer != "" {
		name = outer + "/" + name
	}
	root, sequence := order.Uint64(value), order.Uint64(value[8:])
	if c.visitor.Bucket != nil {
		if err := c.visitor.Bucket(name, sequence); err != nil {
			return err
		}
	}
	switch {
	case root != 0 && c.part != nil:
		return nil // a tree of its own
	case root != 0:
		return c.bucket(name, root, depth+1)
	}
	inline := value[bucketSize:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != flagLeaf || order.Uint64(inline) != 0 || order.Uint32(inline[12:]) != 0 {
		return &Error{id, fmt.Sprintf("inline bucket %q has no page", name)}
	}
	if n := order.Uint16(inline[10:]); n == 0 && len(inline) != pageHeader {
		return &Error{id, fmt.Sprintf("bucket %q has data but no elements", name)}
	}
	return c.leaf(name, id, inline, depth, bounds{})
}

// freelist proves that the saved list names exactly the unused pages. bbolt would overwrite a used page on the list.
func (c *checker) freelist(id uint64) error {
	p, err := c.page(id, 0)
	if err != nil {
		return err
	}
	if order.Uint16(p[8:]) != flagFreelist {
		return &Error{id, "is not a list of free pages"}
	}
	ids := p[pageHeader:]
	n := uint64(order.Uint16(p[10:]))
	if n == 0xFFFF { // a count that does not fit the header precedes the list
		n, ids = order.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return &Error{id, "lists more free pages than fit"}
	}
	for i := range n {
		free := order.Uint64(ids[8*i:])
		if free < 2 || free >= c.pages {
			return &Error{id, fmt.Sprintf("lists page %d as free, which is outside the file", free)}
		}
		if !c.mark(free) {
			return &Error{id, fmt.Sprintf("lists page %d as free, which is in use", free)}
		}
	}
	for page := range c.pages {
		if c.mark(page) {
			return &Error{page, "is neither in use nor free"}
		}
	}
	return nil
}
