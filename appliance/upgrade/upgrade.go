// Package upgrade replaces the program of a running casino by another version, and goes back by itself if that does not prove
// itself.
//
// The new program is copied beside the installed one, and only the copy is checked, tried and installed. It tries itself on a
// copy of the state. Then it takes the installed program's name, in one step, and the casino restarts. If it is ready, and
// stays so for a while, the upgrade is done. Else the program before gets its name back, and the casino restarts again.
//
// A journal beside the program says which of the two is on its way. It is written before the first change and removed after
// the last one. So after a kill at any point, Resume finishes what was begun: the next start of the casino calls it
// (BeforeStart), or an operator.
//
// Two users meet here. Whoever runs an upgrade, often root, trusts nothing that the casino's user can write: no path in the
// data directory is followed, and no file in it is run. What is run from a new program, is run as the casino's user.
package upgrade

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"imperio/appliance/control"
)

// Options say what to upgrade, and how.
type Options struct {
	Installed string // the program's path; no symbolic link
	DataDir   string
	Casino    Casino
	Manager   Manager

	// Of Run alone:
	Binary     string // the new program
	SHA256     string // that it must have, in hex; ""
	Checksums  string // a list of checksums as sha256sum writes it; ""
	Signature  string // a minisign signature of the checksums, or else of the program; ""
	PublicKey  string // the key of the signature, or a file that holds it; ""
	AllowOlder bool
	NoBackup   bool
	// InPlace says that a package manager has put the new program in place already, and kept the one before.
	InPlace bool

	// Before says whether the casino may restart now. It is asked before anything is done, and again before anything is changed.
	// nil: it may.
	Before func(context.Context) error

	Patience time.Duration // how long the new program may take until it is ready
	Watch    time.Duration // how long it must stay ready without a break then
	// Tell is called after each step, in order. May be nil.
	Tell func(Step, string)

	check    func(path, name string) error // nil: checkProgram. For tests
	every    time.Duration                 // between two looks; 0: look
	starting time.Duration                 // 0: startPatience
	after    func(Step) error              // is called after each step; its error ends the work there, as a kill would. For tests
}

// Step is a part of an upgrade that is done.
type Step string

// The steps, in order. Up to Backed nothing was changed. Each name is stable.
const (
	Checked   Step = "checked"   // the new program is whole, for this machine, and what its checksum says
	Tried     Step = "tried"     // it has read a copy of the state
	Backed    Step = "backed-up" // there is a new backup
	Kept      Step = "kept"      // the program before has a second name
	Journaled Step = "journaled"
	Swapped   Step = "swapped" // the new program has the name
	Restarted Step = "restarted"
	Proven    Step = "proven"
	Finished  Step = "finished" // the journal is gone
	// Of going back:
	Decided  Step = "decided"          // the journal says that it goes back
	Returned Step = "returned"         // the program before has the name
	Again    Step = "restarted-before" // the casino was told to restart with it
	Well     Step = "well"             // it is ready
)

// Casino is the running casino. Its answers are those of the casino's user.
type Casino interface {
	// Running looks at the casino. The error says why nobody answers.
	Running(ctx context.Context) (Running, error)
	// CopyState makes a copy of the state for a new program to try itself on.
	CopyState(ctx context.Context) (control.StateCopy, error)
	RemoveStateCopy(ctx context.Context) error
	// Backup makes a backup in all targets and waits for it. It returns one line for each. Without any the error is
	// ErrNoBackups.
	Backup(ctx context.Context) ([]string, error)
}

// Running is what a running casino says.
type Running struct {
	Version string
	Ready   bool
	Detail  string    // why it is not ready
	Started time.Time // tells one start from the next
}

// ErrNoBackups says that no backups are configured.
var ErrNoBackups = errors.New("no backups are configured")

