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
// that do not belong together, as a start does. A violation is an error, *audit.Violation, and in the report.
//
// Without the casino's key, in the directory or in the configuration, less is proven: what package audit says, up to the last
// checkpoint, since the log can't be applied without the key. The words say so.
func Audit(ctx context.Context, data config.Data, progress func(done, total uint64)) (control.AuditReport, error) {
	return auditWith(ctx, data, catalogue.Released(), progress)
}

// auditWith is Audit for a casino with other games than the released ones.
func auditWith(ctx context.Context, data config.Data, c *games.Catalogue, progress func(done, total uint64)) (proved control.AuditReport, err error) {
	dir, key := data.Dir, keyFrom(data)
	socket := filepath.Join(dir, SocketFile)
	client, dial := control.Dial(ctx, socket)
	if dial == nil {
		defer client.Close()
		report, err := control.Audit.Call(ctx, client, control.None{})
		if err == nil && report.Violation != "" {
			err = &audit.Violation{What: report.Violation}
		}
		return report, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return proved, noServerError(socket, dial, err)
	}
	defer lock.Close()
	if s := (swap{dir: dir}); s.pending() {
		return proved, fmt.Errorf("%s: %w. The next start completes it", dir, errRestoring)
	}
	id, err := storage.ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !id.Ready {
		return proved, fmt.Errorf("%s: %w", dir, ErrNoCasino)
	}
	if err != nil {
		return proved, err
	}
	keys, err := key.read(dir)
	if err != nil && (key.given != "" || !errors.Is(err, fs.ErrNotExist)) {
		return proved, err
	}
	store, err := storage.OpenWith(dir, c, keys, 0, storage.Options{ReadOnly: true, Owner: id.ClusterID})
	if err != nil {
		return proved, key.explain(dir, err)
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
		return proved, err
	}
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return proved, err
	}
	defer snapshot.Close()
	report, err := audit.Run(ctx, snapshot, audit.Options{Progress: progress})
	proved = tellAudit(&report)
	if violation, found := errors.AsType[*audit.Violation](err); found {
		proved.Violation = violation.Error()
	}
	if above > 0 {
		proved.Proved = append(proved.Proved, fmt.Sprintf("left out  %d commands of the log, above the last checkpoint: without the casino's key they can't be applied", above))
	}
	if torn != nil {
		proved.Proved = append(proved.Proved, "log       "+torn.String())
	}
	return proved, err
}

func tellAudit(r *audit.Report) control.AuditReport {
	return control.AuditReport{
		Proved: r.Lines(), Events: r.Events, HistoryHead: fmt.Sprintf("%x", r.Head), Records: r.Records, Accounts: r.Accounts,
		Transfers: r.Transfers, Rounds: r.Rounds, OpenRounds: r.Open, Unproven: r.Unproven,
	}
}

// Violation is a broken invariant of the books.
type Violation = audit.Violation
