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
// itself and changes nothing. It includes bets that are in the log but not yet in the state, and it refuses a log and a state
// that do not belong together, as a start does. It returns what was proven, in words, and a violation as *audit.Violation.
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
	torn, err := replication.Replay(ctx, dir, replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID}, store)
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
	if torn != nil {
		proved = append(proved, "log       "+torn.String())
	}
	return proved, err
}

// Violation is a broken invariant of the books.
type Violation = audit.Violation
