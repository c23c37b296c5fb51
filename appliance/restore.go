package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/backup"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// RestoreOptions say what to restore, and how.
type RestoreOptions struct {
	Config       config.Config
	From         string // the target's URL; "": the first configured one that answers
	Request      backup.Request
	IdentityFile string // with age identities; ""
	KeyFile      string // with the casino's key; ""
	Reason       string // for the history; required unless DryRun
	SudoUser     string // SUDO_USER of the operator's environment; ""
	Version      string // of this program
	DryRun       bool   // tell the plan, and change nothing
	NoAudit      bool
	Log          *slog.Logger
	// Progress tells how far a phase is. May be nil.
	Progress func(phase string, done, total int64)
	// Confirm is called once it is known what will be done, before anything is changed. Its error ends the restore. May be
	// nil.
	Confirm func(*RestoreReport) error

	games      *games.Catalogue  // nil: all released games
	clock      replication.Clock // nil: the system's
	stallLimit time.Duration
	step       func(string) error // of the swap; for tests
}

// RestoreReport says what a restore does, and what it has done.
type RestoreReport struct {
	Target      string           `json:"target"`
	Casino      string           `json:"casino"`
	Lineage     string           `json:"lineage"`
	Moment      string           `json:"moment"` // what was asked for, in words
	Archive     string           `json:"archive"`
	ArchiveTime time.Time        `json:"archive_time"`
	Segments    int              `json:"segments"`
	Bytes       int64            `json:"bytes"` // to fetch
	Estimate    time.Duration    `json:"-"`
	Seconds     float64          `json:"estimated_seconds"`
	DataDir     string           `json:"data_dir"`
	Notes       []string         `json:"notes"`
	TakesBack   backup.Aftermath `json:"takes_back"`

	// What was done; zero before.
	Done        bool             `json:"done"`
	Time        time.Time        `json:"time,omitzero"` // the casino's, of the restored state
	Index       uint64           `json:"index,omitzero"`
	Position    *backup.Position `json:"position,omitempty"`
	NewLineage  string           `json:"new_lineage,omitzero"`
	Renewed     *Renewed         `json:"renewed,omitempty"`
	Proved      []string         `json:"proved,omitempty"` // by the audit, in words
	Aside       string           `json:"aside,omitzero"`   // where the old files are
	TookSeconds float64          `json:"took_seconds,omitzero"`
	newest      backup.Position
	newestIndex uint64
}

// Restore brings the casino in a data directory back from a backup. Until it is done, the directory holds what it held, and
// afterwards that is kept aside. A restore begins a new lineage; see type epoch.
func Restore(ctx context.Context, o RestoreOptions) (_ *RestoreReport, err error) {
	o.games = cmp.Or(o.games, catalogue.Released())
	o.stallLimit = cmp.Or(o.stallLimit, max(time.Minute, o.Config.Data.DiskStallLimit))
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Reason == "" && !o.DryRun {
		return nil, errors.New("say why with --reason: the history keeps it")
	}
	keys, err := findBackupKeys(o.IdentityFile, o.KeyFile, o.Config.Data)
	if err != nil {
		return nil, err
	}
	t, _, err := openBackups(ctx, o.From, &o.Config.Backups, o.Log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	r := restoring{o: &o, target: t, keys: keys}
	defer func() { err = errors.Join(err, r.unlock()) }()
	if err := r.lock(); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// restoring is a restore under way.
type restoring struct {
	o      *RestoreOptions
	target backup.Target
	keys   backupKeys
	locked *os.File // the data directory; nil: it is not there yet, or in use during a dry run
	made   bool     // the directory was made
	report RestoreReport
}

// lock takes the data directory, so that no server runs on it. A dry run does without.
func (r *restoring) lock() (err error) {
	dir := r.o.Config.Data.Dir
	if r.locked, err = lockDir(dir); err == nil {
		return r.claim(dir)
	}
	switch {
	case r.o.DryRun && (errors.Is(err, errInUse) || errors.Is(err, ErrNoCasino)):
		return nil
	case errors.Is(err, errInUse):
		return fmt.Errorf("the casino in %s is running. Stop it first ('systemctl stop imperio'), and restore then. Or restore into another directory with --data-dir: %w", dir, err)
	case errors.Is(err, ErrNoCasino):
		return checkDir(dir) // it is made once the backup is known to be good
	}
	return err
}

// claim looks at an existing directory, and clears up after earlier restores.
func (r *restoring) claim(dir string) error {
	if err := checkPrivate(dir); err != nil {
		return err
	}
	if err := checkOwnUser(dir); err != nil {
		return err
	}
	s := swap{dir: dir, log: r.o.Log}
	if r.o.DryRun {
		return nil
	}
	if _, err := s.finish(); err != nil {
		return err
	}
	if err := s.movable(); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, restoreNew))
}

