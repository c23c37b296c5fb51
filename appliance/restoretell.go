package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"imperio/appliance/ops"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/backup"
)

// tell fills in the report: what will be done, and what that takes back.
func (r *restoring) tell(ctx context.Context, p *backup.Plan) error {
	after, newest, err := p.Aftermath(ctx, r.target)
	if err == nil && !r.o.NoCount {
		after.Asked, err = p.AskedAfter(ctx, r.target, r.keys.forBackup(), func(phase backup.Phase, done, total int64) { r.o.Progress(string(phase), done, total) })
	}
	if err != nil {
		return fmt.Errorf("count what the restore takes back: %w", err)
	}
	r.report = RestoreReport{
		Target: r.target.String(), Casino: p.Casino, Lineage: p.Lineage, Moment: p.Request.Moment.String(),
		Archive: p.Archive.Object.Name, ArchiveTime: p.Archive.Time, Segments: len(p.Segments), Bytes: p.Bytes,
		Estimate: p.Estimate(), Seconds: p.Estimate().Seconds(), DataDir: r.o.Config.Data.Dir, Notes: append([]string{}, p.Notes...), TakesBack: after,
		newest: newest, newestIndex: after.Index,
	}
	if r.locked != nil {
		r.tellOld(ctx, p)
	}
	if r.o.From == "" {
		r.tellOthers(ctx, p)
	}
	return nil
}

// tellOthers notes which other configured targets have newer backups: the first one that answers may have been down for days.
func (r *restoring) tellOthers(ctx context.Context, p *backup.Plan) {
	for _, u := range r.o.Config.Backups.To {
		t, err := backup.Open(ctx, string(u), targetOptions(&r.o.Config.Backups, r.o.Log))
		if err != nil || t.String() == r.target.String() {
			continue
		}
		v, err := backup.ReadInventory(ctx, t, p.Casino)
		if err = errors.Join(err, t.Close()); err != nil {
			r.report.Notes = append(r.report.Notes, fmt.Sprintf("%s can't be read, so it may have newer backups: %v", t, err))
			continue
		}
		if newest := v.End(p.Lineage); newest > p.Newest {
			r.report.Notes = append(r.report.Notes, fmt.Sprintf("%s has newer backups, up to entry %d of the log instead of %d: --from '%s'", t, newest, p.Newest, u))
		}
	}
}

// tellOld adds what the old data directory knows beyond the backups. What can't be read of it is noted.
func (r *restoring) tellOld(ctx context.Context, p *backup.Plan) {
	old, err := r.readOld(ctx, p)
	switch {
	case errors.Is(err, errOtherHistory), errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("The old data directory can't be read, so what it has beyond the backups is not counted: %v", err))
	case old.index > p.Newest:
		before := subtract(&r.report.newest, &r.report.TakesBack)
		atMost := r.report.TakesBack.AtMost
		r.report.TakesBack.Since(&before, &old.at, old.index)
		r.report.TakesBack.AtMost, r.report.TakesBack.AtLeast = atMost, false
		if !r.o.NoCount {
			r.report.TakesBack.Add(&old.asked)
		}
		r.report.newest, r.report.newestIndex = old.at, old.index
	}
	if uncertain := old.left.TellUncertain(); err == nil && uncertain != "" {
		r.report.Notes = append(r.report.Notes, "Of the old data directory, this is not counted: "+uncertain)
	}
}

// subtract is the position from which an aftermath was counted.
func subtract(newest *backup.Position, a *backup.Aftermath) backup.Position {
	before := *newest
	before.Events -= a.Events
	before.Rounds -= a.Rounds
	before.Accounts -= a.Accounts
	before.Staked -= a.Staked
	before.Paid -= a.Paid
	return before
}

// notify tells the operators by message what was done. No server runs that could do it.
func (r *restoring) notify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*notifyPatience)
	defer cancel()
	back := &r.report.TakesBack
	outcomes, err := TryNotify(ctx, &r.o.Config, r.o.Version, ops.Message{
		Topic: ops.TopicRestored, Status: ops.StatusWarning, Title: "the casino was restored from a backup",
		Text: fmt.Sprintf("It is restored to %s, entry %d, and begins the lineage %s. %d rounds with %d coins staked are taken back, as far as is known.",
			restoredTime(r.report.Time), r.report.Index, r.report.NewLineage, back.Rounds, back.Staked),
		Details: map[string]string{"lineage": r.report.NewLineage, "index": fmt.Sprint(r.report.Index), "time": restoredTime(r.report.Time)},
	})
	for _, o := range outcomes {
		if o.Problem != "" {
			err = errors.Join(err, fmt.Errorf("%s, %s: %s", o.Kind, o.Host, o.Problem))
		}
	}
	if err != nil {
		r.o.Log.Warn("the message about the restore was not sent", "error", err)
	}
}

var errOtherHistory = errors.New("it is another history")

// oldData is what the old data directory knows.
type oldData struct {
	at    backup.Position // the newest
	index uint64          // of that
	asked backup.Tally    // what was asked for after the newest backup
	left  replication.LeftOut
}

// readOld reads the newest position of the old data directory, and counts what was asked for after the newest backup.
func (r *restoring) readOld(ctx context.Context, p *backup.Plan) (old oldData, err error) {
	dir := r.o.Config.Data.Dir
	id, err := storage.ReadIdentity(dir)
	if err != nil || !id.Ready {
		return old, cmp.Or(err, errOtherHistory)
	}
	key, found := r.keys.of(&p.Manifest)
	if !found {
		return old, errors.New("the casino's key is only in the backup")
	}
	store, err := storage.OpenWith(dir, r.o.games, key.keys, 0, storage.Options{ReadOnly: true, Owner: id.ClusterID})
	if err != nil {
		return old, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if backup.LineageName(store.Lineage()) != p.Lineage {
		return old, errOtherHistory
	}
	in := replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID}
	if old.left, err = replication.Replay(ctx, dir, in, store); err != nil {
		return old, err
	}
	index, _, record, err := store.Position()
	if err != nil {
		return old, err
	}
	counted := max(p.Newest, p.Request.Index)
	_, err = replication.ReadLog(dir, in, index, func(entry []storage.Command) error {
		if len(entry) == 0 || entry[0].Index <= counted || !r.o.Request.At.IsZero() && !entry[0].Time.After(r.o.Request.At) {
			return nil
		}
		return old.asked.Count(entry)
	})
	old.at, old.index = backup.PositionOf(&record, storage.FormatVersion), index
	return old, err
}
