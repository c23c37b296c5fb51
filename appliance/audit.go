package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/audit"
)

// Audit audits the books of a casino: through the server that runs on the directory, or else the directory itself, which it
// doesn't change. Bets in the log that are not yet in the state are included. It returns a report for people; a violation is
// an *audit.Violation.
//
// Without the casino's key, in the directory or in the configuration, less is proven: what package audit says, up to the last
// checkpoint, since the log can't be applied without the key. The report says so.
func Audit(ctx context.Context, data config.Data, progress func(done, total uint64)) (proved []string, err error) {
	return auditWith(ctx, data, catalogue.Released(), progress)
}

// auditWith is Audit for a casino with other games than the released ones.
func auditWith(ctx context.Context, data config.Data, c *games.Catalogue, progress func(done, total uint64)) (proved []string, err error) {
	dir, key := data.Dir, keyFrom(data)
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
	keys, err := key.read(dir)
	if err != nil && (key.given != "" || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	store, err := storage.OpenWith(dir, c, keys, 0, storage.Options{ReadOnly: true, Owner: id.ClusterID})
	if err != nil {
		return nil, key.explain(dir, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	left := 0
	if keys == nil {
		left, err = above(dir, id, store)
	} else {
		err = replay(ctx, dir, id, store)
	}
	if err != nil {
		return nil, err
	}
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snapshot.Close()
	report, err := audit.Run(ctx, snapshot, audit.Options{Progress: progress})
	proved = report.Lines()
	if left > 0 {
		proved = append(proved, fmt.Sprintf("left out  %d commands of the log, above the last checkpoint: without the casino's key they can't be applied", left))
	}
	return proved, err
}

// above counts the commands of the log that are not in the state.
func above(dir string, id storage.Identity, store *storage.Store) (commands int, err error) {
	applied, _ := store.Applied()
	err = replication.ReadLog(dir, replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID}, func(entry []storage.Command) error {
		for _, c := range entry {
			if c.Index > applied && len(c.Data) > 0 {
				commands++
			}
		}
		return nil
	})
	return commands, err
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