// Manager starts and stops the casino's process.
type Manager interface {
	// Name is what it is, for people.
	Name() string
	// Restart replaces the running process, whatever its state, by one of the installed program. It doesn't wait until that is
	// ready.
	Restart(ctx context.Context, program string) error
	// Ended says that the process which Restart has started is at its end, and why.
	Ended(ctx context.Context) (why string, ended bool)
	// Down says that no process runs, and that nobody starts one, and why.
	Down(ctx context.Context) (why string, down bool)
	// Log returns the newest lines that the casino has logged; "" if they are not to be had.
	Log(ctx context.Context) string
}

// Result is what an upgrade has done.
type Result struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Upgraded bool   `json:"upgraded"`
	WentBack bool   `json:"went_back"`
	Reason   string `json:"reason,omitempty"` // why it went back
	Log      string `json:"log,omitempty"`    // the newest lines of the program that has failed
}

// Times.
const (
	// tryPatience bounds how long a new program tries itself: it may rewrite the whole state.
	tryPatience = 30 * time.Minute
	// tryFactor is how many times as long as the try the new program may take until it is ready, if that is more than was asked for.
	tryFactor = 4
	// margin is how long after the latest moment at which a verb decides the casino's next start decides without it.
	margin = time.Minute
	// backPatience is how long the program before may take until it is ready. Nothing better is left than to wait for it.
	backPatience = 10 * time.Minute
	look         = 100 * time.Millisecond // between two looks
	mostStarts   = 3                      // of a program that was never ready, before it counts as failed
)

// work is an upgrade at work. It holds the lock.
type work struct {
	o       *Options
	run     runner
	journal Journal
}

// begin checks where the program is, and locks it.
func begin(o *Options) (w *work, release func(), err error) {
	if err := checkTrusted(o.Installed); err != nil {
		return nil, nil, err
	}
	release, ok, err := lock(o.Installed)
	if err != nil {
		return nil, nil, fmt.Errorf("lock %s for an upgrade: %w. Run this as the user who may replace the program, such as root", o.Installed, err)
	}
	if !ok {
		return nil, nil, errors.New("another upgrade of this program is at work: wait for it, and see 'imperio upgrade status'")
	}
	// The journal names it, and is read elsewhere.
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		release()
		return nil, nil, fmt.Errorf("find the data directory: %w", err)
	}
	owner, err := os.Stat(o.DataDir)
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("look at the data directory: %w", err)
	}
	return &work{o: o, run: runner{owner}}, release, nil
}

// did tells that a step is done.
func (w *work) did(s Step, format string, args ...any) error {
	if w.o.Tell != nil {
		w.o.Tell(s, fmt.Sprintf(format, args...))
	}
	if w.o.after != nil {
		return w.o.after(s)
	}
	return nil
}

// path is a file beside the installed program.
func (w *work) path(suffix string) string { return w.o.Installed + suffix }

// Run upgrades a running casino. If the new program does not prove itself, it goes back, and the result says why. An error says
// that nothing was changed, or what is left to do.
func Run(ctx context.Context, o Options) (Result, error) {
	w, release, err := begin(&o)
	if err != nil {
		return Result{}, err
	}
	defer release()
	if err := w.clearJournal(); err != nil {
		return Result{}, err
	}
	running, err := o.Casino.Running(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("the casino must run, so that the new version can prove itself: %w. Start it first. If this version can't start, put the new program in its place yourself, and start that", err)
	}
	same, err := w.prepare(ctx, &running)
	if err != nil || same {
		if !o.InPlace {
			err = errors.Join(err, remove(w.path(newSuffix)))
		}
		if err = w.failedInPlace(err); err != nil && !errors.Is(err, errInPlace) {
			err = fmt.Errorf("%w. Nothing was changed", err)
		}
		return Result{From: running.Version, To: running.Version}, err
	}
	if err := w.install(); err != nil {
		return Result{}, err
	}
	return w.prove(ctx)
}