// checkOwnUser refuses to work as root in another user's directory, who could not read the restored files.
func checkOwnUser(dir string) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if s, ok := fi.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && s.Uid != 0 {
		return fmt.Errorf("%s belongs to the user with the number %d, as whom the casino runs. Restore as that user: sudo -u '#%[2]d' imperio backup restore …", dir, s.Uid)
	}
	return nil
}

func (r *restoring) unlock() error {
	if r.locked == nil {
		return nil
	}
	return r.locked.Close()
}

func (r *restoring) run(ctx context.Context) (*RestoreReport, error) {
	began := time.Now()
	plan, err := backup.MakePlan(ctx, r.target, r.o.Request)
	if err != nil {
		return nil, err
	}
	if err := r.checkSameCasino(plan); err != nil {
		return nil, err
	}
	if err := r.keys.check(&plan.Manifest); err != nil {
		return nil, err
	}
	if err := r.tell(ctx, plan); err != nil {
		return nil, err
	}
	if err := r.checkRoom(plan); err != nil {
		return nil, err
	}
	if r.o.Confirm != nil {
		if err := r.o.Confirm(&r.report); err != nil {
			return nil, err
		}
	}
	if r.o.DryRun {
		return &r.report, nil
	}
	if err := r.rebuild(ctx, plan); err != nil {
		return nil, r.explain(err)
	}
	r.report.Done, r.report.TookSeconds = true, time.Since(began).Seconds()
	return &r.report, nil
}

// checkSameCasino refuses to put a casino in the place of another one.
func (r *restoring) checkSameCasino(p *backup.Plan) error {
	id, err := storage.ReadIdentity(r.o.Config.Data.Dir)
	if err == nil && id.Ready && id.ClusterID != p.Casino {
		return fmt.Errorf("%s holds the casino %s, and the backup is of %s. Restore it into another directory with --data-dir", r.o.Config.Data.Dir, id.ClusterID, p.Casino)
	}
	return nil // a directory without a readable node.json is what a restore is for
}

// tell fills in the report: what will be done, and what that takes back.
func (r *restoring) tell(ctx context.Context, p *backup.Plan) error {
	after, newest, err := p.Aftermath(ctx, r.target, r.keys.forBackup(), func(phase backup.Phase, done, total int64) { r.o.Progress(string(phase), done, total) })
	if err != nil {
		return fmt.Errorf("count what the restore takes back: %w", err)
	}
	r.report = RestoreReport{
		Target: r.target.String(), Casino: p.Casino, Lineage: p.Lineage, Moment: p.Request.Moment.String(),
		Archive: p.Archive.Object.Name, ArchiveTime: p.Archive.Time, Segments: len(p.Segments), Bytes: p.Bytes,
		Estimate: p.Estimate(), Seconds: p.Estimate().Seconds(), DataDir: r.o.Config.Data.Dir, Notes: p.Notes, TakesBack: after,
		newest: newest, newestIndex: after.Index,
	}
	if r.locked != nil {
		r.tellOld(ctx, p)
	}
	return nil
}

