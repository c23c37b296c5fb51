package engine

import "errors"

// releasePages gives back the memory that mapped pages of the file take in this process, once it exceeds
// Options.MappedBytes. The pages stay in the system's cache while it has room, and reading one again maps it in about a
// microsecond. Without this, the resident size of the process would grow to the size of its file, which misleads limits and
// monitoring.
func (d *DB) releasePages() error {
	mapped, err := mappedBytes()
	if errors.Is(err, errors.ErrUnsupported) || err == nil && mapped <= d.opts.MappedBytes {
		return nil
	}
	if err != nil {
		return err
	}
	f, tx, err := d.begin() // the mapping does not move while a transaction is open
	if err != nil {
		return err
	}
	return errors.Join(unmapPages(f.db.Info().Data, tx.Size()), tx.Rollback())
}
