package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"imperio/appliance/ops"
	"imperio/appliance/upgrade"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// A program that was put in place by 'imperio upgrade' is on trial until it has proven itself; package upgrade says how. While
// it is, going back must be possible: the feature level is not raised, and before the state is brought up to a newer format,
// a copy is put aside. The log keeps all that came after the copy. The program before, when it is back, brings the copy up to
// the end of the log. So what the new program has acknowledged stays.
//
// The copy is there exactly as long as the way back is open. So the program before looks for the copy, not for the journal:
// it finds its way even if somebody put it back by hand.
const (
	asideDir      = "before-upgrade" // the copy
	asideFile     = "copy.json"      // what the copy is; written last, so that a copy without it is worth nothing
	asideNewerDir = "after-upgrade"  // the state in the newer format, after going back: for the operator to look at, and to delete
	tryDir        = "upgrade"        // a copy of the state that a new program tries itself on
	exportDir     = "export"         // copies of the state that exports read
)

// trialLook is how often a program on trial looks how it is doing, and whether the trial is over.
const trialLook = 200 * time.Millisecond

// findJournal reads the journal of an upgrade beside this program.
func findJournal(program string) (upgrade.Journal, bool, error) {
	if program == "" {
		return upgrade.Journal{}, false, nil
	}
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		return upgrade.Journal{}, false, fmt.Errorf("find the program's file: %w", err)
	}
	j, err := upgrade.ReadJournal(program)
	if errors.Is(err, fs.ErrNotExist) {
		return j, false, nil
	}
	return j, err == nil, err
}

// aside is the copy of a state that was put aside.
type aside struct {
	Index   uint64 `json:"index"` // the newest change in it: the log must be kept above it
	From    int    `json:"from_format"`
	To      int    `json:"to_format"`
	Version string `json:"for_version"` // the program that put it aside
}

// readAside returns the copy that is aside in a data directory; false if there is none that is whole.
func readAside(dir string) (aside, bool) {
	var a aside
	data, err := os.ReadFile(filepath.Join(dir, asideDir, asideFile))
	if err != nil || json.Unmarshal(data, &a) != nil {
		return a, false
	}
	_, err = os.Stat(filepath.Join(dir, asideDir, storage.StateFile))
	return a, err == nil
}

// putAside copies the state before it is brought up to a newer format. A kill leaves no copy, or a whole one.
func putAside(dir, version string, log *slog.Logger) func(engine.Migrating) error {
	return func(m engine.Migrating) error {
		to := filepath.Join(dir, asideDir)
		log.Info("putting a copy of the state aside, so that the version before can come back", "directory", to, "index", m.Applied)
		if err := os.RemoveAll(to); err != nil { // of an earlier upgrade, or half a copy
			return err
		}
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		err := copyDurably(m.Path, filepath.Join(to, storage.StateFile))
		if err == nil {
			var what []byte
			if what, err = json.Marshal(aside{m.Applied, m.From, m.To, version}); err == nil {
				err = engine.WriteFile(filepath.Join(to, asideFile), what)
			}
		}
		if err == nil {
			err = engine.SyncDir(dir)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("put a copy of the state aside in %s: %w", to, err), os.RemoveAll(to))
		}
		return nil
	}
}

func copyDurably(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// removeAside ends the way back.
func removeAside(dir string) error {
	// First what makes the copy one: half a copy must not look whole.
	if err := os.Remove(filepath.Join(dir, asideDir, asideFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, asideDir))
}

// goBack puts the copy of the state in the place of one that a newer program has written, and brings it up to the end of the
// log. newer is why the state can't be read. It changes nothing but the copy until all is proven, and may be called again after
// a kill at any point: the copy is always a state of this casino, perhaps one further on.
func (d *dataDir) goBack(o *dataDirOptions, newer error) error {
	a, ok := readAside(o.path)
	if !ok || a.From > storage.FormatVersion {
		return newer
	}
	o.log.Warn("the state was written by a newer version. A copy from before it is brought up to the end of the log, and takes its place",
		"newer", a.Version, "copy_index", a.Index)
	from := filepath.Join(o.path, asideDir)
	refuse := func(err error) error {
		return fmt.Errorf("%w\nThe copy from before the upgrade, in %s, can't take its place: %w. Nothing is lost: put imperio %s back, or a newer version, and start it",
			newer, from, err, a.Version)
	}
	store, err := storage.OpenWith(from, o.games, d.keys, o.caches, o.store)
	if err != nil {
		return refuse(err)
	}
	left, err := replication.CatchUp(context.Background(), o.path, d.logIdentity(), store)
	index, _ := store.Applied()
	if err = errors.Join(err, store.Close()); err != nil {
		return refuse(err)
	}
	kept := filepath.Join(o.path, asideNewerDir)
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return refuse(err)
	}
	state, newest := filepath.Join(o.path, storage.StateFile), filepath.Join(kept, storage.StateFile)
	if err := os.Remove(newest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return refuse(err)
	}
	if err := errors.Join(os.Link(state, newest), engine.SyncDir(kept), engine.SyncDir(o.path)); err != nil {
		return refuse(err)
	}
	if err := os.Rename(filepath.Join(from, storage.StateFile), state); err != nil {
		return refuse(err)
	}
	if err := errors.Join(engine.SyncDir(o.path), removeAside(o.path)); err != nil {
		return err
	}
	o.log.Warn("the state is back in the format of this version, up to the newest entry of the log that certainly counts. Delete the newer one when you are sure",
		"index", index, "uncertain_entries", left.Uncertain, "newer_state", newest)
	return nil
}