// tellOld adds what the old data directory knows beyond the backups. What can't be read of it is noted.
func (r *restoring) tellOld(ctx context.Context, p *backup.Plan) {
	at, index, tally, err := r.readOld(ctx, p)
	switch {
	case errors.Is(err, errOtherHistory), errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("The old data directory can't be read, so what it has beyond the backups is not counted: %v", err))
	case index > p.Newest:
		before := subtract(&r.report.newest, &r.report.TakesBack)
		atMost := r.report.TakesBack.AtMost
		r.report.TakesBack.Since(&before, &at, index)
		r.report.TakesBack.AtMost, r.report.TakesBack.AtLeast = atMost, false
		r.report.TakesBack.Add(&tally)
		r.report.newest, r.report.newestIndex = at, index
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

var errOtherHistory = errors.New("it is another history")

// readOld reads the newest position of the old data directory, and counts what was asked for after the newest backup.
func (r *restoring) readOld(ctx context.Context, p *backup.Plan) (at backup.Position, index uint64, tally backup.Tally, err error) {
	dir := r.o.Config.Data.Dir
	id, err := storage.ReadIdentity(dir)
	if err != nil || !id.Ready {
		return at, 0, tally, cmp.Or(err, errOtherHistory)
	}
	key, found := r.keys.of(&p.Manifest)
	if !found {
		return at, 0, tally, errors.New("the casino's key is only in the backup")
	}
	store, err := storage.OpenWith(dir, r.o.games, key.keys, 0, storage.Options{ReadOnly: true, Owner: id.ClusterID})
	if err != nil {
		return at, 0, tally, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if backup.LineageName(store.Lineage()) != p.Lineage {
		return at, 0, tally, errOtherHistory
	}
	in := replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID}
	if _, err := replication.Replay(ctx, dir, in, store); err != nil {
		return at, 0, tally, err
	}
	index, _, record, err := store.Position()
	if err != nil {
		return at, 0, tally, err
	}
	counted := max(p.Newest, p.Request.Index)
	err = replication.ReadLog(dir, in, func(entry []storage.Command) error {
		if len(entry) == 0 || entry[0].Index <= counted || !r.o.Request.At.IsZero() && !entry[0].Time.After(r.o.Request.At) {
			return nil
		}
		return tally.Count(entry)
	})
	return backup.PositionOf(&record, storage.FormatVersion), index, tally, err
}

// checkRoom refuses a disk that the restored casino does not fit on.
func (r *restoring) checkRoom(p *backup.Plan) error {
	dir := r.o.Config.Data.Dir
	for { // the directory may not be there yet
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, _, err := ops.SpaceOf(dir)
	if err != nil {
		return err
	}
	if need := uint64(p.Room()); free < need {
		return fmt.Errorf("the disk of %s has %s free, and the restore needs up to %s beside what is there. Free some space, or restore into another directory with --data-dir",
			r.o.Config.Data.Dir, bytesText(free), bytesText(need))
	}
	return nil
}

// bytesText is a number of bytes for people.
func bytesText(n uint64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// explain adds to an error what has become of the directory.
func (r *restoring) explain(err error) error {
	if errors.Is(err, errDecided) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w. The disk is full: free some space, or restore into another directory with --data-dir", err)
	}
	return fmt.Errorf("%w. Nothing was changed in %s", err, r.o.Config.Data.Dir)
}

// errDecided says that the restored casino counts already.
var errDecided = errors.New("the restore is decided")

// rebuild makes the restored casino beside the old one, and puts it in its place.
func (r *restoring) rebuild(ctx context.Context, plan *backup.Plan) (err error) {
	dir := r.o.Config.Data.Dir
	if r.locked == nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return dirError("make the data directory", err)
		}
		r.made = true
		if r.locked, err = lockDir(dir); err != nil {
			return err
		}
	}
	d := &dataDir{path: filepath.Join(dir, restoreNew)}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		return dirError("make room for the restored state", err)
	}
	defer func() {
		if err != nil && !errors.Is(err, errDecided) {
			err = errors.Join(err, os.RemoveAll(d.path))
			if r.made {
				os.Remove(dir) // if it is empty, as before
			}
		}
	}()
	restored, err := r.restoreInto(ctx, plan, d)
	if err != nil {
		return err
	}
	if err := r.beginEpoch(ctx, restored, d); err != nil {
		return err
	}
	s := swap{dir: dir, log: r.o.Log, step: r.o.step}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.decide(); err != nil {
		if s.pending() {
			return errors.Join(errDecided, err)
		}
		return err
	}
	if r.report.Aside, err = s.finish(); err != nil {
		return errors.Join(errDecided, err)
	}
	if r.report.Aside != "" {
		r.report.Aside = filepath.Join(dir, r.report.Aside)
	}
	return nil
}

