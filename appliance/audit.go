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

// Audit proves the books of a casino. It asks the server that runs on the directory. Without one it reads the directory
// itself and changes nothing. It includes bets that are in the log but not yet in the state, and it refuses a log and a state
// that do not belong together, as a start does. It returns what was proven, in words, and a violation as *audit.Violation.
//
// Without the casino's key, in the directory or in the configuration, less is proven: what package audit says, up to the last
// checkpoint, since the log can't be applied without the key. The words say so.
func Audit(ctx context.Context, data config.Data, progress func(done, total uint64)) (proved []string, err error) {
	return auditWith(ctx, data, catalogue.Released(), progress)
}

// auditWith is Audit for a casino with other games than the released ones.
func auditWith(ctx context.Context, data config.Data, c *games.Catalogue, progress func(done, total uint64)) (proved []string, err error) {
	dir, key := data.Dir, keyFrom(data)
	socket := filepath.Join(dir, SocketFile)
	client, dial := control.Dial(ctx, socket)
	if dial == nil {
		defer client.Close()
		report, err := control.Audit.Call(ctx, client, control.None{})
		if err == nil && report.Violation != "" {
			err = &audit.Violation{What: report.Violation}
		}
		return report.Proved, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, noServerError(socket, dial, err)
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
	var torn *replication.Torn
	var above int
	if in := (replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID}); keys == nil {
		above, torn, err = replication.Above(dir, in, store)
	} else {
		torn, err = replication.Replay(ctx, dir, in, store)
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
	if above > 0 {
		proved = append(proved, fmt.Sprintf("left out  %d commands of the log, above the last checkpoint: without the casino's key they can't be applied", above))
	}
	if torn != nil {
		proved = append(proved, "log       "+torn.String())
	}
	return proved, err
}

// Violation is a broken invariant of the books.
type Violation = audit.Violation
