package boltcheck

import "io"

// Tree is a bucket of a file that is in use, as an open transaction sees it: as long as that is open, nobody writes over
// the bucket's pages, and they can be checked beside whoever writes others.
type Tree struct {
	Bucket   string // "": the one that holds all others, none of which is followed
	Root     uint64 // its page
	PageSize int
	Pages    uint64 // below the high-water mark
}

// Walk checks a part of a tree as Check does all of them: from the leaf with the key from on, until leaves of limit bytes
// are read. It returns the key to continue with, nil at the end. The visitor sees keys from the given one on, and the
// buckets in the tree. Walk can't find a page that two trees use, or that is also on the list of free pages.
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
