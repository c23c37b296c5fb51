package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"imperio/appliance/control"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/audit"
)

// Audit proves the books of a casino. It asks the server that runs on the directory. Without one it reads the directory
// itself and changes nothing. It includes bets that are in the log but not yet in the state. It returns what was proven, in
// words, and a violation as *audit.Violation.
func Audit(ctx context.Context, dir string, progress func(done, total uint64)) (proved []string, err error) {
	return auditWith(ctx, dir, catalogue.Released(), progress)
}

// auditWith is Audit with other games than the released ones.
func auditWith(ctx context.Context, dir string, c *games.Catalogue, progress func(done, total uint64)) (proved []string, err error) {
	client, err := control.Dial(ctx, filepath.Join(dir, SocketFile))
	if err == nil {
		defer client.Close()
		report, err := control.Audit.Call(ctx, client, control.None{})
		if err == nil && report.Violation != "" {
			err = &audit.Violation{What: report.Violation}
		}
		return report.Proved, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	id, err := storage.ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !id.Ready {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoCasino)
	}
	if err != nil {
		return nil, err
	}
	store, err := storage.OpenWith(dir, c, 0, storage.Options{ReadOnly: true, Owner: id.ClusterID})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := replay(ctx, dir, id, store); err != nil {
		return nil, err
	}
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snapshot.Close()
	report, err := audit.Run(ctx, snapshot, audit.Options{Progress: progress})
	return report.Lines(), err
}

// replay applies the entries of the log above the state, only in memory.
func replay(ctx context.Context, dir string, id storage.Identity, store *storage.Store) error {
	var batch []storage.Command
	apply := func() error {
		_, err := store.Apply(batch)
		batch = batch[:0]
		return err
	}
	applied, _ := store.Applied()
	err := replication.ReadLog(dir, replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID}, func(entry []storage.Command) error {
		if entry[0].Index <= applied {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if batch = append(batch, entry...); len(batch) >= 1024 {
			return apply()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return apply()
}

// Violation is a broken invariant of the books.
type Violation = audit.Violation
