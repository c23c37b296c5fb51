package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"imperio/storage"
)

// HasCasino says whether a casino was ever made in a directory.
func HasCasino(dir string) (bool, error) {
	_, err := storage.ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// MakeCasino makes a new casino in the data directory, as a first start does, for a verb that fills it. Call it only where
// HasCasino is false: a start decides about upgrades, too.
func MakeCasino(ctx context.Context, o Options) error {
	d, err := openDataDir(dataDirOptions{
		path: o.Config.Data.Dir, create: true, version: o.Version, key: keyFrom(o.Config.Data), stallLimit: o.Config.Data.DiskStallLimit,
		log: newLog(o.Config.Logs.Format, o.Config.Logs.Level, o.Logs),
	})
	if err != nil {
		return fmt.Errorf("make a new casino: %w", err)
	}
	return d.close(context.WithoutCancel(ctx))
}
