package appliance

import (
	"context"
	"fmt"
	"sync/atomic"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/storage/mirror"
)

// newMirror makes the mirror that the configuration names; nil if it names none. casino is the cluster's id. It connects to nothing.
func (a *App) newMirror(c *config.Mirror, casino string) (*mirror.Mirror, error) {
	if c.To == "" {
		return nil, nil
	}
	return mirror.New(mirror.Options{URL: string(c.To), Password: c.Password.Reveal(), Schema: c.Schema, Casino: casino, Log: a.log,
		BatchBytes: int(min(16<<20, a.memory.Heap/16))})
}

// checkMirror finds what a mirror can't begin with: files that its URL names, parameters that make no sense. Whether PostgreSQL
// answers shows later, since the casino serves without.
func (a *App) checkMirror() error {
	_, err := a.newMirror(&a.config.Mirror, "")
	return err
}

// openMirror makes the mirror.
func (a *App) openMirror(context.Context) (err error) {
	a.mirror, err = a.newMirror(&a.config.Mirror, a.dir.identity.ClusterID)
	return err
}

// mirrorSource is the casino as the mirror sees it.
type mirrorSource struct {
	casino
	onTrial *atomic.Bool
}

func (a *App) mirrorSource() mirrorSource { return mirrorSource{a.casino, &a.onTrial} }

// Leads implements mirror.Source. A program on trial must not change the tables, since the one before may come back and not know them.
func (s mirrorSource) Leads() bool { return s.node.Leads() && !s.onTrial.Load() }

func (a *App) mirrorStatus() mirror.Status { return a.mirror.Status(a.mirrorSource()) }

// mirrorFigures is how the mirror stands, for the check and for metrics.
func (a *App) mirrorFigures() ops.Mirror {
	s := a.mirrorStatus()
	return ops.Mirror{
		Connected: s.State == mirror.Following || s.State == mirror.CatchingUp, Standby: s.State == mirror.Standby, Differs: s.State == mirror.OtherCasino,
		Connecting: s.State == mirror.Connecting, Event: s.Event, Behind: s.Head - min(s.Event, s.Head), Lag: s.Lag,
		Events: s.Events, Rows: s.Rows, Batches: s.Batches, Errors: s.Errors,
	}
}

// MirrorStatus implements control.Server.
func (h house) MirrorStatus() (control.MirrorStatus, bool) {
	if h.app.mirror == nil {
		return control.MirrorStatus{}, false
	}
	s := h.app.mirrorStatus()
	return control.MirrorStatus{
		Database: s.Database, Schema: s.Schema, State: string(s.State), Error: s.Error, FailsSince: s.Since,
		Event: s.Event, Time: s.Time, AccountsEvent: s.Accounts, Head: s.Head, LagSeconds: s.Lag.Seconds(),
		Events: s.Events, Rows: s.Rows, Batches: s.Batches, Errors: s.Errors,
	}, true
}

// RebuildMirror implements control.Server.
func (h house) RebuildMirror(ctx context.Context, actor string) (bool, error) {
	if h.app.mirror == nil {
		return false, nil
	}
	h.app.log.Info("the mirror is to be rebuilt", "actor", actor, "database", fmt.Sprint(h.app.mirrorStatus().Database))
	h.app.mirror.Rebuild()
	return true, ctx.Err()
}
