package boltcheck

import "io"

// Tree is a bucket of a file in use, as an open transaction sees it. While the transaction is open, the bucket's pages are
// not overwritten, so they can be checked while others are written.
type Tree struct {
	Bucket   string // "": the root bucket; the buckets inside it are not followed
	Root     uint64 // the page of the bucket's root
	PageSize int
	Pages    uint64 // below the high-water mark
}

// Walk checks a part of a tree in the way Check does: it starts at the leaf with the key from, and stops after limit bytes
// of leaves. It returns the key to continue with; nil at the end. The visitor sees the keys from the given one on, and the
// buckets in the tree. Walk can't find a page that two trees use, or that is also on the free list.
func (t Tree) Walk(r io.ReaderAt, from []byte, limit int, v Visitor) (next []byte, err error) {
	c := &checker{r: r, visitor: v, pageSize: t.PageSize, pages: t.Pages, part: &part{from: from, limit: limit}}
	err = c.tree(t.Bucket, t.Root, 0, bounds{})
	return c.part.next, err
}

// part is what a Walk checks of a tree.
type part struct {
	from  []byte
	limit int    // bytes of leaves
	read  int    // so far
	next  []byte // where the next walk begins; nil: not there yet
}
