package boltcheck

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// meta is one of the two meta pages: the newer one says where everything is.
type meta struct {
	pageSize    uint32
	root        uint64
	freelist    uint64
	pages       uint64
	transaction uint64
}

// newestMeta reads both meta pages and returns the one of the later transaction. Both must be sound: a meta page fits one
// sector, so a crash leaves either the old or the new one. If one is damaged, it may have been the newer, and going on with
// the other could silently take back the last transaction.
func newestMeta(r io.ReaderAt, size int64) (meta, error) {
	first, err := readMeta(r, 0, 0)
	if err != nil {
		return meta{}, err
	}
	second, err := readMeta(r, 1, int64(first.pageSize))
	if err != nil {
		return meta{}, err
	}
	if first.pageSize != second.pageSize {
		return meta{}, &Error{1, "the two meta pages differ in page size"}
	}
	newest := first
	page := uint64(0)
	if second.transaction > first.transaction {
		newest, page = second, 1
	}
	if newest.pages < 4 || newest.pages > uint64(size)/uint64(newest.pageSize) {
		return meta{}, &Error{page, fmt.Sprintf("the file should hold %d pages of %d bytes but is %d bytes long: it is truncated",
			newest.pages, newest.pageSize, size)}
	}
	return newest, nil
}

func readMeta(r io.ReaderAt, page uint64, at int64) (meta, error) {
	var b [pageHeader + metaSize]byte
	if _, err := r.ReadAt(b[:], at); errors.Is(err, io.EOF) {
		return meta{}, &Error{page, "the file ends before its meta page"}
	} else if err != nil {
		return meta{}, fmt.Errorf("read meta page %d: %w", page, err)
	}
	if order.Uint64(b[0:]) != page || order.Uint16(b[8:]) != flagMeta {
		return meta{}, &Error{page, "not a meta page"}
	}
	body := b[pageHeader:]
	h := fnv.New64a()
	h.Write(body[:metaSummed])
	if order.Uint32(body[0:]) != magic || h.Sum64() != order.Uint64(body[metaSummed:]) {
		return meta{}, &Error{page, "the checksum of the meta page does not match"}
	}
	if v := order.Uint32(body[4:]); v != version {
		return meta{}, &Error{page, fmt.Sprintf("is of bbolt format %d, this program knows format %d", v, version)}
	}
	m := meta{
		pageSize: order.Uint32(body[8:]), root: order.Uint64(body[16:]),
		freelist: order.Uint64(body[32:]), pages: order.Uint64(body[40:]), transaction: order.Uint64(body[48:]),
	}
	if m.pageSize < minPage || m.pageSize > maxPage || m.pageSize&(m.pageSize-1) != 0 {
		return meta{}, &Error{page, fmt.Sprintf("has an invalid page size of %d bytes", m.pageSize)}
	}
	return m, nil
}
