package engine

import (
	"errors"

	"go.etcd.io/bbolt"
)

// releasePages gives back the memory that mapped pages of the file take in this process, once they are more than
// Options.MappedBytes. The system keeps the pages in its cache as long as it has room for them, and a page that is
// read again is mapped again in about a microsecond. Without this a process with a large casino looks as large as its
// file to whoever limits or watches it by its resident size.
func (d *DB) releasePages() error {
	mapped, err := mappedBytes()
	if errors.Is(err, errors.ErrUnsupported) || err == nil && mapped <= d.opts.MappedBytes {
		return nil
	}
	if err != nil {
		return err
	}
	return d.db.View(func(tx *bbolt.Tx) error { // while a transaction is open the mapping stays where it is
		return unmapPages(d.db.Info().Data, tx.Size())
	})
}
