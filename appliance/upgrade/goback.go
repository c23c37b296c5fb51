package upgrade

import (
	"context"
	"errors"
	"fmt"
)

// goBack puts the program before back, and restarts the casino with it. A program that has failed is kept.
func (w *work) goBack(ctx context.Context, reason string) (Result, error) {
	j := &w.journal
	result := Result{From: j.From, To: j.To, WentBack: true, Reason: reason, Log: w.o.Manager.Log(ctx)}
	// From here on the work is finished whatever the operator presses: a casino that is down is worse.
	ctx = context.WithoutCancel(ctx)
	if j.State != GoingBack {
		j.State, j.Reason = GoingBack, reason
		if err := writeJournal(w.o.Installed, j); err != nil {
			return result, fmt.Errorf("%s\nGoing back failed, too: write the journal: %w. Mend that, and try 'imperio upgrade back'", reason, err)
		}
	}
	if err := w.did(Decided, "going back: %s", reason); err != nil {
		return result, err
	}
	if err := w.putBack(); err != nil {
		return result, fmt.Errorf("%s\nGoing back failed, too: %w. Mend that, and try 'imperio upgrade back'", reason, err)
	}
	if err := w.did(Returned, "%s is version %s again. The other one is kept as %s", w.o.Installed, j.From, w.path(failedSuffix)); err != nil {
		return result, err
	}
	again := "the casino runs it already" // the restart has never come about
	if r, err := w.o.Casino.Running(ctx); err != nil || r.Version != j.From {
		again = "the casino was told to restart, by " + w.o.Manager.Name()
		if err := w.o.Manager.Restart(ctx, w.o.Installed); err != nil {
			return result, fmt.Errorf("%s\nThe program before is in place again, but the casino could not be restarted: %w. Start it as usual, and then 'imperio upgrade resume'", reason, err)
		}
	}
	if err := w.did(Again, "%s", again); err != nil {
		return result, err
	}
	if why := w.awaitReady(ctx, j.From, backPatience, 0, w.o.Manager.Down); why != "" {
		return result, fmt.Errorf("%s\nThe program before is in place again, but it does not get ready either: %s. Look at the casino's log", reason, why)
	}
	if err := w.did(Well, "the casino runs version %s again, and is ready", j.From); err != nil {
		return result, err
	}
	return result, removeJournal(w.o.Installed)
}

// putBack gives the program before its name back, in one step. It may be called again after a kill.
func (w *work) putBack() error {
	sum, err := sumOf(w.o.Installed)
	if err != nil {
		return err
	}
	if sum == w.journal.PreviousSum {
		return nil
	}
	if sum != w.journal.Sum {
		return fmt.Errorf("%s is neither version %s nor %s any more: somebody has replaced it", w.o.Installed, w.journal.From, w.journal.To)
	}
	if before, err := sumOf(w.path(previousSuffix)); err != nil || before != w.journal.PreviousSum {
		return errors.Join(err, fmt.Errorf("%s is not version %s any more", w.path(previousSuffix), w.journal.From))
	}
	if err := linkOver(w.o.Installed, w.path(failedSuffix)); err != nil {
		return err
	}
	return linkOver(w.path(previousSuffix), w.o.Installed)
}
