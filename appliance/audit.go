package appliance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/games"
	"imperio/games/catalogue"
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
	stopped, err := readStopped(ctx, dir, key, c, noServer{socket, dial})
	if err != nil {
		return proved, err
	}
	defer func() { err = errors.Join(err, stopped.close()) }()
	snapshot, err := stopped.store.Snapshot(ctx)
	if err != nil {
		return proved, err
	}
	defer snapshot.Close()
	report, err := audit.Run(ctx, snapshot, audit.Options{Progress: progress})
	proved = tellAudit(&report)
	if violation, found := errors.AsType[*audit.Violation](err); found {
		proved.Violation = violation.Error()
	}
	if above := stopped.above; above > 0 {
		proved.Proved = append(proved.Proved, fmt.Sprintf("left out  %d commands of the log, above the last checkpoint: without the casino's key they can't be applied", above))
	}
	if uncertain := stopped.left.TellUncertain(); uncertain != "" {
		proved.Proved = append(proved.Proved, "left out  "+uncertain)
	}
	if torn := stopped.left.Torn; torn != nil {
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