// restoreInto restores the state into a directory, and finds the casino's key.
func (r *restoring) restoreInto(ctx context.Context, plan *backup.Plan, d *dataDir) (*backup.Restored, error) {
	restored, err := backup.Restore(ctx, r.target, plan, d.path, backup.Restoring{
		Identities: r.keys.forBackup(),
		Open: func(dir string, key []byte, so storage.Options) (*storage.Store, error) {
			r.keys.take(key)
			k, found := r.keys.of(&plan.Manifest)
			if !found {
				return nil, fmt.Errorf("%w: the key in the backup is not that of its state", storage.ErrWrongKey)
			}
			d.keys = k.keys
			so.StallLimit, so.Logger = r.o.stallLimit, r.o.Log
			return storage.OpenWith(dir, r.o.games, k.keys, machine.UsualCacheBytes, so)
		},
		Progress: func(phase backup.Phase, done, total int64) { r.o.Progress(string(phase), done, total) },
		Passed: func(damage *backup.DamageError) {
			r.report.Notes = append(r.report.Notes, damage.Error())
			r.o.Log.Warn("a backup is damaged; an older one is taken", "error", damage)
		},
	})
	if err != nil {
		return nil, err
	}
	plan = restored.Plan
	r.report.Archive, r.report.ArchiveTime, r.report.Segments = plan.Archive.Object.Name, plan.Archive.Time, len(plan.Segments)
	r.report.Time, r.report.Index, r.report.Position = restored.Position.Time, restored.Index, &restored.Position
	r.report.TakesBack.Since(&restored.Position, &r.report.newest, r.report.newestIndex)
	if k, _ := r.keys.of(&plan.Manifest); r.o.Config.Data.EncryptionKey == "" {
		if err := engine.WriteFile(filepath.Join(d.path, KeyFile), fmt.Appendf(nil, "%x\n", k.key)); err != nil {
			return nil, fmt.Errorf("write the casino's key: %w", err)
		}
	}
	return restored, nil
}

// beginEpoch begins the new lineage on the restored state, audits it, and marks it as complete.
func (r *restoring) beginEpoch(ctx context.Context, restored *backup.Restored, d *dataDir) (err error) {
	now := time.Now().UTC()
	actor := control.Self(r.o.SudoUser)
	e := epoch{
		dir: dataDirOptions{
			games: r.o.games, clock: r.o.clock, stallLimit: r.o.stallLimit, caches: machine.UsualCacheBytes,
			store: storage.Options{StallLimit: r.o.stallLimit, Logger: r.o.Log},
		},
		identity: storage.Identity{NodeID: randomName("node"), ClusterID: restored.Plan.Casino, Format: storage.FormatVersion, CreatedAt: now},
		version:  r.o.Version,
		begin: command.BeginLineage{
			Lineage: newLineage(now), Actor: actor, Reason: r.o.Reason,
			Before: fmt.Sprintf("%s, entry %d of %s", restored.Plan.Lineage, r.report.newestIndex, restoredTime(r.report.newest.Time)),
			After:  fmt.Sprintf("%s, entry %d of %s", restored.Plan.Lineage, restored.Index, restoredTime(restored.Position.Time)),
		},
		progress: func(done, total int64) { r.o.Progress("accounts", done, total) },
	}
	renewed, err := e.run(ctx, d, r.o.Log)
	if err != nil {
		return err
	}
	r.report.NewLineage, r.report.Renewed = e.begin.Lineage, &renewed
	if !r.o.NoAudit {
		if r.report.Proved, err = auditState(ctx, d, r.o.games, func(done, total uint64) { r.o.Progress("audit", int64(done), int64(total)) }); err != nil {
			return fmt.Errorf("audit the restored casino: %w", err)
		}
	}
	e.identity.Ready = true
	return storage.WriteIdentity(d.path, e.identity)
}

func restoredTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// auditState audits a state that no log goes on with.
func auditState(ctx context.Context, d *dataDir, c *games.Catalogue, progress func(done, total uint64)) (proved []string, err error) {
	s, err := storage.OpenWith(d.path, c, d.keys, 0, storage.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	report, err := audit.Run(ctx, snapshot, audit.Options{Progress: progress})
	return report.Lines(), err
}