// trial is a program on trial.
type trial struct {
	program string
	journal upgrade.Journal
}

// ended reports whether the trial has ended well. Who watches removes the journal. If nobody has until the deadline, the
// program's own proof counts.
func (t *trial) ended(proven bool) bool {
	j, found, err := findJournal(t.program)
	if err != nil {
		return false
	}
	return !found || j.ID != t.journal.ID || proven && j.State == upgrade.OnTrial && time.Now().After(j.Deadline)
}

// findTrial looks whether this program is on trial, or has just come back.
func (a *App) findTrial(program string) error {
	j, found, err := findJournal(program)
	if err != nil {
		return err
	}
	switch {
	case found && j.To == a.version:
		a.trial = &trial{program, j}
		a.onTrial.Store(true)
		a.log.Warn("this version is on trial: it is kept once it has proven itself", "version", j.To, "before", j.From, "upgrade", j.ID)
	case found && j.State == upgrade.GoingBack && j.From == a.version:
		a.cameBack = &j
		a.log.Warn("an upgrade has failed, and this version is back", "version", j.From, "failed", j.To, "reason", j.Reason)
	}
	return nil
}

// watchTrial ends the trial of this program once it has proven itself, or tells that it came back.
func (a *App) watchTrial(ctx context.Context) {
	if j := a.cameBack; j != nil && !upgrade.ReadNote(a.config.Data.Dir, j.ID).Told {
		a.notifier.Notify(ops.Message{
			Topic: ops.TopicUpgradeFailed, Status: ops.StatusAlarm, Title: "an upgrade has failed, and the version before is back",
			Text: j.Reason, Details: map[string]string{"from": j.From, "to": j.To},
		})
		a.noteUpgrade(upgrade.Note{ID: j.ID, Told: true})
	}
	if a.trial == nil {
		return
	}
	j := &a.trial.journal
	proven := upgrade.ReadNote(a.config.Data.Dir, j.ID).Proven
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	var ready time.Time // since when it has been ready without a break
	for {
		if a.health.Report().Status == ops.Unhealthy {
			ready = time.Time{}
		} else if ready.IsZero() {
			ready = time.Now()
		}
		if !proven && !ready.IsZero() && time.Since(ready) >= j.Watch {
			proven = a.noteUpgrade(upgrade.Note{ID: j.ID, Proven: true})
		}
		if a.trial.ended(proven) && a.endTrial(ctx) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// noteUpgrade notes what became of an upgrade. It reports whether that is written.
func (a *App) noteUpgrade(n upgrade.Note) bool {
	data, err := json.Marshal(n)
	if err == nil {
		err = engine.WriteFile(filepath.Join(a.config.Data.Dir, upgrade.NoteFile), data)
	}
	if err != nil {
		a.log.Warn("what became of the upgrade could not be noted", "error", err)
	}
	return err == nil
}

// endTrial does what was put off until this program had proven itself. It reports whether all is done.
func (a *App) endTrial(ctx context.Context) bool {
	if a.dir.node.Alone() { // in a cluster the leader raises it, once all members report that they know it
		if err := a.raiseLevel(ctx); err != nil {
			if ctx.Err() == nil {
				a.log.Error("the upgrade is not finished yet", "error", err)
			}
			return false
		}
	}
	a.dir.wayBack.close()
	if err := removeAside(a.config.Data.Dir); err != nil {
		a.log.Warn("the copy of the state from before the upgrade could not be removed; the next start tries again", "error", err)
	}
	j := &a.trial.journal
	a.log.Info("the upgrade is finished", "from", j.From, "version", j.To, "feature_level", machine.NewestLevel)
	a.notifier.Notify(ops.Message{
		Topic: ops.TopicUpgraded, Status: ops.StatusOK, Title: "the casino was upgraded",
		Text: fmt.Sprintf("It runs version %s, and has run %s before.", j.To, j.From), Details: map[string]string{"from": j.From, "to": j.To},
	})
	return true
}

// wayBack holds back what the log needs for going back.
type wayBack struct{ from atomic.Uint64 }

// open keeps all entries above an index.
func (w *wayBack) open(index uint64) { w.from.Store(index) }

// close keeps nothing.
func (w *wayBack) close() { w.from.Store(math.MaxUint64) }

// hold is replication's Hold with regard to the way back. other is what is held for others; nil: nothing is.
func (w *wayBack) hold(other func() uint64) func() uint64 {
	return func() uint64 {
		held := w.from.Load()
		if other != nil {
			held = min(held, other())
		}
		return held
	}
}