// clearJournal removes the journal of an upgrade that is over, and refuses to begin another one before that.
func (w *work) clearJournal() error {
	j, err := ReadJournal(w.o.Installed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if sum, err := sumOf(w.o.Installed); err != nil {
		return err
	} else if j.State == GoingBack && sum != j.Sum { // it is back; the journal was kept to tell
		return removeJournal(w.o.Installed)
	}
	return fmt.Errorf("the upgrade from %s to %s is not finished. Finish it with 'imperio upgrade resume', or go back with 'imperio upgrade back'", j.From, j.To)
}

// prepare does all that changes nothing: check the new program, let it try itself, make a backup. same says that there is
// nothing to upgrade.
func (w *work) prepare(ctx context.Context, running *Running) (same bool, err error) {
	o := w.o
	program := w.path(newSuffix)
	if o.InPlace {
		program = o.Installed
		w.journal.Sum, err = sumOf(program)
	} else {
		w.journal.Sum, err = copyProgram(o.Binary, program)
	}
	if err != nil {
		return false, err
	}
	if err := errors.Join(checkOrigin(o, program, w.journal.Sum), o.checked(program)); err != nil {
		return false, err
	}
	if w.journal.To, err = versionOf(ctx, w.run, program); err != nil {
		return false, err
	}
	w.journal.From = running.Version
	if w.journal.To == w.journal.From {
		return true, w.did(Checked, "the casino runs version %s already: nothing to do", w.journal.To)
	}
	order, known := compareVersions(w.journal.To, w.journal.From)
	if known && order < 0 && !o.AllowOlder {
		return false, fmt.Errorf("%s is version %s, and the casino runs %s, which is newer. To go to the older one nevertheless, add --allow-older", o.name(), w.journal.To, w.journal.From)
	}
	if err := w.mayRestart(ctx); err != nil {
		return false, err
	}
	if err := w.checkBefore(ctx); err != nil {
		return false, err
	}
	if o.InPlace { // the new program has the name already: from here on an interruption is one of a trial
		if err := w.begun(); err != nil {
			return false, err
		}
	}
	if err := w.did(Checked, "version %s is whole, and for this machine (SHA-256 %s)", w.journal.To, w.journal.Sum); err != nil {
		return false, err
	}
	if err := w.try(ctx, program); err != nil {
		return false, err
	}
	if err := w.backup(ctx); err != nil {
		return false, err
	}
	return false, w.mayRestart(ctx)
}

func (w *work) mayRestart(ctx context.Context) error {
	if w.o.Before == nil {
		return nil
	}
	return w.o.Before(ctx)
}

// checked refuses a program that is not whole, or not for this machine.
func (o *Options) checked(program string) error {
	if o.check != nil {
		return o.check(program, o.name())
	}
	return checkProgram(program, o.name())
}

// name is the new program for people.
func (o *Options) name() string {
	if o.InPlace {
		return o.Installed
	}
	return o.Binary
}

// checkBefore makes sure that the program to go back to is the one that runs.
func (w *work) checkBefore(ctx context.Context) error {
	before := w.o.Installed
	if w.o.InPlace {
		before = w.path(previousSuffix)
	}
	var err error
	if w.journal.PreviousSum, err = sumOf(before); err != nil {
		return fmt.Errorf("look at the program to go back to: %w", err)
	}
	version, err := versionOf(ctx, w.run, before)
	if err == nil && version != w.journal.From {
		err = fmt.Errorf("%s is version %s, and the casino runs %s, so there is nothing to go back to. Restart the casino first", before, version, w.journal.From)
	}
	return err
}

// tried is what a new program prints about its try.
type tried struct {
	Format  int                `json:"format"`
	Records uint64             `json:"records"`
	Facts   control.StateFacts `json:"facts"`
}

// try lets the new program open a copy of the state.
func (w *work) try(ctx context.Context, program string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	began := time.Now()
	copied, err := w.o.Casino.CopyState(ctx)
	if err != nil {
		return fmt.Errorf("copy the state for the new version to try: %w", err)
	}
	defer func() {
		if removed := w.o.Casino.RemoveStateCopy(context.WithoutCancel(ctx)); removed != nil && err == nil {
			err = fmt.Errorf("remove the copy of the state: %w", removed)
		}
	}()
	var t tried
	out, err := w.run.output(ctx, program, "upgrade", "try", "--data-dir", copied.Dir)
	if err == nil {
		err = json.Unmarshal(out, &t)
	}
	if err != nil {
		return fmt.Errorf("version %s can't work with this casino's state. It has tried a copy: %w", w.journal.To, err)
	}
	if t.Facts != copied.Facts {
		return fmt.Errorf("version %s reads another state than this version: %+v instead of %+v", w.journal.To, t.Facts, copied.Facts)
	}
	format := fmt.Sprintf("the format stays %d", t.Format)
	if t.Format != copied.Format {
		format = fmt.Sprintf("it brings the state from format %d to %d", copied.Format, t.Format)
	}
	// A start brings the state to its format as well, on a machine that is as busy.
	w.o.Patience = max(w.o.Patience, tryFactor*time.Since(began))
	return w.did(Tried, "it reads a copy of the state: %d records, %d accounts, no coin lost; %s", t.Records, t.Facts.Accounts, format)
}

func (w *work) backup(ctx context.Context) error {
	if w.o.NoBackup {
		return w.did(Backed, "no backup, as you asked")
	}
	made, err := w.o.Casino.Backup(ctx)
	if errors.Is(err, ErrNoBackups) {
		return fmt.Errorf("%w: name a target with --backup-to in the casino's configuration, or go on without one by --no-backup", err)
	}
	if err != nil {
		return fmt.Errorf("make a backup: %w. Mend it, or go on without one by --no-backup", err)
	}
	for _, line := range made {
		if err := w.did(Backed, "%s", line); err != nil {
			return err
		}
	}
	return nil
}

var errInPlace = errors.New("the program before could not be put back")

// failedInPlace puts the program before back if a package's new one was refused before anything else was changed.
func (w *work) failedInPlace(err error) error {
	if err == nil || !w.o.InPlace {
		return err
	}
	if back := linkOver(w.path(previousSuffix), w.o.Installed); back != nil {
		return fmt.Errorf("%w\n%w: %s: %w. The casino still runs it, but its next start would be the new one", err, errInPlace, w.o.Installed, back)
	}
	return errors.Join(err, removeJournal(w.o.Installed))
}

// begun writes the journal of a new upgrade.
func (w *work) begun() error {
	id := make([]byte, 8)
	rand.Read(id) // never fails
	now := time.Now().UTC()
	j := &w.journal
	j.ID, j.State, j.DataDir = hex.EncodeToString(id), OnTrial, w.o.DataDir
	j.Started, j.Watch = now, w.o.Watch
	j.Deadline = now.Add(w.o.Patience + w.o.Watch + margin)
	if err := writeJournal(w.o.Installed, j); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// install puts the new program in place. A kill leaves the old one, or the new one on trial.
func (w *work) install() error {
	j := &w.journal
	nothing := func(err error) error {
		return fmt.Errorf("%w. Nothing was changed", errors.Join(err, remove(w.path(journalSuffix)), remove(w.path(newSuffix))))
	}
	if !w.o.InPlace {
		if err := keepRights(w.o.Installed, w.path(newSuffix)); err != nil {
			return nothing(fmt.Errorf("give the new program the rights of the old one: %w", err))
		}
		if err := linkOver(w.o.Installed, w.path(previousSuffix)); err != nil {
			return nothing(fmt.Errorf("keep the program before: %w", err))
		}
		if err := w.did(Kept, "version %s is kept as %s", j.From, w.path(previousSuffix)); err != nil {
			return err
		}
	}
	if err := w.begun(); err != nil {
		return nothing(err)
	}
	if err := w.did(Journaled, "from here on an interruption ends well by itself; the journal is %s", w.path(journalSuffix)); err != nil {
		return err
	}
	if w.o.InPlace {
		return nil
	}
	if err := os.Rename(w.path(newSuffix), w.o.Installed); err != nil {
		return nothing(err)
	}
	if err := syncDir(filepath.Dir(w.o.Installed)); err != nil {
		return err // the journal leads on
	}
	return w.did(Swapped, "%s is version %s now", w.o.Installed, j.To)
}

// prove restarts the casino with the new program and waits until that has proven itself. Else it goes back.
func (w *work) prove(ctx context.Context) (Result, error) {
	if err := w.o.Manager.Restart(ctx, w.o.Installed); err != nil {
		return w.goBack(ctx, fmt.Sprintf("the casino could not be restarted: %v", err))
	}
	if err := w.did(Restarted, "the casino was told to restart, by %s", w.o.Manager.Name()); err != nil {
		return Result{}, err
	}
	return w.watch(ctx)
}

// watch waits until the new program has proven itself, or goes back.
func (w *work) watch(ctx context.Context) (Result, error) {
	j := &w.journal
	began := time.Now()
	if why := w.awaitReady(ctx, j.To, w.o.Patience, j.Watch, w.o.Manager.Ended); why != "" {
		if ctx.Err() != nil {
			return Result{}, fmt.Errorf("interrupted: version %s is on trial. Finish the upgrade with 'imperio upgrade resume', or go back with 'imperio upgrade back'", j.To)
		}
		return w.goBack(ctx, fmt.Sprintf("version %s has not proven itself: %s", j.To, why))
	}
	if err := w.did(Proven, "version %s was ready, and stayed so for %s (%s in all)", j.To, j.Watch, time.Since(began).Round(100*time.Millisecond)); err != nil {
		return Result{}, err
	}
	return w.finish()
}

// finish ends a trial well. The casino sees that the journal is gone, and raises its feature level.
func (w *work) finish() (Result, error) {
	j := &w.journal
	if err := removeJournal(w.o.Installed); err != nil {
		return Result{}, fmt.Errorf("remove the journal: %w. The new version runs well: remove %s", err, w.path(journalSuffix))
	}
	return Result{From: j.From, To: j.To, Upgraded: true}, w.did(Finished, "the casino runs version %s. 'imperio upgrade back' goes back to %s, which is kept, while that is possible", j.To, j.From)
}

// awaitReady waits until the casino runs a version, and is ready without a break for some time. It returns why not; "": it is.
func (w *work) awaitReady(ctx context.Context, version string, patience, watch time.Duration, ended func(context.Context) (string, bool)) string {
	var since time.Time // ready without a break
	var start time.Time // of the process that was ready
	tick := time.NewTicker(cmp.Or(w.o.every, look))
	defer tick.Stop()
	late := time.Now().Add(patience + watch)
	for {
		r, err := w.o.Casino.Running(ctx)
		what := ""
		switch {
		case err != nil:
			what = err.Error()
		case r.Version != version:
			what = fmt.Sprintf("the casino still runs version %s", r.Version)
		case !r.Ready:
			what = "it is not ready: " + r.Detail
		case since.IsZero() || !r.Started.Equal(start):
			since, start = time.Now(), r.Started
		}
		if what != "" {
			if !since.IsZero() {
				what = fmt.Sprintf("it was ready for %s, and then no more: %s", time.Since(since).Round(time.Second), what)
			}
			since = time.Time{}
		} else if time.Since(since) >= watch {
			return ""
		}
		if why, gone := ended(ctx); gone {
			return why
		}
		if time.Now().After(late) {
			return fmt.Sprintf("it was not ready within %s: %s", patience, what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err().Error()
		case <-tick.C:
		}
	}
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
