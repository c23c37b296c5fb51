package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/ops"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/backup"
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
	NoCount      bool // don't read the segments after the moment, which may be many, to count what was asked for in them
	Log          *slog.Logger
	// Progress tells how far a phase is. May be nil.
	Progress func(phase string, done, total int64)
	// Confirm is called once it is known what will be done, before anything is changed. Its error ends the restore. May be
	// nil.
	Confirm func(*RestoreReport) error

	games      *games.Catalogue  // nil: all released games
	clock      replication.Clock // nil: the system's
	stallLimit time.Duration
	step       func(string) error                               // of the swap; for tests
	space      func(dir string) (free, total uint64, err error) // nil: ops.SpaceOf
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
	// The parts of the work whose speed is promised: bytes of the state, and commands above it.
	StateBytes    int64   `json:"state_bytes,omitzero"`
	StateSeconds  float64 `json:"state_seconds,omitzero"`
	Commands      uint64  `json:"commands,omitzero"`
	ReplaySeconds float64 `json:"replay_seconds,omitzero"`
	newest        backup.Position
	newestIndex   uint64
}

// Restore brings the casino in a data directory back from a backup. Until it is done, the directory holds what it held, and
// afterwards that is kept aside. A restore begins a new lineage; see type epoch.
func Restore(ctx context.Context, o RestoreOptions) (_ *RestoreReport, err error) {
	o.games = cmp.Or(o.games, catalogue.Released())
	o.stallLimit = cmp.Or(o.stallLimit, max(time.Minute, o.Config.Data.DiskStallLimit))
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.space == nil {
		o.space = ops.SpaceOf
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
		return fmt.Errorf("the casino in %s is running (its directory is %w). Stop it first ('systemctl stop imperio') and restore then, or restore into another directory with --data-dir", dir, errInUse)
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
	if r.o.DryRun {
		return nil
	}
	if err := checkOwnUser(dir, "backup restore"); err != nil {
		return err
	}
	s := swap{dir: dir, log: r.o.Log}
	if _, err := s.finish(); err != nil {
		return err
	}
	if err := s.movable(); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, restoreNew))
}

// checkOwnUser refuses to do the work of a verb as root in another user's directory, who could not read the new files.
func checkOwnUser(dir, verb string) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || s.Uid == 0 {
		return nil
	}
	name := fmt.Sprint(s.Uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Errorf("%s belongs to the user %s, as whom the casino runs. Do this as that user: runuser -u %[2]s -- imperio %[3]s …", dir, name, verb)
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
	r.notify(ctx)
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

// checkRoom refuses a disk that the restored casino does not fit on.
func (r *restoring) checkRoom(p *backup.Plan) error {
	dir := r.o.Config.Data.Dir
	for { // the directory may not be there yet
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, _, err := r.o.space(dir)
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
