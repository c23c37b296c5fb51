package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// startPatience is how long a casino that does not answer may be about to start, before it counts as down.
const startPatience = 15 * time.Second

// ErrNone says that no upgrade is under way.
var ErrNone = errors.New("no upgrade is under way")

// load reads the journal. began is false if the new program is not in place and was not put back: it never came so far, or
// somebody has installed yet another one. Then the upgrade is over.
func (w *work) load() (began bool, err error) {
	w.journal, err = ReadJournal(w.o.Installed)
	if errors.Is(err, fs.ErrNotExist) {
		return false, ErrNone
	}
	if err != nil {
		return false, err
	}
	sum, err := sumOf(w.o.Installed)
	if err != nil || sum == w.journal.Sum || w.journal.State == GoingBack && sum == w.journal.PreviousSum {
		return true, err
	}
	return false, errors.Join(removeJournal(w.o.Installed), remove(w.path(newSuffix)))
}

// Resume finishes an upgrade that was interrupted, in the direction in which it went. Without one the error is ErrNone.
func Resume(ctx context.Context, o Options) (Result, error) {
	w, release, err := begin(&o)
	if err != nil {
		return Result{}, err
	}
	defer release()
	began, err := w.load()
	if err != nil || !began {
		if err == nil || errors.Is(err, ErrNone) { // a verb that was killed while it tried has left it
			_ = o.Casino.RemoveStateCopy(ctx) // the casino does so itself, later
		}
		return Result{From: w.journal.From, To: w.journal.To}, err
	}
	if w.journal.State == GoingBack {
		return w.goBack(ctx, w.journal.Reason)
	}
	running, err := o.Casino.Running(ctx)
	for late := time.Now().Add(cmp.Or(o.starting, startPatience)); err != nil && time.Now().Before(late) && ctx.Err() == nil; running, err = o.Casino.Running(ctx) {
		_ = pause(ctx, look)
	}
	switch {
	case err != nil || running.Version != w.journal.To:
		return w.prove(ctx)
	case running.Ready && ReadNote(w.journal.DataDir, w.journal.ID).Proven:
		return w.finish()
	}
	return w.watch(ctx)
}

// Back goes back to the program before, from an upgrade under way. Without one the error is ErrNone.
func Back(ctx context.Context, o Options) (Result, error) {
	w, release, err := begin(&o)
	if err != nil {
		return Result{}, err
	}
	defer release()
	began, err := w.load()
	if err != nil || !began {
		return Result{From: w.journal.From, To: w.journal.To}, err
	}
	reason := "an operator has decided to go back"
	if w.journal.State == GoingBack {
		reason = w.journal.Reason
	}
	return w.goBack(ctx, reason)
}

// BeforeStart decides what is started while an upgrade is under way whose verb is gone: after a power cut, say. The supervisor
// calls it before each start, from the program before, which is proven. It changes no more than files beside the program, and
// says what it did; "": nothing.
func BeforeStart(installed string) (did string, err error) {
	if err := checkTrusted(installed); err != nil {
		return "", err
	}
	release, ok, err := lock(installed)
	if err != nil || !ok {
		return "", err // a verb is at work, and decides
	}
	defer release()
	w := &work{o: &Options{Installed: installed}}
	began, err := w.load()
	switch {
	case errors.Is(err, ErrNone):
		return "", nil
	case err != nil:
		return "", err
	case !began:
		return "the new version is not in place: the upgrade is over", nil
	}
	j := &w.journal
	if j.State == GoingBack {
		return fmt.Sprintf("going back from version %s to %s: %s", j.To, j.From, j.Reason), w.putBack()
	}
	switch {
	case ReadNote(j.DataDir, j.ID).Proven:
		return fmt.Sprintf("version %s has proven itself", j.To), removeJournal(installed)
	case j.Starts >= mostStarts:
		j.Reason = fmt.Sprintf("version %s was started %d times, and has not proven itself", j.To, j.Starts)
	case time.Now().After(j.Deadline):
		j.Reason = fmt.Sprintf("version %s has not proven itself by %s", j.To, j.Deadline.Format(time.RFC3339))
	default:
		j.Starts++
		return fmt.Sprintf("version %s is on trial, start %d of %d", j.To, j.Starts, mostStarts), writeJournal(installed, j)
	}
	j.State = GoingBack
	if err := writeJournal(installed, j); err != nil {
		return "", err
	}
	return fmt.Sprintf("going back to version %s: %s", j.From, j.Reason), w.putBack()
}

// Status is how an upgrade stands.
type Status struct {
	Installed string    `json:"installed"`
	State     string    `json:"state"` // none, trial or back
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Started   time.Time `json:"started,omitzero"`
	Deadline  time.Time `json:"deadline,omitzero"`
	Starts    int       `json:"starts,omitzero"`
	Proven    bool      `json:"proven,omitzero"` // the casino says that the new version has proven itself
	Reason    string    `json:"reason,omitempty"`
	Previous  bool      `json:"previous"` // there is a program to go back to
}

// GetStatus reads how an upgrade stands. It changes nothing.
func GetStatus(installed string) (Status, error) {
	s := Status{Installed: installed, State: "none"}
	_, err := os.Lstat(installed + previousSuffix)
	s.Previous = err == nil
	j, err := ReadJournal(installed)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.State, s.From, s.To, s.Started, s.Deadline, s.Starts, s.Reason = string(j.State), j.From, j.To, j.Started, j.Deadline, j.Starts, j.Reason
	s.Proven = ReadNote(j.DataDir, j.ID).Proven
	return s, nil
}
